//! One capture: what the program says of it, held against each oracle.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::program::{self, Said};
use crate::table::{Row, Table};
use crate::tally::Tally;

/// The flags of a TCP header as JSON names them, from the lowest bit on.
const FLAGS: [&str; 8] = ["FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR"];
const ACK: u64 = 1 << 4;

/// The labels that Wireshark has a word for.
const WIRESHARK: [&str; 15] = [
    "retransmission",
    "fast_retransmission",
    "spurious_retransmission",
    "out_of_order",
    "lost_segment",
    "ack_lost_segment",
    "duplicate_ack",
    "zero_window",
    "zero_window_probe",
    "zero_window_probe_ack",
    "window_full",
    "window_update",
    "keep_alive",
    "keep_alive_ack",
    "reused_ports",
];

/// Link types under which IP is found without ado.
const USUAL: [&str; 8] = [
    "ether",
    "null",
    "loop",
    "rawip",
    "rawip4",
    "rawip6",
    "linux-sll",
    "linux-sll2",
];

/// A count that is called `C`, `G`, `T` or `W` in Zeek's history: checksums, gaps, retransmissions, closed windows.
const COUNTED: &str = "CcGgTtWw";

/// What is known of the captures as a whole.
pub(crate) struct Oracles {
    /// Captures of which some link type is unusual.
    unusual: HashSet<String>,
    /// Connections that Zeek logs, by capture.
    zeek: HashMap<String, Vec<Logged>>,
}

/// A connection as Zeek logs it.
struct Logged {
    ends: [String; 2],
    conn_state: String,
    history: String,
    /// Wrong checksums were ignored, as here. Where they were not, Zeek saw other packets.
    comparable: bool,
}

/// Frames are compared by what kind of capture they are in, for each kind has its own reasons to differ.
struct Capture<'a> {
    path: &'a Path,
    name: String,
    damaged: bool,
    fragmented: bool,
    usual: bool,
}

impl Oracles {
    pub(crate) fn read(folder: &Path) -> Self {
        let mut unusual = HashSet::new();
        Table::read(&folder.join("INDEX.tsv")).for_each(|row| {
            let is_usual = |link| USUAL.contains(&link);
            if !row.get("link_types").split([',', ' ']).all(is_usual) {
                unusual.insert(row.get("local_name").to_owned());
            }
        });
        let mut zeek: HashMap<_, Vec<_>> = HashMap::new();
        Table::read(&folder.join("zeek_conn.tsv")).for_each(|row| {
            let wanted = ["orig_h", "history"].map(|column| !row.get(column).is_empty());
            if row.get("proto") == "tcp" && row.get("ambiguous").is_empty() && wanted == [true; 2] {
                let name = row.get("local_name").to_owned();
                zeek.entry(name).or_default().push(Logged::read(row));
            }
        });
        Self { unusual, zeek }
    }

    /// Compares everything that is known of a capture.
    pub(crate) fn judge(&self, path: &Path, tally: &mut Tally) {
        let capture = Capture::new(path, &self.unusual);
        let said = match program::replay(path) {
            Ok(said) => said,
            Err(problem) => {
                tally.broken.push(format!("{}: {problem}", capture.name));
                return;
            }
        };
        let streams = capture.segments(&said, tally);
        if !capture.damaged {
            capture.completeness(&said, &streams, tally);
        }
        for logged in self.zeek.get(&capture.name).into_iter().flatten() {
            logged.judge(&capture.name, &said, tally);
        }
    }
}

impl<'a> Capture<'a> {
    fn new(path: &'a Path, unusual: &HashSet<String>) -> Self {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        Self {
            path,
            damaged: path
                .parent()
                .is_some_and(|folder| folder.ends_with("malformed")),
            fragmented: beside(path, "nodefrag.packets.tsv").exists(),
            usual: !unusual.contains(&*name),
            name: name.into_owned(),
        }
    }

    fn group(&self, tunnelled: bool) -> &'static str {
        match self {
            Self { damaged: true, .. } => "damaged",
            Self {
                fragmented: true, ..
            } => "fragmented",
            _ if tunnelled => "tunnelled",
            Self { usual: false, .. } => "other link",
            _ => "plain",
        }
    }

    /// Compares segment by segment. Returns which connection each of tshark's streams is.
    fn segments(&self, said: &Said, tally: &mut Tally) -> HashMap<String, u64> {
        let mut connections = HashMap::new();
        let mut streams = HashMap::new();
        Table::read(&beside(self.path, "packets.tsv")).for_each(|row| {
            // The rest is quoted in ICMP errors, is one of several segments in a frame, or has its header cut.
            let context = row.get("ctx");
            let flags = u64::from_str_radix(row.get("flags_hex").trim_start_matches("0x"), 16);
            let (Some(frame), Ok(flags)) = (row.number("frame"), flags) else {
                return;
            };
            if !["plain", "tunnel"].contains(&context) || row.get("len").is_empty() {
                return;
            }
            let group = self.group(context == "tunnel");
            let place = || format!("{} frame {frame}", self.name);
            let ours = said.segments.get(&frame);
            tally.check(group, "present", (ours.is_some(), true), place);
            let Some(ours) = ours else {
                return;
            };
            segment(ours, row, flags, group, &place, tally);
            let stream = row.get("tcp_stream").to_owned();
            let connection = ours["connection"].as_u64().unwrap_or_default();
            let known = *connections.entry(stream.clone()).or_insert(connection);
            let back = streams.entry(connection).or_insert_with(|| stream.clone());
            let (ours, theirs) = ((connection, back.clone()), (known, stream));
            tally.check(group, "connection", (ours, theirs), place);
        });
        connections
    }

    fn completeness(&self, said: &Said, streams: &HashMap<String, u64>, tally: &mut Tally) {
        let by_id: HashMap<_, _> = said
            .connections
            .iter()
            .map(|connection| (connection["id"].as_u64(), connection))
            .collect();
        Table::read(&beside(self.path, "conns.tsv")).for_each(|row| {
            let stream = row.get("tcp_stream");
            let ours = streams.get(stream).and_then(|id| by_id.get(&Some(*id)));
            if let (Some(ours), Some(theirs)) = (ours, row.number("completeness")) {
                let group = if self.usual { "plain" } else { "other link" };
                let values = (ours["completeness"].as_u64(), Some(theirs));
                let place = || format!("{} stream {stream}", self.name);
                tally.check(group, "completeness", values, place);
            }
        });
    }
}

