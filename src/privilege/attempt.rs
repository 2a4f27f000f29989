//! Whether packets may be captured, found out by one harmless attempt.
//!
//! Goes out: yes, or the error number of the refusal. Nothing is captured.

/// Whether this process may capture packets.
///
/// # Errors
/// The error number of the refusal.
#[cfg(target_os = "linux")]
pub fn packet_socket() -> Result<(), i32> {
    #[allow(
        unsafe_code,
        reason = "the safe wrapper cannot make a packet socket that receives nothing"
    )]
    // SAFETY: creates a socket and closes it; no memory is shared. Protocol 0 receives no packet.
    let fd = unsafe { libc::socket(libc::AF_PACKET, libc::SOCK_RAW | libc::SOCK_CLOEXEC, 0) };
    if fd < 0 {
        return Err(std::io::Error::last_os_error()
            .raw_os_error()
            .unwrap_or(libc::EPERM));
    }
    // SAFETY: the descriptor was opened above and is used nowhere else.
    #[allow(unsafe_code, reason = "a raw descriptor is closed by the raw call")]
    unsafe {
        libc::close(fd);
    }
    Ok(())
}

/// Whether this process may capture packets: whether it may open one of the system's packet filters.
///
/// # Errors
/// The error number of the refusal.
#[cfg(all(unix, not(target_os = "linux")))]
pub fn packet_socket() -> Result<(), i32> {
    match std::fs::File::open("/dev/bpf0") {
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
            Err(error.raw_os_error().unwrap_or(libc::EACCES))
        }
        // Busy means that somebody captures with it, and there are more.
        _ => Ok(()),
    }
}
