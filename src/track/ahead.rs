//! Looks ahead: what the next segments need is fetched from memory while earlier ones are tracked, so that hardly anything is
//! waited for.
//!
//! Each step on the way to a connection says where the next one lies: the table, the connection, its latest segment. So three
//! groups of segments are on their way at once, each a step further than the one behind it.

use arrayvec::ArrayVec;

use super::places::Place;
use super::tracker::{FlowHash, Tracker};

/// Segments that are looked ahead at together: as many connections as a processor fetches from memory at once, and no more
/// than stay in its cache until they are needed.
pub const AHEAD: usize = 16;

/// Fewer connections than this stay in the cache anyway.
const FEW: usize = 512;

/// So many turns before a connection leaves, what leads to it is fetched, then it, and then what lies beside it.
pub(super) const FAR: usize = 12;
pub(super) const SOON: usize = 8;
pub(super) const NEXT: usize = 4;

/// Bytes that memory is fetched by.
const CACHE_LINE: usize = 64;

/// The connections of the group that comes next.
pub(super) type Ahead = ArrayVec<Place, AHEAD>;

impl Tracker {
    /// Looks at what comes next: the hashes of segments in the order in which they will be tracked. To be called every
    /// [`AHEAD`] segments, with all that are known by then. `begins`: nothing of these was looked at before. Changes no
    /// result.
    pub fn look_ahead(&mut self, hashes: &[FlowHash], begins: bool) {
        if self.live() < FEW {
            self.ahead.clear();
            return;
        }
        let group = |number: usize| hashes.chunks(AHEAD).nth(number).unwrap_or_default();
        if begins {
            for hash in group(0).iter().chain(group(1)) {
                self.index.fetch(*hash);
            }
            self.approach(group(0));
        }
        for hash in group(2) {
            self.index.fetch(*hash);
        }
        // These were approached when the group before them was tracked.
        for place in &self.ahead {
            self.places.fetch_rest(*place);
        }
        self.approach(group(1));
    }

    /// Fetches the connections of a group whose part of the table is there by now.
    fn approach(&mut self, hashes: &[FlowHash]) {
        self.ahead.clear();
        for hash in hashes {
            // Whether it really is this connection is not asked: the answer lies in the memory that is being fetched.
            if let Some(place) = self.index.probe(*hash) {
                self.places.fetch(place);
                self.ahead.push(place);
            } else {
                self.graves.fetch(*hash);
            }
        }
    }
}

/// Asks the processor to bring something into its cache, without waiting for it.
#[inline]
pub(super) fn fetch<T>(place: &T) {
    #[cfg(target_arch = "x86_64")]
    for line in 0..size_of::<T>().div_ceil(CACHE_LINE) {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        let address = (&raw const *place)
            .cast::<i8>()
            .wrapping_add(line * CACHE_LINE);
        // SAFETY: a prefetch is a hint. It reads nothing that the program could see and faults on no address.
        #[expect(unsafe_code, reason = "there is no safe way to give this hint")]
        unsafe {
            _mm_prefetch::<_MM_HINT_T0>(address);
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = place;
}
