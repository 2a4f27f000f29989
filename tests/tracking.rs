//! What the tracker says about scripted conversations.
//!
//! Each line of a script ends in a comment that says what is expected after it: the client's and the server's state (`-`
//! where unknown), then labels and names of events that must be among those of the segment. [`check`] compares these,
//! and the connections' verdicts with the second argument: `verdict opened ended closed_by: troubles`.

use std::fmt::Write;

use handshake_watch::lab::script::{Script, Step};
use handshake_watch::tcp::{Labels, OptionsSeen, Side, TcpState};
use handshake_watch::time::Span;
use handshake_watch::track::{Change, Connection, Ended, Limits, Opened, ResetEffect, Tracker};

/// SYN, SYN-ACK, ACK.
const OPEN: &str = "
    0      C > S  SYN      # SYN-SENT SYN-RECEIVED
    +11us  S > C  SYN-ACK  # ESTABLISHED SYN-RECEIVED
    +12us  C > S  ACK      # ESTABLISHED ESTABLISHED HandshakeCompletes
";

fn after_open(rest: &str) -> String {
    format!("{OPEN}{rest}")
}

/// Runs a script; what each step changed, and the final connections.
fn run(script: &str) -> (Vec<Option<Change>>, Vec<Connection>) {
    run_with(script, Limits::default())
}

fn run_with(script: &str, limits: Limits) -> (Vec<Option<Change>>, Vec<Connection>) {
    let script = Script::parse(script).unwrap_or_else(|error| panic!("{error} in{script}"));
    let mut tracker = Tracker::new(limits);
    let mut changes = Vec::new();
    let mut finals = Vec::new();
    for step in script.steps() {
        match step {
            Step::Segment { segment, .. } => changes.push(Some(tracker.segment(segment))),
            Step::Icmp { error, .. } => {
                tracker.icmp_error(error);
                changes.push(None);
            }
        }
        while let Some(connection) = tracker.next_final() {
            finals.push(connection.clone());
        }
    }
    tracker.finish();
    while let Some(connection) = tracker.next_final() {
        finals.push(connection.clone());
    }
    (changes, finals)
}

/// The only connection of a script.
fn only(script: &str) -> Connection {
    let (_, mut connections) = run(script);
    assert_eq!(connections.len(), 1, "in{script}");
    connections.remove(0)
}

fn check(script: &str, expected: &str) {
    let (changes, connections) = run(script);
    assert_eq!(expectations(script).count(), changes.len(), "in{script}");
    for (line, change) in expectations(script).zip(&changes) {
        let Some(change) = change else {
            continue;
        };
        let mut words = line.split_whitespace();
        let states = [change.client.after, change.server.after]
            .map(|state| state.map_or("-", TcpState::name));
        let wanted = [words.next(), words.next()].map(Option::unwrap_or_default);
        if wanted != ["", ""] {
            assert_eq!(states, wanted, "after `{line}` in{script}");
        }
        let events: Vec<String> = change
            .events
            .iter()
            .map(|event| format!("{event:?}"))
            .collect();
        for word in words {
            let label = Labels::named(word).is_some_and(|label| change.labels.contains(label));
            let event = events.iter().any(|event| event.starts_with(word));
            assert!(
                label || event,
                "no {word} among {:?} {events:?} in{script}",
                change.labels
            );
        }
    }
    let said: Vec<String> = connections.iter().map(summary).collect();
    assert_eq!(said.join("; "), expected, "in{script}");
}

/// The comments of the lines that are segments or ICMP errors.
fn expectations(script: &str) -> impl Iterator<Item = &str> {
    script
        .lines()
        .map(str::trim)
        .filter(|line| line.starts_with(|c: char| c == '+' || c.is_ascii_digit()))
        .map(|line| line.split_once('#').map_or("", |(_, comment)| comment))
}

fn summary(connection: &Connection) -> String {
    let mut words = vec![connection.verdict().name()];
    words.extend(connection.opened().map(Opened::name));
    words.extend(connection.ended().map(Ended::name));
    words.extend(connection.closed_by().map(Side::name));
    let troubles: Vec<_> = connection
        .troubles()
        .iter()
        .map(|trouble| trouble.kind.name())
        .collect();
    if troubles.is_empty() {
        words.join(" ")
    } else {
        format!("{}: {}", words.join(" "), troubles.join(" "))
    }
}

fn before(connection: &Connection) -> [Option<TcpState>; 2] {
    [Side::Client, Side::Server].map(|side| connection.state_before(side))
}

// The two plain drawings, row by row.

