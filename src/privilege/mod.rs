//! What this process may do, and giving up what it does not need before it looks at the first packet.
//!
//! Comes in: what the rest of the run still [`Needs`]. Goes out: a process that can do little else, and which of the walls
//! around it stand ([`Confined`]); or the facts that `doctor` shows ([`Status`]). Nothing here captures, and nothing is
//! ever given back.
//!
//! Parsing is safe Rust, so all of this is for the day on which that was not enough: in libpcap, in the kernel's own copy
//! of a packet, in a crate. Each wall assumes that the ones before it have fallen.
//!
//! | wall | stops | see |
//! | --- | --- | --- |
//! | user and groups (`identity`) | reading and changing what belongs to others, above all to root | setresuid(2), setgroups(2), credentials(7) |
//! | capabilities (`capability`) | new captures, raw sockets, loading modules, whatever root is asked for without its files | capabilities(7) |
//! | `no_new_privs` | getting any of it back through a set-user-ID program; the next two need it | `PR_SET_NO_NEW_PRIVS(2const)` |
//! | Landlock (`rules`) | every path; TCP to other ports; signals to other programs | landlock(7) |
//! | system call filter (`filter`) | programs, other processes, other kinds of sockets, rarely used parts of the kernel; paths and listening once more, for kernels without Landlock | seccomp(2) |
//!
//! What is still possible: reading and writing what is open (the capture is for reading only), connecting to the port that
//! [`Needs`] names on whatever address, asking whether a path exists, and using up memory and time.
//!
//! The order matters, and [`confine()`] keeps it: the bounding set needs a capability to be emptied, groups need root, Landlock
//! and the filter need `no_new_privs`, and all of it covers one thread before it covers those which that one starts.

mod attempt;
#[cfg(target_os = "linux")]
mod capability;
mod confine;
mod descriptors;
mod file;
#[cfg(target_os = "linux")]
#[cfg_attr(
    not(any(target_arch = "x86_64", target_arch = "aarch64")),
    path = "no_filter.rs"
)]
mod filter;
mod identity;
#[cfg(target_os = "linux")]
mod rules;
mod status;

pub use attempt::packet_socket;
pub use confine::{ConfineError, Confined, Layer, Needs, Sockets, confine, no_more_sockets};
pub use descriptors::{TooFew, ensure_descriptors};
pub use file::{ResultFile, is_same_file};
pub use identity::{Identity, Successor};
pub use status::{Status, status};
