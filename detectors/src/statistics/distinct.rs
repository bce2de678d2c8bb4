//! Counts distinct things in bounded memory: exactly up to 128, by `HyperLogLog` beyond.
//!
//! Source: Flajolet et al. 2007 for the registers, Ertl 2017 (arXiv 1702.01284,
//! algorithm 6) for the estimate, which needs no bias tables and is good from the first element on. Hashes are keyed, so nobody
//! outside can choose names that collide; the bytes depend only on key and set, not on order or merges.

use serde::{Deserialize, Serialize};
use siphasher::sip::SipHasher13;
use std::hash::Hasher;

/// Up to this many are counted exactly.
pub const EXACT_LIMIT: usize = 128;

/// Bits of the hash that choose a register.
const INDEX_BITS: u32 = 11;

/// Registers of the sketch, one byte each.
pub const REGISTERS: usize = 1 << INDEX_BITS;

/// Bits of the hash whose leading zeros are counted.
const RANK_BITS: u32 = 32 - INDEX_BITS;

/// Ranks that a register can hold, with 0 for none.
const RANKS: usize = RANK_BITS as usize + 2;

/// Relative standard error of a sketch, 1.04/√2048.
pub const SKETCH_ERROR: f64 = 0.023;

/// A set of which only the size is wanted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Stored", into = "Stored")]
pub struct Distinct {
    seed: u64,
    content: Content,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Content {
    /// Sorted, without duplicates, at most [`EXACT_LIMIT`].
    Exact(Vec<u32>),
    /// [`REGISTERS`] ranks.
    Sketch(Box<Sketch>),
}

/// The hash of an element, to be added to several counts of one seed.
#[derive(Clone, Copy, Debug)]
pub struct ItemHash(u32);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Sketch {
    registers: [u8; REGISTERS],
    /// How many registers hold each rank: all that an estimate needs, so that it need not read the registers.
    multiplicity: [u16; RANKS],
}

/// The serialised form: hashes or registers.
#[derive(Clone, Serialize, Deserialize)]
enum Stored {
    Exact(u64, Vec<u32>),
    Sketch(u64, Vec<u8>),
}

/// Why stored bytes are no distinct count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DistinctError {
    /// Hashes out of order, doubled or too many.
    #[error("cannot read a distinct count: its hashes are not an ordered set of at most {EXACT_LIMIT}")]
    NotASet,
    /// The wrong number of registers, or a rank that no hash has.
    #[error("cannot read a distinct count: its registers are not {REGISTERS} ranks")]
    NotASketch,
}

/// Says that two counts cannot be merged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot merge two distinct counts: they hash with different seeds")]
pub struct SeedsDiffer;

impl Distinct {
    /// An empty set. The seed keys the hashes; only counts of one seed can be merged.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { seed, content: Content::Exact(Vec::new()) }
    }

    /// Adds an element by its bytes. Returns whether that changed anything: else the count is what it was, and a
    /// sketch need not be estimated again.
    pub fn insert(&mut self, item: &[u8]) -> bool {
        self.insert_hash(Self::hash(self.seed, item))
    }

    /// The hash of an element under a seed.
    #[must_use]
    pub fn hash(seed: u64, item: &[u8]) -> ItemHash {
        /// Second half of the hash key, so that this use of the seed shares no values with others.
        const PURPOSE: u64 = u64::from_le_bytes(*b"distinct");
        let mut hasher = SipHasher13::new_with_keys(seed, PURPOSE);
        hasher.write(item);
        ItemHash((hasher.finish() >> 32) as u32)
    }

    /// As [`Self::insert`], by the element's hash under this count's seed.
    pub fn insert_hash(&mut self, hash: ItemHash) -> bool {
        match &mut self.content {
            Content::Exact(hashes) => {
                let Err(place) = hashes.binary_search(&hash.0) else { return false };
                hashes.insert(place, hash.0);
                if hashes.len() > EXACT_LIMIT {
                    self.content = Content::Sketch(Box::new(Sketch::of(hashes)));
                }
                true
            }
            Content::Sketch(sketch) => sketch.raise(hash.0),
        }
    }

    /// The number of distinct elements: exact up to [`EXACT_LIMIT`], estimated beyond.
    #[must_use]
    pub fn count(&self) -> u64 {
        match &self.content {
            Content::Exact(hashes) => hashes.len() as u64,
            Content::Sketch(sketch) => estimate(&sketch.multiplicity).round() as u64,
        }
    }

    /// The relative standard error of [`Self::count`]; its square is what a rate adds to its variance.
    #[must_use]
    pub fn relative_error(&self) -> f64 {
        match self.content {
            Content::Exact(_) => 0.0,
            Content::Sketch(_) => SKETCH_ERROR,
        }
    }

    /// Whether nothing was added yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        matches!(&self.content, Content::Exact(hashes) if hashes.is_empty())
    }

    /// Adds all elements of `other`.
    ///
    /// # Errors
    /// When the two hash with different seeds; nothing is changed then.
    pub fn merge(&mut self, other: &Self) -> Result<(), SeedsDiffer> {
        if self.seed != other.seed {
            return Err(SeedsDiffer);
        }
        match &other.content {
            Content::Exact(hashes) => {
                for &hash in hashes {
                    self.insert_hash(ItemHash(hash));
                }
            }
            Content::Sketch(theirs) => {
                let mut mine = match &self.content {
                    Content::Exact(hashes) => Sketch::of(hashes),
                    Content::Sketch(mine) => (**mine).clone(),
                };
                for (index, &rank) in theirs.registers.iter().enumerate() {
                    mine.set(index, rank);
                }
                self.content = Content::Sketch(Box::new(mine));
            }
        }
        Ok(())
    }
}

