//! What is known of the TanStack compromise: packages, versions, times, run numbers.
//!
//! Sources: the post-mortem (TanStack/tanstack.com, `src/blog/npm-supply-chain-compromise-postmortem.md`), the tracking
//! issue TanStack/router#7383, and the advisory GHSA-g7cv-rxg3-hmpx with its list of versions.

use crate::clock::Moment;
use crate::publishing::version::Version;

/// The packages and the first bad version of each. The second is three patches later, the last clean one three before.
/// The first sixteen are what a React application takes in; the order is otherwise alphabetical.
pub(crate) const PACKAGES: [(&str, Version); 42] = [
    ("history", Version(1, 161, 9)),
    ("react-router", Version(1, 169, 5)),
    ("react-router-devtools", Version(1, 166, 16)),
    ("react-start", Version(1, 167, 68)),
    ("react-start-client", Version(1, 166, 51)),
    ("react-start-server", Version(1, 166, 55)),
    ("router-core", Version(1, 169, 5)),
    ("router-devtools-core", Version(1, 167, 6)),
    ("router-generator", Version(1, 166, 45)),
    ("router-plugin", Version(1, 167, 38)),
    ("router-utils", Version(1, 161, 11)),
    ("start-client-core", Version(1, 168, 5)),
    ("start-plugin-core", Version(1, 169, 23)),
    ("start-server-core", Version(1, 167, 33)),
    ("start-storage-context", Version(1, 166, 38)),
    ("virtual-file-routes", Version(1, 161, 10)),
    ("arktype-adapter", Version(1, 166, 12)),
    ("eslint-plugin-router", Version(1, 161, 9)),
    ("eslint-plugin-start", Version(0, 0, 4)),
    ("nitro-v2-vite-plugin", Version(1, 154, 12)),
    ("react-router-ssr-query", Version(1, 166, 15)),
    ("react-start-rsc", Version(0, 0, 47)),
    ("router-cli", Version(1, 166, 46)),
    ("router-devtools", Version(1, 166, 16)),
    ("router-ssr-query-core", Version(1, 168, 3)),
    ("router-vite-plugin", Version(1, 166, 53)),
    ("solid-router", Version(1, 169, 5)),
    ("solid-router-devtools", Version(1, 166, 16)),
    ("solid-router-ssr-query", Version(1, 166, 15)),
    ("solid-start", Version(1, 167, 65)),
    ("solid-start-client", Version(1, 166, 50)),
    ("solid-start-server", Version(1, 166, 54)),
    ("start-fn-stubs", Version(1, 161, 9)),
    ("start-static-server-functions", Version(1, 166, 44)),
    ("valibot-adapter", Version(1, 166, 12)),
    ("vue-router", Version(1, 169, 5)),
    ("vue-router-devtools", Version(1, 166, 16)),
    ("vue-router-ssr-query", Version(1, 166, 15)),
    ("vue-start", Version(1, 167, 61)),
    ("vue-start-client", Version(1, 166, 46)),
    ("vue-start-server", Version(1, 166, 50)),
    ("zod-adapter", Version(1, 166, 12)),
];

/// How many of [`PACKAGES`] a React application takes in.
pub(crate) const REACT_PACKAGES: usize = 16;

/// The two waves, as npm's `time` field has them.
pub(crate) const FIRST_WAVE: Moment = Moment::utc((2026, 5, 11), (19, 20, 39));
/// The second one.
pub(crate) const SECOND_WAVE: Moment = Moment::utc((2026, 5, 11), (19, 26, 14));

/// The runs that the waves came from, with their attempts; the jobs of both failed.
pub(crate) const RUNS: [(&str, u32); 2] = [("25613093674", 4), ("25691781302", 1)];

/// The injected optional dependency: a commit that no branch of the repository has.
pub(crate) const SETUP_COMMIT: &str = "79ac49eedf774dd4b0cfa308722bc463cfe5885c";

/// The size of the smuggled file, about 2.3 MB.
pub(crate) const SMUGGLED_BYTES: usize = 2_341_681;

/// Deprecation began and ended, and npm took the tarballs away, between these times.
pub(crate) const DEPRECATED: (Moment, Moment) =
    (Moment::utc((2026, 5, 11), (20, 19, 0)), Moment::utc((2026, 5, 11), (21, 3, 0)));
/// When npm removed them.
pub(crate) const REMOVED: (Moment, Moment) =
    (Moment::utc((2026, 5, 11), (22, 13, 0)), Moment::utc((2026, 5, 11), (23, 55, 0)));
