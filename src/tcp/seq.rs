//! Sequence numbers: 32 bits, compared modulo 2^32 (RFC 9293 section 3.4).

use std::ops::{Add, Sub};

/// A sequence or acknowledgment number. It deliberately has no `Ord`: which of two numbers is later only makes sense
/// within half of the number space, so use [`before`](Self::before) and [`after`](Self::after).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct SeqNumber(pub u32);

impl SeqNumber {
    /// How far `self` is ahead of `other`: positive when later, negative when earlier.
    #[must_use]
    pub const fn distance(self, other: Self) -> i32 {
        self.0.wrapping_sub(other.0) as i32
    }

    /// `self` < `other` in sequence space.
    #[must_use]
    pub const fn before(self, other: Self) -> bool {
        self.distance(other) < 0
    }

    /// `self` > `other` in sequence space.
    #[must_use]
    pub const fn after(self, other: Self) -> bool {
        self.distance(other) > 0
    }

    /// `self` <= `other` in sequence space.
    #[must_use]
    pub const fn at_or_before(self, other: Self) -> bool {
        self.distance(other) <= 0
    }

    /// `self` >= `other` in sequence space.
    #[must_use]
    pub const fn at_or_after(self, other: Self) -> bool {
        self.distance(other) >= 0
    }

    /// The later of two numbers.
    #[must_use]
    pub const fn max(self, other: Self) -> Self {
        if other.after(self) { other } else { self }
    }

    /// The number relative to `base`, modulo 2^32.
    #[must_use]
    pub const fn relative_to(self, base: Self) -> u32 {
        self.0.wrapping_sub(base.0)
    }
}

impl Add<u32> for SeqNumber {
    type Output = Self;

    fn add(self, count: u32) -> Self {
        Self(self.0.wrapping_add(count))
    }
}

impl Sub<u32> for SeqNumber {
    type Output = Self;

    fn sub(self, count: u32) -> Self {
        Self(self.0.wrapping_sub(count))
    }
}

#[cfg(test)]
mod tests {
    use super::SeqNumber;

    #[test]
    fn order_survives_the_wrap() {
        let last = SeqNumber(u32::MAX);
        let first = last + 1;
        assert_eq!(first, SeqNumber(0));
        assert!(last.before(first) && first.after(last));
        assert_eq!(first.distance(last), 1);
        assert_eq!(last.max(first), first);
        assert_eq!(SeqNumber(3).relative_to(SeqNumber(u32::MAX)), 4);
    }
}
