//! Conversations that are over for us and not for Wireshark, which never forgets one.
//!
//! A connection is final a minute after its end. Where Wireshark's labels are asked for, what it remembers of such a
//! connection is kept here, so that ports that are used again much later, or a straggler, are labelled as it would.

use std::collections::{HashMap, VecDeque};

use ahash::RandomState;

use super::Analysis;
use crate::tcp::{Endpoint, FlowKey, Segment};

/// Conversations that are remembered, the latest: ports come round again after some ten thousand others (RFC 6335 section 6
/// has 16 384 to give to clients), and these take five megabytes.
const FORMER: usize = 1 << 14;

/// What Wireshark remembers of connections that are final.
#[derive(Debug, Default)]
pub(in crate::track) struct Former {
    /// With the number of each, and the end that its memory counts from.
    known: HashMap<FlowKey, (u64, Endpoint, Analysis), RandomState>,
    /// The oldest first. What was taken out since is still here.
    order: VecDeque<(u64, FlowKey)>,
    last: u64,
}

impl Former {
    /// Keeps what is remembered of a connection; `first` is the end that sent its first segment.
    pub(in crate::track) fn keep(&mut self, key: FlowKey, first: Endpoint, analysis: Analysis) {
        self.last += 1;
        self.known.insert(key, (self.last, first, analysis));
        self.order.push_back((self.last, key));
        if self.order.len() > FORMER
            && let Some((number, key)) = self.order.pop_front()
            && self
                .known
                .get(&key)
                .is_some_and(|(known, ..)| *known == number)
        {
            self.known.remove(&key);
        }
    }

    /// What a connection that begins with `segment` is to begin with.
    pub(in crate::track) fn resume(&mut self, segment: &Segment) -> Option<Analysis> {
        let (_, first, mut analysis) = self.known.remove(&segment.tuple.key())?;
        if first != segment.tuple.source {
            analysis.flows.swap(0, 1);
        }
        Some(if analysis.is_new_conversation(segment, 0) {
            Analysis::on_used_ports()
        } else {
            analysis
        })
    }
}
