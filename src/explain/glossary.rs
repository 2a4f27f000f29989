//! The glossary: each word that a ladder, a table or JSON shows, in a sentence and in a paragraph.
//!
//! Comes in: a word as a reader types it, in any case, with spaces, dashes or underscores. Goes out: its [`Term`], or the
//! words that it may have been meant for. The words are those of the ladders; what they are called elsewhere finds them,
//! too.

/// A word and what it means.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Term {
    /// The word as ladders and JSON write it.
    pub name: &'static str,
    /// What else it is called.
    pub also: &'static [&'static str],
    /// Its meaning in one line.
    pub meaning: &'static str,
    /// What is worth knowing about it.
    pub text: &'static str,
    /// Words that lead on.
    pub see: &'static [&'static str],
    /// Where it is defined; empty where no RFC does.
    pub rfc: &'static str,
}

/// Words that are suggested for one that is not there: as many as fit in a line.
const SUGGESTIONS: usize = 5;

/// All terms, in the order of a lesson: the header, the opening, the states, loss, the window, trouble, the capture.
#[must_use]
pub const fn terms() -> &'static [Term] {
    TERMS
}

/// The term that is called `word`.
#[must_use]
pub fn look_up(word: &str) -> Option<&'static Term> {
    let wanted = folded(word);
    let is_called = |name: &str| folded(name) == wanted;
    let by_name = TERMS.iter().find(|term| is_called(term.name));
    by_name.or_else(|| {
        TERMS
            .iter()
            .find(|term| term.also.iter().any(|name| is_called(name)))
    })
}

/// The terms that `word` may have been meant for, the likeliest first; a few, or none.
#[must_use]
pub fn nearest(word: &str) -> Vec<&'static str> {
    let wanted = folded(word);
    let mut candidates: Vec<(usize, &'static str)> = TERMS
        .iter()
        .filter_map(|term| {
            let names = std::iter::once(&term.name).chain(term.also);
            let distance = names.map(|name| difference(&wanted, &folded(name))).min()?;
            Some((distance, term.name))
        })
        .collect();
    candidates.sort_by_key(|(distance, _)| *distance);
    // More than every second letter wrong is another word.
    let most = (wanted.chars().count() / 2).max(1);
    candidates
        .into_iter()
        .filter(|(distance, _)| *distance <= most)
        .map(|(_, name)| name)
        .take(SUGGESTIONS)
        .collect()
}

/// A word without what people write in different ways: case, spaces, dashes, underscores, brackets.
fn folded(word: &str) -> String {
    word.chars()
        .filter(|c| c.is_alphanumeric() || *c == '.')
        .flat_map(char::to_lowercase)
        .collect()
}

/// How different two words are: 0 or 1 where one contains the other, else letters to change, add or remove.
#[must_use]
pub fn difference(wanted: &str, name: &str) -> usize {
    if wanted.chars().count() >= 3 && name.contains(wanted) {
        return usize::from(!name.starts_with(wanted));
    }
    let mut row: Vec<usize> = (0..=name.chars().count()).collect();
    for (i, a) in wanted.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, b) in name.chars().enumerate() {
            let changed = diagonal + usize::from(a != b);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[row.len() - 1]
}

