//! Many connections become one page: counts, those in trouble by cause, and the rows of a table, each list bounded.

use std::collections::{BTreeMap, HashMap};

use super::overview::{
    CommonServer, ConnectionRow, Overview, Summary, TroubleGroup, TroubleRow, given_up_unended,
};
use super::trouble::{heading, meaning, what_happened};
use super::words::{Count, Number};
use super::{Totals, facts};
use crate::tcp::{Endpoint, Side};
use crate::time::Span;
use crate::track::{Connection, Opened, TroubleKind, Verdict};

/// Servers whose connections are counted, to find one that most of the trouble has in common. A scan over more than these
/// has no common server.
const SERVERS: usize = 4096;

/// A server is named as common from this share of the connections in trouble on.
const COMMON_PERCENT: u64 = 50;

/// The order of a table's rows.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, clap::ValueEnum)]
pub enum Sort {
    /// Those in trouble first, grouped by cause
    #[default]
    Trouble,
    /// By the first packet
    Start,
    /// The longest first
    Duration,
    /// The most payload bytes first
    Bytes,
    /// The longest wait for the other end first
    Wait,
    /// The most retransmissions first
    Retransmissions,
}

impl Sort {
    /// What stands first in this order, in words.
    #[must_use]
    pub const fn in_words(self) -> &'static str {
        match self {
            Self::Trouble => "those in trouble first",
            Self::Start => "in the order of their first packets",
            Self::Duration => "the longest first",
            Self::Bytes => "the most bytes first",
            Self::Wait => "the longest wait for the other end first",
            Self::Retransmissions => "the most retransmissions first",
        }
    }
}

/// Takes connections as they become final and makes a page of them.
#[derive(Debug)]
pub struct Digest {
    sort: Sort,
    most: usize,
    /// The rows of the table.
    rows: Best<ConnectionRow>,
    /// The rows of each trouble's group, and how many connections have it.
    groups: [(u64, Best<TroubleRow>); TroubleKind::ALL.len()],
    connections: u64,
    in_trouble: u64,
    by_trouble: [u64; TroubleKind::ALL.len()],
    others: [u64; Verdict::ALL.len()],
    joined: u64,
    servers: HashMap<Endpoint, (u64, u64), ahash::RandomState>,
    uncounted_servers: bool,
    longest_wait: Option<(Span, u32)>,
    bytes: [u64; 2],
    retransmissions: u64,
}

/// The best `most` of all that was offered, least key first.
#[derive(Debug)]
struct Best<T> {
    most: usize,
    kept: BTreeMap<(i64, u32), T>,
}

impl<T> Best<T> {
    fn new(most: usize) -> Self {
        Self {
            most,
            kept: BTreeMap::new(),
        }
    }

    /// Makes and keeps the value if it is among the best.
    fn offer(&mut self, key: (i64, u32), make: impl FnOnce() -> T) {
        if self.kept.len() >= self.most {
            match self.kept.last_key_value() {
                Some((worst, _)) if *worst > key => {
                    self.kept.pop_last();
                }
                _ => return,
            }
        }
        self.kept.insert(key, make());
    }

    fn into_values(self) -> Vec<T> {
        self.kept.into_values().collect()
    }
}

impl Digest {
    /// A page whose lists have at most `most` rows each.
    #[must_use]
    pub fn new(sort: Sort, most: usize) -> Self {
        Self {
            sort,
            most,
            rows: Best::new(most),
            groups: std::array::from_fn(|_| (0, Best::new(most))),
            connections: 0,
            in_trouble: 0,
            by_trouble: [0; TroubleKind::ALL.len()],
            others: [0; Verdict::ALL.len()],
            joined: 0,
            servers: HashMap::default(),
            uncounted_servers: false,
            longest_wait: None,
            bytes: [0; 2],
            retransmissions: 0,
        }
    }

