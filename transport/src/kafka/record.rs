//! One record as it lies in the client's memory: borrowed, never copied here.

use std::panic::{AssertUnwindSafe, catch_unwind};

use rdkafka::Timestamp;
use rdkafka::message::{BorrowedHeaders, BorrowedMessage, Headers as _, Message as _};

/// A record. It keeps its whole fetch alive: copy what is needed and let go of it soon.
pub struct Record<'a>(BorrowedMessage<'a>);

impl<'a> Record<'a> {
    pub(super) fn new(message: BorrowedMessage<'a>) -> Self {
        Self(message)
    }

    /// The topic.
    #[must_use]
    pub fn topic(&self) -> &str {
        self.0.topic()
    }

    /// The partition.
    #[must_use]
    pub fn partition(&self) -> i32 {
        self.0.partition()
    }

    /// The offset.
    #[must_use]
    pub fn offset(&self) -> i64 {
        self.0.offset()
    }

    /// When, and who says so.
    #[must_use]
    pub fn time(&self) -> RecordTime {
        match self.0.timestamp() {
            Timestamp::CreateTime(ms) if ms >= 0 => RecordTime::Created(ms),
            Timestamp::LogAppendTime(ms) if ms >= 0 => RecordTime::Appended(ms),
            _ => RecordTime::Unknown,
        }
    }

    /// The key, if there is one.
    #[must_use]
    pub fn key(&self) -> Option<&[u8]> {
        self.0.key()
    }

    /// The value; none is a tombstone.
    #[must_use]
    pub fn payload(&self) -> Option<&[u8]> {
        self.0.payload()
    }

    /// The headers, in their order.
    pub fn headers(&self) -> impl Iterator<Item = Header<'_>> {
        let headers = self.0.headers();
        let count = headers.map_or(0, BorrowedHeaders::count);
        (0..count).filter_map(move |index| headers.and_then(|headers| header(headers, index)))
    }
}

impl std::fmt::Debug for Record<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Record({}[{}]@{})", self.topic(), self.partition(), self.offset())
    }
}

/// A record's time in Unix milliseconds, with its origin: a producer can write any time it likes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordTime {
    /// The producer's claim.
    Created(i64),
    /// The broker's clock when it took the record.
    Appended(i64),
    /// None.
    Unknown,
}

impl RecordTime {
    /// Unix milliseconds, whoever says so.
    #[must_use]
    pub fn unix_ms(self) -> Option<i64> {
        match self {
            Self::Created(ms) | Self::Appended(ms) => Some(ms),
            Self::Unknown => None,
        }
    }
}

/// One header of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Header<'a> {
    /// A header.
    Named {
        /// Its name.
        name: &'a str,
        /// Its value, which may be absent.
        value: Option<&'a [u8]>,
    },
    /// A header whose name is not UTF-8. Nothing honest sends one, and the client library gives no access to it.
    Unreadable,
}

/// The client library panics on a name that is not UTF-8, which any producer can send: a poison record for the
/// whole process, were it not caught here.
fn header(headers: &BorrowedHeaders, index: usize) -> Option<Header<'_>> {
    let found = catch_unwind(AssertUnwindSafe(|| headers.try_get(index)));
    match found {
        Ok(found) => found.map(|found| Header::Named { name: found.key, value: found.value }),
        Err(_) => Some(Header::Unreadable),
    }
}
