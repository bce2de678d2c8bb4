//! What can be asked of the files: sizes, names, order, and that the committed ones are the generator's.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::{committed, events, text};
use crate::clock::Moment;
use crate::journal::MAX_FEED_DELAY_MS;
use crate::manifest::CATALOGUE;
use crate::{Format, Manifest, Role, Scenario, Variant, event_time, expectations};

/// The embedded broker keeps no more than this in a partition.
const MOST_BYTES_A_TOPIC: usize = 5 * 1024 * 1024;
/// The most records of an attack day, over all its topics.
const MOST_RECORDS_A_DAY: usize = 20_000;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn committed_files_are_what_the_generator_makes() {
    for scenario in Scenario::ALL {
        if let Err(error) = crate::committed::check(&folder(), scenario) {
            panic!("{error}: run `cargo run -p sample-logs -- write`");
        }
    }
}

#[test]
fn committed_lines_are_read_back_with_their_times() {
    for scenario in Scenario::ALL {
        let folder = folder().join(scenario.folder());
        let manifest = Manifest::load(&folder).unwrap();
        for (entry, file) in manifest.files.iter().zip(committed(scenario).files) {
            assert_eq!((&entry.path, &entry.topic), (&file.path(), &file.topic));
            let lines = crate::committed::lines(&folder, entry).unwrap();
            assert_eq!(lines.len(), file.lines.len());
            let of_the_day = |line: &String| {
                let time = event_time(entry.format, line).expect("every line has a time");
                (time >= manifest.scenario.day_start && time < manifest.scenario.day_end)
                    == (entry.role == Role::AttackDay)
            };
            assert!(lines.iter().all(of_the_day), "{}", entry.path);
        }
    }
    assert_eq!(event_time(Format::Native, "no event"), None);
}

#[test]
fn committed_files_are_small() {
    let size = |path: &Path| std::fs::metadata(path).unwrap().len();
    let files = Scenario::ALL.into_iter().flat_map(|scenario| {
        let folder = folder().join(scenario.folder());
        Manifest::load(&folder).unwrap().files.into_iter().map(move |file| folder.join(file.path))
    });
    let total: u64 = files.map(|path| size(&path)).sum();
    assert!(total < 3_000_000, "{total} bytes");
}

#[test]
fn an_attack_day_fits_the_embedded_broker() {
    for scenario in Scenario::ALL {
        let recording = committed(scenario);
        let day: Vec<_> = recording.files.iter().filter(|file| file.role == Role::AttackDay).collect();
        let records: usize = day.iter().map(|file| file.lines.len()).sum();
        assert!((1_000..=MOST_RECORDS_A_DAY).contains(&records), "{scenario:?}: {records} records");
        for file in day {
            assert!(file.text().len() < MOST_BYTES_A_TOPIC, "{}: {} bytes", file.name, file.text().len());
        }
    }
}

#[test]
fn base_names_are_unique_over_all_scenarios_and_streams_share_their_topic() {
    let mut names = BTreeSet::new();
    let mut topics = BTreeSet::new();
    for scenario in Scenario::ALL {
        for file in committed(scenario).files {
            assert!(names.insert(file.name.clone()), "{}", file.name);
            assert!(file.name.starts_with(&file.topic) && file.topic.starts_with(scenario.folder()));
            topics.insert(file.topic);
        }
    }
    assert_eq!((names.len(), topics.len()), (24, 12));
}

#[test]
fn descriptions_load_and_name_only_what_exists() {
    for scenario in Scenario::ALL {
        let folder = folder().join(scenario.folder());
        let manifest = Manifest::load(&folder).unwrap();
        assert_eq!(manifest, expectations(scenario, Variant::COMMITTED));
        assert_eq!(manifest.files_of(Role::AttackDay).count(), 3);
        let named = manifest.expectations.iter().map(|wanted| &wanted.detector);
        for detector in named.chain(manifest.silences.iter().flat_map(|silence| &silence.detectors)) {
            assert!(CATALOGUE.contains(&detector.as_str()), "{detector}");
        }
        assert!(!manifest.silences.is_empty());
        let about = &manifest.scenario;
        for wanted in &manifest.expectations {
            assert!(about.epoch <= wanted.after && wanted.after < wanted.by && wanted.by < about.day_end);
            assert!((1..=wanted.subject.names.len()).contains(&wanted.at_least));
        }
    }
}

#[test]
fn native_streams_are_nearly_in_order_and_their_ids_are_unique() {
    let mut in_all = 0;
    for scenario in Scenario::ALL {
        let recording = committed(scenario);
        for (stream, role) in
            [("publishes", Role::History), ("publishes", Role::AttackDay), ("signatures", Role::History)]
        {
            let (mut newest, mut disorder, mut ids) = (i64::MIN, 0, BTreeSet::new());
            for event in events(&recording, stream, role) {
                let time = Moment::parse(text(&event, "/time")).unwrap().unix_ms();
                disorder = disorder.max(newest.saturating_sub(time));
                newest = newest.max(time);
                assert!(ids.insert(text(&event, "/id").to_owned()), "{}", text(&event, "/id"));
            }
            assert!(disorder <= MAX_FEED_DELAY_MS, "{scenario:?} {stream}: {disorder} ms");
            in_all += disorder;
        }
    }
    assert!(in_all > 0, "a real feed is never wholly in order");
}

#[test]
fn proxy_lines_are_combined_and_in_order() {
    for scenario in Scenario::ALL {
        for file in committed(scenario).files.iter().filter(|file| file.format == Format::Combined) {
            let mut last = "";
            for line in &file.lines {
                let fields: Vec<&str> = line.split('"').collect();
                assert_eq!(fields.len(), 7, "{line}");
                assert!(line.starts_with("10.") && fields[1].ends_with(" HTTP/1.1"), "{line}");
                let numbers: Vec<&str> = fields[2].split_whitespace().collect();
                assert!(
                    numbers.len() == 2 && numbers.iter().all(|number| number.parse::<u64>().is_ok()),
                    "{line}"
                );
                // Inside one month, the text of the time is in the order of time from its day on.
                let time = line.split(['[', ']']).nth(1).unwrap();
                let in_day = &time[12..20];
                assert!(time[..11] != last.get(..11).unwrap_or("")[..] || in_day >= &last[12..20], "{line}");
                last = time;
            }
            assert!(!file.lines.is_empty());
        }
    }
}