#[test]
fn plain_exchange_with_three_packet_close() {
    let script = "
        client 127.0.0.1:52126
        server 127.0.0.1:1712
        0      C > S  SYN seq 0          # SYN-SENT SYN-RECEIVED
        +11us  S > C  SYN-ACK seq 0 ack 1 # ESTABLISHED SYN-RECEIVED
        +12us  C > S  ACK seq 1 ack 1    # ESTABLISHED ESTABLISHED HandshakeCompletes
        +23us  C > S  PSH-ACK seq 1 ack 1 len 13 \"Hello server!\" # ESTABLISHED ESTABLISHED
        +4us   S > C  ACK ack 14         # ESTABLISHED ESTABLISHED Acknowledges
        +7us   C > S  FIN-ACK            # FIN-WAIT-1 CLOSE-WAIT Finishes
        +117us S > C  FIN-ACK ack 15     # TIME-WAIT LAST-ACK Finishes Acknowledges
        +13us  C > S  ACK ack 2          # TIME-WAIT CLOSED Acknowledges
    ";
    check(script, "closed handshake fin client");
    let connection = only(script);
    assert_eq!(
        before(&connection),
        [Some(TcpState::Closed), Some(TcpState::Listen)]
    );
    assert_eq!(connection.evidence().as_slice(), [1, 2, 3, 6, 7, 8]);
    let handshake = connection.handshake();
    assert_eq!(handshake.syn_to_synack, Some(Span::from_micros(11)));
    assert_eq!(handshake.synack_to_ack, Some(Span::from_micros(12)));
    assert_eq!(handshake.initial_rtt, Some(Span::from_micros(23)));
    let wait = connection
        .longest_wait()
        .expect("the server's FIN was waited for");
    assert_eq!(
        (wait.owed_by, wait.from_frame, wait.to_frame),
        (Some(Side::Server), 6, 7)
    );
    let client = connection.peer(Side::Client).counts;
    assert_eq!(
        (client.packets, client.bytes, client.retransmissions),
        (5, 13, 0)
    );
}

#[test]
fn refused() {
    let script = "
        0    C > S  SYN              # SYN-SENT SYN-RECEIVED
        +9us S > C  RST-ACK rawseq 0 # CLOSED CLOSED Resets
    ";
    check(script, "refused reset server: refused");
    let connection = only(script);
    assert_eq!(
        before(&connection),
        [Some(TcpState::Closed), Some(TcpState::Closed)]
    );
    assert_eq!(connection.evidence().as_slice(), [1, 2]);
    let (mut changes, _) = run(script);
    // A ladder of the whole connection knows what the SYN met: no socket at all.
    let rows: Vec<_> = changes
        .iter_mut()
        .flatten()
        .map(|change| {
            change.in_hindsight(&connection, 0);
            (change.client.after, change.server.after)
        })
        .collect();
    let closed = Some(TcpState::Closed);
    assert_eq!(rows, [(Some(TcpState::SynSent), closed), (closed, closed)]);
}

// SYN-SENT and the opening.

#[test]
fn no_answer() {
    check(
        "0   C > S SYN        # SYN-SENT SYN-RECEIVED
         +1s C > S SYN seq 0  # SYN-SENT SYN-RECEIVED SynRepeated retransmission
         +2s C > S SYN seq 0",
        "no_answer: no_answer",
    );
    let connection = only("0 C > S SYN\n +1s C > S SYN seq 0");
    assert_eq!(before(&connection), [Some(TcpState::Closed), None]);
    let last = [Side::Client, Side::Server].map(|side| connection.last_state(side));
    assert_eq!(last, [Some(TcpState::SynSent), None]);
    assert_eq!(connection.handshake().syns, 2);
}

#[test]
fn a_reset_that_does_not_acknowledge_the_syn_is_ignored() {
    check(
        "0   C > S SYN            # SYN-SENT SYN-RECEIVED
         +1s S > C RST-ACK ack 77 # SYN-SENT SYN-RECEIVED Resets
         +1s S > C RST            # SYN-SENT SYN-RECEIVED Resets",
        "no_answer: no_answer",
    );
}

#[test]
fn refused_and_tried_again_with_the_same_syn() {
    check(
        "0      C > S SYN              # SYN-SENT SYN-RECEIVED
         +1ms   S > C RST-ACK rawseq 0 # CLOSED CLOSED
         +500ms C > S SYN seq 0        # SYN-SENT CLOSED
         +1ms   S > C RST-ACK rawseq 0 # CLOSED CLOSED",
        "refused reset server: refused",
    );
}

#[test]
fn unreachable_refuses_a_syn_but_not_an_open_connection() {
    check(
        "0 C > S SYN\n +1ms icmp C unreachable 1",
        "refused: refused",
    );
    check(
        &after_open("+1ms C > S PSH-ACK len 1\n +1ms icmp C unreachable 1"),
        "open handshake",
    );
    let connection = only("0 C > S SYN\n +1ms icmp C unreachable 1");
    assert_eq!(connection.evidence().as_slice(), [1, 2]);
    assert_eq!(connection.peer(Side::Client).state, Some(TcpState::Closed));
}

#[test]
fn a_syn_ack_must_acknowledge_the_syn() {
    check(
        "0   C > S SYN            # SYN-SENT SYN-RECEIVED
         +1s S > C SYN-ACK ack 99 # SYN-SENT SYN-RECEIVED
         +1s C > S RST rawseq 5   # SYN-SENT SYN-RECEIVED",
        "no_answer: no_answer",
    );
}

#[test]
fn half_open_recovery_of_figure_10() {
    check(
        "0   C > S SYN                   # SYN-SENT SYN-RECEIVED
         +1s S > C ACK rawseq 900 ack 70 # SYN-SENT - ChallengeAck challenge_ack
         +1s C > S RST rawseq 900        # SYN-SENT CLOSED Resets
         +1s C > S SYN seq 0             # SYN-SENT SYN-RECEIVED SynRepeated
         +1s S > C SYN-ACK seq 0         # ESTABLISHED SYN-RECEIVED
         +1s C > S ACK                   # ESTABLISHED ESTABLISHED",
        "open handshake: slow_open",
    );
}

