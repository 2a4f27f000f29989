//! The ways through a tracker, and what is told on each of them.

use std::collections::BTreeSet;

use handshake_watch::tcp::{IcmpError, Segment};
use handshake_watch::track::{Change, ConnectionId, LabelRules, Limits, Losses, Slot, Tracker};

use super::known::known;

/// What a tracker takes.
#[derive(Clone, Debug)]
pub(crate) enum Taken {
    Segment(Box<Segment>),
    Error(IcmpError),
}

/// What it tells.
#[derive(Default)]
pub(crate) struct Told {
    /// What each segment or error did; none of a segment that nobody looked at.
    looks: Vec<Option<String>>,
    /// Each final connection, with how much was taken before.
    pub(crate) finals: Vec<(usize, String)>,
    /// Segments that showed a gap of the capture.
    gaps: u64,
    pub(crate) losses: Losses,
    /// Segments that did not go by the book.
    judged: usize,
    /// Segments that were only noted.
    noted: usize,
    /// Noted connections that were read in one go.
    pub(crate) gists: BTreeSet<ConnectionId>,
}

/// Segments, and how many of them went which way by our own rules; and the same of connections.
#[derive(Default)]
pub(crate) struct Ways {
    segments: usize,
    judged: usize,
    noted: usize,
    connections: usize,
    gists: usize,
}

impl Ways {
    /// Without this the comparison would compare little.
    pub(crate) fn must_all_be_taken(&self) {
        let Self {
            segments,
            judged,
            noted,
            connections,
            gists,
        } = self;
        assert!(*segments > 500, "{segments} segments");
        assert!(
            4 * judged < 3 * segments,
            "{judged} of {segments} were judged"
        );
        assert!(3 * noted > *segments, "{noted} of {segments} were noted");
        assert!(
            30 * gists > *connections,
            "{gists} of {connections} were read in one go"
        );
    }
}

/// Tracks on all ways, by either rules, and sees that the same is told. On one of them nobody looks at segments but for a
/// while from `look` on. How many went which way is added to `ways`.
pub(crate) fn compare(input: &[Taken], look: usize, ways: &mut Ways) -> Result<(), String> {
    for labels in [LabelRules::Wireshark, LabelRules::Own] {
        let limits = Limits {
            labels,
            ..Limits::default()
        };
        let short = compare_looks(input, &limits)?;
        let noted = track(input, &limits, |_| false);
        noted.tells_as(&short)?;
        noted.reads_by_the_book(input)?;
        let looked_at = look..look + 20;
        track(input, &limits, |index| looked_at.contains(&index)).tells_as(&short)?;
        if labels == LabelRules::Own {
            let is_segment = |taken: &&Taken| matches!(taken, Taken::Segment(_));
            ways.segments += input.iter().filter(is_segment).count();
            ways.judged += short.judged;
            ways.noted += noted.noted;
            ways.connections += noted.finals.len();
            ways.gists += noted.gists.len();
        }
    }
    Ok(())
}

/// Tracks on the short way and by all analysts, while somebody looks at every segment.
pub(crate) fn compare_looks(input: &[Taken], limits: &Limits) -> Result<Told, String> {
    let short = track(input, limits, |_| true);
    let thorough = Limits {
        thorough: true,
        ..limits.clone()
    };
    let thorough = track(input, &thorough, |_| true);
    short.tells_as(&thorough)?;
    if short.losses != thorough.losses {
        return Err(format!("{:?} or {:?}", short.losses, thorough.losses));
    }
    Ok(short)
}

/// Tracks on one way. `looks` says at which places of the input somebody looks at segments.
pub(crate) fn track(input: &[Taken], limits: &Limits, looks: impl Fn(usize) -> bool) -> Told {
    let mut tracker = Tracker::new(limits.clone());
    let mut told = Told::default();
    let mut room = Change::default();
    for (index, taken) in input.iter().enumerate() {
        told.looks.push(match taken {
            Taken::Segment(segment) if looks(index) => {
                let mut change = tracker.segment(segment);
                let connection = known(tracker.connection(change.slot));
                // Where it is kept is nobody's business.
                change.slot = Slot::default();
                Some(format!("{change:?} {connection}"))
            }
            Taken::Segment(segment) => {
                let hash = tracker.hasher().hash(&segment.tuple);
                // What is tracked is told by the number of its connection, and what is noted leaves no trace.
                room.connection = 0;
                tracker.note(segment, hash, &mut room);
                told.noted += usize::from(room.connection == 0);
                None
            }
            Taken::Error(error) => tracker
                .icmp_error(error)
                .map(|slot| known(tracker.connection(slot))),
        });
        told.take_finals(index, &mut tracker);
    }
    tracker.finish();
    told.take_finals(input.len(), &mut tracker);
    told.gaps = tracker.gaps();
    told.losses = tracker.losses();
    told.judged = tracker.judged() as usize;
    told
}

impl Told {
    fn take_finals(&mut self, index: usize, tracker: &mut Tracker) {
        let mut gists = tracker.gists();
        while let Some(connection) = tracker.next_final() {
            let id = connection.id();
            self.finals.push((index, known(connection)));
            if tracker.gists() > gists {
                self.gists.insert(id);
            }
            gists = tracker.gists();
        }
    }

    /// What was read in one go went by the book, as is seen where somebody looks at all segments.
    pub(crate) fn reads_by_the_book(&self, input: &[Taken]) -> Result<(), String> {
        let mut tracker = Tracker::new(Limits::default());
        let mut unusual = BTreeSet::new();
        for taken in input {
            let judged = tracker.judged();
            match taken {
                Taken::Segment(segment) => {
                    let connection = tracker.segment(segment).connection;
                    if tracker.judged() > judged {
                        unusual.insert(connection);
                    }
                }
                Taken::Error(error) => {
                    tracker.icmp_error(error);
                }
            }
        }
        match self.gists.intersection(&unusual).next() {
            Some(id) => Err(format!("{id} did not go by the book")),
            None => Ok(()),
        }
    }

    /// Where both looked, they saw the same, and the same became of all connections, at the same time.
    pub(crate) fn tells_as(&self, other: &Self) -> Result<(), String> {
        for (index, looks) in self.looks.iter().zip(&other.looks).enumerate() {
            if let (Some(one), Some(other)) = looks
                && one != other
            {
                return Err(format!("{index}:\n{one}\n{other}"));
            }
        }
        for (one, other) in self.finals.iter().zip(&other.finals) {
            if one != other {
                return Err(format!("{one:?}\n{other:?}"));
            }
        }
        let counts = |told: &Self| (told.finals.len(), told.gaps);
        if counts(self) != counts(other) {
            return Err(format!("{:?} or {:?}", counts(self), counts(other)));
        }
        Ok(())
    }
}
