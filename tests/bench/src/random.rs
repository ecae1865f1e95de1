//! Numbers from a seed.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// A generator that gives the same numbers for the same seed, on every machine and in every year.
pub(crate) struct Random(ChaCha8Rng);

impl Random {
    /// From a seed.
    pub(crate) fn new(seed: u64) -> Random {
        Random(ChaCha8Rng::seed_from_u64(seed))
    }

    /// A number from 0 to below a bound, which is not 0.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0.random_range(0..bound.max(1) as u64) as usize
    }
}
