//! Stories made by hand, as `explain` would tell them.

use handshake_watch::explain::{Arrow, Conclusion, Line, Step, Story, Title, Tone, Weight};
use handshake_watch::render::Plural;
use handshake_watch::tcp::{Direction, Endpoint, Flags, Preview, TcpState};
use handshake_watch::time::{Span, Timestamp};

/// 2026-11-22 02:57:03 UTC.
const BEGIN: Timestamp = Timestamp::new(1_795_316_223, 238_266_000);

/// An endpoint on this host.
pub(crate) fn local(port: u16) -> Endpoint {
    Endpoint {
        address: "127.0.0.1".parse().expect("a literal address"),
        port,
    }
}

/// An ordinary step at the beginning of a connection.
pub(crate) fn step(
    frame: u64,
    direction: Direction,
    flags: Flags,
    name: &str,
    numbers: &str,
) -> Step {
    Step {
        frame,
        connection: 1,
        time: BEGIN,
        after: Span::ZERO,
        delta: Span::ZERO,
        direction,
        flags,
        arrow: Arrow {
            name: name.to_owned(),
            numbers: numbers.to_owned(),
            tags: Vec::new(),
            line: Line::Plain,
        },
        client: None,
        server: None,
        heading: None,
        brief: "a clause".to_owned(),
        routine: false,
        full: String::new(),
        details: String::new(),
        weight: Weight::Frame,
        preview: Preview::default(),
        len: 0,
    }
}

/// A story of these steps.
pub(crate) fn story(steps: Vec<Step>) -> Story {
    Story {
        title: Title {
            id: 1,
            client: local(52126),
            client_role: "client",
            server: local(1712),
            server_role: "server",
            remark: format!("on lo, {}", Plural(steps.len() as u64, "packet")),
        },
        client_before: Some(TcpState::Closed),
        server_before: Some(TcpState::Listen),
        steps,
        conclusion: Conclusion {
            tone: Tone::Neutral,
            word: "open",
            text: String::new(),
            advice: None,
        },
    }
}

/// Puts steps at these microseconds after the first.
fn timed(mut steps: Vec<Step>, micros: &[i64]) -> Vec<Step> {
    let mut previous = Span::ZERO;
    for (step, micros) in steps.iter_mut().zip(micros) {
        step.after = Span::from_micros(*micros);
        step.delta = step.after - previous;
        step.time = BEGIN + step.after;
        previous = step.after;
    }
    steps
}

/// The first drawing: a handshake, 13 bytes, three packets to close.
pub(crate) fn plain_exchange() -> Story {
    use Direction::{ClientToServer as C, ServerToClient as S};
    use TcpState::{
        CloseWait, Closed, Established, FinWait1, LastAck, SynReceived, SynSent, TimeWait,
    };
    const NONE: Option<TcpState> = None;
    let ack = Flags::ACK;
    let rows = [
        (
            C,
            Flags::SYN,
            "SYN",
            "seq 0",
            Some(SynSent),
            Some(SynReceived),
        ),
        (
            S,
            Flags::SYN | ack,
            "SYN-ACK",
            "seq 0, ack 1",
            Some(Established),
            NONE,
        ),
        (C, ack, "ACK", "ack 1", NONE, Some(Established)),
        (C, Flags::PSH | ack, "PSH-ACK", "1–13", NONE, NONE),
        (S, ack, "ACK", "ack 14", NONE, NONE),
        (
            C,
            Flags::FIN | ack,
            "FIN-ACK",
            "seq 14",
            Some(FinWait1),
            Some(CloseWait),
        ),
        (
            S,
            Flags::FIN | ack,
            "FIN-ACK",
            "seq 1, ack 15",
            Some(TimeWait),
            Some(LastAck),
        ),
        (C, ack, "ACK", "ack 2", NONE, Some(Closed)),
    ];
    let briefs = [
        "asks to open; the SYN takes number 0, so the first byte will be 1",
        "agrees (ack 1: send 1 next), opens its side; connect() can return",
        "open both ways; kernels did it, accept() need not have been called",
        "sends 13 bytes",
        "the server's kernel has 1–13; whether its program read them: unknown",
        "no more bytes from the client; the FIN takes number 14",
        "closes too; ack 15 = got the FIN: one packet for both, so 3, not 4",
        "the server is done",
    ];
    let steps = rows
        .into_iter()
        .zip(briefs)
        .enumerate()
        .map(
            |(index, ((direction, flags, name, numbers, client, server), brief))| {
                let mut step = step(index as u64 + 1, direction, flags, name, numbers);
                (step.client, step.server) = (client, server);
                step.brief = brief.into();
                step
            },
        )
        .collect();
    let mut steps = timed(steps, &[0, 11, 23, 46, 50, 57, 174, 187]);
    steps[0].heading = Some("open: three-way handshake, 23 µs".to_owned());
    steps[0].details = "mss 65495, sack, wscale 10, window 65495".into();
    steps[3].routine = true;
    steps[7].routine = true;
    steps[3].heading = Some("data".to_owned());
    steps[3].preview = Preview::of(b"Hello server!");
    steps[3].len = 13;
    steps[3].weight = Weight::Bulk;
    steps[4].weight = Weight::Bulk;
    steps[5].heading = Some("close: by the client, three packets, 130 µs".to_owned());
    let mut story = story(steps);
    story.conclusion = Conclusion {
        tone: Tone::Good,
        word: "closed",
        text: "13 bytes to the server, 0 back; the client closed first, in FIN-ACK, FIN-ACK, ACK. \
               Its end stays in TIME-WAIT (60 s on Linux); that is normal."
            .to_owned(),
        advice: None,
    };
    story
}

/// The second drawing: a connection that is refused.
pub(crate) fn refused() -> Story {
    use Direction::{ClientToServer as C, ServerToClient as S};
    let mut syn = step(1, C, Flags::SYN, "SYN", "seq 0");
    syn.client = Some(TcpState::SynSent);
    syn.brief = "asks to open port 1712".into();
    let mut reset = step(2, S, Flags::RST | Flags::ACK, "RST-ACK", "ack 1");
    reset.client = Some(TcpState::Closed);
    reset.arrow.line = Line::Heavy;
    reset.weight = Weight::Trouble;
    reset.brief = "the kernel there answers \"nobody listens\"; ack 1 ties it to line 1 \
                   (a reset for a closed port has the real sequence number 0: RFC 9293)"
        .into();
    let mut story = story(timed(vec![syn, reset], &[0, 9]));
    story.title.client = local(52100);
    story.title.server_role = "no server";
    story.server_before = Some(TcpState::Closed);
    story.conclusion = Conclusion {
        tone: Tone::Bad,
        word: "refused",
        text: "connect() fails with ECONNREFUSED, \"Connection refused\". The host was reached, and it \
               (or a firewall that answers for it) said no. Silence would be \"no_answer\"."
            .to_owned(),
        advice: Some("Is the server running, on this address and port?  Try: ss -ltn".to_owned()),
    };
    story
}
