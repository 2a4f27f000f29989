//! Which words of the glossary a packet is about: the answer to "what does this mean?".

use super::call::CallRow;
use super::glossary::{Term, look_up};
use crate::tcp::{Flags, OptionsSeen, Segment};
use crate::track::{Change, Connection, Event, Opened, RepeatCause, ResetEffect};

/// The terms that explain a segment, the most telling first, each once.
#[must_use]
pub fn related(segment: &Segment, change: &Change) -> Vec<&'static Term> {
    let mut terms = Terms::default();
    for label in change.labels.names() {
        terms.add(label);
    }
    for event in &change.events {
        terms.event(event);
    }
    let flags = segment.flags;
    if flags.is_syn_ack() {
        terms.add("SYN-ACK");
    } else {
        for name in flags.names() {
            terms.add(if ["ECE", "CWR"].contains(&name) {
                "ECN"
            } else {
                name
            });
        }
    }
    for transition in [change.client, change.server] {
        if let Some(state) = transition.after.filter(|_| transition.changed()) {
            terms.add(state.name());
        }
    }
    if segment.len > 0 || flags.contains(Flags::SYN) {
        terms.add("sequence number");
    }
    if flags.contains(Flags::SYN) {
        terms.add("ISN");
        for (option, word) in [
            (OptionsSeen::MSS, "MSS"),
            (OptionsSeen::WINDOW_SCALE, "window scale"),
            (OptionsSeen::SACK_PERMITTED, "SACK"),
            (OptionsSeen::TIMESTAMPS, "timestamps"),
            (OptionsSeen::FAST_OPEN, "Fast Open"),
            (OptionsSeen::MPTCP, "MPTCP"),
        ] {
            if segment.options.seen.contains(option) {
                terms.add(word);
            }
        }
    }
    if !flags.contains(Flags::RST) {
        terms.add("window");
    }
    terms.found
}

/// The terms that explain a system call.
#[must_use]
pub fn related_to_call(call: &CallRow) -> Vec<&'static Term> {
    let mut terms = Terms::default();
    let words: &[&str] = match call.name {
        "socket" => &["socket"],
        "bind" => &["port"],
        "listen" => &["LISTEN", "backlog"],
        "accept" => &["accept", "backlog"],
        "connect" => &["connect", "handshake"],
        "send" => &["bytes in flight", "Nagle"],
        "recv" => &["window"],
        "shutdown" => &["FIN", "half_closed"],
        "close" => &["FIN", "TIME-WAIT"],
        _ => &[],
    };
    for word in words {
        terms.add(word);
    }
    terms.found
}

/// The terms that explain how a connection ended.
#[must_use]
pub fn related_to_end(connection: &Connection) -> Vec<&'static Term> {
    let mut terms = Terms::default();
    terms.add(connection.verdict().name());
    for trouble in &connection.troubles() {
        terms.add(trouble.kind.name());
    }
    if let Some(opened) = connection
        .opened()
        .filter(|opened| *opened != Opened::Handshake)
    {
        terms.add(opened.name());
    }
    for side in [crate::tcp::Side::Client, crate::tcp::Side::Server] {
        if let Some(state) = connection.last_state(side) {
            terms.add(state.name());
        }
    }
    terms.found
}

/// Terms in the order in which they were found.
#[derive(Default)]
struct Terms {
    found: Vec<&'static Term>,
}

impl Terms {
    /// A word that is in no glossary explains nothing.
    fn add(&mut self, word: &str) {
        if let Some(term) = look_up(word)
            && !self.found.iter().any(|found| found.name == term.name)
        {
            self.found.push(term);
        }
    }

    fn event(&mut self, event: &Event) {
        match event {
            Event::HandshakeCompletes { .. } => self.add("handshake"),
            Event::Repeats { cause, .. } => match cause {
                RepeatCause::Timer { attempt } => {
                    self.add("RTO");
                    if *attempt > 1 {
                        self.add("backoff");
                    }
                }
                RepeatCause::AfterTimer => {
                    self.add("RTO");
                    self.add("slow start");
                }
                RepeatCause::FastRetransmit => self.add("fast_retransmission"),
                RepeatCause::TailLossProbe => self.add("tail loss probe"),
                RepeatCause::Spurious => self.add("spurious_retransmission"),
                RepeatCause::Network => self.add("DELIVERED-TWICE"),
                RepeatCause::SynAgain | RepeatCause::Unknown => self.add("retransmission"),
            },
            Event::SynRepeated { copy: false, .. } => self.add("backoff"),
            Event::SelectivelyAcknowledges { .. } => self.add("SACK"),
            Event::DuplicateSack { .. } => self.add("D-SACK"),
            Event::CongestionMark { .. } => self.add("CE"),
            Event::Resets {
                effect: ResetEffect::Refuses,
            } => self.add("refused"),
            _ => {}
        }
    }
}
