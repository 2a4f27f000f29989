//! Facts become words: every sentence about TCP that a reader sees is made here, once, for every output.
//!
//! Comes in: what `track` established about a segment or a connection. Goes out: [`Step`]s and [`Story`]s, which know no
//! format, width or colour. What was inferred and not seen is worded as inferred.

mod brief;
mod call;
mod digest;
mod facts;
mod full;
mod glossary;
mod header;
mod overview;
mod pace;
mod question;
mod reach;
mod related;
mod step;
mod story;
mod tell;
mod trouble;
mod verdict;
mod wire;
mod words;

pub use brief::brief;
pub use call::{CallFacts, CallRow, Moment, call_row, call_rows};
pub use digest::{Digest, Sort};
pub use facts::{
    ConnectionFacts, SegmentFacts, Totals, TroubleFacts, WaitFacts, WireCounts, occurred,
};
pub use glossary::{Term, difference, look_up, nearest, terms};
pub use header::{HeaderField, HeaderRow, HeaderView, OptionLine, header_view};
pub use overview::{CommonServer, ConnectionRow, Overview, Summary, TroubleGroup, TroubleRow};
pub use pace::{Pace, first_trouble};
pub use question::{how_it_ends, what_happens_next, what_next};
pub use reach::{Reach, Ruler};
pub use related::{related, related_to_call, related_to_end};
pub use step::{Narrator, Wording, short_heading};
pub use story::{Arrow, Conclusion, Line, Outline, Step, Steps, Story, Title, Tone, Weight};
pub use tell::{CONSTRUCTED, Segments, Telling, story, title};
pub use trouble::{advice, heading, meaning, what_happened};
pub use verdict::{conclusion, reason};
pub use wire::{
    View, WIRE_MARGINS, WireEvent, WireHalf, WireNarrator, WireSetting, WireStory, wire_end,
    wire_end_crossed, wire_end_in_short, wire_end_in_words, wire_story, wire_title,
};

use crate::tcp::{Segment, Side};
use crate::track::{Change, Connection, Roles};

/// A segment with its words, for outside programs.
#[must_use]
pub fn segment_facts<'a>(segment: &'a Segment, change: &Change, note: &'a str) -> SegmentFacts<'a> {
    SegmentFacts {
        segment,
        connection: change.connection,
        direction: change.direction,
        seq: change.seq,
        ack: change.ack,
        window: change.window,
        window_scale: change.window_scale,
        labels: change.labels,
        client_state: change.client.after,
        server_state: change.server.after,
        delivered: change.delivered,
        note,
    }
}

/// A connection with its words, for outside programs, lent to `take`.
pub fn with_connection_facts(connection: &Connection, take: impl FnOnce(&ConnectionFacts<'_>)) {
    let (first_frame, last_frame) = connection.frames();
    let client = connection.peer(Side::Client);
    let server = connection.peer(Side::Server);
    let handshake = connection.handshake();
    let evidence = connection.evidence();
    let troubles: arrayvec::ArrayVec<TroubleFacts, 8> = connection
        .troubles()
        .iter()
        .map(|trouble| TroubleFacts {
            kind: trouble.kind.name(),
            first_frame: trouble.first_frame,
            last_frame: trouble.last_frame,
            lasted: trouble.lasted,
        })
        .collect();
    let mut sentence = String::new();
    reason(&mut sentence, connection);
    take(&ConnectionFacts {
        id: connection.id(),
        client: connection.endpoint(Side::Client),
        server: connection.endpoint(Side::Server),
        roles: match connection.roles() {
            Roles::Seen => "seen",
            Roles::Assumed => "assumed",
        },
        verdict: connection.verdict().name(),
        opened: connection.opened().map(crate::track::Opened::name),
        ended: connection.ended().map(crate::track::Ended::name),
        closed_by: connection.closed_by().map(Side::name),
        reason: &sentence,
        evidence: &evidence,
        troubles: &troubles,
        first_frame,
        last_frame,
        start: connection.start(),
        duration: connection.duration(),
        syn_to_synack: handshake.syn_to_synack,
        synack_to_ack: handshake.synack_to_ack,
        initial_rtt: handshake.initial_rtt,
        longest_wait: connection.longest_wait().map(|wait| WaitFacts {
            owed_by: wait.owed_by.map(Side::name),
            lasted: wait.lasted,
            from_frame: wait.from_frame,
            to_frame: wait.to_frame,
        }),
        client_packets: client.counts.packets,
        server_packets: server.counts.packets,
        client_bytes: client.counts.bytes,
        server_bytes: server.counts.bytes,
        retransmissions: client.counts.retransmissions + server.counts.retransmissions,
        conn_state: connection.conn_state(),
        history: connection.history(),
        originator: connection.originator().name(),
        completeness: connection.completeness(),
        client_state: connection.last_state(Side::Client),
        server_state: connection.last_state(Side::Server),
        vantage: None,
        twin: None,
        evicted: connection.evicted(),
    });
}
