//! What goes by the book: segments that surprise no analyst, which are nearly all, and take a short way.
//!
//! Four analysts look at every segment: the machines, our own judge, Wireshark's rules and Zeek's. As long as a connection
//! opens with SYN, SYN-ACK and ACK, sends every byte in order and once, acknowledges only what was sent, and closes with
//! FINs, all of them remember the same few numbers. Then only the machines' are kept, and beside them a [`Page`] for each
//! end. The first segment that does not go by the book makes up the analysts' memories from that
//! ([`Connection::analysts`]), and they judge it as if they had been there all the time. When it has passed and they
//! agree again, the short way is open again, and where nothing is left of it, their memories are given up.
//!
//! The short way decides nothing by rules of its own: it takes only segments for which each analyst's rules give no
//! label and no more than the changes that are made here. The tests track everything on both ways and compare.

mod way;

use arrayvec::ArrayVec;

use super::connection::Connection;
use super::labels::{Acknowledged, Copies, Judge, Ring, smoothed};
use super::machine::{Crossing, End, Known};
use super::observe::Met;
use super::wireshark::{self, Analysis, Completeness, Scale};
use super::zeek::{self, Letters, Record};
use crate::tcp::{Flags, OptionsSeen, Segment, SeqNumber, Side, TcpState};
use crate::time::{Span, Timestamp};

/// Letters of Zeek's history when everything goes by the book: SYN, ACK, data and FIN of each end, once.
pub(super) const LETTERS: usize = 8;

/// More payload than this, or more of it under way, does not go by the book: beyond half of the number space it cannot be
/// told which of two numbers is later, and this leaves room for both.
pub(super) const MANY: u32 = 1 << 30;

/// What all know of an end in an orderly conversation. It has sent no FIN, or its state would be another.
const AT_REST: Known = Known::BASE
    .union(Known::SENT)
    .union(Known::ACKED)
    .union(Known::ACKS);

/// Wireshark takes the number 0 for "not yet", and so does not treat it as others.
pub(super) const NOT_YET: SeqNumber = SeqNumber(0);

/// Control bits that a segment by the book may have beside the ones that matter.
pub(super) const ANY_WAY: Flags = Flags::PSH.union(Flags::URG).union(Flags::AE);

/// Options that tell an analyst something that outlasts the segment.
pub(super) const TELLING: OptionsSeen = OptionsSeen::SACK.union(OptionsSeen::SACK_PERMITTED);

/// Those who judge segments, each with what it remembers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Analysts {
    pub(super) judge: Judge,
    pub(super) wireshark: Analysis,
    pub(super) zeek: Record,
}

/// What analysts remember of one end that the machine does not.
#[derive(Clone, Debug)]
pub(super) struct Page {
    /// Its latest segments that took up numbers.
    pub(super) sent: Ring,
    /// Its latest segments, for copies of them.
    pub(super) copies: Copies,
    /// The frame in which it first sent the acknowledgment number that it sent last.
    pub(super) ack_frame: u64,
    /// When its latest number was sent.
    pub(super) next_time: Timestamp,
    /// Smoothed time from its segments to their acknowledgments; zero until known.
    pub(super) round_trip: Span,
    /// Segments in a row that were never fully acknowledged.
    pub(super) unacknowledged: u16,
    /// Its last window field.
    pub(super) window: u16,
    /// Letters of Zeek's history that were written for it.
    pub(super) letters: Letters,
    /// How its window field is scaled.
    pub(super) scale: Scale,
    /// It sent a SYN and no ACK after it, so that its window was not scaled yet.
    pub(super) first_ack_due: bool,
}

/// What analysts remember of a connection beside its ends, while there are no analysts.
#[derive(Clone, Debug)]
pub(super) struct Book {
    /// Counted from the end that sent the first segment, as analysts do.
    pub(super) pages: [Page; 2],
    /// Zeek's history.
    pub(super) history: ArrayVec<u8, LETTERS>,
    /// Wireshark's `tcp.completeness`.
    pub(super) completeness: Completeness,
    /// Which end sent the last segment.
    pub(super) last_from: u8,
    /// The numbers of the machines and the pages are up to date, and the analysts' are not.
    pub(super) open: bool,
}

