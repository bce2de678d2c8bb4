//! From values to places on a line: linear, or logarithmic where one value dwarfs the others.

/// How many times the second largest the largest value must be for a logarithmic scale: beyond it a linear one
/// would shrink the normal band to a line.
const LOGARITHMIC_FROM: f64 = 20.0;
/// Room after the largest value, as a share of the range.
const HEADROOM: f64 = 0.06;
/// About how many ticks a linear scale has.
const TICKS: f64 = 5.0;
/// Most ticks of a logarithmic scale, besides zero.
const DECADES: i32 = 5;

/// How values lie on the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// By their difference.
    Linear,
    /// By the logarithm of one more than the value.
    Logarithmic,
}

/// A line that holds given values.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Scale {
    pub(super) kind: Kind,
    low: f64,
    high: f64,
}

impl Scale {
    /// A scale for these values; `None` if one of them is no number.
    pub(super) fn of(values: &[f64]) -> Option<Self> {
        if values.is_empty() || !values.iter().all(|value| value.is_finite()) {
            return None;
        }
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let (low, high) = (sorted[0].min(0.0), sorted[sorted.len() - 1].max(0.0));
        let second = sorted.iter().rev().nth(1).copied().unwrap_or(high);
        let kind = if low >= 0.0 && high > LOGARITHMIC_FROM * second.max(1.0) {
            Kind::Logarithmic
        } else {
            Kind::Linear
        };
        // All values are zero: any line will do.
        let high = if high > low { high } else { 1.0 };
        let room = (high - low) * HEADROOM;
        let high = match kind {
            Kind::Linear => high + room,
            Kind::Logarithmic => ((1.0 + high).ln() * (1.0 + HEADROOM)).exp() - 1.0,
        };
        let finite = high.is_finite() && (high - low).is_finite();
        finite.then_some(Self { kind, low: if low < 0.0 { low - room } else { low }, high })
    }

    /// Where a value lies, from 0 to 1.
    pub(super) fn place(&self, value: f64) -> f64 {
        let share = match self.kind {
            Kind::Linear => (value - self.low) / (self.high - self.low),
            Kind::Logarithmic => (1.0 + value.max(0.0)).ln() / (1.0 + self.high).ln(),
        };
        share.clamp(0.0, 1.0)
    }

    /// Round values along the line.
    pub(super) fn ticks(&self) -> Vec<f64> {
        match self.kind {
            Kind::Linear => {
                let step = round_step((self.high - self.low) / TICKS);
                let first = (self.low / step).ceil();
                (0..16)
                    .map(|at| (first + f64::from(at)) * step)
                    .take_while(|tick| *tick <= self.high)
                    .collect()
            }
            Kind::Logarithmic => {
                let last = self.high.log10().floor() as i32;
                let every = (last / DECADES + 1).max(1);
                let decades = (0..=last).filter(|power| power % every == 0).map(|power| 10_f64.powi(power));
                std::iter::once(0.0).chain(decades).collect()
            }
        }
    }
}

/// The smallest of 1, 2, 5 times a power of ten that is at least `step`.
fn round_step(step: f64) -> f64 {
    let power = 10_f64.powf(step.log10().floor());
    let factor = [1.0, 2.0, 5.0].into_iter().find(|factor| factor * power >= step).unwrap_or(10.0);
    factor * power
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(values: &[f64], kind: Kind, ticks: &[f64]) {
        let scale = Scale::of(values).unwrap();
        assert_eq!((scale.kind, scale.ticks().as_slice()), (kind, ticks), "{values:?}");
        for pair in values.windows(2) {
            let [one, other] = [scale.place(pair[0]), scale.place(pair[1])];
            assert!((0.0..=1.0).contains(&one), "{values:?}");
            assert_eq!(
                one.total_cmp(&other),
                pair[0].total_cmp(&pair[1]),
                "places keep the order of {values:?}"
            );
        }
    }

    #[test]
    fn one_giant_among_small_values_makes_the_scale_logarithmic() {
        check(&[2.0, 5.5, 9.0, 42.0], Kind::Linear, &[0.0, 10.0, 20.0, 30.0, 40.0]);
        check(&[2.0, 5.5, 9.0, 1204.0], Kind::Logarithmic, &[0.0, 1.0, 10.0, 100.0, 1000.0]);
        check(&[-3.0, 0.0, 4.0], Kind::Linear, &[-2.0, 0.0, 2.0, 4.0]);
        check(&[0.0, 0.0, 0.0], Kind::Linear, &[0.0, 0.5, 1.0]);
        assert_eq!(Scale::of(&[1.0, 1e12]).unwrap().ticks().len(), 6);
    }

    #[test]
    fn what_is_no_number_has_no_scale() {
        for values in [&[][..], &[f64::NAN], &[1.0, f64::INFINITY], &[f64::MAX, -f64::MAX]] {
            assert_eq!(Scale::of(values), None, "{values:?}");
        }
        for value in [0.0, 1e300, -1e300, 1e-300] {
            let scale = Scale::of(&[value]).unwrap();
            assert!(scale.ticks().len() <= 16 && scale.place(value).is_finite());
        }
    }
}
