//! Landlock: no path, and TCP only where our own ends need it (landlock(7)).
//!
//! It covers the calling thread and those that it starts later. What is open already stays usable, so there is no rule for
//! any path. Rules for TCP are about ports, not addresses, and about `bind()` and `connect()` of plain TCP only: UDP,
//! Multipath TCP, `listen()` without `bind()` and a SYN sent by `sendto()` pass. The filter on system calls stops those.

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, NetPort,
    RestrictionStatus, Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetError, RulesetStatus,
    Scope,
};

use super::confine::{Layer, Needs, Sockets};

/// The newest version of the interface that this was tested with. What an older kernel lacks is left out.
const TESTED: ABI = ABI::V7;

/// Puts the rules in force.
pub(super) fn enforce(needs: &Needs) -> Layer {
    match restrict(needs).map(|status| status.ruleset) {
        Ok(RulesetStatus::FullyEnforced) => Layer::Whole,
        Ok(RulesetStatus::PartiallyEnforced) => Layer::Partly,
        Ok(RulesetStatus::NotEnforced) | Err(_) => Layer::Missing,
    }
}

fn restrict(needs: &Needs) -> Result<RestrictionStatus, RulesetError> {
    let (bind, connect) = match needs.sockets {
        Sockets::None | Sockets::Private => (None, None),
        Sockets::Client { port } => (None, Some(port)),
        Sockets::Both { port } => (Some(port), Some(port)),
    };
    // What is not handled is not restricted.
    let handled = match needs.sockets {
        Sockets::Private => BitFlags::EMPTY,
        _ => AccessNet::from_all(TESTED),
    };
    let rule = |port: Option<u16>, access: AccessNet| {
        port.map(|port| Ok::<_, RulesetError>(NetPort::new(port, access)))
    };
    let mut ruleset = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(TESTED))?;
    if !handled.is_empty() {
        ruleset = ruleset.handle_access(handled)?;
    }
    ruleset
        .scope(Scope::from_all(TESTED))?
        .create()?
        .add_rules(rule(bind, AccessNet::BindTcp))?
        .add_rules(rule(connect, AccessNet::ConnectTcp))?
        .restrict_self()
}

/// The version of the interface that this kernel has; `None` where Landlock is not built in or not switched on.
pub(super) fn version() -> Option<u32> {
    const VERSION: libc::c_uint = 1;
    #[allow(
        unsafe_code,
        reason = "the crate tells the version only to whoever has restricted itself"
    )]
    // SAFETY: with this flag and no attributes the call returns a number and touches no memory (landlock_create_ruleset(2)).
    let version = unsafe {
        libc::syscall(
            libc::SYS_landlock_create_ruleset,
            std::ptr::null::<libc::c_void>(),
            0_usize,
            VERSION,
        )
    };
    u32::try_from(version).ok().filter(|version| *version > 0)
}
