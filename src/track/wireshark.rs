//! Wireshark's analysis of a connection, by its published rules.
