//! Seeded random numbers for the simulated nulls of the change lane's tests.

/// A source of numbers (`SplitMix64`), independent of everything it is used to test.
pub(crate) struct Draws(u64);

impl Draws {
    pub(crate) const fn seeded(seed: u64) -> Self {
        Self(seed)
    }

    /// In [0, 1).
    pub(crate) fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Whether something of this probability happens.
    pub(crate) fn happens(&mut self, probability: f64) -> bool {
        self.uniform() < probability
    }

    /// One of `count`.
    pub(crate) fn below(&mut self, count: usize) -> usize {
        (self.uniform() * count as f64) as usize
    }

    /// By Box and Muller.
    pub(crate) fn normal(&mut self) -> f64 {
        let radius = (-2.0 * libm::log(1.0 - self.uniform())).sqrt();
        radius * libm::cos(std::f64::consts::TAU * self.uniform())
    }
}

/// Observed over nominal share of p-values at or below `level`.
pub(crate) fn exceedance(values: &[f64], level: f64) -> f64 {
    values.iter().filter(|value| **value <= level).count() as f64 / (values.len() as f64 * level)
}
