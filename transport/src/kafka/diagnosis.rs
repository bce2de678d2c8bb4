//! What an error of the client means: the code, the text beside it, and nothing else to go by.

use rdkafka::error::RDKafkaErrorCode as Code;

use super::TroubleKind;

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Diagnosis {
    /// A partition lost its position.
    PositionLost,
    /// A batch could not be read and was skipped.
    Unreadable,
    /// The consumer cannot go on.
    Fatal,
    /// Login or rights.
    NotAuthorised,
    /// It may pass.
    Trouble(TroubleKind),
}

pub(super) fn diagnose(code: Code) -> Diagnosis {
    match code {
        Code::AutoOffsetReset | Code::OffsetOutOfRange | Code::LogTruncation | Code::NoOffset => {
            Diagnosis::PositionLost
        }
        Code::BadMessage
        | Code::BadCompression
        | Code::NotImplemented
        | Code::InvalidMessage
        | Code::UnsupportedCompressionType
        | Code::MessageSizeTooLarge
        | Code::InvalidMessageSize => Diagnosis::Unreadable,
        // The group may have moved on: only a new consumer joins it again for certain.
        Code::PollExceeded
        | Code::Fatal
        | Code::FencedInstanceId
        | Code::InconsistentGroupProtocol
        | Code::InvalidGroupId
        | Code::InvalidSessionTimeout
        | Code::UnsupportedVersion
        | Code::CriticalSystemResource => Diagnosis::Fatal,
        Code::Authentication
        | Code::SaslAuthenticationFailed
        | Code::UnsupportedSASLMechanism
        | Code::IllegalSASLState
        | Code::TopicAuthorizationFailed
        | Code::GroupAuthorizationFailed
        | Code::ClusterAuthorizationFailed => Diagnosis::NotAuthorised,
        Code::AllBrokersDown
        | Code::BrokerTransportFailure
        | Code::Resolve
        | Code::SSL
        | Code::OperationTimedOut
        | Code::RequestTimedOut
        | Code::NetworkException
        | Code::BrokerNotAvailable
        | Code::LeaderNotAvailable
        | Code::NotLeaderForPartition
        | Code::CoordinatorNotAvailable
        | Code::CoordinatorLoadInProgress
        | Code::NotCoordinator => Diagnosis::Trouble(TroubleKind::Brokers),
        Code::UnknownTopic | Code::UnknownPartition | Code::UnknownTopicOrPartition | Code::InvalidTopic => {
            Diagnosis::Trouble(TroubleKind::Topic)
        }
        _ => Diagnosis::Trouble(TroubleKind::Other),
    }
}

/// The offset in a sentence of the client's, such as "… reached end of partition at offset 17 (…". The binding passes on neither topic nor offset, so this is a hint: what it leaves open, the statistics settle.
pub(super) fn offset_in(reason: &str) -> Option<i64> {
    ["offset ", "message at "].iter().find_map(|mark| {
        let (_, rest) = reason.split_once(mark)?;
        let digits = rest.split(|character: char| !character.is_ascii_digit()).next()?;
        digits.parse().ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_offset_is_found_in_the_sentences_of_the_client() {
        for (reason, expected) in [
            ("Fetch from broker 1 reached end of partition at offset 17 (HighwaterMark 17)", Some(17)),
            ("Decompression (codec 0x4) of message at 42 of 10 bytes failed: x", Some(42)),
            (
                "MessageSet at offset 9 (61 bytes) failed CRC32C check (original 0x1 != calculated 0x2)",
                Some(9),
            ),
            ("Unsupported Message(Set) MagicByte 7 at offset 3", Some(3)),
            ("requested offset not available on the broker", None),
            ("offset ", None),
            ("", None),
        ] {
            assert_eq!(offset_in(reason), expected, "{reason}");
        }
    }

    #[test]
    fn codes_mean_what_a_caller_must_do() {
        for (code, expected) in [
            (Code::AutoOffsetReset, Diagnosis::PositionLost),
            (Code::BadCompression, Diagnosis::Unreadable),
            (Code::PollExceeded, Diagnosis::Fatal),
            (Code::InconsistentGroupProtocol, Diagnosis::Fatal),
            (Code::TopicAuthorizationFailed, Diagnosis::NotAuthorised),
            (Code::Authentication, Diagnosis::NotAuthorised),
            (Code::AllBrokersDown, Diagnosis::Trouble(TroubleKind::Brokers)),
            (Code::UnknownTopicOrPartition, Diagnosis::Trouble(TroubleKind::Topic)),
            (Code::Unknown, Diagnosis::Trouble(TroubleKind::Other)),
        ] {
            assert_eq!(diagnose(code), expected, "{code:?}");
        }
    }
}
