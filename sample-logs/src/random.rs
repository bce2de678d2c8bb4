//! The one source of chance: `SplitMix64`, seeded, and forked by name so that no part of a recording disturbs another.

/// A seeded generator (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014).
///
/// Only integers and products of floats leave it: no logarithm or exponential of a platform's own library, so that
/// the committed files come out the same on every machine.
#[derive(Debug, Clone)]
pub(crate) struct Random {
    seed: u64,
    state: u64,
}

impl Random {
    /// A generator for this seed.
    pub(crate) const fn new(seed: u64) -> Self {
        Self { seed, state: seed }
    }

    /// Another generator for a part with a name. It depends on the seed and the name alone, not on what was drawn
    /// before: what is added to one part leaves all others as they were.
    pub(crate) fn fork(&self, name: &str) -> Self {
        Self::new(mixed(self.seed ^ hash(name.as_bytes())))
    }

    /// The same for the n-th of several equal parts.
    pub(crate) fn fork_nth(&self, name: &str, nth: usize) -> Self {
        self.fork(&format!("{name}/{nth}"))
    }

    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mixed(self.state)
    }

    /// A whole number in `0..n`; 0 if `n` is 0.
    pub(crate) fn below(&mut self, n: u64) -> u64 {
        let wide = u128::from(self.next()) * u128::from(n);
        u64::try_from(wide >> 64).expect("a product of two 64-bit numbers, shifted by 64, has 64 bits")
    }

    /// A whole number in `low..=high`.
    pub(crate) fn between(&mut self, low: i64, high: i64) -> i64 {
        low + i64::try_from(self.below(high.abs_diff(low) + 1)).unwrap_or(0)
    }

    /// A number in `0.0..1.0`.
    pub(crate) fn unit(&mut self) -> f64 {
        // 53 bits are what a double holds exactly.
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// True with this probability.
    pub(crate) fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// Nearly a standard normal: twelve uniforms summed (Irwin-Hall), which needs no logarithm.
    pub(crate) fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.unit()).sum::<f64>() - 6.0
    }

    /// One of these.
    pub(crate) fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[usize::try_from(self.below(items.len() as u64)).unwrap_or(0)]
    }

    /// How many of 60 equal chances in an hour came true: nearly Poisson with this mean, without an exponential.
    pub(crate) fn count_an_hour(&mut self, mean: f64) -> usize {
        (0..60).filter(|_| self.chance(mean / 60.0)).count()
    }

    /// Puts the items into another order (Fisher-Yates).
    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            let other = usize::try_from(self.below(last as u64 + 1)).unwrap_or(0);
            items.swap(last, other);
        }
    }

    /// So many hexadecimal digits.
    pub(crate) fn hex(&mut self, digits: usize) -> String {
        (0..digits)
            .map(|_| char::from_digit(u32::try_from(self.below(16)).unwrap_or(0), 16).unwrap_or('0'))
            .collect()
    }
}

/// A hash of bytes (FNV-1a, then mixed), for sizes and names that must be the same wherever they are asked for.
pub(crate) fn hash(bytes: &[u8]) -> u64 {
    let fnv = bytes.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    mixed(fnv)
}

const fn mixed(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_splitmix64() {
        // The first outputs for seed 1234567, as published with the algorithm.
        let mut random = Random::new(1_234_567);
        let drawn: Vec<u64> = (0..3).map(|_| random.next()).collect();
        assert_eq!(drawn, [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]);
    }

    #[test]
    fn a_fork_depends_on_its_name_and_not_on_what_was_drawn() {
        let fresh = Random::new(1);
        let mut used = Random::new(1);
        used.next();
        assert_eq!(fresh.fork("a").hex(32), used.fork("a").hex(32));
        assert_ne!(fresh.fork("a").hex(32), fresh.fork("b").hex(32));
        assert_ne!(fresh.fork_nth("a", 0).hex(32), fresh.fork_nth("a", 1).hex(32));
    }

    #[test]
    fn numbers_stay_in_their_bounds_and_reach_them() {
        let mut random = Random::new(2);
        let drawn: Vec<i64> = (0..2_000).map(|_| random.between(-2, 2)).collect();
        for wanted in -2..=2 {
            assert!(drawn.contains(&wanted), "{wanted}");
        }
        assert!(drawn.iter().all(|n| (-2..=2).contains(n)));
        assert!((0..2_000).all(|_| (0.0..1.0).contains(&random.unit())));
    }

    #[test]
    fn counts_and_normals_have_their_means() {
        let mut random = Random::new(3);
        let hours = 4_000;
        let sum: usize = (0..hours).map(|_| random.count_an_hour(2.5)).sum();
        assert!((9_600..10_400).contains(&sum), "{sum}");
        let mean = (0..hours).map(|_| random.normal()).sum::<f64>() / f64::from(hours);
        assert!(mean.abs() < 0.06, "{mean}");
    }
}
