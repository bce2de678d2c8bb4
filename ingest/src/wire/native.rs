//! The project's own format (EVENTS.md): one JSON object a record. The hot path of the whole program.

mod build;
mod shape;
mod write;

use detectors::event::Event;

pub use self::shape::NativeEvent;
pub use self::write::write_native;
use crate::decode::{Reading, Refusal, check_nesting};

/// The contract's version that this program reads and writes.
pub const NATIVE_VERSION: u32 = 1;

/// Reads one native event.
pub(crate) fn read(text: &str, reading: &mut Reading<'_>, out: &mut Vec<Event>) -> Result<(), Refusal> {
    check_nesting(text)?;
    let native: NativeEvent<'_> =
        serde_json::from_str(text).map_err(|error| Refusal::of_json(text, &error))?;
    out.push(build::event(&native, reading)?);
    Ok(())
}

#[cfg(test)]
mod tests;
