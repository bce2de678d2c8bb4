//! The events of the measurement: two days of a busy registry's access log, seeded, with all that real logs have wrong.

use std::fmt::Write as _;

use detectors::event::EventTime;

/// The first event's time, 2026-03-02T00:00:00Z.
const START_MS: i64 = 1_772_409_600_000;
/// The events are spread over so much event time, so that windows of every width close.
const SPREAD_MS: i64 = 48 * 3_600_000;
/// Partitions of the topic; an artifact's events are in one of them.
pub(crate) const PARTITIONS: usize = 4;
const ARTIFACTS: usize = 200_000;
const VERSIONS: u64 = 4;
const CLIENTS: usize = 50_000;
/// Exponents of Zipf's law: popularity falls with rank as `1 / rank^s`.
const ARTIFACT_EXPONENT: f64 = 1.05;
const CLIENT_EXPONENT: f64 = 0.9;
/// Shares of the records that are sent twice, that come too late for their lane, and that nobody can read.
const DUPLICATES: f64 = 0.022;
const LATE: f64 = 0.022;
const UNREADABLE: f64 = 0.012;
/// Share of the records whose text has escapes, so that it cannot be borrowed.
const ESCAPED: f64 = 0.19;
/// A late record is so much older than the newest, beyond the lane's 30 s.
const LATE_MS: (i64, i64) = (60_000, 600_000);
/// A record is repeated from among the latest so many of its partition.
const REPEATED_FROM: usize = 64;
/// In this hour one client crawls the registry, in that one everybody pulls the same quiet artifact: findings have to be
/// made, explained and stored too. Each is such a share of its hour.
const CRAWLED_HOUR: i64 = 40;
const RUSHED_HOUR: i64 = 44;
const ODD_SHARE: f64 = 0.1;
const CRAWLER: usize = CLIENTS - 1;
const RUSHED: usize = ARTIFACTS - 1;

/// What is special about a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Special {
    Nothing,
    Duplicate,
    Late,
    Unreadable,
}

/// One record.
#[derive(Debug, Clone)]
pub(crate) struct Generated {
    pub(crate) partition: usize,
    pub(crate) key: String,
    /// When the producer sent it, Unix milliseconds.
    pub(crate) sent_ms: i64,
    pub(crate) value: Vec<u8>,
    pub(crate) special: Special,
}

/// All records in the order in which they are produced.
pub(crate) struct Events {
    random: Random,
    artifacts: Zipf,
    clients: Zipf,
    recent: [Vec<Generated>; PARTITIONS],
    number: u64,
    total: u64,
}

impl Events {
    /// So many records of one seed.
    pub(crate) fn new(seed: u64, total: u64) -> Self {
        Self {
            random: Random(seed),
            artifacts: Zipf::new(ARTIFACTS, ARTIFACT_EXPONENT),
            clients: Zipf::new(CLIENTS, CLIENT_EXPONENT),
            recent: Default::default(),
            number: 0,
            total,
        }
    }

    fn generate(&mut self) -> Generated {
        let share = i64::try_from(u128::from(self.number) * SPREAD_MS as u128 / u128::from(self.total));
        let sent_ms = START_MS + share.unwrap_or(SPREAD_MS);
        let (artifact, client) = self.who_pulls_what((sent_ms - START_MS) / 3_600_000);
        let partition = artifact % PARTITIONS;
        let draw = self.random.unit();
        if draw < DUPLICATES && !self.recent[partition].is_empty() {
            let of = self.random.below(self.recent[partition].len() as u64) as usize;
            return Generated { sent_ms, special: Special::Duplicate, ..self.recent[partition][of].clone() };
        }
        let special = match draw - DUPLICATES {
            rest if rest < LATE => Special::Late,
            rest if rest < LATE + UNREADABLE => Special::Unreadable,
            _ => Special::Nothing,
        };
        let age = if special == Special::Late {
            self.random.between(LATE_MS)
        } else {
            self.random.between((0, 900))
        };
        let name = format!("pkg:npm/%40team-{}/component-{artifact:06}", artifact % 997);
        let mut value = self.text(&name, client, sent_ms - age).into_bytes();
        if special == Special::Unreadable {
            spoil(&mut value, self.number);
        }
        let generated = Generated { partition, key: name, sent_ms, value, special };
        if special == Special::Nothing {
            let recent = &mut self.recent[partition];
            if recent.len() == REPEATED_FROM {
                recent[(self.number as usize) % REPEATED_FROM] = generated.clone();
            } else {
                recent.push(generated.clone());
            }
        }
        generated
    }

