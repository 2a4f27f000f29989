//! Choices that look random and can be made again: from a seed, or from the bytes that a fuzzer offers.

/// Where choices come from.
pub enum Chance<'a> {
    /// A sequence that its seed determines (the generator is called splitmix64).
    Seeded(u64),
    /// Bytes of a fuzzer; zeros when they are used up.
    Given(&'a [u8]),
}

impl Chance<'_> {
    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        match self {
            Self::Seeded(state) => {
                *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
                let mut mixed = *state;
                mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
                mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
                mixed ^ (mixed >> 31)
            }
            Self::Given(_) => u64::from(self.word()) << 32 | u64::from(self.word()),
        }
    }

    /// The next 32 bits.
    pub fn word(&mut self) -> u32 {
        match self {
            Self::Seeded(_) => (self.bits() >> 32) as u32,
            Self::Given(bytes) => {
                let (taken, rest) = bytes.split_at(bytes.len().min(4));
                *bytes = rest;
                taken
                    .iter()
                    .fold(0, |word, byte| word << 8 | u32::from(*byte))
            }
        }
    }

    /// The next eight bits; of a fuzzer's bytes exactly one is used, so that small changes have small effects.
    pub fn byte(&mut self) -> u8 {
        match self {
            Self::Seeded(_) => (self.bits() >> 56) as u8,
            Self::Given(bytes) => {
                let (taken, rest) = bytes.split_at(bytes.len().min(1));
                *bytes = rest;
                taken.first().copied().unwrap_or(0)
            }
        }
    }

    /// A number below `end`, or 0 when `end` is 0.
    pub fn below(&mut self, end: usize) -> usize {
        let number = match (&self, end) {
            (Self::Given(_), 0..=256) => usize::from(self.byte()),
            _ => self.word() as usize,
        };
        number.checked_rem(end).unwrap_or(0)
    }

    /// True once in `times`.
    pub fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    /// One of several.
    pub fn of<T: Copy>(&mut self, several: &[T]) -> T {
        several[self.below(several.len())]
    }

    /// Whether nothing is left; a seed never ends.
    pub fn is_used_up(&self) -> bool {
        matches!(self, Self::Given([]))
    }
}