#[test]
fn simultaneous_open() {
    let script = "
        0    C > S SYN           # SYN-SENT SYN-RECEIVED
        +1ms S > C SYN           # SYN-RECEIVED SYN-RECEIVED SimultaneousOpen simultaneous_open
        +1ms C > S SYN-ACK seq 0 # SYN-RECEIVED ESTABLISHED
        +1ms S > C SYN-ACK seq 0 # ESTABLISHED ESTABLISHED
    ";
    check(script, "open simultaneous");
    assert_eq!(before(&only(script)), [Some(TcpState::Closed); 2]);
}

#[test]
fn split_handshake() {
    check(
        "0    C > S SYN           # SYN-SENT SYN-RECEIVED
         +1ms S > C ACK seq 0     # SYN-SENT SYN-RECEIVED
         +1ms S > C SYN seq 0     # SYN-RECEIVED SYN-RECEIVED
         +1ms C > S SYN-ACK seq 0 # SYN-RECEIVED ESTABLISHED
         +1ms S > C ACK           # ESTABLISHED ESTABLISHED",
        "open split",
    );
}

#[test]
fn self_connect() {
    let script = "
        client 127.0.0.1:1712
        server 127.0.0.1:1712
        0    C > S SYN           # SYN-RECEIVED SYN-RECEIVED SelfConnect self_connect
        +1us S > C SYN-ACK seq 0 # ESTABLISHED ESTABLISHED
        +1us C > S PSH-ACK len 5 # ESTABLISHED ESTABLISHED
        +1us S > C ACK           # ESTABLISHED ESTABLISHED
        +1us C > S FIN-ACK       # CLOSING CLOSING Finishes
        +1us S > C ACK           # TIME-WAIT TIME-WAIT
    ";
    check(script, "closed self_connect fin client");
    let (changes, _) = run(script);
    let lanes: Vec<_> = changes
        .iter()
        .flatten()
        .map(|c| c.direction.sender())
        .collect();
    let (c, s) = (Side::Client, Side::Server);
    assert_eq!(lanes, [c, s, c, s, c, s]);
}

#[test]
fn fast_open() {
    check(
        "0    C > S SYN tfo 8 len 5 # SYN-SENT SYN-RECEIVED FastOpen tfo_syn
         +1ms S > C SYN-ACK         # ESTABLISHED SYN-RECEIVED FastOpenAnswered tfo_accepted
         +1ms S > C PSH-ACK len 9   # ESTABLISHED SYN-RECEIVED
         +1ms C > S ACK             # ESTABLISHED ESTABLISHED",
        "open fast_open",
    );
    check(
        "0    C > S SYN tfo 8 len 5 # SYN-SENT SYN-RECEIVED
         +1ms S > C SYN-ACK ack 1   # ESTABLISHED SYN-RECEIVED tfo_ignored
         +1ms C > S ACK seq 1       # ESTABLISHED ESTABLISHED",
        "open handshake",
    );
}

// SYN-RECEIVED.

#[test]
fn unfinished_and_aborted() {
    check(
        "0    C > S SYN
         +1ms S > C SYN-ACK       # ESTABLISHED SYN-RECEIVED
         +1s  S > C SYN-ACK seq 0 # ESTABLISHED SYN-RECEIVED retransmission",
        "unfinished: unfinished",
    );
    check(
        "0    C > S SYN
         +1ms S > C SYN-ACK # ESTABLISHED SYN-RECEIVED
         +1ms C > S RST     # CLOSED LISTEN Resets",
        "aborted reset client: aborted",
    );
    check(
        "0    C > S SYN\n +1ms S > C SYN-ACK\n +1ms S > C RST # CLOSED CLOSED",
        "aborted reset server: aborted",
    );
}

#[test]
fn the_handshakes_ack_may_carry_data_or_a_fin() {
    check(
        "0 C > S SYN\n +1ms S > C SYN-ACK\n +1ms C > S PSH-ACK len 3 # ESTABLISHED ESTABLISHED HandshakeCompletes",
        "open handshake",
    );
    check(
        "0 C > S SYN\n +1ms S > C SYN-ACK\n +1ms C > S FIN-ACK # FIN-WAIT-1 CLOSE-WAIT",
        "half_closed handshake client",
    );
}

#[test]
fn an_acknowledged_syn_ack_outlives_a_forged_refusal() {
    check(
        "0    C > S SYN
         +1us S > C RST-ACK rawseq 0 # CLOSED CLOSED
         +1ms S > C SYN-ACK seq 0    # CLOSED CLOSED
         +1ms C > S ACK seq 1        # ESTABLISHED ESTABLISHED",
        "open handshake",
    );
}

#[test]
fn slow_open() {
    check(
        "0    C > S SYN\n +1s C > S SYN seq 0\n +1ms S > C SYN-ACK\n +1ms C > S ACK",
        "open handshake: slow_open",
    );
}

// ESTABLISHED.

