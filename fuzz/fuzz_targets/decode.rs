//! One decoder, chosen by the first byte, over the rest: events, something passed over, or one refusal.
#![no_main]

use std::sync::Arc;

use detectors::event::PartitionId;
use ingest::decode::{Decoder, DecoderSettings, Format, RefusalReason};
use ingest::source::RawRecord;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some((first, bytes)) = input.split_first() else { return };
    let format = Format::ALL[usize::from(*first) % Format::ALL.len()];
    let partition = Arc::new(PartitionId { source: "s".into(), stream: "t".into(), partition: 0 });
    let mut decoder = Decoder::new(DecoderSettings::new("s", format));
    let result = decoder.decode(&RawRecord::line(&partition, 0, bytes), &mut Vec::new());
    assert!(result.map_or_else(|refusal| refusal.reason != RefusalReason::DecoderFault, |()| true));
});