/// What all analysts agree on, in the numbering of ends that they use.
#[derive(Debug)]
pub(super) struct Outline {
    pub(super) ends: [OutlineEnd; 2],
    pub(super) history: ArrayVec<u8, LETTERS>,
    pub(super) completeness: Completeness,
    /// Time and frame of the first segment.
    pub(super) start: Timestamp,
    pub(super) first_frame: u64,
    /// Time of the SYN-ACK.
    pub(super) answered: Timestamp,
    /// Time of the first ACK without SYN.
    pub(super) first_ack: Option<Timestamp>,
    /// Time of the last segment, and which end sent it.
    pub(super) last: Timestamp,
    pub(super) last_from: u8,
}

/// One end of it.
#[derive(Debug)]
pub(super) struct OutlineEnd {
    /// It was seen to send.
    pub(super) started: bool,
    /// It understands SACK.
    pub(super) sack: bool,
    /// ISS, or one less than the first number.
    pub(super) base: SeqNumber,
    /// The number after the last one it sent.
    pub(super) next: SeqNumber,
    /// The highest acknowledgment of what it sent.
    pub(super) acked: Option<SeqNumber>,
    /// The acknowledgment number that it sent last.
    pub(super) says: Option<SeqNumber>,
    /// The number of its FIN.
    pub(super) fin: Option<SeqNumber>,
}

impl Default for Page {
    fn default() -> Self {
        Self {
            sent: Ring::default(),
            copies: Copies::default(),
            ack_frame: 0,
            next_time: Timestamp::default(),
            round_trip: Span::ZERO,
            unacknowledged: 0,
            window: 0,
            letters: Letters::empty(),
            scale: Scale::UNKNOWN,
            first_ack_due: false,
        }
    }
}

impl Page {
    /// When its last segment was captured.
    pub(super) fn last_time(&self) -> Timestamp {
        self.copies.last_time()
    }
}

impl Book {
    /// Nothing written yet.
    pub(super) fn new() -> Self {
        Self {
            pages: [Page::default(), Page::default()],
            history: ArrayVec::new_const(),
            completeness: Completeness::empty(),
            last_from: 0,
            open: true,
        }
    }
}

impl Analysts {
    /// Nothing seen yet.
    pub(super) fn new(wireshark: Analysis) -> Box<Self> {
        Box::new(Self {
            judge: Judge::new(),
            wireshark,
            zeek: Record::new(),
        })
    }

    /// What they remember when everything went by the book so far, but for the segments that were sent.
    fn by_the_book(outline: &Outline, pages: &[Page; 2]) -> Self {
        Self {
            judge: Judge::by_the_book(outline, pages),
            wireshark: Analysis::by_the_book(outline, pages),
            zeek: Record::by_the_book(outline, pages),
        }
    }

    /// Whether the next segment by the book leaves nothing behind but what they all agree on.
    fn agree(&self, outline: &Outline) -> bool {
        self.judge.agrees(outline)
            && self.wireshark.agrees(outline)
            && self.zeek.agrees(outline)
            && (0..2).all(|from| self.judge.latest(from) == self.wireshark.latest(from))
    }
}

impl Connection {
    /// The analysts, with their memories up to date. From now on theirs count, until the connection
    /// [settles down](Self::settle_down).
    pub(super) fn analysts(&mut self) -> &mut Analysts {
        if !self.book.open {
            return self
                .analysts
                .get_or_insert_with(|| Analysts::new(Analysis::new()));
        }
        let outline = self.outline();
        let pages = &mut self.book.pages;
        self.book.open = false;
        let mut analysts = match self.analysts.take() {
            Some(mut analysts) => {
                analysts.judge.catch_up(&outline, pages);
                analysts.wireshark.catch_up(&outline, pages);
                analysts.zeek.catch_up(&outline, pages);
                analysts
            }
            None if outline.ends.iter().any(|end| end.started) => {
                Box::new(Analysts::by_the_book(&outline, pages))
            }
            None => Analysts::new(Analysis::new()),
        };
        analysts.judge.take_sent(pages);
        self.analysts.insert(analysts)
    }

