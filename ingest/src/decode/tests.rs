//! What holds for every format: events or one refusal, never a panic, never half of both.

use detectors::event::PartitionId;
use proptest::prelude::*;

use super::*;

fn decode(format: Format, bytes: &[u8]) -> (Result<(), Refusal>, Vec<Event>, DecodeCounters) {
    let partition = Arc::new(PartitionId { source: "s".into(), stream: "t".into(), partition: 0 });
    let mut decoder = Decoder::new(DecoderSettings::new("s", format));
    let mut events = Vec::new();
    let result = decoder.decode(&RawRecord::line(&partition, 5, bytes), &mut events);
    (result, events, decoder.take_counters())
}

fn check(bytes: &[u8], expected: &str) {
    let (result, ..) = decode(Format::Auto, bytes);
    assert_eq!(result.unwrap_err().to_string(), expected);
}

#[test]
fn what_no_format_reads_is_refused_with_its_reason() {
    check(b"", "empty-record: the record is empty");
    check(b" \r\n", "empty-record: the record is empty");
    check(b"{\"a\":\"\xff\"}", "invalid-utf8: no UTF-8 from byte 6 on");
    check(b"hello", "unknown-format: looks like none of the formats that `auto` knows");
    check(&vec![b'x'; MAX_RECORD_BYTES + 1], "oversize: 1048577 bytes, of 1048576 allowed");
    let deep = format!(r#"{{"time":1,"x":{}{}}}"#, "[".repeat(MAX_NESTING), "]".repeat(MAX_NESTING));
    check(deep.as_bytes(), "too-deep: nested deeper than 32");
    let very_deep = format!(r#"{{"time":1,"x":{}"#, "[".repeat(100_000));
    check(very_deep.as_bytes(), "too-deep: nested deeper than 32");
}

#[test]
fn a_record_of_just_one_mebibyte_is_read() {
    let frame = r#"{"time":"2026-05-11T19:20:39Z","type":"access","action":"pull","x":""}"#;
    let fill = "x".repeat(MAX_RECORD_BYTES - frame.len());
    let record = frame.replace(r#""x":"""#, &format!(r#""x":"{fill}""#));
    assert_eq!(record.len(), MAX_RECORD_BYTES);
    let (result, events, counters) = decode(Format::Native, record.as_bytes());
    assert_eq!((result, events.len(), counters.bytes), (Ok(()), 1, 1_048_576));
}

#[test]
fn a_tombstone_is_an_empty_record() {
    let partition = Arc::new(PartitionId { source: "s".into(), stream: "t".into(), partition: 0 });
    let record = RawRecord { payload: None, ..RawRecord::line(&partition, 0, b"") };
    let result = Decoder::new(DecoderSettings::new("s", Format::Auto)).decode(&record, &mut Vec::new());
    assert_eq!(result.unwrap_err().reason, RefusalReason::EmptyRecord);
}

#[test]
fn events_of_a_record_before_stay_when_the_next_one_is_refused() {
    let partition = Arc::new(PartitionId { source: "s".into(), stream: "t".into(), partition: 0 });
    let mut decoder = Decoder::new(DecoderSettings::new("s", Format::Auto));
    let mut events = Vec::new();
    let good = br#"{"time":"2026-05-11T19:20:39Z","type":"sign"}"#;
    decoder.decode(&RawRecord::line(&partition, 0, good), &mut events).unwrap();
    decoder.decode(&RawRecord::line(&partition, 1, b"{"), &mut events).unwrap_err();
    assert_eq!(events.len(), 1);
    let counters = decoder.counters();
    assert_eq!((counters.records, counters.events, counters.dead_letters()), (2, 1, 1));
}

/// One good record of each format.
const SAMPLES: [&str; 6] = [
    r#"{"v":1,"id":"e-1","time":"2026-05-11T19:20:39Z","registry":"npm","type":"access","action":"pull","artifact":{"purl":"pkg:npm/left-pad@1.3.0","digest":"sha256:00"},"actor":{"principal":"ci","ip":"203.0.113.9","mfa":true},"status":200,"bytes":5}"#,
    r#"{"time":1778527239000,"type":"publish","artifact":{"purl":"pkg:npm/a@1"},"metadata":{"maintainers":["a"],"dependencies":{"x":"1"},"provenance":{"level":"attested"}}}"#,
    r#"{"events":[{"id":"1","timestamp":"2016-03-09T14:44:26.402973972-08:00","action":"pull","target":{"mediaType":"application/vnd.docker.distribution.manifest.v2+json","repository":"a/b","tag":"latest"},"request":{"id":"r","addr":"192.168.64.11:42961","method":"GET"},"actor":{"name":"x"}}]}"#,
    r#"203.0.113.9 - alice [10/Oct/2025:13:55:36 +0000] "GET /v2/app/manifests/v1 HTTP/1.1" 200 2326 "-" "docker/24.0.2 \x22\"""#,
    r#"198.51.100.7 - - [10/Oct/2025:13:55:36 +0200] "GET /@scope%2fname/-/name-1.0.0.tgz HTTP/1.1" 200 - "-" "npm/10""#,
    r#"{"apiVersion":"0.0.1","kind":"hashedrekord","spec":{"data":{"hash":{"algorithm":"sha256","value":"c9"}},"signature":{"content":"MEYC","publicKey":{"content":"LS0tLS1CRUdJTg=="}}}}"#,
];

fn mutated() -> impl Strategy<Value = Vec<u8>> {
    let edits = proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..4_u8), 1..6);
    (prop::sample::select(&SAMPLES[..]), edits).prop_map(|(sample, edits)| {
        let mut bytes = sample.as_bytes().to_vec();
        for (place, byte, how) in edits {
            let place = place.index(bytes.len().max(1));
            match how {
                0 => bytes.truncate(place),
                1 => bytes.insert(place, byte),
                2 if place < bytes.len() => drop(bytes.remove(place)),
                _ if place < bytes.len() => bytes[place] = byte,
                _ => {}
            }
        }
        bytes
    })
}

fn events_or_one_refusal(bytes: &[u8]) -> Result<(), TestCaseError> {
    for format in Format::ALL.iter().copied() {
        let (result, events, counters) = decode(format, bytes);
        prop_assert_eq!(result.is_ok(), !events.is_empty() || (result.is_ok() && counters.passed_over() > 0));
        prop_assert_eq!(counters.dead_letters(), u64::from(result.is_err()));
        prop_assert_eq!(counters.events, events.len() as u64);
        if let Err(refusal) = result {
            prop_assert_ne!(refusal.reason, RefusalReason::DecoderFault, "{}", refusal);
            prop_assert!(refusal.detail.chars().count() <= MAX_DETAIL_CHARS);
        }
        for (number, event) in events.iter().enumerate() {
            prop_assert_eq!(event.position.index as usize, number);
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn any_bytes_are_events_or_one_refusal(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        events_or_one_refusal(&bytes)?;
    }

    #[test]
    fn any_text_is_events_or_one_refusal(text in "\\PC{0,200}") {
        events_or_one_refusal(text.as_bytes())?;
    }

    #[test]
    fn changed_records_are_events_or_one_refusal(bytes in mutated()) {
        events_or_one_refusal(&bytes)?;
    }

    #[test]
    fn what_comes_out_does_not_depend_on_what_came_before(one in mutated(), other in mutated()) {
        let partition = Arc::new(PartitionId { source: "s".into(), stream: "t".into(), partition: 0 });
        let mut decoder = Decoder::new(DecoderSettings::new("s", Format::Auto));
        let mut after = Vec::new();
        let _ = decoder.decode(&RawRecord::line(&partition, 5, &one), &mut Vec::new());
        let result = decoder.decode(&RawRecord::line(&partition, 5, &other), &mut after);
        let (alone, events, _) = decode(Format::Auto, &other);
        prop_assert_eq!((result, after), (alone, events));
    }
}
