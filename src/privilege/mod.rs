//! What this process may do, and giving up what it does not need.
