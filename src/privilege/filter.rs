//! A filter on system calls: what this program never does is refused, in all threads (seccomp(2)).
//!
//! It is a list of what is forbidden. A list of what is allowed would break with the next C library, which nobody here
//! controls. Calls that are newer than [`calls::NEWEST`] do not exist inside, so the list does not have to know the future.
//! A forbidden call fails with `EPERM` and does not end the program: libraries try things and do without them.

mod calls;

use std::collections::BTreeMap;
use std::env::consts::ARCH;

use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition,
    SeccompFilter, SeccompRule, TargetArch, apply_filter_all_threads, sock_filter,
};

use super::confine::{Layer, Needs, Sockets};
use SeccompCmpOp::{Eq, MaskedEq, Ne};

/// Each system call with the conditions under which it is forbidden; none: always.
type Forbidden = BTreeMap<i64, Vec<SeccompRule>>;
/// One condition: which argument, how it is compared, with what. All arguments that are looked at have 32 bits in the kernel,
/// which ignores the rest of the register; so must we, or the rest would be a way around.
type Condition = (u8, SeccompCmpOp, u32);

/// Whether this kernel filters system calls, for a machine whose calls we know.
pub(super) fn is_available() -> bool {
    std::fs::read_to_string("/proc/sys/kernel/seccomp/actions_avail")
        .is_ok_and(|actions| actions.split_whitespace().any(|action| action == "errno"))
}

/// Puts the filter in force, in every thread.
pub(super) fn enforce(needs: &Needs) -> Layer {
    let program = forbidden(needs).and_then(compile);
    // First the one that does not forbid `seccomp` itself, in case a later version of the other does.
    let enforced = apply_filter_all_threads(&unknown()).is_ok()
        && program.is_ok_and(|program| apply_filter_all_threads(&program).is_ok());
    if enforced {
        Layer::Whole
    } else {
        Layer::Missing
    }
}

/// Adds to a filter that is in force: no more sockets.
pub(super) fn enforce_no_more_sockets() -> bool {
    let mut forbidden = Forbidden::new();
    always(&mut forbidden, &calls::NEW_SOCKETS);
    always(&mut forbidden, &calls::SERVING);
    compile(forbidden).is_ok_and(|program| apply_filter_all_threads(&program).is_ok())
}

fn compile(forbidden: Forbidden) -> Result<BpfProgram, BackendError> {
    SeccompFilter::new(
        forbidden,
        SeccompAction::Allow,
        SeccompAction::Errno(libc::EPERM as u32),
        // A call by another machine's numbers (32 bits on a 64-bit kernel) ends the process.
        TargetArch::try_from(ARCH)?,
    )?
    .try_into()
}

/// What is forbidden to a process with these needs.
fn forbidden(needs: &Needs) -> Result<Forbidden, BackendError> {
    let mut forbidden = Forbidden::new();
    processes(&mut forbidden)?;
    memory_and_terminal(&mut forbidden)?;
    if let Some(capture) = needs.capture {
        capture_is_for_reading(&mut forbidden, capture as u32)?;
    }
    sockets(&mut forbidden, needs.sockets)?;
    // Last, because without conditions counts more than with.
    for list in calls::NEVER {
        always(&mut forbidden, list);
    }
    Ok(forbidden)
}

/// Threads, but no processes; signals to this process, but to no other.
fn processes(forbidden: &mut Forbidden) -> Result<(), BackendError> {
    const CLONE_THREAD: u32 = libc::CLONE_THREAD as u32;
    let this = std::process::id();
    when(
        forbidden,
        libc::SYS_clone,
        &[(0, MaskedEq(u64::from(CLONE_THREAD)), 0)],
    )?;
    when(forbidden, libc::SYS_tgkill, &[(0, Ne, this)])?;
    // 0 is the caller itself.
    when(forbidden, libc::SYS_prlimit64, &[(0, Ne, 0)])
}

/// No memory that can be written and then run; no typing on behalf of the user: a terminal takes such input as if it came
/// from the keyboard, and the shell that started us would read it (`TIOCSTI` in `ioctl_tty(2)`).
fn memory_and_terminal(forbidden: &mut Forbidden) -> Result<(), BackendError> {
    const EXECUTABLE: u32 = libc::PROT_EXEC as u32;
    const TIOCLINUX: u32 = 0x541c;
    for call in [libc::SYS_mmap, libc::SYS_mprotect, libc::SYS_pkey_mprotect] {
        let executable = (2, MaskedEq(u64::from(EXECUTABLE)), EXECUTABLE);
        when(forbidden, call, &[executable])?;
    }
    for request in [
        libc::TIOCSTI as u32,
        TIOCLINUX,
        libc::TIOCSETD as u32,
        libc::TIOCSCTTY as u32,
    ] {
        when(forbidden, libc::SYS_ioctl, &[(1, Eq, request)])?;
    }
    Ok(())
}

/// A packet socket sends what is written to it, on any interface it is bound to, and asks for no right again (packet(7)).
/// Copies of the descriptor would have other numbers, so there are none.
fn capture_is_for_reading(forbidden: &mut Forbidden, fd: u32) -> Result<(), BackendError> {
    for call in calls::ON_THE_CAPTURE {
        when(forbidden, call, &[(0, Eq, fd)])?;
    }
    when(forbidden, libc::SYS_splice, &[(2, Eq, fd)])?;
    for request in [libc::F_DUPFD, libc::F_DUPFD_CLOEXEC] {
        let copies = [(0, Eq, fd), (1, Eq, request as u32)];
        when(forbidden, libc::SYS_fcntl, &copies)?;
    }
    Ok(())
}

