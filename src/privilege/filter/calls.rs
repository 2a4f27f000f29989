//! Which system calls are forbidden, by what they could do.

/// The newest call that this list knows: `mseal`, Linux 6.10. Since 2019 all machines share the numbers of new calls.
pub(super) const NEWEST: i64 = 462;

/// Linux 6.6; not in the C library's list for every machine.
const FCHMODAT2: i64 = 452;

/// What this program never does once its files are open.
pub(super) const NEVER: [&[i64]; 9] = [
    &PROGRAMS,
    &OTHER_PROCESSES,
    &RIGHTS,
    &NAMESPACES,
    &MACHINE,
    &RARE,
    &SHARED,
    &PATHS,
    OLD,
];

/// To start programs. `clone` and `clone3` are looked at elsewhere: threads need one of them.
const PROGRAMS: [i64; 2] = [libc::SYS_execve, libc::SYS_execveat];

/// To look into other processes, or to end them. Where this program runs as the user who called it, all of theirs.
const OTHER_PROCESSES: [i64; 12] = [
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_process_madvise,
    libc::SYS_pidfd_open,
    libc::SYS_pidfd_getfd,
    libc::SYS_pidfd_send_signal,
    libc::SYS_kcmp,
    libc::SYS_kill,
    libc::SYS_tkill,
    libc::SYS_rt_sigqueueinfo,
    libc::SYS_rt_tgsigqueueinfo,
];

/// To become somebody else, or to get rights back.
const RIGHTS: [i64; 12] = [
    libc::SYS_setuid,
    libc::SYS_setgid,
    libc::SYS_setreuid,
    libc::SYS_setregid,
    libc::SYS_setresuid,
    libc::SYS_setresgid,
    libc::SYS_setfsuid,
    libc::SYS_setfsgid,
    libc::SYS_setgroups,
    libc::SYS_capset,
    libc::SYS_personality,
    libc::SYS_setsid,
];

/// To make a namespace, in which one has all capabilities, and to change what is mounted.
const NAMESPACES: [i64; 13] = [
    libc::SYS_unshare,
    libc::SYS_setns,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_move_mount,
    libc::SYS_open_tree,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_mount_setattr,
];

/// To change the machine. The kernel asks for capabilities, which are gone.
const MACHINE: [i64; 18] = [
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_kexec_load,
    libc::SYS_reboot,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_acct,
    libc::SYS_quotactl,
    libc::SYS_quotactl_fd,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_clock_adjtime,
    libc::SYS_adjtimex,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
    libc::SYS_syslog,
    libc::SYS_vhangup,
];

/// Large and rarely used parts of the kernel, which have been ways into it more often than others.
const RARE: [i64; 15] = [
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_io_setup,
    libc::SYS_io_submit,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_keyctl,
    libc::SYS_fanotify_init,
    libc::SYS_vmsplice,
    libc::SYS_remap_file_pages,
    libc::SYS_lookup_dcookie,
];

/// What processes of one user have in common beside files, and handing descriptors to others: `sendmsg` can also open a
/// connection, with `MSG_FASTOPEN`. Our own ends send with `sendto`.
const SHARED: [i64; 7] = [
    libc::SYS_sendmsg,
    libc::SYS_sendmmsg,
    libc::SYS_shmget,
    libc::SYS_shmat,
    libc::SYS_semget,
    libc::SYS_msgget,
    libc::SYS_mq_open,
];

/// To open a path, or to change what is there. Landlock stops the opening and most of the changing, where the kernel has
/// it; owners, modes, times and extended attributes it does not look at.
const PATHS: [i64; 25] = [
    libc::SYS_openat,
    libc::SYS_openat2,
    libc::SYS_open_by_handle_at,
    libc::SYS_name_to_handle_at,
    libc::SYS_mkdirat,
    libc::SYS_mknodat,
    libc::SYS_unlinkat,
    libc::SYS_renameat,
    libc::SYS_renameat2,
    libc::SYS_linkat,
    libc::SYS_symlinkat,
    libc::SYS_truncate,
    libc::SYS_fchmod,
    libc::SYS_fchmodat,
    FCHMODAT2,
    libc::SYS_fchown,
    libc::SYS_fchownat,
    libc::SYS_utimensat,
    libc::SYS_setxattr,
    libc::SYS_lsetxattr,
    libc::SYS_fsetxattr,
    libc::SYS_removexattr,
    libc::SYS_lremovexattr,
    libc::SYS_fremovexattr,
    libc::SYS_chdir,
];

/// Calls that only older machines have.
#[cfg(target_arch = "x86_64")]
const OLD: &[i64] = &[
    libc::SYS_fork,
    libc::SYS_vfork,
    libc::SYS_open,
    libc::SYS_creat,
    libc::SYS_mkdir,
    libc::SYS_rmdir,
    libc::SYS_mknod,
    libc::SYS_unlink,
    libc::SYS_rename,
    libc::SYS_link,
    libc::SYS_symlink,
    libc::SYS_chmod,
    libc::SYS_chown,
    libc::SYS_lchown,
    libc::SYS_utime,
    libc::SYS_utimes,
    libc::SYS_futimesat,
    libc::SYS_kexec_file_load,
    libc::SYS_iopl,
    libc::SYS_ioperm,
    libc::SYS_modify_ldt,
];
#[cfg(not(target_arch = "x86_64"))]
const OLD: &[i64] = &[libc::SYS_kexec_file_load];

/// To make sockets and to connect them.
pub(super) const NEW_SOCKETS: [i64; 2] = [libc::SYS_socket, libc::SYS_connect];

/// To become a server. A socket that listens already goes on accepting.
pub(super) const SERVING: [i64; 2] = [libc::SYS_bind, libc::SYS_listen];

/// What must not be done with the capture's descriptor: sending, copying, and settings, among which are its filter and the
/// interface. All of these have it as their first argument.
#[cfg(target_arch = "x86_64")]
pub(super) const ON_THE_CAPTURE: [i64; 13] = [
    libc::SYS_write,
    libc::SYS_writev,
    libc::SYS_pwrite64,
    libc::SYS_pwritev,
    libc::SYS_pwritev2,
    libc::SYS_sendto,
    libc::SYS_sendfile,
    libc::SYS_dup,
    libc::SYS_dup2,
    libc::SYS_dup3,
    libc::SYS_setsockopt,
    libc::SYS_bind,
    libc::SYS_connect,
];
#[cfg(not(target_arch = "x86_64"))]
pub(super) const ON_THE_CAPTURE: [i64; 12] = [
    libc::SYS_write,
    libc::SYS_writev,
    libc::SYS_pwrite64,
    libc::SYS_pwritev,
    libc::SYS_pwritev2,
    libc::SYS_sendto,
    libc::SYS_sendfile,
    libc::SYS_dup,
    libc::SYS_dup3,
    libc::SYS_setsockopt,
    libc::SYS_bind,
    libc::SYS_connect,
];