impl Sketch {
    /// The sketch of a set of hashes.
    fn of(hashes: &[u32]) -> Self {
        let mut sketch = Self { registers: [0; REGISTERS], multiplicity: [0; RANKS] };
        sketch.multiplicity[0] = REGISTERS as u16;
        for &hash in hashes {
            sketch.raise(hash);
        }
        sketch
    }

    /// Notes the rank of one hash: leading zeros of its lower bits, plus one. Returns whether it was higher than before.
    fn raise(&mut self, hash: u32) -> bool {
        // The bit below the rank's bits stops the count at RANK_BITS + 1.
        let rank = ((hash << INDEX_BITS) | (1 << (INDEX_BITS - 1))).leading_zeros() + 1;
        self.set((hash >> RANK_BITS) as usize, rank as u8)
    }

    /// Sets a register to a rank, if that is higher. Returns whether it was.
    fn set(&mut self, index: usize, rank: u8) -> bool {
        let before = self.registers[index];
        if rank <= before {
            return false;
        }
        self.registers[index] = rank;
        self.multiplicity[usize::from(before)] -= 1;
        self.multiplicity[usize::from(rank)] += 1;
        true
    }
}

/// Ertl's improved raw estimate.
fn estimate(multiplicity: &[u16; RANKS]) -> f64 {
    let m = REGISTERS as f64;
    let share = |rank: u32| f64::from(multiplicity[rank as usize]) / m;
    let mut z = m * tau(1.0 - share(RANK_BITS + 1));
    for rank in (1..=RANK_BITS).rev() {
        z = 0.5 * (z + f64::from(multiplicity[rank as usize]));
    }
    z += m * sigma(share(0));
    m * m / (2.0 * std::f64::consts::LN_2 * z)
}

/// `σ(x) = x + Σₖ x^(2^k) 2^(k−1)`: what the empty registers tell.
fn sigma(x: f64) -> f64 {
    if x >= 1.0 {
        return f64::INFINITY;
    }
    let (mut x, mut y, mut z) = (x, 1.0, x);
    loop {
        x *= x;
        let before = z;
        z += x * y;
        y += y;
        if z <= before {
            return z;
        }
    }
}

/// `τ(x) = (1 − x − Σₖ (1 − x^(2^−k))² 2^−k) / 3`: what the full registers tell.
fn tau(x: f64) -> f64 {
    if x <= 0.0 || x >= 1.0 {
        return 0.0;
    }
    let (mut x, mut y, mut z) = (x, 1.0, 1.0 - x);
    loop {
        x = x.sqrt();
        let before = z;
        y *= 0.5;
        z -= (1.0 - x) * (1.0 - x) * y;
        if z >= before {
            return z / 3.0;
        }
    }
}

impl From<Distinct> for Stored {
    fn from(distinct: Distinct) -> Self {
        match distinct.content {
            Content::Exact(hashes) => Self::Exact(distinct.seed, hashes),
            Content::Sketch(sketch) => Self::Sketch(distinct.seed, sketch.registers.to_vec()),
        }
    }
}

