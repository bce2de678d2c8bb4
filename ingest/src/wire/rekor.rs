//! Not written yet.

use detectors::event::Event;

use crate::decode::{Reading, Refusal, RefusalReason};

pub(crate) fn read(_: &str, _: &mut Reading<'_>, _: &mut Vec<Event>) -> Result<(), Refusal> {
    Err(Refusal::new(RefusalReason::UnknownFormat, "not written yet"))
}
