//! IP fragments become whole datagrams.
//!
//! Comes in: the fragments that `decode` found, with their frames. Goes out: whole IPv4 and IPv6 packets, each when its
//! last missing fragment arrives, with a header rebuilt as if it had never been taken apart, to be decoded again.
//! Everything that is no fragment passes by and costs nothing. What overlaps is not judged: of two fragments that claim
//! the same bytes the one that arrived first wins, as Linux decides for IPv4. Nothing here looks into a datagram.
//!
//! ```text
//! match decode::frame(&frame) {
//!     Decoded::Fragment(fragment) => match fragments.push(&fragment, &frame) {
//!         Some(whole) => decode::datagram(&Frame { link: LinkType::RAW, data: whole.bytes, .. }),
//! ```

mod assembly;

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;

use crate::capture::Frame;
use crate::decode::Fragment;
use crate::time::{Span, Timestamp};
use assembly::Assembly;

/// Datagrams under assembly at once. A host that sends fragments has a few dozen under way; more are an attack or a
/// capture of which half is missing.
const MAX_DATAGRAMS: usize = 4096;

/// Bytes held in all: four times what Linux allows a host (`ipfrag_high_thresh`), for a capture may see several.
const MAX_BYTES: usize = 16 * 1024 * 1024;

/// Capture time that a datagram may take from its first fragment on. RFC 8200 says 60 s, Linux waits 30 s; a longer wait
/// would mix datagrams of fast senders, whose 16-bit identifications soon come round again.
const LIFETIME: Span = Span::from_secs(30);

/// Puts fragments together.
#[derive(Debug, Default)]
pub struct Reassembler {
    /// Datagrams under assembly, oldest first.
    under_way: BTreeMap<u64, Entry>,
    /// Their places in `under_way`.
    places: HashMap<Key, u64>,
    next_place: u64,
    /// Bytes held in `under_way`.
    bytes: usize,
    /// The latest whole datagram, lent to the caller.
    whole: Option<Assembly>,
    counts: Counts,
}

/// A whole datagram, borrowed until the next fragment is pushed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Datagram<'a> {
    /// An IP header without options or extension headers, and the payload.
    pub bytes: &'a [u8],
    /// Fragments that it was made of, duplicates included.
    pub fragments: u32,
    /// Number of the frame whose fragment arrived first.
    pub first_frame: u64,
    /// The fragments were found under a tunnel header.
    pub tunnelled: bool,
}

/// What became of the fragments so far.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Counts {
    /// Datagrams that became whole.
    pub whole: u64,
    /// Datagrams given up because their time was over.
    pub timed_out: u64,
    /// Datagrams given up to make room for newer ones.
    pub evicted: u64,
    /// Fragments that cannot be part of any datagram, or not of the one they name.
    pub impossible: u64,
}

/// What the fragments of one datagram have in common.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Key {
    source: IpAddr,
    destination: IpAddr,
    /// Part of the key in IPv4 (RFC 791, section 3.2) only; in IPv6 the first fragment alone decides (RFC 8200,
    /// section 4.5).
    protocol: Option<u8>,
    id: u32,
    tunnelled: bool,
}

#[derive(Debug)]
struct Entry {
    key: Key,
    since: Timestamp,
    assembly: Assembly,
}

impl Reassembler {
    /// An empty one.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes a fragment, and gives the datagram that it completes. `frame` is where the fragment was found.
    pub fn push(&mut self, fragment: &Fragment<'_>, frame: &Frame<'_>) -> Option<Datagram<'_>> {
        // The room of the latest datagram was lent until now.
        self.whole = None;
        self.expire(frame.time);
        if !assembly::is_possible(fragment) {
            self.counts.impossible += 1;
            return None;
        }
        let key = Key::of(fragment);
        let place = self.place(key, frame);
        let entry = self.under_way.get_mut(&place)?;
        let before = entry.assembly.held();
        if !entry.assembly.add(fragment) {
            self.counts.impossible += 1;
            return None;
        }
        // Stretches that grow together can make it less.
        self.bytes = self.bytes - before + entry.assembly.held();
        if entry.assembly.is_whole() {
            return self.finish(place);
        }
        self.make_room(place);
        None
    }

    /// What became of the fragments so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Datagrams that still wait for a fragment.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.under_way.len()
    }

    /// The place of the datagram that a fragment names, which may be a new one.
    fn place(&mut self, key: Key, frame: &Frame<'_>) -> u64 {
        if let Some(place) = self.places.get(&key) {
            return *place;
        }
        let place = self.next_place;
        self.next_place += 1;
        let entry = Entry {
            key,
            since: frame.time,
            assembly: Assembly::new(frame.number),
        };
        self.places.insert(key, place);
        self.under_way.insert(place, entry);
        place
    }

    fn finish(&mut self, place: u64) -> Option<Datagram<'_>> {
        let entry = self.remove(place)?;
        self.counts.whole += 1;
        let Key {
            source,
            destination,
            tunnelled,
            ..
        } = entry.key;
        let assembly = self.whole.insert(entry.assembly);
        Some(Datagram {
            fragments: assembly.fragments(),
            first_frame: assembly.first_frame(),
            tunnelled,
            bytes: assembly.with_header(source, destination)?,
        })
    }

    /// Gives up what is too old. A clock that steps back keeps a datagram longer, until room is needed.
    fn expire(&mut self, now: Timestamp) {
        while let Some((place, oldest)) = self.under_way.first_key_value()
            && now - oldest.since > LIFETIME
        {
            self.remove(*place);
            self.counts.timed_out += 1;
        }
    }

    /// Gives up the oldest datagrams, but never the one at `keep`, until the bounds hold.
    fn make_room(&mut self, keep: u64) {
        while self.under_way.len() > MAX_DATAGRAMS || self.bytes > MAX_BYTES {
            let oldest = self.under_way.keys().copied().find(|place| *place != keep);
            let Some(oldest) = oldest else {
                return;
            };
            self.remove(oldest);
            self.counts.evicted += 1;
        }
    }

    fn remove(&mut self, place: u64) -> Option<Entry> {
        let entry = self.under_way.remove(&place)?;
        self.places.remove(&entry.key);
        self.bytes -= entry.assembly.held();
        Some(entry)
    }
}

impl Key {
    fn of(fragment: &Fragment<'_>) -> Self {
        Self {
            source: fragment.source,
            destination: fragment.destination,
            protocol: fragment.source.is_ipv4().then_some(fragment.protocol),
            id: fragment.id,
            tunnelled: fragment.ip.tunnelled,
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that fails says where")]
mod tests;
