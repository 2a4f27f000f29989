//! The quiz in docs/quiz.md has the right solutions: each is held against what the program says of the recording.

#[expect(dead_code, reason = "other tests use the rest")]
mod samples;

use std::collections::BTreeMap;
use std::fs;

use serde_json::Value;

/// A packet as the quiz tells it.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Packet {
    from: String,
    flags: String,
    seq: u64,
    /// `None` where the ACK bit is not set.
    ack: Option<u64>,
    bytes: u64,
    /// The client's state and the server's, after it.
    states: [String; 2],
}

#[test]
fn the_right_one_of_three_is_shown_by_its_packet() {
    let page = page();
    let questions = section(&page, "One of three is right");
    let solutions = rows(section(&page, "Solutions"));
    assert!(!solutions.is_empty());
    assert_eq!(questions.matches("\n   - a. ").count(), solutions.len());
    for (number, row) in (1..).zip(&solutions) {
        let [
            question,
            right,
            _,
            capture,
            at,
            from,
            flags,
            seq,
            ack,
            client,
            server,
        ] = &row[..]
        else {
            panic!("{row:?}");
        };
        assert_eq!(*question, number.to_string());
        assert!(["a", "b", "c"].contains(right), "{row:?}");
        let packets = packets(capture.trim_matches('`'));
        let packet = &packets[at.parse::<usize>().expect("a number") - 1];
        let told = Packet {
            bytes: packet.bytes,
            ..told([from, flags, seq, ack, "0", client, server])
        };
        assert_eq!(told, *packet, "question {number}");
    }
}

#[test]
fn the_blanks_are_filled_in_as_the_packets_are() {
    let page = page();
    let blanks: BTreeMap<&str, &str> = section(&page, "Solutions")
        .split_once("Blanks: ")
        .and_then(|(_, rest)| rest.split_once("\n\n"))
        .expect("a paragraph")
        .0
        .split('·')
        .filter_map(|pair| pair.trim().split_once(' '))
        .collect();
    let mut used = 0;
    let filled: Vec<Packet> = rows(section(&page, "Fill in the blanks"))
        .iter()
        .map(|row| {
            let cells: Vec<&str> = row[1..]
                .iter()
                .map(|cell| {
                    let blank = blanks.get(cell);
                    used += usize::from(blank.is_some());
                    *blank.unwrap_or(cell)
                })
                .collect();
            told(cells.try_into().expect("seven cells"))
        })
        .collect();
    assert_eq!(filled, packets("captures/handshake.pcapng"));
    assert_eq!(used, blanks.len(), "each blank is there once");
}

#[test]
fn the_orders_are_those_of_the_packets() {
    let page = page();
    let orders = section(&page, "Solutions")
        .split_once("Orders: ")
        .expect("a paragraph")
        .1;
    let questions = section(&page, "Put in order");
    let ordered: Vec<Vec<&str>> = (1..=3)
        .map(|number| {
            let question = after(questions, &format!("\n{number}. "));
            let named: BTreeMap<&str, &str> = question
                .split_once(":\n")
                .expect("what is to be put in order")
                .1
                .lines()
                .next()
                .expect("a line")
                .split('·')
                .map(|part| part.trim().trim_start_matches('(').split_once(") "))
                .map(|part| part.expect("a letter and what it stands for"))
                .collect();
            let letters = after(orders, &format!("{number}. "));
            let letters = letters.split(['·', '\n']).next().expect("letters");
            letters
                .split(',')
                .map(|letter| named[letter.trim()])
                .collect()
        })
        .collect();

    let four = packets("captures/four-packets.pcapng");
    let close = four[5..].iter();
    let close: Vec<String> = close
        .map(|packet| format!("{} from the {}", packet.flags, packet.from))
        .collect();
    assert_eq!(ordered[0], close);
    assert_eq!(
        ordered[1],
        states(&packets("captures/handshake.pcapng"), "LISTEN", 1)
    );
    assert_eq!(ordered[2], states(&four, "CLOSED", 0));
}

/// The states of one end, each once.
fn states(packets: &[Packet], before: &str, end: usize) -> Vec<String> {
    let after = packets.iter().map(|packet| packet.states[end].clone());
    let mut states: Vec<String> = [before.to_owned()].into_iter().chain(after).collect();
    states.dedup();
    states
}

/// A packet of the page: from, flags, seq, ack, bytes, client, server.
fn told([from, flags, seq, ack, bytes, client, server]: [&str; 7]) -> Packet {
    let number = |text: &str| text.parse().expect("a number");
    Packet {
        from: from.to_owned(),
        flags: flags.to_owned(),
        seq: number(seq),
        ack: (!ack.is_empty()).then(|| number(ack)),
        bytes: number(bytes),
        states: [client.to_owned(), server.to_owned()],
    }
}

/// What the program says of the packets of a capture.
fn packets(capture: &str) -> Vec<Packet> {
    let json = samples::printed(&["replay", capture, "--format", "json", "--only", "segments"]);
    json.lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("a line of JSON"))
        .filter(|line| line["type"] == "segment")
        .map(|line| {
            let text = |key: &str| line[key].as_str().expect("a text").to_owned();
            let number = |key: &str| line[key].as_u64().expect("a number");
            let flags: Vec<&str> = line["flags"]
                .as_array()
                .expect("flags")
                .iter()
                .filter_map(Value::as_str)
                .collect();
            let direction = text("direction");
            Packet {
                from: direction.split('_').next().expect("a word").to_owned(),
                seq: number("seq"),
                ack: flags.contains(&"ACK").then(|| number("ack")),
                flags: flags.join("-"),
                bytes: number("len"),
                states: [text("client_state"), text("server_state")],
            }
        })
        .collect()
}

fn page() -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/quiz.md");
    fs::read_to_string(path).expect("the page")
}

fn section<'a>(page: &'a str, heading: &str) -> &'a str {
    let rest = after(page, &format!("\n## {heading}\n"));
    rest.split_once("\n## ")
        .map_or(rest, |(section, _)| section)
}

fn after<'a>(text: &'a str, mark: &str) -> &'a str {
    text.split_once(mark)
        .unwrap_or_else(|| panic!("no {mark:?} in {text}"))
        .1
}

/// The cells of a table, without its heading.
fn rows(section: &str) -> Vec<Vec<&str>> {
    section
        .lines()
        .filter(|line| line.starts_with("| "))
        .skip(2)
        .map(|line| {
            let cells = line.trim_matches('|').split('|');
            cells.map(str::trim).collect()
        })
        .collect()
}