#[test]
fn resets_of_an_open_connection() {
    check(
        &after_open("+1s C > S RST # CLOSED CLOSED"),
        "reset handshake reset client",
    );
    check(
        &after_open("+1s S > C RST-ACK # CLOSED CLOSED"),
        "reset handshake reset server",
    );
    check(
        &after_open(
            "+1s S > C RST seq 500   # ESTABLISHED ESTABLISHED Resets
             +1s C > S ACK           # ESTABLISHED ESTABLISHED ChallengeAck challenge_ack
             +1s S > C RST seq 99999 # ESTABLISHED ESTABLISHED Resets",
        ),
        "open handshake",
    );
    assert_eq!(
        effect(&after_open("+1s S > C RST seq 1")),
        Some(ResetEffect::Ends)
    );
    assert_eq!(
        effect(&after_open("+1s S > C RST seq 2")),
        Some(ResetEffect::Challenged)
    );
    assert_eq!(
        effect(&after_open("+1s S > C RST seq 0")),
        Some(ResetEffect::Ignored)
    );
    assert_eq!(
        effect(&after_open("+1s S > C PSH-ACK len 9\n +1s S > C RST seq 1")),
        Some(ResetEffect::Ends),
        "the nine bytes may not have arrived"
    );
}

/// What the RST of a script's last line did.
fn effect(script: &str) -> Option<ResetEffect> {
    let (changes, _) = run(script);
    changes
        .last()?
        .as_ref()?
        .events
        .iter()
        .find_map(|event| match event {
            handshake_watch::track::Event::Resets { effect } => Some(*effect),
            _ => None,
        })
}

#[test]
fn a_repeated_syn_is_challenged_and_moves_nothing() {
    check(
        &after_open(
            "+1s C > S SYN seq 0 # ESTABLISHED ESTABLISHED retransmission
             +1s S > C ACK       # ESTABLISHED ESTABLISHED ChallengeAck",
        ),
        "open handshake",
    );
}

#[test]
fn unique_bytes_gaps_and_what_the_capture_missed() {
    let script = after_open(
        "+1ms C > S ACK len 100             # ESTABLISHED ESTABLISHED
         +1ms C > S ACK len 100 seq 201     # ESTABLISHED ESTABLISHED Gap lost_segment
         +1ms C > S ACK len 100 seq 101     # ESTABLISHED ESTABLISHED FillsGap out_of_order
         +1s  C > S ACK len 100 seq 1       # ESTABLISHED ESTABLISHED Repeats retransmission
         +1ms S > C ACK ack 401             # ESTABLISHED ESTABLISHED AcknowledgesUnseen ack_lost_segment",
    );
    let connection = only(&script);
    let client = connection.peer(Side::Client).counts;
    assert_eq!((client.bytes, client.retransmissions), (300, 1));
    check(&script, "open handshake");
}