/// Compares what a segment holds and what it is called.
fn segment(
    ours: &Value,
    row: &Row<'_>,
    flags: u64,
    group: &'static str,
    place: &dyn Fn() -> String,
    tally: &mut Tally,
) {
    for (column, port) in [("src", "sport"), ("dst", "dport")] {
        let theirs = endpoint(row.get(column), row.get(port));
        tally.check(group, column, (text(&ours[column]), theirs), place);
    }
    let mine = words(&ours["flags"]);
    let mine = FLAGS.iter().zip(0..).fold(0, |bits, (name, bit)| {
        bits | u64::from(mine.contains(name)) << bit
    });
    tally.check(group, "flags", (mine, flags & 0xff), place);
    let numbers = [
        ("len", "len", true),
        ("seq", "rel_seq", true),
        ("ack", "rel_ack", flags & ACK != 0),
        ("window", "win_scaled", !row.get("win_scaled").is_empty()),
    ];
    for (column, theirs, compared) in numbers {
        if compared {
            let values = (ours[column].as_u64(), row.number(theirs));
            tally.check(group, column, values, place);
        }
    }
    let theirs = as_printed(row.get("analysis").split(' ').collect());
    let mine = as_printed(words(&ours["labels"]));
    if !theirs.is_empty() {
        let values = (mine.clone(), theirs.clone());
        tally.check(group, "labels where any", values, place);
    }
    tally.check(group, "labels", (mine, theirs), place);
}

/// The labels that Wireshark prints, in order: the plain word for a retransmission only where there is no closer one.
fn as_printed(mut labels: Vec<&str>) -> Vec<&str> {
    let closer = ["fast_retransmission", "spurious_retransmission"];
    let has_closer = labels.iter().any(|label| closer.contains(label));
    labels.retain(|label| WIRESHARK.contains(label) && !(has_closer && *label == "retransmission"));
    labels.sort_unstable();
    labels
}

impl Logged {
    fn read(row: &Row<'_>) -> Self {
        let ends = [("orig_h", "orig_p"), ("resp_h", "resp_p")];
        Self {
            ends: ends.map(|(address, port)| endpoint(row.get(address), row.get(port))),
            conn_state: row.get("conn_state").to_owned(),
            history: row.get("history").to_owned(),
            comparable: row.get("zeek_cmd").contains("-C"),
        }
    }

    fn judge(&self, name: &str, said: &Said, tally: &mut Tally) {
        let place = || format!("{name} {} to {}", self.ends[0], self.ends[1]);
        let is_between = |connection: &&Value| {
            let ends = ["client", "server"].map(|end| text(&connection[end]));
            ends == self.ends || [&ends[1], &ends[0]] == [&self.ends[0], &self.ends[1]]
        };
        let found: Vec<_> = said.connections.iter().filter(is_between).collect();
        tally.check("zeek", "found", (!found.is_empty(), true), place);
        if found.is_empty() || !self.comparable {
            return;
        }
        // Ends may meet more than once; then it is enough that one of the connections is as logged.
        let mut compare = |column, key: &str, theirs: &str, left_out: &str| {
            let strip = |word: &str| word.replace(|letter| left_out.contains(letter), "");
            let ours: Vec<_> = found
                .iter()
                .map(|found| strip(&text(&found[key])))
                .collect();
            let theirs = strip(theirs);
            let best = if ours.contains(&theirs) {
                theirs.clone()
            } else {
                ours.join(" or ")
            };
            tally.check("zeek", column, (best, theirs), place);
        };
        if !["", "-"].contains(&self.conn_state.as_str()) {
            compare("conn_state", "conn_state", &self.conn_state, "");
        }
        compare("history", "history", &self.history, "");
        compare("history without C G T W", "history", &self.history, COUNTED);
    }
}

/// The table beside a capture.
fn beside(capture: &Path, ending: &str) -> PathBuf {
    let mut name = capture.as_os_str().to_owned();
    name.push(".");
    name.push(ending);
    name.into()
}

fn endpoint(address: &str, port: &str) -> String {
    if address.contains(':') {
        format!("[{address}]:{port}")
    } else {
        format!("{address}:{port}")
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn words(value: &Value) -> Vec<&str> {
    let items = value.as_array().map(Vec::as_slice).unwrap_or_default();
    items.iter().filter_map(Value::as_str).collect()
}
