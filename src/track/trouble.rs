//! What an engineer should look at: thresholds over the measures of one connection. Every number here has its reason.

use arrayvec::ArrayVec;

use super::connection::Connection;
use super::hardship::Stretch;
use super::verdict::{Trouble, TroubleKind, Verdict};
use super::waits::{EndedBy, Wait, longer};
use crate::tcp::Side;
use crate::time::Span;

/// A reply that never came within this is a silence: people notice a second, and no retransmission timer is longer at
/// first (RFC 6298 section 2).
pub(super) const SILENT_AFTER: Span = Span::from_secs(1);

/// A reply that did come is trouble only when it took this long: slow programs are common, and a table that lists each
/// of them hides the ones that hang.
pub(super) const SLOW_REPLY: Span = Span::from_secs(5);

/// A window closed for this long made the sender probe: no retransmission timer on Linux is shorter.
pub(super) const FULL_AFTER: Span = Span::from_millis(200);

/// A path is taken for dead when the same data were sent this often: the first time and three repeats, as many as
/// RFC 9293 section 3.8.3 (R1) asks for before the network layer is told of trouble.
pub(super) const DEAD_AFTER_SENDS: u32 = 4;

/// A handshake this many times slower than the fastest later round trip waited for something else than the path.
pub(super) const SLOW_OPEN_FACTOR: i64 = 10;

/// A handshake quicker than this disturbs nobody, whatever the later round trips are.
pub(super) const SLOW_OPEN_AT_LEAST: Span = Span::from_millis(200);

/// Fewer repeats than this are ordinary life on any path.
pub(super) const HEAVY_LOSS_REPEATS: u64 = 5;

/// From this share of repeated segments on, per cent, throughput collapses (RFC 5681's congestion window stays small).
pub(super) const HEAVY_LOSS_PERCENT: u64 = 5;

/// Idle for this long, a middlebox or a server's time-out may have forgotten the connection.
pub(super) const IDLE_BEFORE_RESET: Span = Span::from_secs(10);

/// An RST this soon after the silence ended is the answer to what ended it.
pub(super) const RESET_FOLLOWS_WITHIN: Span = Span::from_secs(5);

/// The troubles of a connection, in the order in which a table lists them.
pub(super) fn find(connection: &Connection) -> ArrayVec<Trouble, 8> {
    let verdict = connection.verdict();
    let mut found = ArrayVec::new();
    // One after the other: most connections have none, and then there is nothing to be moved.
    let mut add = |trouble: Option<Trouble>| {
        if let Some(trouble) = trouble {
            let _ = found.try_push(trouble);
        }
    };
    add(silent(connection, Side::Server));
    add(silent(connection, Side::Client).or_else(|| never_spoke(connection, verdict)));
    add(no_answer(connection, verdict));
    add(reset_after_idle(connection, verdict));
    add(receiver_full(connection));
    add(path_dead(connection));
    add(slow_open(connection, verdict));
    add(heavy_loss(connection));
    add(failed_opening(connection, verdict));
    found
}

fn silent(connection: &Connection, side: Side) -> Option<Trouble> {
    let (_, last_frame) = connection.frames();
    let waits = &connection.waits;
    // Joined in the middle, and not one reply seen: as likely as not the protocol has none.
    let unknown = connection.opening.ack == 0 && !waits.spoke(side);
    if unknown || waits.is_one_way(!side) || connection.is_self() {
        return None;
    }
    let past = connection
        .hardships
        .as_ref()
        .and_then(|hard| hard.silent[side as usize]);
    let pending = connection
        .waits
        .pending(last_frame, connection.waited_until())
        .filter(|wait| wait.owed_by == side && wait.for_data);
    let wait = if longer(pending, past) { pending } else { past }?;
    let enough = match wait.ended_by {
        EndedBy::Reply => SLOW_REPLY,
        EndedBy::GaveUp | EndedBy::Nothing => SILENT_AFTER,
    };
    let kind = match side {
        Side::Server => TroubleKind::ServerSilent,
        Side::Client => TroubleKind::ClientSilent,
    };
    let silence = Trouble::new(kind, [wait.from_frame, wait.to_frame], wait.lasted);
    (wait.lasted >= enough && acknowledged_early(&wait)).then_some(silence)
}

/// The request had arrived long before the reply came: the program was slow, not the path.
fn acknowledged_early(wait: &Wait) -> bool {
    wait.acknowledged
        .is_some_and(|after| after.as_nanos() <= wait.lasted.as_nanos() / 2)
}