impl TryFrom<Stored> for Distinct {
    type Error = DistinctError;

    fn try_from(stored: Stored) -> Result<Self, DistinctError> {
        match stored {
            Stored::Exact(seed, hashes) => {
                if hashes.len() > EXACT_LIMIT || !hashes.is_sorted_by(|a, b| a < b) {
                    return Err(DistinctError::NotASet);
                }
                Ok(Self { seed, content: Content::Exact(hashes) })
            }
            Stored::Sketch(seed, ranks) => {
                if ranks.len() != REGISTERS || ranks.iter().any(|&rank| usize::from(rank) >= RANKS) {
                    return Err(DistinctError::NotASketch);
                }
                let mut sketch = Sketch::of(&[]);
                for (index, rank) in ranks.into_iter().enumerate() {
                    sketch.set(index, rank);
                }
                Ok(Self { seed, content: Content::Sketch(Box::new(sketch)) })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(items: impl IntoIterator<Item = u64>) -> Distinct {
        let mut distinct = Distinct::new(9);
        for item in items {
            distinct.insert(&item.to_le_bytes());
        }
        distinct
    }

    #[test]
    fn small_sets_are_exact() {
        for n in [0, 1, 2, 100, 128] {
            let distinct = of((0..n).chain(0..n));
            assert_eq!(distinct.count(), n);
            assert_eq!(distinct.is_empty(), n == 0);
            assert!(distinct.relative_error() < 1e-12);
        }
    }

    #[test]
    fn large_sets_are_within_four_standard_errors() {
        for n in [129, 500, 2_000, 5_000, 20_000, 200_000] {
            let count = of(0..n).count() as f64;
            assert!((count / n as f64 - 1.0).abs() < 4.0 * SKETCH_ERROR, "{n}: {count}");
        }
    }

    #[test]
    fn the_error_over_many_sets_is_the_stated_one() {
        let mut square = 0.0;
        for set in 0..100_u64 {
            let count = of((0..3_000).map(|item| set << 32 | item)).count() as f64;
            square += (count / 3_000.0 - 1.0) * (count / 3_000.0 - 1.0) / 100.0;
        }
        assert!((0.7 * SKETCH_ERROR..1.3 * SKETCH_ERROR).contains(&square.sqrt()), "{}", square.sqrt());
    }

    #[test]
    fn memory_is_bounded_and_the_bytes_are_stable() {
        let bytes = postcard::to_allocvec(&of(0..50_000)).unwrap();
        assert!(bytes.len() <= REGISTERS + 16);
        let small = postcard::to_allocvec(&of(0..128)).unwrap();
        assert!(small.len() <= 5 * EXACT_LIMIT + 16);
        // Pinned: a change would silently alter stored states.
        assert_eq!(of(0..3).content, Content::Exact(vec![505_816_419, 2_668_058_902, 3_227_582_582]));
    }

    #[test]
    fn counts_of_different_seeds_do_not_merge() {
        assert_eq!(Distinct::new(1).merge(&Distinct::new(2)), Err(SeedsDiffer));
    }

    #[test]
    fn broken_bytes_are_refused() {
        for (stored, why) in [
            (Stored::Exact(0, vec![2, 1]), DistinctError::NotASet),
            (Stored::Exact(0, vec![1, 1]), DistinctError::NotASet),
            (Stored::Exact(0, (0..129).collect()), DistinctError::NotASet),
            (Stored::Sketch(0, vec![0; 3]), DistinctError::NotASketch),
            (Stored::Sketch(0, vec![23; REGISTERS]), DistinctError::NotASketch),
        ] {
            assert_eq!(Distinct::try_from(stored), Err(why));
        }
    }

    proptest! {
        #[test]
        fn order_and_merging_change_nothing(
            items in prop::collection::vec(0_u64..600, 0..400),
            cut in 0_usize..400,
        ) {
            let cut = cut.min(items.len());
            let whole = of(items.iter().copied());
            let mut parts = of(items[..cut].iter().copied());
            parts.merge(&of(items[cut..].iter().copied())).unwrap();
            prop_assert_eq!(&parts, &whole);
            prop_assert_eq!(&of(items.iter().rev().copied()), &whole);
            let bytes = postcard::to_allocvec(&whole).unwrap();
            prop_assert_eq!(postcard::from_bytes::<Distinct>(&bytes).unwrap(), whole);
        }
    }
}
