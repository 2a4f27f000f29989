//! Zeek's `conn_state` and `history`.