    /// What Wireshark remembers of it.
    pub(super) fn wireshark(&mut self) -> Analysis {
        self.analysts().wireshark.clone()
    }

    /// It begins with something that Wireshark knew before.
    pub(super) fn begin_with(&mut self, wireshark: Analysis) {
        self.analysts = Some(Analysts::new(wireshark));
        self.book.open = false;
    }

    /// Whether Wireshark takes a SYN for the first segment of another connection.
    pub(super) fn is_new_conversation(&self, segment: &Segment, from: usize) -> bool {
        if let Some(analysts) = &self.analysts {
            return analysts.wireshark.is_new_conversation(segment, from);
        }
        let end = &self.outline().ends[from];
        end.started && segment.seq != end.base
    }

    /// After a segment that did not go by the book: whether the next one can, because all analysts agree again. If they
    /// remember nothing else besides, they are given up.
    pub(super) fn settle_down(&mut self) {
        if !self.is_at_rest() {
            return;
        }
        let mut outline = self.outline();
        let Some(analysts) = self.analysts.as_mut() else {
            return;
        };
        if !analysts.agree(&outline) {
            return;
        }
        let pages = &mut self.book.pages;
        analysts.wireshark.hand_over(pages);
        analysts.judge.hand_over(pages);
        analysts.zeek.hand_over(pages);
        self.book.last_from = analysts.judge.last_from();
        self.book.open = true;
        let Some(history) = analysts.zeek.short_history() else {
            return;
        };
        outline.history = history;
        outline.completeness = analysts.wireshark.seen_so_far();
        outline.last_from = self.book.last_from;
        if self.first_sender == Side::Client && **analysts == Analysts::by_the_book(&outline, pages)
        {
            self.book.history = outline.history;
            self.book.completeness = outline.completeness;
            self.analysts = None;
        }
    }

    /// Whether the machines are in the middle of an orderly conversation.
    fn is_at_rest(&self) -> bool {
        let [client, server] = &self.machine.ends;
        let at_rest = |end: &End, peer: &End| {
            end.state == Some(TcpState::Established)
                && end.known.contains(AT_REST)
                && (end.known.contains(Known::SYN_ACKED) || !end.known.contains(Known::SYN))
                && end.sent.is_whole()
                && peer.expects == end.una
                && end.una != end.base
                && end.nxt().relative_to(end.una) <= MANY
        };
        self.machine.crossing != Crossing::Split
            && !self.is_self()
            && at_rest(client, server)
            && at_rest(server, client)
            && self.opening.is_timed()
    }

    /// What Zeek would remember; there are no analysts.
    pub(super) fn zeek_by_the_book(&self) -> Record {
        Record::by_the_book(&self.outline(), &self.book.pages)
    }

    fn outline(&self) -> Outline {
        let end = |from: usize| {
            let side = if from == 0 {
                self.first_sender
            } else {
                !self.first_sender
            };
            let end = &self.machine.ends[side as usize];
            let party = &self.parties[side as usize];
            let known = |what: Known, number: SeqNumber| end.known.contains(what).then_some(number);
            OutlineEnd {
                started: party.packets > 0,
                sack: party
                    .offer
                    .is_some_and(|offer| offer.seen.intersects(TELLING)),
                base: end.base,
                next: end.nxt(),
                acked: known(Known::ACKED, end.una),
                says: known(Known::ACKS, end.expects),
                fin: known(Known::FIN, end.fin),
            }
        };
        Outline {
            ends: [end(0), end(1)],
            history: self.book.history.clone(),
            completeness: self.book.completeness,
            start: self.start,
            first_frame: self.first_frame,
            answered: self.opening.answered_at().unwrap_or_default(),
            first_ack: self.opening.first_ack_at(),
            last: self.last,
            last_from: self.book.last_from,
        }
    }