#[test]
fn windows_are_scaled_where_both_offered_a_scale() {
    let (changes, _) = run("0    C > S SYN wscale 10 win 65495
         +1ms S > C SYN-ACK wscale 9
         +1ms C > S ACK win 64");
    let windows: Vec<_> = changes
        .iter()
        .flatten()
        .map(|c| (c.window, c.window_scale))
        .collect();
    assert_eq!(windows, [(65495, None), (65535, None), (65536, Some(10))]);
    let (changes, _) = run("0 C > S SYN wscale 10\n +1ms S > C SYN-ACK\n +1ms C > S ACK win 64");
    assert_eq!(
        changes[2].as_ref().map(|c| (c.window, c.window_scale)),
        Some((64, None))
    );
}

#[test]
fn numbers_wrap() {
    let script = after_open(
        "+1ms C > S PSH-ACK len 10 # ESTABLISHED ESTABLISHED
         +1ms S > C ACK            # ESTABLISHED ESTABLISHED Acknowledges
         +1ms C > S FIN-ACK        # FIN-WAIT-1 CLOSE-WAIT
         +1ms S > C FIN-ACK        # TIME-WAIT LAST-ACK
         +1ms C > S ACK            # TIME-WAIT CLOSED",
    );
    let script = format!("client 10.0.0.1:4000 isn 4294967290\n{script}");
    check(&script, "closed handshake fin client");
    let (changes, _) = run(&script);
    let seq: Vec<_> = changes.iter().flatten().map(|c| (c.seq, c.ack)).collect();
    assert_eq!(seq[3..6], [(1, 1), (1, 11), (11, 1)]);
}

// The closing states.

#[test]
fn four_packet_close() {
    check(
        &after_open(
            "+1ms S > C FIN-ACK # CLOSE-WAIT FIN-WAIT-1 Finishes
             +1ms C > S ACK     # CLOSE-WAIT FIN-WAIT-2 Acknowledges
             +1ms C > S FIN-ACK # LAST-ACK TIME-WAIT Finishes
             +1ms S > C ACK     # CLOSED TIME-WAIT",
        ),
        "closed handshake fin server",
    );
}

#[test]
fn half_close_keeps_the_other_direction_open() {
    let script = after_open(
        "+1ms C > S FIN-ACK         # FIN-WAIT-1 CLOSE-WAIT
         +1ms S > C ACK             # FIN-WAIT-2 CLOSE-WAIT
         +1ms S > C PSH-ACK len 900 # FIN-WAIT-2 CLOSE-WAIT
         +1ms C > S ACK             # FIN-WAIT-2 CLOSE-WAIT",
    );
    check(&script, "half_closed handshake client");
}

#[test]
fn simultaneous_close() {
    check(
        &after_open(
            "+1ms C > S FIN-ACK       # FIN-WAIT-1 CLOSE-WAIT
             +1us S > C FIN-ACK ack 1 # CLOSING CLOSING
             +1ms C > S ACK           # CLOSING TIME-WAIT
             +1us S > C ACK ack 2     # TIME-WAIT TIME-WAIT",
        ),
        "closed handshake fin client",
    );
}

#[test]
fn a_repeated_fin_moves_nothing() {
    check(
        &after_open(
            "+1ms   C > S FIN-ACK       # FIN-WAIT-1 CLOSE-WAIT
             +200ms C > S FIN-ACK seq 1 # FIN-WAIT-1 CLOSE-WAIT retransmission
             +1ms   S > C ACK           # FIN-WAIT-2 CLOSE-WAIT",
        ),
        "half_closed handshake client",
    );
}

#[test]
fn resets_while_closing_and_after() {
    let fin = "+1ms C > S FIN-ACK # FIN-WAIT-1 CLOSE-WAIT\n";
    check(
        &after_open(&format!("{fin} +1ms S > C RST # CLOSED CLOSED")),
        "reset handshake reset server",
    );
    check(
        &after_open(&format!(
            "{fin} +1ms S > C FIN-ACK # TIME-WAIT LAST-ACK
             +1ms C > S ACK    # TIME-WAIT CLOSED
             +1ms S > C RST    # TIME-WAIT CLOSED Resets"
        )),
        "closed handshake fin client",
    );
}

// Joined in the middle, or seen from one side only.

#[test]
fn joined_in_the_middle() {
    let script = "
        0    C > S PSH-ACK rawseq 7000 rawack 9000 len 10 # ESTABLISHED ESTABLISHED
        +1ms S > C FIN-ACK rawseq 9000 rawack 7010        # CLOSE-WAIT FIN-WAIT-1
        +1ms C > S FIN-ACK rawseq 7010 rawack 9001        # LAST-ACK TIME-WAIT
        +1ms S > C ACK rawseq 9001 rawack 7011            # CLOSED TIME-WAIT
    ";
    check(script, "closed mid_stream fin server");
    let (changes, connections) = run(script);
    assert_eq!(changes[0].as_ref().map(|c| (c.seq, c.ack)), Some((1, 1)));
    assert_eq!(before(&connections[0]), [None, None]);
    assert_eq!(
        connections[0].roles(),
        handshake_watch::track::Roles::Assumed
    );
}

#[test]
fn roles_without_a_syn() {
    let client = |script: &str, ports: &[u16]| {
        let limits = Limits {
            server_ports: ports.to_vec(),
            ..Limits::default()
        };
        run_with(script, limits).1[0].endpoint(Side::Client).port
    };
    let from_server = "client 10.0.0.1:9000\n server 10.0.0.2:8443\n 0 S > C PSH-ACK len 1";
    assert_eq!(client(from_server, &[]), 9000);
    assert_eq!(client(from_server, &[9000]), 8443);
    assert_eq!(
        client(
            "client 10.0.0.1:700\n server 10.0.0.2:9000\n 0 S > C SYN-ACK",
            &[]
        ),
        700
    );
}

#[test]
fn one_sided_captures() {
    check(
        "0 C > S SYN       # SYN-SENT SYN-RECEIVED
         +1ms C > S ACK    # ESTABLISHED ESTABLISHED
         +1ms C > S PSH-ACK len 5
         +1ms C > S FIN-ACK # FIN-WAIT-1 CLOSE-WAIT",
        "half_closed handshake client",
    );
    check(
        "0 S > C SYN-ACK # ESTABLISHED SYN-RECEIVED\n +1ms S > C PSH-ACK len 5 # ESTABLISHED ESTABLISHED",
        "open handshake",
    );
    check("0 S > C RST # CLOSED CLOSED", "reset reset server");
}

// Which connection a segment belongs to.

#[test]
fn a_syn_with_another_number_begins_a_new_connection() {
    let script = after_open(
        "client 127.0.0.1:40000 isn 99999
         +1s  C > S SYN # SYN-SENT SYN-RECEIVED ReusesPorts reused_ports
         +1ms S > C RST-ACK rawseq 0",
    );
    check(&script, "open handshake; refused reset server: refused");
    let (changes, connections) = run(&script);
    let begins: Vec<_> = changes
        .iter()
        .flatten()
        .map(|c| (c.connection, c.begins))
        .collect();
    assert_eq!(
        begins,
        [(1, true), (1, false), (1, false), (2, true), (2, false)]
    );
    assert_eq!(connections[0].id(), 1);
}

#[test]
fn an_ended_connection_takes_late_segments_for_a_minute() {
    let late = |after: &str| {
        let script = after_open(&format!(
            "+1ms C > S RST\n +{after} S > C ACK len 5 seq 1\n +1ms S > C ACK len 5"
        ));
        run(&script).1.len()
    };
    assert_eq!(late("59s"), 1);
    assert_eq!(late("60s"), 2);
}

#[test]
fn idle_connections_stay_until_the_end() {
    check(&after_open("+7000s C > S PSH-ACK len 3"), "open handshake");
}

// Waits and troubles.

#[test]
fn server_silent() {
    let request = "+1ms C > S PSH-ACK len 9\n +1ms S > C ACK\n";
    check(
        &after_open(&format!("{request} +30s C > S FIN-ACK")),
        "half_closed handshake client: server_silent",
    );
    check(
        &after_open(&format!("{request} +2s S > C PSH-ACK len 9")),
        "open handshake",
    );
    check(
        &after_open(&format!("{request} +6s S > C PSH-ACK len 9")),
        "open handshake: server_silent",
    );
    let connection = only(&after_open(&format!("{request} +6s S > C PSH-ACK len 9")));
    let wait = connection.longest_wait().expect("a reply was owed");
    assert_eq!(
        (wait.owed_by, wait.from_frame, wait.to_frame),
        (Some(Side::Server), 4, 6)
    );
    assert_eq!(wait.acknowledged, Some(Span::from_millis(1)));
}

#[test]
fn a_late_ack_is_the_path_not_the_program() {
    check(
        &after_open("+1ms C > S PSH-ACK len 9\n +8s S > C ACK\n +1ms S > C PSH-ACK len 9"),
        "open handshake",
    );
}

#[test]
fn idle_between_exchanges_and_one_way_protocols_are_no_silence() {
    check(
        &after_open(
            "+1ms C > S PSH-ACK len 9\n +1ms S > C PSH-ACK len 9\n +1ms C > S ACK\n \
             +60s C > S PSH-ACK len 9\n +1ms S > C PSH-ACK len 9",
        ),
        "open handshake",
    );
    check(
        &after_open(
            "+1ms C > S PSH-ACK len 9\n +1ms S > C ACK\n +9s C > S PSH-ACK len 9\n +1ms S > C ACK\n +9s C > S FIN-ACK",
        ),
        "half_closed handshake client",
    );
}

#[test]
fn client_silent() {
    check(
        &after_open("+1ms S > C PSH-ACK len 20\n +1ms C > S ACK\n +9s S > C FIN-ACK"),
        "half_closed handshake server: client_silent",
    );
    check(
        &after_open("+10s S > C FIN-ACK"),
        "half_closed handshake server: client_silent",
    );
}

#[test]
fn receiver_full() {
    let script = after_open(
        "+1ms   C > S ACK len 1000
         +1ms   S > C ACK win 0      # ESTABLISHED ESTABLISHED WindowCloses zero_window
         +210ms C > S ACK seq 1000   # ESTABLISHED ESTABLISHED WindowProbe zero_window_probe
         +1us   S > C ACK win 0
         +420ms C > S ACK seq 1000   # ESTABLISHED ESTABLISHED WindowProbe
         +1us   S > C ACK win 500    # ESTABLISHED ESTABLISHED WindowReopens
         +1us   C > S ACK len 100",
    );
    check(&script, "open handshake: receiver_full");
    let full = only(&script).troubles()[0];
    assert_eq!((full.first_frame, full.last_frame, full.count), (5, 9, 2));
    assert_eq!(full.lasted, Span::from_micros(630_002));
}

#[test]
fn path_dead() {
    let repeat = "C > S ACK len 700 seq 1 # ESTABLISHED ESTABLISHED Repeats\n";
    let script = after_open(&format!(
        "+1ms C > S ACK len 700\n +200ms {repeat} +400ms {repeat} +800ms {repeat}"
    ));
    check(&script, "open handshake: path_dead");
    let dead = only(&script).troubles()[0];
    assert_eq!((dead.first_frame, dead.last_frame, dead.count), (4, 7, 4));
    check(
        &after_open(&format!(
            "+1ms C > S ACK len 700\n +1s {repeat} +1s {repeat} +1s {repeat} +1ms S > C ACK\n +1ms S > C PSH-ACK len 3"
        )),
        "open handshake",
    );
}

/// Where both ends repeat and neither is heard, neither's repeats are forgotten for the other's.
#[test]
fn path_dead_for_both_ends() {
    let both = "+400ms C > S ACK len 9 seq 1 ack 1\n +100ms S > C ACK len 9 seq 1 ack 1\n";
    let script = after_open(&format!(
        "+1ms C > S ACK len 9\n +1us S > C ACK len 9 ack 1\n{both}{both}{both}+900ms S > C ACK len 9 seq 1 ack 1"
    ));
    check(&script, "open handshake: path_dead heavy_loss");
    let dead = only(&script).troubles()[0];
    assert_eq!((dead.first_frame, dead.last_frame), (5, 12));
    assert_eq!((dead.count, dead.side), (5, Some(Side::Server)));
    let script = script.replace("+900ms S > C", "+900ms C > S");
    let dead = only(&script).troubles()[0];
    assert_eq!((dead.first_frame, dead.last_frame), (4, 12));
    assert_eq!((dead.count, dead.side), (5, Some(Side::Client)));
}

#[test]
fn reset_after_idle() {
    let talk = "+1ms C > S PSH-ACK len 9\n +1ms S > C PSH-ACK len 9\n +1ms C > S ACK\n";
    let script = after_open(&format!(
        "{talk} +60s C > S PSH-ACK len 9\n +400us S > C RST"
    ));
    check(&script, "reset handshake reset server: reset_after_idle");
    let idle = only(&script).troubles()[0];
    assert_eq!((idle.first_frame, idle.last_frame), (5, 8));
    check(
        &after_open(&format!(
            "{talk} +60s C > S PSH-ACK len 9\n +1ms S > C PSH-ACK len 3\n +1ms S > C RST"
        )),
        "reset handshake reset server",
    );
}

#[test]
fn heavy_loss() {
    let mut script = after_open("");
    for _ in 0..5 {
        script.push_str("+1ms C > S ACK len 10\n +200ms C > S ACK len 10 seq 1\n +1ms S > C ACK\n");
    }
    check(&script, "open handshake: heavy_loss");
}

/// Why a program resets depends on whether anything had come for it. A FIN takes a number, but is nothing to be read.
#[test]
fn what_the_capture_missed_before_a_fin_was_received() {
    let received = |fin: &str| {
        let ack = "+1ms C > S ACK\n +1ms C > S RST-ACK";
        only(&after_open(&format!("+1ms S > C FIN-ACK {fin}\n {ack}")))
            .may_have_received(Side::Client)
    };
    assert!(!received("seq 1"));
    assert!(received("seq 2"));
    assert!(received("seq 1001"));
    // A FIN that nobody has acknowledged is not among what was.
    let acked = only(&after_open(
        "+1ms C > S ACK ack 2\n +1ms S > C FIN-ACK seq 2\n +1ms C > S RST-ACK ack 2",
    ));
    assert!(acked.may_have_received(Side::Client));
}

// Measures.

#[test]
fn round_trips_follow_karn() {
    let connection = only(&after_open(
        "+1ms C > S PSH-ACK len 10
         +8ms S > C ACK
         +1ms C > S PSH-ACK len 10
         +1s  C > S PSH-ACK len 10 seq 11
         +1ms S > C ACK",
    ));
    let trips = connection.peer(Side::Client).round_trips;
    assert_eq!((trips.count, trips.max), (2, Span::from_millis(8)));
    assert_eq!(trips.min, Span::from_micros(11));
}

#[test]
fn bytes_in_flight() {
    let connection = only(&after_open(
        "+1ms C > S ACK len 700\n +1ms C > S ACK len 300\n +1ms S > C ACK ack 701",
    ));
    assert_eq!(connection.peer(Side::Client).in_flight, 300);
}

#[test]
fn what_was_negotiated() {
    let connection = only(
        "0 C > S SYN mss 1460 wscale 7 sackok ts 1 0\n +1ms S > C SYN-ACK mss 1400 wscale 7 sackok\n +1ms C > S ACK",
    );
    let agreed = connection.negotiated().expect("both SYNs were seen");
    let all = OptionsSeen::MSS | OptionsSeen::WINDOW_SCALE | OptionsSeen::SACK_PERMITTED;
    assert_eq!((agreed.options, agreed.ecn), (all, false));
    assert_eq!(
        connection
            .peer(Side::Server)
            .offer
            .and_then(|offer| offer.mss),
        Some(1400)
    );
}

/// RFC 9293 section 3.10.7.4: a segment without ACK is dropped.
#[test]
fn what_has_neither_syn_nor_rst_nor_ack_moves_nothing() {
    for flags in ["FIN-PSH-URG", "FIN", "PSH"] {
        let probe = only(&format!("0 C > S {flags} win 1024"));
        assert_eq!(probe.verdict().name(), "open", "{flags}");
        for side in [Side::Client, Side::Server] {
            let peer = probe.peer(side);
            assert_eq!((peer.state, peer.fin_frame), (None, None), "{flags}");
        }
    }
    let (changes, _) = run(&after_open("+1ms C > S FIN"));
    let change = changes.last().and_then(Option::as_ref).expect("a change");
    assert!(!change.client.changed() && !change.server.changed());
}

/// RFC 9293 section 3.10.7.1: to a segment without ACK, an end without a connection answers with RST-ACK and the number 0.
#[test]
fn a_reset_that_answers_what_was_dropped_ends_nothing() {
    for flags in ["none", "FIN-PSH-URG", "PSH len 5"] {
        check(
            &format!(
                "0     C > S {flags} win 1024    # - -
                 +10us S > C RST-ACK rawseq 0 # - CLOSED Resets
                 +1s   C > S {flags} win 1024 seq 1 # - CLOSED
                 +10us S > C RST-ACK rawseq 0 # - CLOSED Resets"
            ),
            "open",
        );
    }
    // Alone it may be about anything.
    check(
        "0 S > C RST-ACK rawseq 0 # CLOSED CLOSED Resets",
        "reset reset server",
    );
    // A SYN on these ports is a connection's beginning all the same.
    check(
        "0     C > S none win 1024
         +10us S > C RST-ACK rawseq 0 # - CLOSED
         +1s   C > S SYN rawseq 77    # SYN-SENT SYN-RECEIVED",
        "open; no_answer: no_answer",
    );
}

/// A SYN that was dropped at a full queue, or lost, moved no server: which of several arrived shows in hindsight.
#[test]
fn only_the_syn_that_was_answered_is_known_to_have_arrived() {
    let script = "
        0     C > S SYN
        +1s   C > S SYN seq 0
        +1s   C > S SYN seq 0
        +20us S > C SYN-ACK seq 0
        +20us C > S ACK seq 1
    ";
    let connection = only(script);
    assert_eq!(connection.syn_heard(), Some(3));
    let (changes, _) = run(script);
    let servers: Vec<_> = changes
        .into_iter()
        .flatten()
        .zip(1..)
        .map(|(mut change, frame)| {
            change.in_hindsight(&connection, frame);
            change.server.after.map_or("-", TcpState::name)
        })
        .collect();
    let received = "SYN-RECEIVED";
    assert_eq!(servers, ["-", "-", received, received, "ESTABLISHED"]);
    // A SYN that is repeated after its SYN-ACK had been heard before.
    let answered = only("0 C > S SYN\n +1ms S > C SYN-ACK\n +1s C > S SYN seq 0");
    assert_eq!(answered.syn_heard(), None);
}

// Bounds.

/// `count` SYNs from as many ports, a second apart.
fn syns(count: u16) -> String {
    let mut script = String::new();
    for port in 20000..20000 + count {
        let _ = writeln!(script, "client 10.0.0.1:{port}\n +1s C > S SYN");
    }
    script
}

fn tiny() -> Limits {
    Limits {
        memory: 0,
        ..Limits::default()
    }
}

#[test]
fn unanswered_syns_are_evicted_first_the_oldest_of_them_first() {
    let script = format!("{}{}", after_open(""), syns(100));
    let (_, connections) = run_with(&script, tiny());
    assert_eq!(connections.len(), 101);
    let evicted: Vec<_> = connections
        .iter()
        .filter(|c| c.evicted())
        .map(Connection::id)
        .collect();
    assert!(evicted.len() >= 101 - 64, "{evicted:?}");
    assert_eq!(evicted, (2..2 + evicted.len() as u32).collect::<Vec<_>>());
}

#[test]
fn a_syn_that_may_still_be_answered_outlasts_connections_that_ended() {
    let whole = |port: u16| {
        format!(
            "client 10.0.0.1:{port}\n server 10.0.0.2:80\n +1ms C > S SYN\n +1ms S > C SYN-ACK\n +1ms C > S ACK\n\
             +1ms C > S FIN-ACK\n +1ms S > C FIN-ACK\n +1ms C > S ACK\n"
        )
    };
    let script: String = (0..200).map(|n| whole(30000 + n)).collect();
    let (_, connections) = run_with(&script, tiny());
    assert_eq!(connections.len(), 200);
    for connection in &connections {
        assert_eq!(connection.verdict().name(), "closed", "{connection:?}");
    }
    assert!(connections.iter().any(Connection::evicted));
}

#[test]
fn evictions_before_the_end_are_counted_apart() {
    let unended = |script: &str| {
        let script = Script::parse(script).expect("a good script");
        let mut tracker = Tracker::new(tiny());
        for segment in script.segments() {
            let _ = tracker.segment(segment);
            while tracker.next_final().is_some() {}
        }
        (tracker.losses().evicted, tracker.losses().unended)
    };
    let (evicted, lost) = unended(&syns(100));
    assert!(evicted >= 100 - 64);
    assert_eq!(evicted, lost, "nothing answered them");
    let mut refused = String::new();
    for port in 20000..20100 {
        let _ = writeln!(
            refused,
            "client 10.0.0.1:{port}\n +1ms C > S SYN\n +1ms S > C RST-ACK"
        );
    }
    let (evicted, lost) = unended(&refused);
    assert!(evicted >= 100 - 64 && lost == 0, "{evicted} {lost}");
}

#[test]
fn then_ended_ones_and_then_the_longest_idle() {
    let open = |port: u16| {
        format!(
            "client 10.0.0.1:{port}\n server 10.0.0.2:80\n +1ms C > S SYN\n +1ms S > C SYN-ACK\n +1ms C > S ACK\n"
        )
    };
    let mut script: String = (0..64).map(|n| open(30000 + n)).collect();
    script.push_str(
        "+1ms S > C RST\n client 10.0.0.1:30000 isn 1000\n +1ms C > S PSH-ACK seq 1 len 5\n",
    );
    script.extend((0..2).map(|n| open(31000 + n)));
    let (_, connections) = run_with(&script, tiny());
    let evicted: Vec<_> = connections
        .iter()
        .filter(|c| c.evicted())
        .map(Connection::id)
        .collect();
    assert_eq!(evicted[..2], [64, 2], "{evicted:?}");
}

#[test]
fn late_segments_of_an_evicted_connection_are_counted_not_taken_for_a_new_one() {
    let script = Script::parse(&format!(
        "{}client 10.0.0.1:20000\n +1s C > S SYN\n +1s S > C SYN-ACK\n client 10.0.0.1:20000 isn 4\n +1s C > S SYN",
        syns(100)
    ))
    .expect("a good script");
    let mut tracker = Tracker::new(tiny());
    let changes: Vec<Change> = script
        .segments()
        .map(|segment| tracker.segment(segment))
        .collect();
    assert_eq!(tracker.losses().late_segments, 2);
    assert_eq!(changes[100].connection, 1);
    assert_eq!((changes[101].connection, changes[101].ack), (1, 1));
    assert_eq!(
        changes[102].connection, 101,
        "another ISN is another connection"
    );
    assert!(changes[102].begins && !changes[101].begins);
}

/// The same where nobody looks at what segments do: what is remembered of evicted connections is asked before a SYN is noted.
#[test]
fn a_late_syn_of_an_evicted_connection_is_noted_as_late() {
    let late = |isn: u32| {
        let script = format!(
            "{}client 10.0.0.1:20000 isn {isn}\n +1s C > S SYN",
            syns(100)
        );
        let script = Script::parse(&script).expect("a good script");
        let mut tracker = Tracker::new(tiny());
        let mut room = Change::default();
        let mut finals = 0;
        for segment in script.segments() {
            let hash = tracker.hasher().hash(&segment.tuple);
            tracker.note(segment, hash, &mut room);
            while tracker.next_final().is_some() {
                finals += 1;
            }
        }
        tracker.finish();
        while tracker.next_final().is_some() {
            finals += 1;
        }
        (tracker.losses().late_segments, finals)
    };
    assert_eq!(late(1000), (1, 100));
    assert_eq!(late(4), (0, 101), "another ISN is another connection");
}