/// The connection opened, and neither end ever sent a byte.
fn never_spoke(connection: &Connection, verdict: Verdict) -> Option<Trouble> {
    let silent = |side| connection.peer(side).counts.bytes == 0;
    let opened = connection.handshake().ack?;
    if !matches!(
        verdict,
        Verdict::Open | Verdict::HalfClosed | Verdict::Closed | Verdict::Reset
    ) || !silent(Side::Client)
        || !silent(Side::Server)
    {
        return None;
    }
    let lasted = connection.waited_until() - connection.opening.completed_at()?;
    let frames = [opened, connection.frames().1];
    (lasted >= SLOW_REPLY).then_some(Trouble::new(TroubleKind::ClientSilent, frames, lasted))
}

fn no_answer(connection: &Connection, verdict: Verdict) -> Option<Trouble> {
    (verdict == Verdict::NoAnswer).then(|| Trouble {
        count: connection.handshake().syns,
        ..whole(connection, TroubleKind::NoAnswer)
    })
}

fn reset_after_idle(connection: &Connection, verdict: Verdict) -> Option<Trouble> {
    let (_, idle) = connection.hardships.as_ref()?.idle?;
    let frames = [idle.first_frame, connection.reset];
    (verdict == Verdict::Reset).then_some(Trouble::new(
        TroubleKind::ResetAfterIdle,
        frames,
        idle.lasted,
    ))
}

fn receiver_full(connection: &Connection) -> Option<Trouble> {
    let (side, closed) = connection
        .hardships
        .as_ref()?
        .windows
        .longest(connection.waited_until())?;
    (closed.lasted >= FULL_AFTER).then_some(Trouble {
        side: Some(side),
        ..Trouble::over(TroubleKind::ReceiverFull, closed)
    })
}

fn path_dead(connection: &Connection) -> Option<Trouble> {
    let of_ends = &connection.hardships.as_ref()?.repeats.unheard;
    let (side, unheard) = [Side::Client, Side::Server]
        .into_iter()
        .filter_map(|side| Some((side, of_ends[side as usize]?)))
        .max_by_key(|(_, unheard)| (unheard.sent.count, unheard.sent.lasted))?;
    (unheard.sent.count >= DEAD_AFTER_SENDS).then_some(Trouble {
        bytes: unheard.len,
        side: Some(side),
        ..Trouble::over(TroubleKind::PathDead, unheard.sent)
    })
}

fn slow_open(connection: &Connection, verdict: Verdict) -> Option<Trouble> {
    let handshake = connection.handshake();
    let (syn, ack) = (handshake.syn?, handshake.ack?);
    if verdict < Verdict::Reset {
        return None;
    }
    let took = connection.opening.completed_at()? - connection.start();
    let fastest = [Side::Client, Side::Server]
        .into_iter()
        .map(|side| connection.peer(side).round_trips)
        .filter(|trips| trips.count > 1)
        .map(|trips| trips.min)
        .min();
    let slower =
        fastest.is_some_and(|fastest| took.as_nanos() / SLOW_OPEN_FACTOR >= fastest.as_nanos());
    (took >= SLOW_OPEN_AT_LEAST && (handshake.syns > 1 || slower)).then_some(Trouble {
        count: handshake.syns,
        ..Trouble::new(TroubleKind::SlowOpen, [syn, ack], took)
    })
}

fn heavy_loss(connection: &Connection) -> Option<Trouble> {
    let repeats = connection.hardships.as_ref()?.repeats.all?;
    let repeated = u64::from(repeats.count);
    let packets: u64 = connection.parties.iter().map(|party| party.packets).sum();
    let heavy = repeated >= HEAVY_LOSS_REPEATS && repeated * 100 >= packets * HEAVY_LOSS_PERCENT;
    (heavy && connection.opened().is_some())
        .then_some(Trouble::over(TroubleKind::HeavyLoss, repeats))
}

fn failed_opening(connection: &Connection, verdict: Verdict) -> Option<Trouble> {
    let kind = match verdict {
        Verdict::Refused => TroubleKind::Refused,
        Verdict::Unfinished => TroubleKind::Unfinished,
        Verdict::Aborted => TroubleKind::Aborted,
        _ => return None,
    };
    Some(whole(connection, kind))
}

fn whole(connection: &Connection, kind: TroubleKind) -> Trouble {
    let (first_frame, last_frame) = connection.frames();
    Trouble::new(kind, [first_frame, last_frame], connection.duration())
}

impl Trouble {
    fn new(kind: TroubleKind, [first_frame, last_frame]: [u64; 2], lasted: Span) -> Self {
        Self {
            kind,
            first_frame,
            last_frame,
            lasted,
            count: 0,
            side: None,
            bytes: 0,
        }
    }

    /// One that was measured over a stretch, with its count.
    fn over(kind: TroubleKind, stretch: Stretch) -> Self {
        Self {
            count: stretch.count,
            ..Self::new(
                kind,
                [stretch.first_frame, stretch.last_frame],
                stretch.lasted,
            )
        }
    }
}
