//! Logs of a registry that never was: weeks of habits, then tags that move, other keys and bursts of downloads, with
//! unreadable, late and disordered records between them. The same seed gives the same logs.

use crate::parts::topics::Message;

/// Where event times begin, in seconds since 1970: 1 May 2026.
const START: i64 = 1_777_593_600;
const DAY: i64 = 86_400;

/// What logs are to be like.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    /// Where chance begins.
    pub(crate) seed: u64,
    /// How many days; the last quarter is not like the others.
    pub(crate) days: i64,
    /// How many packages.
    pub(crate) packages: i64,
    /// Over how many partitions each topic's records are spread, by package.
    pub(crate) partitions: i64,
}

impl Shape {
    /// The day on which a package ceases to be as usual: one after the other, so that there is news until the end.
    fn changes_from(self, package: i64) -> i64 {
        self.days * 3 / 4 + package * self.days / 4 / self.packages
    }
}

/// Records of three topics, in the order of their arrival.
#[derive(Clone, Debug)]
pub(crate) struct Logs {
    /// Tags, set and moved.
    pub(crate) tags: Vec<Message>,
    /// Signatures.
    pub(crate) signatures: Vec<Message>,
    /// Downloads.
    pub(crate) pulls: Vec<Message>,
}

impl Logs {
    /// Makes logs.
    pub(crate) fn new(shape: Shape) -> Self {
        let mut dice = Dice(shape.seed);
        Self {
            tags: tags(shape, &mut dice),
            signatures: signatures(shape, &mut dice),
            pulls: pulls(shape, &mut dice),
        }
    }

    /// The beginning and the rest: what arrives before a moment of the last quarter, and what arrives later.
    pub(crate) fn halves(self, shape: Shape) -> (Self, Self) {
        self.split((START + shape.days * DAY * 7 / 8) * 1_000)
    }

    /// All but the last half day of the downloads, and the rest.
    pub(crate) fn parted(self) -> (Self, Self) {
        let newest = self.pulls.last().map_or(0, |message| message.timestamp_ms);
        self.split(newest - DAY * 500)
    }

    fn split(self, moment: i64) -> (Self, Self) {
        let split = |all: Vec<Message>| all.into_iter().partition(|message| message.timestamp_ms < moment);
        let (tags, later_tags) = split(self.tags);
        let (signatures, later_signatures) = split(self.signatures);
        let (pulls, later_pulls) = split(self.pulls);
        let later = Self { tags: later_tags, signatures: later_signatures, pulls: later_pulls };
        (Self { tags, signatures, pulls }, later)
    }

    /// Without the last day of one partition of the downloads.
    pub(crate) fn lagging(mut self, shape: Shape, partition: i32) -> Self {
        let moment = (START + (shape.days - 1) * DAY) * 1_000;
        self.pulls.retain(|message| message.partition != partition || message.timestamp_ms < moment);
        self
    }
}

/// Chance that can be repeated: splitmix64.
#[derive(Clone, Debug)]
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    /// A number from 0 to `sides` - 1.
    pub(crate) fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % sides
    }

    fn below(&mut self, sides: i64) -> i64 {
        i64::try_from(self.roll(sides.unsigned_abs())).expect("less than an i64")
    }
}

/// A record that arrives at `at`; about one in thirty is late beyond the usual lateness of 30 s, some are within it,
/// and one in a hundred cannot be read.
fn record(shape: Shape, dice: &mut Dice, at: i64, package: i64, body: &str) -> Message {
    let partition = i32::try_from(package % shape.partitions).expect("few partitions");
    let back = match dice.below(90) {
        0..3 => 31 + dice.below(600),
        3..20 => dice.below(25),
        _ => 0,
    };
    let value = match dice.below(100) {
        0 => format!("{{ not json {at}"),
        _ => format!(r#"{{"time":{},{body}}}"#, (at - back) * 1_000),
    };
    Message::new(partition, at * 1_000, value)
}

fn in_order(mut messages: Vec<Message>) -> Vec<Message> {
    messages.sort_by_key(|message| message.timestamp_ms);
    messages
}

fn tags(shape: Shape, dice: &mut Dice) -> Vec<Message> {
    let mut all = Vec::new();
    for day in 0..shape.days {
        for package in 0..shape.packages {
            let digest = if day < shape.changes_from(package) { 1 } else { 1 + dice.below(4) };
            let body = format!(
                r#""type":"tag","registry":"npm","artifact":{{"purl":"pkg:npm/p{package}","tag":"1.2.{}","digest":"sha256:{:064x}"}}"#,
                package % 3,
                package * 16 + digest,
            );
            all.push(record(shape, dice, START + day * DAY + package * 900 + 5, package, &body));
        }
    }
    in_order(all)
}

fn signatures(shape: Shape, dice: &mut Dice) -> Vec<Message> {
    let mut all = Vec::new();
    for day in 0..shape.days {
        for package in 0..shape.packages {
            let other = if day < shape.changes_from(package) { 0 } else { dice.below(3) };
            let body = format!(
                r#""type":"sign","registry":"npm","artifact":{{"purl":"pkg:npm/p{package}@1.{day}","digest":"sha256:{:064x}"}},"signer":{{"key_id":"k{package}-{other}"}}"#,
                package * 1_000 + day,
            );
            all.push(record(shape, dice, START + day * DAY + package * 900, package, &body));
        }
    }
    in_order(all)
}

fn pulls(shape: Shape, dice: &mut Dice) -> Vec<Message> {
    let body = |package: i64, principal: i64| {
        format!(
            r#""type":"access","action":"pull","registry":"npm","artifact":{{"purl":"pkg:npm/p{package}"}},"actor":{{"principal":"u{principal}"}}"#
        )
    };
    let mut all = Vec::new();
    for hour in 0..shape.days * 24 {
        for package in 0..shape.packages {
            let at = START + hour * 3_600 + dice.below(3_000);
            all.push(record(shape, dice, at, package, &body(package, package)));
        }
    }
    let bursts = shape.days * 3;
    for burst in 0..bursts {
        let at = START + shape.days * 3 / 4 * DAY + burst * DAY / 12;
        let package = burst * shape.packages / bursts;
        let body = body(package, 100 + burst);
        all.extend((0..60).map(|second| record(shape, dice, at + second, package, &body)));
    }
    in_order(all)
}