    /// Counts a segment.
    pub(super) fn see(&mut self, met: Met, from: Side) {
        self.last = met.time;
        self.until = met.time;
        self.last_frame = met.frame;
        self.parties[from as usize].packets += 1;
    }
}

/// The letter of Zeek's history for a segment by the book.
fn letter(flags: Flags, len: u32) -> Letters {
    if flags.contains(Flags::SYN) {
        Letters::SYN
    } else if flags.contains(Flags::FIN) {
        Letters::FIN
    } else if len > 0 {
        Letters::DATA
    } else {
        Letters::ACK
    }
}

impl Book {
    /// Zeek's history, while there are no analysts.
    pub(super) fn history(&self) -> &str {
        std::str::from_utf8(&self.history).unwrap_or_default()
    }

    /// The sender's page and the receiver's.
    fn facing(&mut self, from: usize) -> [&mut Page; 2] {
        let [first, second] = &mut self.pages;
        if from == 0 {
            [first, second]
        } else {
            [second, first]
        }
    }

    /// Writes the letter of Zeek's history for a segment, unless it is there.
    #[inline]
    pub(super) fn write(&mut self, flags: Flags, len: u32, from: usize) {
        let mark = letter(flags, len);
        if !self.pages[from].letters.contains(mark) {
            self.write_new(mark, flags, from);
        }
    }

    fn write_new(&mut self, mark: Letters, flags: Flags, from: usize) {
        self.pages[from].letters |= mark;
        let letter = match mark {
            Letters::SYN if flags.contains(Flags::ACK) => b'H',
            Letters::SYN => b'S',
            Letters::FIN => b'F',
            Letters::DATA => b'D',
            _ => b'A',
        };
        let lower = if from == 0 { 0 } else { b'a' - b'A' };
        // Each letter once for each end: SYN, ACK, data, FIN.
        let _ = self.history.try_push(letter + lower);
    }

    /// Takes what a SYN says of scales.
    pub(super) fn learn_scale(&mut self, syn: &Segment, from: usize) {
        let [sender, receiver] = self.facing(from);
        Scale::learn(syn, &mut sender.scale, &mut receiver.scale);
    }

    /// Takes what later segments are compared with. `new`: it has a new acknowledgment number; `all`: which acknowledges
    /// all there is.
    #[inline]
    fn take(&mut self, segment: &Segment, from: usize, base: SeqNumber, new: bool, all: bool) {
        let syn = segment.flags.contains(Flags::SYN);
        self.last_from = from as u8;
        self.completeness |= if segment.flags.is_syn_only() {
            Completeness::SYN
        } else {
            Completeness::of(segment.flags, segment.len)
        };
        let [page, peer] = self.facing(from);
        page.window = segment.window;
        page.first_ack_due = syn;
        page.copies.remember(segment);
        if new {
            page.ack_frame = segment.frame;
        }
        if segment.seq_len() > 0 {
            page.next_time = segment.time;
            page.unacknowledged = (page.unacknowledged + 1).min(wireshark::MAX_UNACKNOWLEDGED);
            page.sent.push(segment, 0, 0);
            if segment.seq_end().distance(base) > zeek::FAR {
                page.letters |= Letters::FAR;
            }
        }
        if all {
            peer.unacknowledged = 0;
        }
    }

    /// `to` hears of `news` numbers for the first time.
    #[inline]
    fn acknowledge(&mut self, segment: &Segment, to: usize, news: u32) -> Acknowledged {
        let page = &mut self.pages[to];
        let latest = page.sent.ending_at(segment.ack);
        let rtt = latest
            .filter(|sent| sent.repeats == 0)
            .map(|sent| segment.time - sent.time);
        let acknowledged = Acknowledged {
            bytes: news,
            syn: false,
            fin: false,
            frame: latest.map(|sent| sent.frame),
            rtt,
        };
        if let Some(rtt) = rtt {
            page.round_trip = smoothed(page.round_trip, rtt);
        }
        acknowledged
    }
}
