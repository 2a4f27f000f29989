//! Numbers that look random and are always the same.

/// The multiplier and the increment of a linear congruential generator with all 2^64 states in one cycle (Knuth's MMIX).
const MULTIPLIER: u64 = 6_364_136_223_846_793_005;
const INCREMENT: u64 = 1_442_695_040_888_963_407;

/// Throws what is asked for. Good enough for traffic, and for nothing that must not be guessed.
#[derive(Clone, Debug)]
pub(crate) struct Dice {
    state: u64,
}

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        let mut dice = Self { state: seed };
        // Seeds that are alike shall not begin alike.
        for _ in 0..4 {
            dice.any();
        }
        dice
    }

    /// Any 32 bits. The low bits of the state have short cycles and stay inside.
    pub(crate) fn any(&mut self) -> u32 {
        self.state = self.state.wrapping_mul(MULTIPLIER).wrapping_add(INCREMENT);
        let mixed = self.state ^ (self.state >> 29);
        (mixed >> 32) as u32
    }

    /// A number from `low` to `high`, both included.
    pub(crate) fn between(&mut self, low: u64, high: u64) -> u64 {
        let choices = high - low + 1;
        low + ((u64::from(self.any()) * choices) >> 32)
    }

    /// True `times` times in a thousand.
    pub(crate) fn permille(&mut self, times: u64) -> bool {
        self.between(0, 999) < times
    }
}
