//! Access logs of nginx and Apache: `combined`, `common`, and `combined` with fields behind it.
//!
//! Each line is one `access` event: what was asked, of which artifact as far as the path says, by whom, and how it
//! ended. A successful request that takes something back, or changes owners, is a `withdraw` or `account` event
//! besides. What no path shows is not made up: a tag's digest, the package of a PyPI upload, an npm publish's version.
//!
//! The principal is the user that the log names, else `ip:<address>` of kind anonymous. A path of no registry that we
//! know is still an event, without artifact: someone who looks for `/.env` on a registry's host is worth counting.

mod cargo;
mod line;
mod npm;
mod oci;
mod pypi;
pub(crate) mod request;

use detectors::event::{AccessAction, Artifact, Event};

use self::line::Fields;
pub(crate) use self::oci::signed_digest;
use super::access::{self, Request};
use crate::decode::{Ecosystem, Reading, Refusal};

/// Reads one line.
pub(crate) fn read(text: &str, reading: &mut Reading<'_>, out: &mut Vec<Event>) -> Result<(), Refusal> {
    let fields = Fields::of(text.trim_end())?;
    let time = access::time_of_access_log(fields.time)?;
    if fields.has_more {
        reading.counters.unknown_fields.count("after the user agent");
    }
    let request = Request {
        client: fields.host,
        user: fields.user.as_deref(),
        line: &fields.request,
        status: fields.status,
        bytes: fields.bytes,
        user_agent: fields.user_agent.as_deref(),
        ..Request::default()
    };
    access::push(&request, time, reading, out);
    Ok(())
}

/// What a request line asked for, for logs of other shapes.
pub(crate) fn asked(
    line: &str,
    user_agent: &str,
    ecosystem: Option<Ecosystem>,
) -> (AccessAction, Option<Artifact>) {
    let asked = request::read(line, user_agent, ecosystem);
    (asked.action, asked.artifact.filter(access::is_short))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use detectors::event::{MAX_STRING_BYTES, PartitionId};

    use crate::decode::{Decoder, DecoderSettings, Format};
    use crate::source::RawRecord;

    #[test]
    fn a_name_longer_than_a_field_is_no_artifact_and_the_request_still_counts() {
        let partition = Arc::new(PartitionId { source: "s".into(), stream: "t".into(), partition: 0 });
        let has_artifact = |length: usize| {
            let tag = "x".repeat(length);
            let line = format!(
                r#"::1 - - [10/Oct/2025:13:55:36 +0000] "GET /v2/a/b/manifests/{tag} HTTP/1.1" 404 0"#
            );
            let mut events = Vec::new();
            let mut decoder = Decoder::new(DecoderSettings::new("s", Format::Combined));
            decoder.decode(&RawRecord::line(&partition, 0, line.as_bytes()), &mut events).unwrap();
            events[0].artifact.is_some()
        };
        assert!(has_artifact(MAX_STRING_BYTES));
        assert!(!has_artifact(MAX_STRING_BYTES + 1));
    }
}