    /// The ranks of an artifact and of the client that pulls it.
    fn who_pulls_what(&mut self, hour: i64) -> (usize, usize) {
        let artifact = self.artifacts.rank(&mut self.random);
        let client = self.clients.rank(&mut self.random);
        let odd = self.random.unit() < ODD_SHARE;
        match hour {
            CRAWLED_HOUR if odd => (self.random.below(ARTIFACTS as u64) as usize, CRAWLER),
            RUSHED_HOUR if odd => (RUSHED, client),
            _ => (artifact, client),
        }
    }

    /// One access event with 14 fields, as a registry's log shipper would write it.
    fn text(&mut self, name: &str, client: usize, time_ms: i64) -> String {
        let version = self.random.below(VERSIONS);
        let bytes = 2_000 + self.random.below(4_000_000);
        let duration = 3 + self.random.below(900);
        let request = u128::from(self.random.next()) << 64 | u128::from(self.random.next());
        let agent = if self.random.unit() < ESCAPED {
            r#"pip/24.2 {\"ci\":true,\"cpu\":\"x86_64\",\"distro\":{\"name\":\"Debian\"},\"python\":\"3.12.4\"}"#
        } else {
            "npm/10.8.2 node/v20.17.0 linux x64 workspaces/false ci/github-actions"
        };
        let (country, network) = [("DE", 3320), ("US", 14_618), ("NL", 1136), ("JP", 2516)][client % 4];
        let time =
            EventTime::from_unix_millis(time_ms).map_or_else(|_| String::new(), |time| time.to_string());
        let mut text = String::with_capacity(640);
        write!(
            text,
            r#"{{"v":1,"id":"evt-{number:010}","time":"{time}","registry":"npm","type":"access","action":"pull","#,
            number = self.number,
        )
        .and_then(|()| {
            write!(
                text,
                r#""artifact":{{"purl":"{name}@1.{version}.0","file":"component-1.{version}.0.tgz"}},"actor":{{"principal":"client-{client:05}","#
            )
        })
        .and_then(|()| {
            write!(
                text,
                r#""kind":"service","ip":"10.{}.{}.{}","user_agent":"{agent}","country":"{country}","asn":{network},"auth":"token","token_id":"tok-{client:05}"}},"#,
                client / 65_536,
                client / 256 % 256,
                client % 256,
            )
        })
        .and_then(|()| {
            write!(
                text,
                r#""outcome":"success","status":200,"request_id":"{request:032x}","bytes":{bytes},"duration_ms":{duration},"upstream":"mirror-2"}}"#
            )
        })
        .expect("writing to a string never fails");
        text
    }
}

impl Iterator for Events {
    type Item = Generated;

    fn next(&mut self) -> Option<Generated> {
        if self.number == self.total {
            return None;
        }
        let generated = self.generate();
        self.number += 1;
        Some(generated)
    }
}

/// Makes a record unreadable, in one of the ways in which real ones are.
fn spoil(value: &mut Vec<u8>, number: u64) {
    match number % 4 {
        // Cut off by a shipper's buffer.
        0 => value.truncate(value.len() / 2),
        // Bytes of another encoding.
        1 => value[60] = 0xfc,
        // A word that no version of the contract knows.
        2 => replace(value, "\"access\"", "\"acsess\""),
        // No package URL.
        _ => replace(value, "pkg:npm", "pkg!npm"),
    }
}

fn replace(value: &mut Vec<u8>, from: &str, to: &str) {
    *value = String::from_utf8_lossy(value).replacen(from, to, 1).into_bytes();
}

/// Draws ranks by Zipf's law.
struct Zipf(Vec<f64>);

impl Zipf {
    fn new(ranks: usize, exponent: f64) -> Self {
        let mut sum = 0.0;
        let weigh = |rank: usize| {
            sum += (rank as f64).powf(-exponent);
            sum
        };
        Self((1..=ranks).map(weigh).collect())
    }

    fn rank(&self, random: &mut Random) -> usize {
        let whole = self.0.last().copied().unwrap_or_default();
        let drawn = random.unit() * whole;
        self.0.partition_point(|sum| *sum < drawn).min(self.0.len() - 1)
    }
}

/// `SplitMix64` (Steele, Lea and Flood, 2014).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, n: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(n)) >> 64) as u64
    }

    fn between(&mut self, (low, high): (i64, i64)) -> i64 {
        low + self.below(high.abs_diff(low)) as i64
    }

    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }
}
