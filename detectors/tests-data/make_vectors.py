#!/usr/bin/env python3
"""Makes the reference vectors that the statistics are tested against, from scipy (1.17 when last run).

Run it in any environment with numpy and scipy; it writes the .csv files beside itself, always the same ones.
Rows whose expectation is below 1e-290 are left out: a double holds no honest digits there.
"""

from pathlib import Path

import numpy as np
from scipy import special, stats

HERE = Path(__file__).parent
SMALLEST = 1e-290
POISSON_DISPERSION = 1e-6


def write(name, header, rows):
    with open(HERE / f"{name}.csv", "w", encoding="ascii", newline="\n") as out:
        out.write(",".join(header) + "\n")
        for row in rows:
            out.write(",".join(repr(float(cell)) for cell in row) + "\n")


def student():
    rng = np.random.default_rng(1)
    for freedom in (1, 1.5, 3, 4, 9, 22, 100, 3000):
        for t in (-30, -2, -0.1, 0, 1e-3, 0.5, 1, 2.5, 6, 20, 200, 1e4):
            expected = stats.t.sf(t, freedom)
            if expected > SMALLEST:
                yield t, freedom, expected
    for _ in range(100):
        t, freedom = rng.normal() * 5, rng.uniform(1, 60)
        yield t, freedom, stats.t.sf(t, freedom)


def chi_square():
    for freedom in (1, 2, 3.7, 6, 12, 55.5):
        for x in (1e-3, 0.3, 1, 3, 10, 40, 120, 500):
            expected = stats.chi2.sf(x, freedom)
            if expected > SMALLEST:
                yield x, freedom, expected


def beta():
    rng = np.random.default_rng(2)
    for _ in range(300):
        a, b = 10 ** rng.uniform(-1, 5.5, 2)
        spread = np.sqrt(a * b / (a + b + 1)) / (a + b)
        x = np.clip(a / (a + b) + rng.uniform(-12, 2) * spread, 1e-12, 1 - 1e-12)
        expected = special.betainc(a, b, x)
        if SMALLEST < expected < 0.999:
            yield a, b, x, expected


def negative_binomial():
    """mu, phi, y, P(Y = y), P(Y <= y), P(Y >= y)."""
    rng = np.random.default_rng(3)
    rows = 0
    while rows < 420:
        mu = 10 ** rng.uniform(-4, 6)
        phi = rng.choice([0, 1e-4, 0.003, 0.01, 0.08, 0.5, 1.2, 3.0]) if rows % 3 else 10 ** rng.uniform(-3.5, 0.8)
        spread = np.sqrt(mu + phi * mu * mu)
        y = np.floor(max(0, mu + rng.choice([-1, 1, 1]) * rng.exponential(3) * spread))
        if rng.random() < 0.25:
            y = float(rng.integers(0, 13))
        if phi < POISSON_DISPERSION:
            dist = stats.poisson(mu)
        else:
            dist = stats.nbinom(1 / phi, 1 / (1 + phi * mu))
        cells = dist.pmf(y), dist.cdf(y), dist.sf(y - 1)
        # One side may be one to all digits; the pmf and the small side are what is compared.
        if min(cells) > SMALLEST:
            rows += 1
            yield mu, phi, y, *cells


def mixture():
    """mu, parameter variance, y, eight weights, P(Y <= y), P(Y >= y)."""
    grid = np.array([0.003, 0.01, 0.03, 0.08, 0.2, 0.5, 1.2, 3.0])
    rng = np.random.default_rng(4)
    for _ in range(200):
        mu, v = 10 ** rng.uniform(-4, 5), 10 ** rng.uniform(-5, 0.3)
        weights = rng.dirichlet(np.full(8, 0.4))
        size = 1 / (grid + v)
        spread = np.sqrt(mu + (weights * (grid + v)).sum() * mu * mu)
        y = np.floor(max(0, mu + rng.choice([-1, 1, 1]) * rng.exponential(2) * spread))
        if rng.random() < 0.3:
            y = float(rng.integers(0, 13))
        p = size / (size + mu)
        below = (weights * stats.nbinom.cdf(y, size, p)).sum()
        above = (weights * stats.nbinom.sf(y - 1, size, p)).sum()
        if min(below, above) > SMALLEST:
            yield mu, v, y, *weights, below, above


def beta_binomial():
    """n, alpha, beta, k, P(K = k), P(K <= k), P(K >= k), summed from the pmf so that the far tails keep their digits."""
    rng = np.random.default_rng(5)
    for index in range(260):
        n = int(10 ** rng.uniform(0, 4.8 if index % 10 == 0 else 3.5))
        share, rho = rng.beta(0.5, 3), 10 ** rng.uniform(-3, -0.4)
        share = min(max(share, 1e-4), 1 - 1e-4)
        a, b = share * (1 / rho - 1), (1 - share) * (1 / rho - 1)
        spread = np.sqrt(n * share * (1 - share) * (1 + (n - 1) * rho))
        k = int(np.clip(n * share + rng.choice([-1, 1]) * rng.exponential(2) * spread, 0, n))
        ks = np.arange(n + 1)
        ln_ways = special.gammaln(n + 1) - special.gammaln(ks + 1) - special.gammaln(n - ks + 1)
        pmf = np.exp(ln_ways + special.betaln(ks + a, n - ks + b) - special.betaln(a, b))
        cells = pmf[k], pmf[: k + 1].sum(), pmf[k:].sum()
        if min(cells) > SMALLEST:
            yield n, a, b, k, *cells


write("student", ["t", "freedom", "upper"], student())
write("chi_square", ["x", "freedom", "upper"], chi_square())
write("beta", ["a", "b", "x", "lower"], beta())
write("negative_binomial", ["mu", "phi", "y", "pmf", "at_most", "at_least"], negative_binomial())
write(
    "mixture",
    ["mu", "v", "y", *(f"w{j}" for j in range(8)), "at_most", "at_least"],
    mixture(),
)
write("beta_binomial", ["n", "alpha", "beta", "k", "pmf", "at_most", "at_least"], beta_binomial())
