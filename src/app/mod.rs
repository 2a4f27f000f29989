//! Wiring: files, threads, standard output and exit codes for each command.