    /// A connection that is final.
    pub fn add(&mut self, connection: &Connection) {
        self.connections += 1;
        for (sum, side) in self.bytes.iter_mut().zip([Side::Client, Side::Server]) {
            let counts = connection.peer(side).counts;
            *sum += counts.bytes;
            self.retransmissions += counts.retransmissions;
        }
        let troubles = connection.troubles();
        let worst = troubles.iter().min_by_key(|trouble| trouble.kind);
        self.rank(connection, worst.map(|trouble| trouble.kind));
        self.count_server(connection.endpoint(Side::Server), !troubles.is_empty());
        for trouble in &troubles {
            self.by_trouble[trouble.kind as usize] += 1;
        }
        let Some(worst) = worst else {
            self.healthy(connection);
            return;
        };
        self.in_trouble += 1;
        let (total, rows) = &mut self.groups[worst.kind as usize];
        *total += 1;
        rows.offer((0, connection.id()), || TroubleRow {
            id: connection.id(),
            began: connection.start(),
            client: connection.endpoint(Side::Client),
            server: connection.endpoint(Side::Server),
            lasted: connection.duration(),
            what: what_happened(connection, worst),
        });
    }

    fn healthy(&mut self, connection: &Connection) {
        let verdict = connection.verdict();
        if verdict == Verdict::Open && connection.opened() == Some(Opened::MidStream) {
            self.joined += 1;
        } else {
            self.others[verdict as usize] += 1;
        }
        if let Some(wait) = connection.longest_wait()
            && wait.owed_by.is_some()
            && self
                .longest_wait
                .is_none_or(|(longest, _)| wait.lasted > longest)
        {
            self.longest_wait = Some((wait.lasted, connection.id()));
        }
    }

    fn count_server(&mut self, server: Endpoint, in_trouble: bool) {
        if self.servers.len() >= SERVERS && !self.servers.contains_key(&server) {
            self.uncounted_servers = true;
            return;
        }
        let (all, bad) = self.servers.entry(server).or_default();
        *all += 1;
        *bad += u64::from(in_trouble);
    }

    fn rank(&mut self, connection: &Connection, worst: Option<TroubleKind>) {
        let count = |side| connection.peer(side).counts;
        let (client, server) = (count(Side::Client), count(Side::Server));
        let wait = || {
            connection
                .longest_wait()
                .map_or(Span::ZERO, |wait| wait.lasted)
        };
        let key = match self.sort {
            Sort::Trouble => worst.map_or(i64::MAX, |kind| kind as i64),
            Sort::Start => i64::from(connection.id()),
            Sort::Duration => -connection.duration().as_nanos(),
            Sort::Bytes => -(client.bytes.saturating_add(server.bytes) as i64),
            Sort::Wait => -wait().as_nanos(),
            Sort::Retransmissions => -((client.retransmissions + server.retransmissions) as i64),
        };
        let sort = self.sort;
        self.rows.offer((key, connection.id()), || ConnectionRow {
            id: connection.id(),
            client: connection.endpoint(Side::Client),
            server: connection.endpoint(Side::Server),
            verdict: connection.verdict().name(),
            client_bytes: client.bytes,
            server_bytes: server.bytes,
            lasted: connection.duration(),
            retransmissions: client.retransmissions + server.retransmissions,
            waited: (sort == Sort::Wait).then(wait),
            trouble: connection
                .troubles()
                .iter()
                .map(|trouble| trouble.kind.name())
                .collect(),
        });
    }

    /// How many connections there were so far.
    #[must_use]
    pub fn connections(&self) -> u64 {
        self.connections
    }

    /// The counts of the run.
    #[must_use]
    pub fn summary(&self, source: &str, totals: &Totals) -> Summary {
        Summary {
            source: source.to_owned(),
            frames: totals.frames,
            segments: totals.segments,
            skipped: totals.skipped.clone(),
            connections: totals.connections,
            by_verdict: totals.by_verdict.clone(),
            by_trouble: facts::occurred(TroubleKind::ALL.map(TroubleKind::name), &self.by_trouble),
            client_bytes: self.bytes[0],
            server_bytes: self.bytes[1],
            retransmissions: self.retransmissions,
            period: totals.period,
            evicted: totals.evicted,
            evicted_unended: totals.evicted_unended,
            capture_dropped: (totals.capture_dropped > 0).then_some(totals.capture_dropped),
            wire: totals.wire,
        }
    }