/// The table. A row that is a label, a verdict or a trouble says so first.
const TERMS: &[Term] = &[
    Term {
        name: "segment",
        also: &["packet"],
        meaning: "what TCP sends at a time: a header and, mostly, some bytes",
        text: "TCP cuts a stream of bytes into segments; each travels in an IP packet of its own, so that people say packet, too. Where one segment ends and the next begins means nothing to the programs: send() and recv() need not match it.",
        see: &["sequence number", "MSS", "offload"],
        rfc: "RFC 9293 section 3.7",
    },
    Term {
        name: "SYN",
        also: &["synchronize"],
        meaning: "the control bit that opens: it tells the other end where the sender's numbers begin",
        text: "The first packet of each end carries SYN and its initial sequence number. The SYN takes that number for itself, so that it can be acknowledged like a byte; the first byte has the next one.",
        see: &["ISN", "SYN-ACK", "handshake", "SYN-SENT"],
        rfc: "RFC 9293 section 3.4.1",
    },
    Term {
        name: "SYN-ACK",
        also: &[],
        meaning: "the answer to a SYN: it acknowledges the SYN and opens the other direction",
        text: "Its acknowledgment number is the SYN's number plus one, which proves that the answer belongs to this SYN and not to an old one. It carries the answering end's own initial sequence number.",
        see: &["SYN", "ACK", "handshake", "SYN-RECEIVED"],
        rfc: "RFC 9293 section 3.5",
    },
    Term {
        name: "ACK",
        also: &["acknowledgment", "acknowledgement", "acknowledgment number"],
        meaning: "everything before this number has arrived; it is the one expected next",
        text: "Every packet of a connection except the first SYN and some resets carries the ACK bit and an acknowledgment number. It is cumulative: ack 14 says that all numbers before 14 are there. It says nothing about whether the program has read them.",
        see: &["sequence number", "duplicate ACK", "delayed ACK", "SACK"],
        rfc: "RFC 9293 section 3.4",
    },
    Term {
        name: "FIN",
        also: &["finish"],
        meaning: "the control bit that closes one direction: no more bytes from this end",
        text: "A FIN takes a number after the last byte, so that it can be acknowledged and repeated. It closes only the direction of its sender; the other end may go on sending until it sends a FIN, too.",
        see: &[
            "half-close",
            "three-packet close",
            "FIN-WAIT-1",
            "TIME-WAIT",
        ],
        rfc: "RFC 9293 section 3.6",
    },
    Term {
        name: "RST",
        also: &["reset"],
        meaning: "the control bit that ends a connection at once, without agreement; as a verdict: it ended so",
        text: "A reset is sent where no connection fits an arriving segment, and by an end that gives up: a socket closed with unread data in it, or with SO_LINGER 0. It is never acknowledged. A receiver obeys it if its number lies in the window; with RFC 5961, as on Linux, only if it is the one expected.",
        see: &["refused", "challenge ACK", "aborted", "reset_after_idle"],
        rfc: "RFC 9293 sections 3.5.2 and 3.5.3; RFC 5961 section 3.2",
    },
    Term {
        name: "PSH",
        also: &["push"],
        meaning: "the control bit that asks to hand the bytes to the program without delay",
        text: "A sender sets it on the last segment it has bytes for, usually at the end of what one send() gave. It is no mark between messages: the receiver may read more or less in one call.",
        see: &["segment", "Nagle"],
        rfc: "RFC 9293 section 3.9.1.2",
    },
    Term {
        name: "URG",
        also: &["urgent", "urgent pointer"],
        meaning: "the control bit that says: there is urgent data up to the urgent pointer",
        text: "The pointer, added to the sequence number, is the number after the urgent data. Stacks disagree about details and middleboxes remove it, so new programs should not use it.",
        see: &["PSH"],
        rfc: "RFC 9293 section 3.8.5; RFC 6093",
    },
    Term {
        name: "control bits",
        also: &["flags"],
        meaning: "SYN, ACK, FIN, RST, PSH, URG, ECE and CWR: the bits that say what a segment is for",
        text: "They are written with dashes, as in SYN-ACK and PSH-ACK. After the first SYN every segment of a connection except some resets has ACK. Combinations that no connection uses, such as none at all or SYN with FIN, come from scanners.",
        see: &["SYN", "ACK", "FIN", "RST", "port scan"],
        rfc: "RFC 9293 section 3.1",
    },
    Term {
        name: "sequence number",
        also: &["seq"],
        meaning: "the number of a segment's first byte; every byte has its own",
        text: "Numbers have 32 bits and go on at 0 after 4294967295. SYN and FIN take one each. This program shows them relative to the initial number, so that the first byte is 1; --raw-seq shows the real ones.",
        see: &["ISN", "ACK", "wrap"],
        rfc: "RFC 9293 section 3.4",
    },
    Term {
        name: "ISN",
        also: &["initial sequence number", "ISS", "IRS"],
        meaning: "the number an end begins to count from, different each time",
        text: "It is taken from a clock plus a secret hash of addresses and ports, so that nobody can guess it and old packets do not fit into a new connection on the same ports.",
        see: &["sequence number", "SYN"],
        rfc: "RFC 9293 section 3.4.1",
    },
    Term {
        name: "wrap",
        also: &["wraparound"],
        meaning: "sequence numbers go on at 0 after 4294967295",
        text: "All comparisons are made modulo 2^32, so that the wrap harms nothing. At high rates numbers come round again within seconds; timestamps then tell old segments from new ones (PAWS).",
        see: &["sequence number", "timestamps"],
        rfc: "RFC 9293 section 3.4; RFC 7323 section 5",
    },
    Term {
        name: "port",
        also: &[],
        meaning: "a number from 1 to 65535 that says which socket of a host a segment is for",
        text: "Servers wait on a port that clients know, such as 80 or 443; clients take an ephemeral one. Both addresses and both ports together name a connection.",
        see: &["socket", "ephemeral port", "LISTEN"],
        rfc: "RFC 9293 section 3.1; RFC 6335",
    },
    Term {
        name: "socket",
        also: &["endpoint"],
        meaning: "an address and a port; in programs, the handle of one end of a connection",
        text: "A connection is a pair of sockets, so one server port can hold many connections at a time, each with another client address or port.",
        see: &["port", "LISTEN", "self_connect"],
        rfc: "RFC 9293 section 4",
    },
    Term {
        name: "ephemeral port",
        also: &[],
        meaning: "a port that the system picks for a client, for one connection",
        text: "Linux takes 32768 to 60999 by default, the registry suggests 49152 to 65535. A pair of ports that was used a moment ago may come again; see port reuse.",
        see: &["port", "reused_ports", "TIME-WAIT"],
        rfc: "RFC 6335 section 6; RFC 6056",
    },
    Term {
        name: "checksum",
        also: &[],
        meaning: "16 bits over header, data and addresses that show damage on the way",
        text: "On loopback, and where the network card computes it, a capture on the sending host sees it before it is filled in. That is offload and no error.",
        see: &["offload", "loopback"],
        rfc: "RFC 9293 section 3.1",
    },
    Term {
        name: "window",
        also: &["receive window", "rwnd"],
        meaning: "how many bytes an end has room for beyond what it acknowledges",
        text: "Each segment carries it. The sender may have at most that many bytes under way, so that a slow reader slows the sender down: flow control. The field has 16 bits; with window scale it is multiplied.",
        see: &[
            "window scale",
            "zero window",
            "window update",
            "window_full",
        ],
        rfc: "RFC 9293 section 3.8.6",
    },
    Term {
        name: "window scale",
        also: &["wscale", "scale factor", "window scaling"],
        meaning: "an option of SYNs: later windows of this end are multiplied by a power of two",
        text: "Shift 10 means: multiply by 1024. It is used only if both SYNs have the option, each end with its own shift of at most 14. A capture without the SYNs cannot know it.",
        see: &["window", "SYN"],
        rfc: "RFC 7323 section 2",
    },
    Term {
        name: "MSS",
        also: &["maximum segment size"],
        meaning: "an option of SYNs: the largest segment that this end can take",
        text: "It counts data and TCP options, not the fixed headers: 1460 on Ethernet with IPv4, 65495 on the loopback interface of Linux. Each end names its own; without it 536 bytes (IPv6: 1220) are assumed.",
        see: &["segment", "offload", "MTU"],
        rfc: "RFC 9293 section 3.7.1",
    },
    Term {
        name: "MTU",
        also: &["path MTU"],
        meaning: "the largest IP packet that a link can carry: 1500 bytes on Ethernet",
        text: "The smallest MTU on the way limits segments. When a router says that a packet is too big (ICMP) and a firewall drops that message, large segments vanish while small ones pass.",
        see: &["MSS", "path_dead"],
        rfc: "RFC 9293 section 3.7.2",
    },
    Term {
        name: "SACK",
        also: &[
            "selective acknowledgment",
            "selective ACK",
            "sack_permitted",
        ],
        meaning: "an option that says which bytes beyond the acknowledgment number have arrived",
        text: "So the sender repeats only what is missing. An end reports so only if the other one's SYN permits it; mostly both do. Ranges are shown inclusive here (2897–4344); in the header the right edge is the number after.",
        see: &["ACK", "duplicate ACK", "D-SACK", "fast_retransmission"],
        rfc: "RFC 2018",
    },
    Term {
        name: "D-SACK",
        also: &["duplicate_sack", "duplicate SACK", "DSACK"],
        meaning: "a first SACK block about bytes that arrived twice",
        text: "It tells the sender that a repeat was not needed, or that the network made a copy. Though its acknowledgment number is often the same as before, it reports nothing that arrived for the first time, and so counts as no duplicate ACK (RFC 6675 section 2).",
        see: &["SACK", "spurious_retransmission"],
        rfc: "RFC 2883 section 4",
    },
    Term {
        name: "timestamps",
        also: &["TSval", "TSecr", "PAWS"],
        meaning: "an option that carries the sender's clock and echoes the other's",
        text: "It measures round trips, even of repeated segments, and lets a receiver throw away old segments whose numbers have come round (PAWS). It is used only if both SYNs have it.",
        see: &["RTT", "wrap", "TIME-WAIT"],
        rfc: "RFC 7323 section 3",
    },
    Term {
        name: "Fast Open",
        also: &["TFO", "fast_open", "cookie"],
        meaning: "data in the SYN, for clients that show a cookie from an earlier connection",
        text: "The cookie proves that the client's address is real. It saves a round trip. The server may ignore the data; they are then sent again after the handshake.",
        see: &["tfo_syn", "tfo_accepted", "tfo_ignored", "SYN"],
        rfc: "RFC 7413",
    },
    Term {
        name: "tfo_syn",
        also: &[],
        meaning: "label: a SYN with a Fast Open cookie, mostly with data",
        text: "The client used a cookie that this server gave it before.",
        see: &["Fast Open", "tfo_accepted", "tfo_ignored"],
        rfc: "RFC 7413 section 4.2.2",
    },
    Term {
        name: "tfo_accepted",
        also: &[],
        meaning: "label: the SYN-ACK acknowledges the data of the SYN, too",
        text: "Its acknowledgment number lies beyond the SYN. The server's program could answer before the handshake was complete.",
        see: &["Fast Open", "tfo_ignored"],
        rfc: "RFC 7413 section 4.2.2",
    },
    Term {
        name: "tfo_ignored",
        also: &[],
        meaning: "label: the SYN-ACK acknowledges the SYN and not its data",
        text: "The cookie was not valid any more, or Fast Open is off there. The client sends the data again; nothing is lost but the time saved.",
        see: &["Fast Open", "tfo_accepted"],
        rfc: "RFC 7413 section 4.2.2",
    },
    Term {
        name: "ECN",
        also: &["explicit congestion notification", "ECE", "CWR", "AccECN"],
        meaning: "routers mark packets instead of dropping them, and TCP reports the marks",
        text: "ECE and CWR on a SYN ask for it, ECE alone on the SYN-ACK agrees. Later ECE says that a marked packet arrived, CWR that the sender has slowed down. Accurate ECN counts the marks instead.",
        see: &["CE", "congestion window"],
        rfc: "RFC 3168; RFC 9768",
    },
    Term {
        name: "CE",
        also: &["congestion experienced"],
        meaning: "the mark in the IP header that a congested router sets instead of dropping the packet",
        text: "The receiver echoes it with ECE, and the sender slows down as if the packet had been lost, without having to send it again.",
        see: &["ECN"],
        rfc: "RFC 3168 section 5",
    },
    Term {
        name: "MPTCP",
        also: &["multipath TCP", "MP_CAPABLE", "MP_JOIN"],
        meaning: "one connection over several paths, each of which looks like a TCP connection",
        text: "MP_CAPABLE in the SYN offers it, MP_JOIN adds a path. What is one connection for the programs is several for an observer.",
        see: &["SYN"],
        rfc: "RFC 8684",
    },
    Term {
        name: "user timeout",
        also: &["UTO"],
        meaning: "an option that tells how long unacknowledged data may wait before the connection is given up",
        text: "It is rarely seen; the socket option TCP_USER_TIMEOUT works without it.",
        see: &["RTO", "path_dead"],
        rfc: "RFC 5482",
    },
    Term {
        name: "handshake",
        also: &["three-way handshake", "3WHS"],
        meaning: "SYN, SYN-ACK, ACK: each end learns that the other has its initial sequence number",
        text: "Three packets are the fewest in which both ends can know that. On common systems the kernel does it before the program calls accept(). Opened in this way is what this program calls opened: handshake.",
        see: &["SYN", "SYN-ACK", "ACK", "backlog", "RTT"],
        rfc: "RFC 9293 section 3.5",
    },
    Term {
        name: "simultaneous open",
        also: &["simultaneous", "simultaneous_open"],
        meaning: "both ends send a SYN before they have the other's; one connection comes of it",
        text: "Each answers the crossing SYN with a SYN-ACK of its own. It takes two programs that connect to each other at the same time from fixed ports.",
        see: &["handshake", "self_connect", "split"],
        rfc: "RFC 9293 section 3.5, figure 7",
    },
    Term {
        name: "split",
        also: &["split handshake"],
        meaning: "a SYN-ACK in two pieces: first an ACK of the SYN, then a SYN",
        text: "The SYN-ACK is these two in one. A client that follows the RFC drops the mere ACK and answers the SYN as in a simultaneous open; hardly any server does it.",
        see: &["handshake", "simultaneous open"],
        rfc: "RFC 9293 sections 3.4.1 and 3.10.7.3",
    },
    Term {
        name: "self_connect",
        also: &["self-connect"],
        meaning: "a socket that is connected to itself",
        text: "A program connects to a port of its own host that nobody listens on, and the system picks that same port as the ephemeral one. The SYN comes back to its sender, which takes it for a simultaneous open.",
        see: &["simultaneous open", "ephemeral port"],
        rfc: "RFC 9293 section 3.5, figure 7",
    },
    Term {
        name: "mid_stream",
        also: &["joined in the middle"],
        meaning: "the capture begins after the connection was opened",
        text: "Without the SYNs neither the initial numbers nor window scale nor the roles are known: numbers count from the first byte seen, and who is the client is judged by the ports.",
        see: &["window scale", "ISN"],
        rfc: "",
    },
    Term {
        name: "connect",
        also: &["connect()"],
        meaning: "the client's call: sends a SYN and, unless told otherwise, waits for the answer",
        text: "It returns when the SYN-ACK has come, that is before the server's program knows anything. ECONNREFUSED means that a RST came back, ETIMEDOUT that nothing did.",
        see: &["SYN", "refused", "no_answer"],
        rfc: "RFC 9293 section 3.9.1.1",
    },
    Term {
        name: "accept",
        also: &["accept()"],
        meaning: "the server's call: fetches a connection whose handshake is done",
        text: "The kernel completes handshakes by itself as long as there is room in the queue; accept() may come much later, and the client may have sent data by then.",
        see: &["backlog", "handshake"],
        rfc: "",
    },
    Term {
        name: "backlog",
        also: &["accept queue", "listen queue"],
        meaning: "how many finished connections may wait for accept()",
        text: "When the queue is full Linux ignores further SYNs, and the ACK that would complete a handshake (with tcp_abort_on_overflow it resets instead): SYN or SYN-ACK are repeated, and clients open slowly. ss -ltn shows the queue as Recv-Q and its limit as Send-Q.",
        see: &["accept", "slow_open", "no_answer", "SYN flood"],
        rfc: "",
    },
    Term {
        name: "SYN flood",
        also: &[],
        meaning: "many SYNs, often from forged addresses, whose handshakes are never completed",
        text: "Each would take a place in the server's queue. SYN cookies help against it.",
        see: &["SYN cookies", "unfinished", "backlog"],
        rfc: "RFC 4987",
    },
    Term {
        name: "SYN cookies",
        also: &["syncookies"],
        meaning: "a SYN-ACK whose number encodes the connection, so that the server need not remember the SYN",
        text: "The client's ACK brings the number back and proves that its address is real. Options of the SYN survive only in part.",
        see: &["SYN flood", "ISN", "backlog"],
        rfc: "RFC 4987 section 3.6",
    },
    Term {
        name: "port scan",
        also: &["SYN scan", "NULL scan", "Xmas scan"],
        meaning: "packets that find out which ports answer",
        text: "A SYN scan breaks off after the SYN-ACK. A NULL scan has no control bit, an Xmas scan FIN, PSH and URG: a closed port should answer with RST, an open one should not answer at all.",
        see: &["aborted", "refused", "control bits"],
        rfc: "RFC 9293 section 3.10.7",
    },
    Term {
        name: "refused",
        also: &["connection refused", "ECONNREFUSED"],
        meaning: "verdict: a RST or an ICMP error answered the SYN",
        text: "Nobody listens on that address and port, or a firewall says so on the host's behalf. connect() fails at once.",
        see: &["RST", "no_answer", "CLOSED"],
        rfc: "RFC 9293 section 3.5.2",
    },
    Term {
        name: "no_answer",
        also: &["no answer", "filtered", "ETIMEDOUT"],
        meaning: "verdict: SYNs from one side and nothing came back",
        text: "A firewall drops them, the host is away, the server's queue is full, or the capture saw one direction only. The client repeats its SYN and gives up, on Linux after about two minutes; the RFC asks for three.",
        see: &["refused", "SYN", "backoff", "backlog"],
        rfc: "RFC 9293 section 3.8.3",
    },
    Term {
        name: "aborted",
        also: &[],
        meaning: "verdict: SYN-ACK seen, and a RST before the handshake was complete",
        text: "A SYN scan looks like this, and a client that gives up while the answer is under way.",
        see: &["port scan", "RST", "unfinished"],
        rfc: "RFC 9293 section 3.5.3",
    },
    Term {
        name: "unfinished",
        also: &["embryonic"],
        meaning: "verdict: SYN-ACK seen, but no ACK that completes the handshake",
        text: "Many from many addresses are a SYN flood. A single one is a lost ACK, a client that went away, or the end of the capture.",
        see: &["SYN flood", "aborted", "SYN-RECEIVED"],
        rfc: "",
    },
    Term {
        name: "half-open",
        also: &[],
        meaning: "one end has lost the connection, by a crash or a restart, and the other does not know",
        text: "It shows as soon as the other one sends something: the answer is a RST. Until then both may be silent for days, which is what keep-alives are for.",
        see: &["RST", "keep-alive", "SYN-SENT"],
        rfc: "RFC 9293 section 3.5.1",
    },
    Term {
        name: "open",
        also: &[],
        meaning: "verdict: the connection is open and nobody has closed it",
        text: "It goes on, or the capture ended before it did.",
        see: &["half_closed", "closed"],
        rfc: "",
    },
    Term {
        name: "half_closed",
        also: &["half-close", "half-closed", "shutdown"],
        meaning: "one direction is closed by a FIN, the other still open; as a verdict: at the end of the capture",
        text: "shutdown() in the sending direction does it on purpose: the client says that its request is complete and reads the reply.",
        see: &["FIN", "CLOSE-WAIT", "FIN-WAIT-2"],
        rfc: "RFC 9293 section 3.6.1",
    },
    Term {
        name: "LISTEN",
        also: &[],
        meaning: "state: waits for SYNs on a port",
        text: "A program made it with listen(). Each SYN that is answered makes a connection of its own; the listening socket stays.",
        see: &["SYN", "backlog", "SYN-RECEIVED"],
        rfc: "RFC 9293 section 3.3.2",
    },
    Term {
        name: "SYN-SENT",
        also: &[],
        meaning: "state: has sent a SYN and waits for the answer",
        text: "The client is here while connect() waits. A socket that stays here gets no answer: packets are dropped, or the host is away.",
        see: &["SYN", "no_answer"],
        rfc: "RFC 9293 section 3.3.2",
    },
    Term {
        name: "SYN-RECEIVED",
        also: &["SYN-RCVD"],
        meaning: "state: has received a SYN, answered it, and waits for the ACK",
        text: "Many sockets in this state are a SYN flood, or a path that loses what the server sends.",
        see: &["SYN-ACK", "SYN flood", "unfinished"],
        rfc: "RFC 9293 section 3.3.2",
    },
    Term {
        name: "ESTABLISHED",
        also: &[],
        meaning: "state: open; bytes may flow in both directions",
        text: "The client reaches it when the SYN-ACK arrives, the server half a round trip later, when the ACK does.",
        see: &["handshake", "open"],
        rfc: "RFC 9293 section 3.3.2",
    },
    Term {
        name: "FIN-WAIT-1",
        also: &[],
        meaning: "state: has sent its FIN and waits for the ACK of it",
        text: "What the other end still sends is still received.",
        see: &["FIN", "FIN-WAIT-2", "CLOSING"],
        rfc: "RFC 9293 section 3.3.2",
    },
    Term {
        name: "FIN-WAIT-2",
        also: &[],
        meaning: "state: its FIN is acknowledged; waits for the FIN of the other end",
        text: "The other end's program has not closed yet. Linux gives up after 60 s if the own program has closed its socket altogether.",
        see: &["half_closed", "CLOSE-WAIT", "TIME-WAIT"],
        rfc: "RFC 9293 section 3.3.2",
    },
    Term {
        name: "CLOSE-WAIT",
        also: &[],
        meaning: "state: has received a FIN; its own program has not closed yet",
        text: "It lasts as long as the program wants. Many sockets that stay here mean that a program forgets to close.",
        see: &["FIN", "half_closed", "LAST-ACK"],
        rfc: "RFC 9293 section 3.3.2",
    },
    Term {
        name: "CLOSING",
        also: &[],
        meaning: "state: both ends have sent a FIN, and its own is not acknowledged yet",
        text: "Only a simultaneous close leads here.",
        see: &["simultaneous close", "TIME-WAIT"],
        rfc: "RFC 9293 section 3.3.2",
    },
    Term {
        name: "LAST-ACK",
        also: &[],
        meaning: "state: closed second, and waits for the ACK of its FIN",
        text: "When that ACK comes nothing is left: this end needs no TIME-WAIT.",
        see: &["CLOSE-WAIT", "CLOSED"],
        rfc: "RFC 9293 section 3.3.2",
    },
    Term {
        name: "TIME-WAIT",
        also: &[],
        meaning: "state: closed first, everything is done; waits in case its last ACK was lost",
        text: "The end that closes first stays here for twice the maximum segment lifetime, 60 s on Linux, so that it can repeat the ACK and so that late copies disturb no new connection on the same ports. It is normal and costs little.",
        see: &["2MSL", "FIN", "reused_ports"],
        rfc: "RFC 9293 section 3.6.1; RFC 6191; RFC 1337",
    },
    Term {
        name: "CLOSED",
        also: &[],
        meaning: "state: no connection; as a verdict: both FINs are acknowledged",
        text: "A port without any socket is in this state, too: it answers a SYN with RST. The verdict closed is the good end: everything that was sent has arrived, in both directions.",
        see: &["refused", "FIN", "TIME-WAIT"],
        rfc: "RFC 9293 section 3.3.2",
    },
    Term {
        name: "2MSL",
        also: &["MSL", "maximum segment lifetime"],
        meaning: "twice the longest time that a segment may live in the network",
        text: "The RFC takes two minutes for one lifetime; Linux waits 60 s in all.",
        see: &["TIME-WAIT"],
        rfc: "RFC 9293 section 3.4.2",
    },
    Term {
        name: "three-packet close",
        also: &["four-way close", "FIN-ACK"],
        meaning: "FIN-ACK, FIN-ACK, ACK: the second end closes at once, so that its ACK and its FIN share a packet",
        text: "If its program closes later, the ACK goes first and the FIN follows: four packets. Both are right.",
        see: &["FIN", "half_closed"],
        rfc: "RFC 9293 section 3.6, figure 12",
    },
    Term {
        name: "simultaneous close",
        also: &[],
        meaning: "both ends send a FIN before they have the other's",
        text: "Both go through CLOSING and both stay in TIME-WAIT.",
        see: &["CLOSING", "FIN", "TIME-WAIT"],
        rfc: "RFC 9293 section 3.6, figure 13",
    },
    Term {
        name: "reused_ports",
        also: &["port reuse", "ports reused", "SO_REUSEADDR"],
        meaning: "label: a new connection on a pair of addresses and ports that was used before",
        text: "The SYN has another initial number. It is normal when the old connection is over; clients that connect in a loop run through all ephemeral ports.",
        see: &["TIME-WAIT", "ephemeral port", "ISN"],
        rfc: "RFC 9293 section 3.6.1; RFC 6191",
    },
    Term {
        name: "challenge ACK",
        also: &["challenge_ack"],
        meaning: "label: an ACK that answers a suspicious RST or SYN instead of obeying it",
        text: "A forger would have to guess the exact number. A peer that has really lost the connection answers the challenge with a RST that fits.",
        see: &["RST", "SYN"],
        rfc: "RFC 5961 sections 3.2 and 4.2",
    },
    Term {
        name: "RTT",
        also: &["round-trip time", "initial RTT"],
        meaning: "from a segment to its acknowledgment, there and back",
        text: "A capture measures it from its own place: beside the server, SYN to SYN-ACK looks short and SYN-ACK to ACK long. Their sum is the whole round trip wherever the capture was made.",
        see: &["RTO", "handshake", "timestamps"],
        rfc: "RFC 6298 section 3",
    },
    Term {
        name: "RTO",
        also: &["retransmission timeout", "retransmission timer", "timer"],
        meaning: "how long a sender waits for an ACK before it sends again",
        text: "It follows the round-trip times: the smoothed one plus four times their variation. The RFC wants at least 1 s; on Linux what is added is at least 200 ms. Before the first measurement, as for a SYN, it is 1 s.",
        see: &["RTT", "backoff", "retransmission"],
        rfc: "RFC 6298 section 2",
    },
    Term {
        name: "backoff",
        also: &["back-off", "exponential backoff"],
        meaning: "each time the timer runs out for the same bytes, the next wait is twice as long",
        text: "1, 2, 4, 8 s and so on, so that a full network is not made fuller. Linux from 6.5 on repeats a SYN five times at intervals of a second before it begins to double.",
        see: &["RTO", "retransmission", "no_answer"],
        rfc: "RFC 6298 section 5",
    },
    Term {
        name: "retransmission",
        also: &["RETRANS", "retransmit"],
        meaning: "label: sends again what was sent before",
        text: "Because the timer ran out, or because ACKs show that it is missing. Why cannot be seen in the packet itself; this program infers it from what came before, and says so.",
        see: &[
            "RTO",
            "fast_retransmission",
            "spurious_retransmission",
            "tail_loss_probe",
        ],
        rfc: "RFC 6298 section 5",
    },
    Term {
        name: "fast_retransmission",
        also: &["fast retransmit", "FAST-RETRANS", "fast retransmission"],
        meaning: "label: repeated because ACKs show that it is missing, without waiting for the timer",
        text: "Three duplicate ACKs, or as much that SACK reports beyond the hole, are taken for proof; newer senders also go by the time since it was sent.",
        see: &["duplicate ACK", "SACK", "retransmission"],
        rfc: "RFC 5681 section 3.2; RFC 6675; RFC 8985",
    },
    Term {
        name: "spurious_retransmission",
        also: &["SPURIOUS-RETRANS", "spurious retransmission"],
        meaning: "label: repeated although it had been acknowledged",
        text: "The ACK was lost, or was slower than the sender's timer. It harms little, but many of them show a timer that is too short or a path that reorders.",
        see: &["retransmission", "D-SACK", "RTO"],
        rfc: "RFC 2883; RFC 5682",
    },
    Term {
        name: "DELIVERED-TWICE",
        also: &["delivered twice", "network duplicate", "doubled packet"],
        meaning: "the network delivered one packet twice: it was sent once",
        text: "Both times its IP identification is the same, and whoever sends something again numbers the packet anew. The receiver knows by the sequence numbers that it has these bytes. The label is a retransmission's, for that is what other tools call it.",
        see: &["retransmission", "D-SACK", "capture_duplicate"],
        rfc: "RFC 9293 section 3.10.7.4",
    },
    Term {
        name: "tail loss probe",
        also: &["tail_loss_probe", "TLP", "TAIL-PROBE"],
        meaning: "label: the last segment again, early, to provoke an ACK",
        text: "When the last packets of a burst are lost no later packet can show it. After two round trips the sender repeats the last one, or sends a new one, and the ACK tells what is missing. With a single packet under way it waits longer, for its ACK may be delayed.",
        see: &["retransmission", "RTO", "SACK"],
        rfc: "RFC 8985 section 7",
    },
    Term {
        name: "duplicate ACK",
        also: &["duplicate_ack", "DUP-ACK", "dup ACK"],
        meaning: "label: the same acknowledgment number again, with nothing else new",
        text: "Something arrived, but not what is due: a packet was lost, or overtaken. From the third on the sender takes it for lost.",
        see: &["fast_retransmission", "SACK", "out_of_order"],
        rfc: "RFC 5681 section 2",
    },
    Term {
        name: "out of order",
        also: &["out_of_order", "OUT-OF-ORDER", "reordering"],
        meaning: "label: arrived after packets that were sent later",
        text: "Packets may take different paths. The receiver keeps the later bytes and hands nothing to its program until the hole is filled.",
        see: &["duplicate ACK", "retransmission", "SACK"],
        rfc: "RFC 5681 section 2; RFC 8985",
    },
    Term {
        name: "lost_segment",
        also: &["lost segment", "GAP BEFORE"],
        meaning: "label: bytes before this segment were not seen",
        text: "They were lost, they come later, or the capture missed them. What the receiver acknowledges next tells which.",
        see: &["capture_gap", "ack_lost_segment", "retransmission"],
        rfc: "",
    },
    Term {
        name: "ack_lost_segment",
        also: &["acked unseen segment"],
        meaning: "label: acknowledges bytes that the capture never saw",
        text: "They were delivered, so the capture is incomplete, or saw one direction only.",
        see: &["capture_gap", "lost_segment"],
        rfc: "",
    },
    Term {
        name: "congestion window",
        also: &["cwnd", "slow start", "congestion control"],
        meaning: "how much a sender dares to have under way, by its own judgment of the path",
        text: "It grows with each ACK and shrinks at loss. It stands in no packet, so that an observer only sees its effect.",
        see: &["window", "ECN", "RTO"],
        rfc: "RFC 5681",
    },
    Term {
        name: "bytes in flight",
        also: &["in flight", "outstanding"],
        meaning: "sent and not acknowledged yet",
        text: "The smaller of the receive window and the congestion window limits it.",
        see: &["window", "congestion window", "ACK"],
        rfc: "RFC 5681 section 2",
    },
    Term {
        name: "zero window",
        also: &["zero_window", "ZERO-WIN", "receiver_full", "receiver full"],
        meaning: "label: the receive window is 0; as trouble: it stayed so for long",
        text: "The receiver's buffer is full because its program does not read, so that the sender has to wait. Look at the program on the side that sends window 0.",
        see: &["window", "zero_window_probe", "window update"],
        rfc: "RFC 9293 section 3.8.6",
    },
    Term {
        name: "zero_window_probe",
        also: &[
            "window probe",
            "WINDOW-PROBE",
            "zero-window probe",
            "persist timer",
        ],
        meaning: "label: asks whether a closed window has opened",
        text: "The message that it has opened could be lost, and would not be repeated. Linux probes with an empty segment with an old number, others with a byte; the pauses grow.",
        see: &["zero window", "zero_window_probe_ack", "window update"],
        rfc: "RFC 9293 section 3.8.6.1",
    },
    Term {
        name: "zero_window_probe_ack",
        also: &[],
        meaning: "label: answers a zero-window probe: still no room",
        text: "As long as such answers come the sender keeps the connection.",
        see: &["zero_window_probe", "zero window"],
        rfc: "RFC 9293 section 3.8.6.1",
    },
    Term {
        name: "window_full",
        also: &["WIN-FULL", "window full"],
        meaning: "label: this segment reaches the last byte that the receiver has room for",
        text: "The sender has to stop until there is more room. It is the moment before a zero window, or a window that is too small for the path.",
        see: &["window", "zero window", "window scale"],
        rfc: "RFC 9293 section 3.8.6",
    },
    Term {
        name: "window update",
        also: &["window_update", "WIN-UPDATE"],
        meaning: "label: an ACK that only says that the window changed",
        text: "A program has read, so that there is more room.",
        see: &["window", "zero window"],
        rfc: "RFC 9293 section 3.8.6.2.2",
    },
    Term {
        name: "keep-alive",
        also: &["keep_alive", "KEEP-ALIVE", "keepalive"],
        meaning: "label: asks whether a silent peer is still there",
        text: "It repeats the number before the next one, so that a living peer must answer with an ACK. It is off unless a program asks for it, and by default comes after two hours.",
        see: &["keep_alive_ack", "reset_after_idle"],
        rfc: "RFC 9293 section 3.8.4",
    },
    Term {
        name: "keep_alive_ack",
        also: &[],
        meaning: "label: answers a keep-alive: still here",
        text: "No answer to several in a row means that the peer is gone.",
        see: &["keep-alive"],
        rfc: "RFC 9293 section 3.8.4",
    },
    Term {
        name: "Nagle",
        also: &["Nagle algorithm", "TCP_NODELAY"],
        meaning: "small pieces wait while earlier bytes are unacknowledged",
        text: "It joins many small writes into one segment. Together with delayed ACK it can cost 40 ms a request; TCP_NODELAY switches it off.",
        see: &["delayed ACK", "PSH"],
        rfc: "RFC 9293 section 3.7.4",
    },
    Term {
        name: "delayed ACK",
        also: &["quick ACK"],
        meaning: "the receiver waits a moment with its ACK, hoping to send data with it",
        text: "Less than half a second, 40 to 200 ms on Linux, and at least every second full segment is acknowledged at once.",
        see: &["ACK", "Nagle"],
        rfc: "RFC 9293 section 3.8.6.3",
    },
    Term {
        name: "server_silent",
        also: &["server silent"],
        meaning: "trouble: a request was acknowledged, and no reply came for long",
        text: "The quick ACK shows that the request arrived, so that the path is fine and the server's program is slow or stuck.",
        see: &["client_silent", "ACK"],
        rfc: "",
    },
    Term {
        name: "client_silent",
        also: &["client silent"],
        meaning: "trouble: the client owed the next byte and sent nothing for long",
        text: "The server waited for a request, or for the rest of one.",
        see: &["server_silent"],
        rfc: "",
    },
    Term {
        name: "path_dead",
        also: &["path dead"],
        meaning: "trouble: data sent again and again, and never acknowledged",
        text: "The route or the host is gone, or large packets are dropped where small ones pass.",
        see: &["retransmission", "backoff", "MTU"],
        rfc: "RFC 9293 section 3.8.3",
    },
    Term {
        name: "slow_open",
        also: &["slow open"],
        meaning: "trouble: the handshake took far longer than later round trips, or SYNs had to be repeated",
        text: "A SYN or SYN-ACK was lost, or the server's queue was full.",
        see: &["handshake", "backlog", "backoff"],
        rfc: "",
    },
    Term {
        name: "reset_after_idle",
        also: &["reset after idle"],
        meaning: "trouble: a RST after a long silence",
        text: "A NAT, a load balancer or a server had forgotten the connection while nothing was sent. Keep-alives that come more often than its time-out prevent it.",
        see: &["RST", "keep-alive"],
        rfc: "",
    },
    Term {
        name: "heavy_loss",
        also: &["heavy loss"],
        meaning: "trouble: a large share of the segments had to be sent again",
        text: "A bad link, a full queue, a policer. Throughput falls sharply from a few per cent on.",
        see: &["retransmission", "congestion window"],
        rfc: "",
    },
    Term {
        name: "loopback",
        also: &["lo", "localhost"],
        meaning: "the interface by which a host talks to itself",
        text: "Packets never leave the kernel, so that they are large (MSS 65495 on Linux), fast (microseconds), without real checksums, and both addresses are the same. localhost is two addresses, 127.0.0.1 and ::1.",
        see: &["MSS", "checksum", "offload"],
        rfc: "",
    },
    Term {
        name: "offload",
        also: &["TSO", "GSO", "GRO", "LRO"],
        meaning: "the network card, or a late step in the kernel, cuts and joins segments",
        text: "A capture on the host sees segments that are larger than any packet on the wire, and checksums that are not filled in yet.",
        see: &["MSS", "checksum", "segment"],
        rfc: "",
    },
    Term {
        name: "snaplen",
        also: &["snapshot length"],
        meaning: "how many bytes of each packet a capture keeps",
        text: "What is cut off is missing in the file; lengths are still known from the IP header.",
        see: &["pcap"],
        rfc: "",
    },
    Term {
        name: "pcap",
        also: &["pcapng", "capture"],
        meaning: "a file of captured packets, each with its time",
        text: "pcap is the older form, pcapng the one that can hold several interfaces and comments. This program reads both, also compressed.",
        see: &["snaplen", "capture_gap"],
        rfc: "",
    },
    Term {
        name: "capture_gap",
        also: &["capture gap", "CAPTURE MISSED SOME"],
        meaning: "label: the capture missed packets that were delivered",
        text: "Proof is an ACK of bytes that were never captured. The network is not to blame.",
        see: &["ack_lost_segment", "lost_segment", "pcap"],
        rfc: "",
    },
    Term {
        name: "capture_duplicate",
        also: &["CAPTURED TWICE", "capture duplicate"],
        meaning: "label: the capture recorded the same packet twice",
        text: "On both sides of a switch or on two interfaces. It was sent once, and counts once.",
        see: &["pcap", "retransmission"],
        rfc: "",
    },
    Term {
        name: "conn_state",
        also: &["history", "Zeek"],
        meaning: "Zeek's two words about a connection: a code such as SF or S0, and a letter for each kind of packet",
        text: "In the history capital letters are the originator's: S SYN, H SYN-ACK, A ACK, D data, F FIN, R RST, and so on, each as it first occurs.",
        see: &["completeness"],
        rfc: "",
    },
    Term {
        name: "completeness",
        also: &["tcp.completeness"],
        meaning: "Wireshark's sum of what was seen: 1 SYN, 2 SYN-ACK, 4 ACK, 8 data, 16 FIN, 32 RST",
        text: "31 is a whole connection with data that was closed by FIN.",
        see: &["conn_state"],
        rfc: "",
    },
    Term {
        name: "inferred",
        also: &[],
        meaning: "concluded from other packets, not seen",
        text: "A capture sees what passes one place. What the ends do with it, and why they send again, has to be concluded; sentences that do so say inferred.",
        see: &["mid_stream", "RTT"],
        rfc: "",
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tcp::{Labels, TcpState};
    use crate::track::{Opened, TroubleKind, Verdict};

    #[test]
    fn every_word_of_the_output_is_explained() {
        let words = Labels::all_names()
            .iter()
            .copied()
            .chain(Verdict::ALL.map(Verdict::name))
            .chain(Opened::ALL.map(Opened::name))
            .chain(TroubleKind::ALL.map(TroubleKind::name));
        for word in words {
            assert!(look_up(word).is_some(), "{word}");
        }
        for state in TcpState::ALL {
            let name = state.to_string();
            assert_eq!(look_up(&name).map(|term| term.name), Some(name.as_str()));
        }
    }

    #[test]
    fn references_lead_somewhere_else() {
        for term in terms() {
            assert!(!term.see.is_empty(), "{}", term.name);
            for word in term.see {
                let found = look_up(word).map(|found| found.name);
                assert!(
                    found.is_some_and(|name| name != term.name),
                    "{}: {word}",
                    term.name
                );
            }
        }
    }

    #[test]
    fn a_word_has_one_meaning() {
        for term in terms() {
            for name in term.also {
                assert_eq!(look_up(name), Some(term), "{name}");
            }
        }
    }

    #[test]
    fn meanings_fit_a_line() {
        for term in terms() {
            assert!(term.meaning.chars().count() <= 110, "{}", term.name);
            assert!(
                !term.meaning.ends_with('.') && term.text.ends_with('.'),
                "{}",
                term.name
            );
        }
    }

    #[test]
    fn spelling_does_not_matter_and_mistakes_are_forgiven() {
        for word in ["time-wait", "TIME_WAIT", "Time Wait", "timewait"] {
            assert_eq!(look_up(word).map(|term| term.name), Some("TIME-WAIT"));
        }
        assert_eq!(look_up("connect()").map(|term| term.name), Some("connect"));
        assert_eq!(look_up("warp speed"), None);
        assert_eq!(nearest("timewat").first(), Some(&"TIME-WAIT"));
        assert!(nearest("retrans").contains(&"retransmission"));
        assert!(nearest("windw").contains(&"window"));
        assert_eq!(nearest("qqqqqqqq"), Vec::<&str>::new());
    }
}