fn sockets(forbidden: &mut Forbidden, sockets: Sockets) -> Result<(), BackendError> {
    match sockets {
        Sockets::None => {
            always(forbidden, &calls::NEW_SOCKETS);
            always(forbidden, &calls::SERVING);
        }
        Sockets::Client { .. } => {
            only_tcp(forbidden)?;
            always(forbidden, &calls::SERVING);
        }
        Sockets::Both { .. } => only_tcp(forbidden)?,
        Sockets::Private => only_streams(forbidden, &[libc::IPPROTO_TCP, libc::IPPROTO_MPTCP])?,
    }
    Ok(())
}

/// The kinds of sockets whose ports Landlock does not look at: all but plain TCP. And a SYN that leaves without `connect()`.
fn only_tcp(forbidden: &mut Forbidden) -> Result<(), BackendError> {
    const FAST_OPEN: u32 = libc::MSG_FASTOPEN as u32;
    let fast_open = (3, MaskedEq(u64::from(FAST_OPEN)), FAST_OPEN);
    when(forbidden, libc::SYS_sendto, &[fast_open])?;
    only_streams(forbidden, &[libc::IPPROTO_TCP])
}

/// Sockets for streams over IP, of these protocols. Protocol 0 is the usual one for streams, TCP.
fn only_streams(forbidden: &mut Forbidden, protocols: &[i32]) -> Result<(), BackendError> {
    let other_family = [
        (0, Ne, libc::AF_INET as u32),
        (0, Ne, libc::AF_INET6 as u32),
    ];
    when(forbidden, libc::SYS_socket, &other_family)?;
    // The type is in the lower four bits, beside flags. SOCK_STREAM is 1: the lowest is set and the other three are not.
    for (bit, wrong) in [(1, 0), (2, 2), (4, 4), (8, 8)] {
        when(forbidden, libc::SYS_socket, &[(1, MaskedEq(bit), wrong)])?;
    }
    let other_protocol: Vec<Condition> = [libc::IPPROTO_IP]
        .iter()
        .chain(protocols)
        .map(|protocol| (2, Ne, *protocol as u32))
        .collect();
    when(forbidden, libc::SYS_socket, &other_protocol)
}

fn always(forbidden: &mut Forbidden, calls: &[i64]) {
    for call in calls {
        forbidden.insert(*call, Vec::new());
    }
}

/// Forbids a call when all of the conditions hold, beside the cases that are forbidden already.
fn when(
    forbidden: &mut Forbidden,
    call: i64,
    conditions: &[Condition],
) -> Result<(), BackendError> {
    let conditions = conditions.iter().map(|(argument, compared, with)| {
        let with = u64::from(*with);
        SeccompCondition::new(*argument, SeccompCmpArgLen::Dword, compared.clone(), with)
    });
    let rule = SeccompRule::new(conditions.collect::<Result<_, _>>()?)?;
    forbidden.entry(call).or_default().push(rule);
    Ok(())
}

/// A filter of its own, because its error is another: these calls do not exist, so that the C library takes the older ones.
/// `clone3` has its flags in memory, where a filter cannot look. What is newer than we know may be anything. The numbers
/// above also cover the x32 calls of x86-64, which are the usual ones with bit 30 set.
fn unknown() -> BpfProgram {
    const LOAD: u16 = (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16;
    const AT_LEAST: u16 = (libc::BPF_JMP | libc::BPF_JGE | libc::BPF_K) as u16;
    const EQUAL: u16 = (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16;
    const RETURN: u16 = (libc::BPF_RET | libc::BPF_K) as u16;
    let step = |code, jt, jf, k| sock_filter { code, jt, jf, k };
    vec![
        // The call's number comes first in what a filter sees.
        step(LOAD, 0, 0, 0),
        step(AT_LEAST, 1, 0, calls::NEWEST as u32 + 1),
        step(EQUAL, 0, 1, libc::SYS_clone3 as u32),
        step(RETURN, 0, 0, libc::SECCOMP_RET_ERRNO | libc::ENOSYS as u32),
        step(RETURN, 0, 0, libc::SECCOMP_RET_ALLOW),
    ]
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that fails says where")]
mod tests {
    use super::*;

    #[test]
    fn every_need_has_a_filter_that_compiles() {
        for sockets in [
            Sockets::None,
            Sockets::Client { port: 1712 },
            Sockets::Both { port: 1712 },
            Sockets::Private,
        ] {
            for capture in [None, Some(7)] {
                let needs = Needs {
                    sockets,
                    capture,
                    network_admin: false,
                };
                assert!(compile(forbidden(&needs).unwrap()).is_ok(), "{needs:?}");
            }
        }
    }

    #[test]
    fn a_call_that_is_never_made_has_no_condition() {
        let needs = Needs {
            capture: Some(7),
            ..Needs::default()
        };
        let forbidden = forbidden(&needs).unwrap();
        for call in calls::NEVER.into_iter().flatten() {
            assert!(forbidden[call].is_empty(), "call {call}");
            assert!(*call <= calls::NEWEST, "call {call}");
        }
        // `bind` is forbidden altogether here, although it is also forbidden on the capture.
        assert!(forbidden[&libc::SYS_bind].is_empty());
    }
}
