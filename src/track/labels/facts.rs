//! What was found out about one segment besides its labels, ready to become remarks.

use arrayvec::ArrayVec;

use crate::tcp::SeqNumber;
use crate::time::Span;
use crate::track::{Event, RepeatCause};

/// How many events one segment can carry.
pub(in crate::track) const MAX_EVENTS: usize = 8;

/// Facts about one segment; numbers are as in the header, not relative.
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent facts, each read by its name in one place"
)]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(in crate::track) struct Facts {
    /// It repeats an earlier segment.
    pub(in crate::track) repeats: Option<Repeat>,
    /// It is a duplicate ACK.
    pub(in crate::track) duplicate_ack: Option<DuplicateAck>,
    /// It acknowledges something for the first time.
    pub(in crate::track) acknowledges: Option<Acknowledged>,
    /// Bytes before it that were not seen.
    pub(in crate::track) gap: Option<u32>,
    /// It brings bytes that were missed until now.
    pub(in crate::track) fills_gap: bool,
    /// Bytes it acknowledges that were not seen.
    pub(in crate::track) unseen: Option<u32>,
    /// SACK blocks above the acknowledgment number.
    pub(in crate::track) sack_blocks: u8,
    /// What the receiver got twice (RFC 2883): first number, and the one after the last.
    pub(in crate::track) duplicate_sack: Option<(SeqNumber, SeqNumber)>,
    /// The sender's window closes with it.
    pub(in crate::track) closes_window: bool,
    /// The sender's window opens again with it; how long it was closed.
    pub(in crate::track) reopens_window: Option<Span>,
    /// It fills the peer's window.
    pub(in crate::track) fills_window: bool,
    /// It is the how-manieth probe of a closed window.
    pub(in crate::track) probe: Option<u32>,
    /// It answers such a probe.
    pub(in crate::track) answers_probe: bool,
    /// It is a keep-alive; time since the connection's last segment.
    pub(in crate::track) keep_alive: Option<Span>,
    /// It answers a keep-alive.
    pub(in crate::track) answers_keep_alive: bool,
    /// It is a SYN that was sent before.
    pub(in crate::track) syn_repeated: Option<SynRepeat>,
    /// It is an ACK that checks this suspicious segment.
    pub(in crate::track) challenges: Option<u64>,
    /// The capture recorded the packet in this frame before.
    pub(in crate::track) duplicate_of: Option<u64>,
    /// SYNs crossed.
    pub(in crate::track) simultaneous_open: bool,
    /// The socket talks to itself.
    pub(in crate::track) self_connect: bool,
}

/// An earlier segment sent again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::track) struct Repeat {
    /// The latest one with these bytes, when it is still known.
    pub(in crate::track) frame: Option<u64>,
    /// Why, as far as can be told.
    pub(in crate::track) cause: RepeatCause,
    /// Time since that segment.
    pub(in crate::track) after: Option<Span>,
}

/// The same acknowledgment once more.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::track) struct DuplicateAck {
    /// The how-manieth, from 1.
    pub(in crate::track) number: u32,
    /// The frame that said it first.
    pub(in crate::track) of: u64,
}

/// What an ACK acknowledges for the first time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::track) struct Acknowledged {
    /// Payload bytes.
    pub(in crate::track) bytes: u32,
    /// A SYN is among it.
    pub(in crate::track) syn: bool,
    /// A FIN is among it.
    pub(in crate::track) fin: bool,
    /// The latest segment that ends exactly there.
    pub(in crate::track) frame: Option<u64>,
    /// Time since then, if it was sent only once (Karn's rule, RFC 6298 section 3).
    pub(in crate::track) rtt: Option<Span>,
}

/// A SYN sent again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::track) struct SynRepeat {
    /// SYNs before this one, copies not counted.
    pub(in crate::track) before: u32,
    /// Time since the first.
    pub(in crate::track) since_first: Span,
    /// It was not sent again: the network or the capture made a copy.
    pub(in crate::track) copy: bool,
}

impl From<Acknowledged> for Event {
    fn from(ack: Acknowledged) -> Self {
        Self::Acknowledges {
            bytes: ack.bytes,
            syn: ack.syn,
            fin: ack.fin,
            frame: ack.frame,
            rtt: ack.rtt,
        }
    }
}

impl Facts {
    /// It is a copy of a SYN.
    pub(in crate::track) fn is_syn_copy(&self) -> bool {
        self.syn_repeated.is_some_and(|syn| syn.copy)
    }

    /// Adds the remarks to a segment's events, most important first, as far as there is room. `base` is what the numbers
    /// of the receiver's bytes are relative to, for SACK blocks.
    pub(in crate::track) fn events(
        &self,
        base: SeqNumber,
        events: &mut ArrayVec<Event, MAX_EVENTS>,
    ) {
        let mut add = |event: Option<Event>| {
            if let Some(event) = event {
                // Eight facts about one segment do not happen; a ninth would be the least important one.
                let _ = events.try_push(event);
            }
        };
        add(self.duplicate_of.map(|of| Event::CaptureDuplicate { of }));
        add(self.challenges.map(|of| Event::ChallengeAck { of }));
        add(self.self_connect.then_some(Event::SelfConnect));
        add(self.simultaneous_open.then_some(Event::SimultaneousOpen));
        add(self.syn_repeated.map(|syn| Event::SynRepeated {
            before: syn.before,
            since_first: syn.since_first,
            copy: syn.copy,
        }));
        add(self.repeats.map(|repeat| Event::Repeats {
            frame: repeat.frame,
            cause: repeat.cause,
            after: repeat.after,
        }));
        add(self.fills_gap.then_some(Event::FillsGap));
        add(self.gap.map(|bytes| Event::Gap { bytes }));
        add(self.unseen.map(|bytes| Event::AcknowledgesUnseen { bytes }));
        add(self.probe.map(|number| Event::WindowProbe { number }));
        add(self.answers_probe.then_some(Event::AnswersProbe));
        add(self.keep_alive.map(|idle| Event::KeepAlive { idle }));
        add(self.answers_keep_alive.then_some(Event::AnswersKeepAlive));
        add(self.closes_window.then_some(Event::WindowCloses));
        add(self
            .reopens_window
            .map(|closed_for| Event::WindowReopens { closed_for }));
        add(self.fills_window.then_some(Event::FillsWindow));
        add(self.duplicate_ack.map(|ack| Event::DuplicateAck {
            number: ack.number,
            of: ack.of,
        }));
        add(self
            .duplicate_sack
            .map(|(left, right)| Event::DuplicateSack {
                left: left.relative_to(base),
                right: right.relative_to(base),
            }));
        add(
            (self.sack_blocks > 0).then_some(Event::SelectivelyAcknowledges {
                blocks: self.sack_blocks,
            }),
        );
        add(self.acknowledges.map(Event::from));
    }
}
