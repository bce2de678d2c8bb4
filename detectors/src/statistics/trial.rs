//! What the tests of the statistics share: reference vectors, seeded draws, and the checks that judge them.

/// The rows of a reference file made by `tests-data/make_vectors.py`: numbers between commas, a header line first.
pub(crate) struct Vectors;

/// One row of a reference file.
pub(crate) struct Row(Vec<f64>);

impl Vectors {
    pub(crate) fn of(text: &str) -> impl Iterator<Item = Row> {
        text.lines().skip(1).map(|line| Row(line.split(',').map(|cell| cell.parse().unwrap()).collect()))
    }
}

impl Row {
    pub(crate) fn numbers<const N: usize>(&self) -> [f64; N] {
        self.0.clone().try_into().unwrap()
    }
}

/// Asserts that `got` is `expected` to a relative `tolerance`.
#[track_caller]
pub(crate) fn assert_close(got: f64, expected: f64, tolerance: f64, what: &str) {
    let error = if expected.abs() > 0.0 { (got / expected - 1.0).abs() } else { got.abs() };
    assert!(error <= tolerance, "{what}: got {got:e}, expected {expected:e}, relative error {error:e}");
}

/// A seeded source of random numbers (`SplitMix64`), independent of everything it is used to test.
pub(crate) struct Draws(u64);

impl Draws {
    pub(crate) fn seeded(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// In [0, 1).
    pub(crate) fn uniform(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// By Box and Muller.
    pub(crate) fn normal(&mut self) -> f64 {
        let radius = (-2.0 * libm::log(1.0 - self.uniform())).sqrt();
        radius * libm::cos(std::f64::consts::TAU * self.uniform())
    }

    /// Gamma with scale 1, by Marsaglia and Tsang.
    pub(crate) fn gamma(&mut self, shape: f64) -> f64 {
        if shape < 1.0 {
            return self.gamma(shape + 1.0) * libm::pow(1.0 - self.uniform(), 1.0 / shape);
        }
        let d = shape - 1.0 / 3.0;
        let c = 1.0 / (9.0 * d).sqrt();
        loop {
            let x = self.normal();
            let v = (1.0 + c * x) * (1.0 + c * x) * (1.0 + c * x);
            if v > 0.0 && libm::log(1.0 - self.uniform()) < 0.5 * x * x + d - d * v + d * libm::log(v) {
                return d * v;
            }
        }
    }

    /// Poisson: order statistics of a gamma while the mean is large, then products of uniforms.
    pub(crate) fn poisson(&mut self, mean: f64) -> u64 {
        let (mut mean, mut count) = (mean, 0);
        while mean > 30.0 {
            let step = (0.875 * mean).floor();
            let time = self.gamma(step);
            if time > mean {
                return count + self.binomial(step as u64 - 1, mean / time);
            }
            count += step as u64;
            mean -= time;
        }
        let stop = libm::exp(-mean);
        let mut product = self.uniform();
        while product > stop {
            count += 1;
            product *= self.uniform();
        }
        count
    }

    /// Binomial: splits at a beta order statistic while there are many trials, then counts.
    pub(crate) fn binomial(&mut self, trials: u64, share: f64) -> u64 {
        let (mut trials, mut share, mut count) = (trials, share, 0);
        while trials > 30 {
            let middle = trials / 2 + 1;
            let x = self.beta(middle as f64, (trials + 1 - middle) as f64);
            if x <= share {
                count += middle;
                trials -= middle;
                share = (share - x) / (1.0 - x);
            } else {
                trials = middle - 1;
                share /= x;
            }
        }
        count + (0..trials).filter(|_| self.uniform() < share).count() as u64
    }

    pub(crate) fn beta(&mut self, a: f64, b: f64) -> f64 {
        let (x, y) = (self.gamma(a), self.gamma(b));
        x / (x + y)
    }

    /// Negative binomial with mean and dispersion.
    pub(crate) fn negative_binomial(&mut self, mean: f64, dispersion: f64) -> u64 {
        let size = 1.0 / dispersion;
        let rate = self.gamma(size) * mean / size;
        self.poisson(rate)
    }
}

/// The p-value of Kolmogorov's test against the uniform distribution.
pub(crate) fn kolmogorov_p(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    let n = values.len() as f64;
    let distance = values
        .iter()
        .enumerate()
        .map(|(i, v)| (v - i as f64 / n).max((i as f64 + 1.0) / n - v))
        .fold(0.0, f64::max);
    // Stephens' small-sample correction.
    let t = distance * (n.sqrt() + 0.12 + 0.11 / n.sqrt());
    let tail: f64 = (1..100)
        .map(|k| {
            let k = f64::from(k);
            let sign = if k as u32 % 2 == 1 { 1.0 } else { -1.0 };
            2.0 * sign * libm::exp(-2.0 * k * k * t * t)
        })
        .sum();
    tail.clamp(0.0, 1.0)
}

/// Observed over nominal share of values at or below `level`.
pub(crate) fn exceedance(values: &[f64], level: f64) -> f64 {
    values.iter().filter(|v| **v <= level).count() as f64 / (values.len() as f64 * level)
}

#[test]
fn the_draws_have_the_moments_they_should() {
    let mut draws = Draws::seeded(1);
    let mut check = |name: &str, mean: f64, variance: f64, draw: &mut dyn FnMut(&mut Draws) -> f64| {
        let values: Vec<f64> = (0..20_000).map(|_| draw(&mut draws)).collect();
        let m = values.iter().sum::<f64>() / 20_000.0;
        let v = values.iter().map(|x| (x - m) * (x - m)).sum::<f64>() / 20_000.0;
        assert!((m - mean).abs() < 4.0 * (variance / 20_000.0).sqrt(), "{name}: mean {m}");
        assert!((v / variance - 1.0).abs() < 0.12, "{name}: variance {v}");
    };
    check("normal", 0.0, 1.0, &mut Draws::normal);
    check("gamma", 2.5, 2.5, &mut |d| d.gamma(2.5));
    check("gamma below one", 0.3, 0.3, &mut |d| d.gamma(0.3));
    check("poisson", 400.0, 400.0, &mut |d| d.poisson(400.0) as f64);
    check("binomial", 200.0, 160.0, &mut |d| d.binomial(1_000, 0.2) as f64);
    check("negative binomial", 50.0, 300.0, &mut |d| d.negative_binomial(50.0, 0.1) as f64);
}

#[test]
fn kolmogorov_accepts_uniform_and_refuses_skewed() {
    let mut draws = Draws::seeded(2);
    let mut uniform: Vec<f64> = (0..5_000).map(|_| draws.uniform()).collect();
    let mut skewed: Vec<f64> = uniform.iter().map(|u| libm::pow(*u, 1.1)).collect();
    assert!(kolmogorov_p(&mut uniform) > 0.01);
    assert!(kolmogorov_p(&mut skewed) < 1e-4);
}