    /// The page, and the rows of the table of connections.
    #[must_use]
    pub fn overview(self, source: &str, totals: &Totals) -> (Overview, Vec<ConnectionRow>) {
        let hints = self.hints();
        let healthy = self.healthy_line();
        let others = self.other_words();
        let common_server = self.common_server();
        let in_groups = self
            .groups
            .iter()
            .filter(|(total, _)| *total > 0)
            .count()
            .max(1);
        // Every cause is shown, and the page stays about a screen.
        let share = (self.most / in_groups).max(3);
        let groups = TroubleKind::ALL
            .into_iter()
            .zip(self.groups)
            .filter(|(_, (total, _))| *total > 0)
            .map(|(kind, (total, rows))| {
                let mut rows = rows.into_values();
                rows.truncate(share);
                TroubleGroup {
                    heading: heading(kind).to_owned(),
                    total,
                    meaning: meaning(kind).to_owned(),
                    rows,
                }
            })
            .collect();
        let overview = Overview {
            source: source.to_owned(),
            connections: self.connections,
            packets: totals.frames,
            bytes: totals.bytes,
            gaps: gaps(totals),
            period: totals.period,
            in_trouble: self.in_trouble,
            others,
            common_server,
            groups,
            healthy,
            hints,
        };
        (overview, self.rows.into_values())
    }

    fn other_words(&self) -> Vec<(u64, String)> {
        let mut others: Vec<(u64, String)> = Verdict::ALL
            .into_iter()
            .zip(self.others)
            .filter(|(_, count)| *count > 0)
            .map(|(verdict, count)| {
                let words = match verdict {
                    Verdict::Open => "still open",
                    Verdict::HalfClosed => "half closed",
                    Verdict::NoAnswer => "without an answer",
                    other => other.name(),
                };
                (count, words.to_owned())
            })
            .collect();
        others.sort_by_key(|(count, _)| std::cmp::Reverse(*count));
        if self.joined > 0 {
            others.push((self.joined, "joined in the middle".to_owned()));
        }
        others
    }

    fn common_server(&self) -> Option<CommonServer> {
        if self.uncounted_servers || self.in_trouble < 2 || self.servers.len() < 2 {
            return None;
        }
        // Of several with as much trouble always the same one, whatever order the map has.
        let (server, (connections, in_trouble)) = self
            .servers
            .iter()
            .max_by_key(|(server, (_, bad))| (*bad, std::cmp::Reverse(**server)))?;
        (in_trouble * 100 >= self.in_trouble * COMMON_PERCENT).then_some(CommonServer {
            server: *server,
            in_trouble: *in_trouble,
            connections: *connections,
        })
    }

    fn healthy_line(&self) -> String {
        let Some((wait, id)) = self.longest_wait else {
            return String::new();
        };
        let others = self.connections - self.in_trouble;
        match (self.in_trouble, others) {
            (0, _) => format!("The longest wait for the other end was {wait} (#{id})."),
            (_, 1) => format!("In the other one the longest wait for a reply was {wait} (#{id})."),
            _ => {
                let others = Number(others);
                format!("Among the other {others} the longest wait for a reply was {wait} (#{id}).")
            }
        }
    }

    fn hints(&self) -> Vec<String> {
        let first = self.rows.kept.values().next().map(|row| row.id);
        let mut hints: Vec<String> = first
            .map(|id| format!("ladder: --connection {id}"))
            .into_iter()
            .collect();
        if self.connections > self.most as u64 {
            hints.push(format!("all {}: --all", Number(self.connections)));
        }
        if self.sort == Sort::Trouble && self.connections > 1 {
            hints.push("slowest first: --sort wait".to_owned());
        }
        hints
    }
}

/// What is known about packets that the capture missed, and connections that we gave up.
fn gaps(totals: &Totals) -> String {
    let mut words = match (totals.gaps, totals.capture_dropped) {
        // What one end has not seen the other one tells of.
        (_, 0) if let Some(wire) = totals.wire => wire.in_words(),
        (0, 0) => "no gaps in the capture".to_owned(),
        (0, dropped) => format!("{} dropped by the capture", Count(dropped, "packet")),
        (gaps, _) => format!("{} in the capture", Count(gaps, "gap")),
    };
    if totals.evicted_unended > 0 {
        words = format!("{words}, {}", given_up_unended(totals.evicted_unended));
    }
    words
}
