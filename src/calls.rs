//! One system call of a built-in end: which side made it, when, and with what result.
