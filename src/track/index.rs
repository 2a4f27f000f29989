//! Finds connections by the hash of their tuple.
//!
//! A table with open addressing and linear probing, of entries that hold half of the hash and the place: eight of them lie in
//! one line of the cache, so that a look-up waits for memory once, and that line can be fetched long before. Libraries keep
//! their control bytes apart, which costs a second wait, and give no way to fetch ahead.
//!
//! The hash must be seeded: who could choose it, could make all entries collide.

use super::ahead::fetch;
use super::places::Place;
use super::tracker::FlowHash;

/// Entries that there is room for at the least.
const LEAST: usize = 64;

/// One connection, or none.
#[derive(Clone, Copy, Debug)]
struct Entry {
    /// The lower half of the hash. Its home is there where the lowest bits of it say.
    tag: u32,
    place: Option<Place>,
}

const NONE: Entry = Entry {
    tag: 0,
    place: None,
};

/// The table. At most five of eight entries are taken, so that the next free one is never far.
#[derive(Debug, Default)]
pub(super) struct Index {
    /// None, or a power of two.
    entries: Vec<Entry>,
    len: usize,
}

impl FlowHash {
    const fn tag(self) -> u32 {
        self.0 as u32
    }
}

impl Index {
    /// How many connections there are.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// All places, in no order.
    pub(super) fn iter(&self) -> impl Iterator<Item = Place> {
        self.entries.iter().filter_map(|entry| entry.place)
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// The first place with this hash for which `is_it` holds.
    #[inline]
    pub(super) fn find(&self, hash: FlowHash, is_it: impl Fn(Place) -> bool) -> Option<Place> {
        let position = self.position(hash, is_it)?;
        self.entries[position].place
    }

    /// The place with this hash, if there is one; where two connections share a hash it may be either's.
    #[inline]
    pub(super) fn probe(&self, hash: FlowHash) -> Option<Place> {
        self.find(hash, |_| true)
    }

    /// Fetches from memory what a look for this hash needs.
    #[inline]
    pub(super) fn fetch(&self, hash: FlowHash) {
        if let Some(entry) = self.entries.get(self.home(hash.tag())) {
            fetch(entry);
        }
    }

    /// Adds a connection that is not there.
    pub(super) fn insert(&mut self, hash: FlowHash, place: Place) {
        if self.len * 8 >= self.entries.len() * 5 {
            self.grow();
        }
        self.put(Entry {
            tag: hash.tag(),
            place: Some(place),
        });
        self.len += 1;
    }

    /// A connection has got another place.
    pub(super) fn moved(&mut self, hash: FlowHash, from: Place, to: Place) {
        if let Some(position) = self.position(hash, |place| place == from) {
            self.entries[position].place = Some(to);
        }
    }

    /// Takes a connection out; false if it is not there.
    pub(super) fn remove(&mut self, hash: FlowHash, place: Place) -> bool {
        let Some(mut gap) = self.position(hash, |other| other == place) else {
            return false;
        };
        // Whatever was pushed beyond the gap moves up, so that no look-up ends too early.
        let mut position = gap;
        loop {
            position = self.after(position);
            let entry = self.entries[position];
            if entry.place.is_none() {
                break;
            }
            let home = self.home(entry.tag);
            let mask = self.entries.len() - 1;
            if position.wrapping_sub(home) & mask >= position.wrapping_sub(gap) & mask {
                self.entries[gap] = entry;
                gap = position;
            }
        }
        self.entries[gap] = NONE;
        self.len -= 1;
        true
    }

    #[inline]
    fn position(&self, hash: FlowHash, is_it: impl Fn(Place) -> bool) -> Option<usize> {
        let tag = hash.tag();
        let mut position = self.home(tag);
        loop {
            let entry = self.entries.get(position)?;
            if entry.tag == tag && is_it(entry.place?) {
                return Some(position);
            }
            entry.place?;
            position = self.after(position);
        }
    }

    #[inline]
    fn home(&self, tag: u32) -> usize {
        tag as usize & self.entries.len().wrapping_sub(1)
    }

    #[inline]
    fn after(&self, position: usize) -> usize {
        (position + 1) & (self.entries.len() - 1)
    }

    fn put(&mut self, entry: Entry) {
        let mut position = self.home(entry.tag);
        while self.entries[position].place.is_some() {
            position = self.after(position);
        }
        self.entries[position] = entry;
    }

    #[cold]
    fn grow(&mut self) {
        let room = (self.entries.len() * 2).max(LEAST);
        let entries = std::mem::replace(&mut self.entries, vec![NONE; room]);
        for entry in entries {
            if entry.place.is_some() {
                self.put(entry);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn eight_entries_fill_a_line() {
        assert_eq!(size_of::<Entry>(), 8);
    }

    proptest! {
        /// Few hashes, so that entries push each other around, also beyond the end of the table.
        #[test]
        fn it_finds_what_a_map_finds(steps in prop::collection::vec((any::<bool>(), 0u64..40, 0u32..60), 1..400)) {
            let mut index = Index::default();
            let mut known: HashMap<u32, FlowHash> = HashMap::new();
            for (adds, hash, place) in steps {
                // The last homes of a small table, and the first ones.
                let hash = FlowHash(hash.wrapping_sub(20) | hash << 40);
                if adds && !known.contains_key(&place) {
                    index.insert(hash, Place::full(place));
                    known.insert(place, hash);
                } else if let Some(hash) = known.remove(&place) {
                    prop_assert!(index.remove(hash, Place::full(place)));
                    prop_assert!(!index.remove(hash, Place::full(place)));
                }
                prop_assert_eq!(index.len(), known.len());
                for (place, hash) in &known {
                    let wanted = Place::full(*place);
                    prop_assert_eq!(index.find(*hash, |place| place == wanted), Some(wanted));
                }
            }
            prop_assert_eq!(index.iter().count(), known.len());
        }
    }
}
