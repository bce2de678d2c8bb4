//! Each format over its own records, and over as many broken ones made from them: events or one refusal, never a panic.
//!
//! Mutations are a function of a seed, so a failure comes again. `SEALWATCH_FULL=1` makes fifty times as many.

use std::path::Path;
use std::sync::Arc;

use detectors::event::{MAX_LIST_ITEMS, PartitionId};

use crate::decode::{Decoder, DecoderSettings, Format, MAX_DETAIL_CHARS, RefusalReason};
use crate::source::RawRecord;

/// Broken records of each format.
const MUTATIONS: usize = 20_000;
/// How many times as many a full run makes.
const FULL: usize = 50;
/// Pieces that parsers stumble over.
const PIECES: [&[u8]; 16] = [
    b"\"",
    b"\\",
    b"{",
    b"}",
    b"[",
    b"]",
    b"\\u0000",
    b"\0",
    b"\xff",
    b"null",
    b"-1",
    b"1e999",
    b"\n",
    b"|",
    b"\t",
    b"99999999999999999999",
];

/// A small generator (`SplitMix64`, <https://prng.di.unimi.it/splitmix64.c>): the same numbers everywhere.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }
}

fn corpus(format: Format) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("test-data").join(format.word());
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let logs = paths.iter().filter(|path| path.extension().is_some_and(|ending| ending == "log"));
    let texts = logs.map(|path| std::fs::read(path).unwrap());
    let lines = |text: Vec<u8>| text.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect::<Vec<_>>();
    texts.flat_map(lines).filter(|line| !line.is_empty() && line.len() < 20_000).collect()
}

fn mutated(corpus: &[Vec<u8>], numbers: &mut Numbers) -> Vec<u8> {
    let mut bytes = corpus[numbers.below(corpus.len())].clone();
    for _ in 0..=numbers.below(4) {
        let place = numbers.below(bytes.len() + 1);
        match numbers.below(7) {
            0 => bytes.truncate(place),
            1 if place < bytes.len() => bytes[place] = numbers.next() as u8,
            2 if place < bytes.len() => drop(bytes.remove(place)),
            3 => {
                let end = (place + numbers.below(40)).min(bytes.len());
                bytes.drain(place..end);
            }
            4 => {
                let end = (place + numbers.below(40)).min(bytes.len());
                let piece = bytes[place..end].to_vec();
                let _ = bytes.splice(place..place, piece);
            }
            5 => {
                let other = &corpus[numbers.below(corpus.len())];
                bytes.truncate(place);
                bytes.extend_from_slice(&other[numbers.below(other.len())..]);
            }
            _ => {
                let piece = PIECES[numbers.below(PIECES.len())];
                let _ = bytes.splice(place..place, piece.iter().copied());
            }
        }
    }
    bytes
}

fn check(decoder: &mut Decoder, partition: &Arc<PartitionId>, bytes: &[u8]) {
    let mut events = Vec::new();
    let before = decoder.counters().passed_over();
    let result = decoder.decode(&RawRecord::line(partition, 0, bytes), &mut events);
    let shown = || String::from_utf8_lossy(bytes).into_owned();
    match result {
        Ok(()) => {
            let passed = decoder.counters().passed_over() > before;
            assert!(!events.is_empty() || passed, "nothing came out and nothing was said: {}", shown());
            assert!(events.len() <= 2 * MAX_LIST_ITEMS, "{}", shown());
            let in_order = events.iter().zip(0..).all(|(event, index)| event.position.index == index);
            assert!(in_order, "two events have one place: {}", shown());
        }
        Err(refusal) => {
            assert_ne!(refusal.reason, RefusalReason::DecoderFault, "{}", shown());
            assert!(events.is_empty() && refusal.detail.chars().count() <= MAX_DETAIL_CHARS, "{}", shown());
        }
    }
}

#[test]
fn broken_records_of_each_format_are_events_or_one_refusal() {
    let factor = if std::env::var_os("SEALWATCH_FULL").is_some() { FULL } else { 1 };
    let partition = Arc::new(PartitionId { source: "s".into(), stream: "t".into(), partition: 0 });
    std::thread::scope(|scope| {
        let formats: Vec<_> = Format::ALL.iter().copied().filter(|format| *format != Format::Auto).collect();
        for some in formats.chunks(formats.len().div_ceil(2)) {
            let partition = &partition;
            let some = some.to_vec();
            scope.spawn(move || {
                for format in some {
                    let corpus = corpus(format);
                    let mut named = Decoder::new(DecoderSettings::new("s", format));
                    let mut auto = Decoder::new(DecoderSettings::new("s", Format::Auto));
                    let mut numbers = Numbers(format as u64);
                    for line in &corpus {
                        check(&mut named, partition, line);
                        check(&mut auto, partition, line);
                    }
                    for number in 0..MUTATIONS * factor {
                        let bytes = mutated(&corpus, &mut numbers);
                        check(if number % 2 == 0 { &mut named } else { &mut auto }, partition, &bytes);
                    }
                }
            });
        }
    });
}
