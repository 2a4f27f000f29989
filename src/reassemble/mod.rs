//! IP fragments become whole datagrams.
