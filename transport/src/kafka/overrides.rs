//! Which librdkafka settings a configuration may change, within which bounds, and why the others are refused.

use std::ops::RangeInclusive;

/// Which client a setting is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Consumer,
    Producer,
    Both,
}

impl Side {
    fn covers(self, client: Self) -> bool {
        self == Self::Both || self == client
    }
}

/// What a setting may be.
enum Values {
    Within(RangeInclusive<i64>),
    OneOf(&'static [&'static str]),
    Text,
}

impl Values {
    fn accept(&self, value: &str) -> bool {
        match self {
            Self::Within(range) => value.parse().is_ok_and(|number| range.contains(&number)),
            Self::OneOf(words) => words.contains(&value),
            Self::Text => !value.is_empty() && value.len() <= 255 && !value.chars().any(char::is_control),
        }
    }

    fn describe(&self) -> String {
        match self {
            Self::Within(range) => format!("a number from {} to {}", range.start(), range.end()),
            Self::OneOf(words) => format!("one of {}", words.join(", ")),
            Self::Text => "a short text".to_owned(),
        }
    }
}

use Side::{Both, Consumer, Producer};
use Values::{OneOf, Text, Within};

/// What may be changed: the network, the waiting, and the memory within bounds.
const ALLOWED: &[(&str, Side, Values)] = &[
    ("broker.address.family", Both, OneOf(&["any", "v4", "v6"])),
    ("broker.address.ttl", Both, Within(0..=86_400_000)),
    ("client.dns.lookup", Both, OneOf(&["use_all_dns_ips", "resolve_canonical_bootstrap_servers_only"])),
    ("client.rack", Both, Text),
    ("connections.max.idle.ms", Both, Within(0..=3_600_000)),
    ("log.connection.close", Both, OneOf(&["true", "false"])),
    ("metadata.max.age.ms", Both, Within(1_000..=86_400_000)),
    ("reconnect.backoff.max.ms", Both, Within(100..=60_000)),
    ("reconnect.backoff.ms", Both, Within(0..=10_000)),
    ("retry.backoff.ms", Both, Within(1..=60_000)),
    ("socket.connection.setup.timeout.ms", Both, Within(1_000..=60_000)),
    ("socket.keepalive.enable", Both, OneOf(&["true", "false"])),
    ("socket.nagle.disable", Both, OneOf(&["true", "false"])),
    ("socket.receive.buffer.bytes", Both, Within(0..=16_777_216)),
    ("socket.send.buffer.bytes", Both, Within(0..=16_777_216)),
    ("socket.timeout.ms", Both, Within(1_000..=300_000)),
    ("topic.metadata.refresh.interval.ms", Both, Within(1_000..=3_600_000)),
    ("fetch.error.backoff.ms", Consumer, Within(0..=10_000)),
    ("fetch.max.bytes", Consumer, Within(1_048_576..=16_000_000)),
    ("fetch.message.max.bytes", Consumer, Within(65_536..=8_388_608)),
    ("fetch.min.bytes", Consumer, Within(1..=1_048_576)),
    ("fetch.queue.backoff.ms", Consumer, Within(1..=100)),
    ("fetch.wait.max.ms", Consumer, Within(1..=5_000)),
    ("group.instance.id", Consumer, Text),
    ("heartbeat.interval.ms", Consumer, Within(500..=20_000)),
    ("max.poll.interval.ms", Consumer, Within(30_000..=600_000)),
    ("queued.max.messages.kbytes", Consumer, Within(1_024..=262_144)),
    ("queued.min.messages", Consumer, Within(100..=100_000)),
    ("session.timeout.ms", Consumer, Within(6_000..=120_000)),
    ("batch.size", Producer, Within(1..=1_048_576)),
    ("compression.level", Producer, Within(-1..=22)),
    ("linger.ms", Producer, Within(0..=5_000)),
    ("queue.buffering.max.kbytes", Producer, Within(1_024..=1_048_576)),
    ("queue.buffering.max.messages", Producer, Within(100..=1_000_000)),
    ("request.timeout.ms", Producer, Within(1_000..=300_000)),
];

/// What must never be changed here; a name ending in `.` covers everything below it. First match wins.
const REFUSED: &[(&str, &str)] = &[
    ("enable.auto.commit", "offsets are committed with the findings, in one transaction"),
    ("auto.commit.", "offsets are committed with the findings, in one transaction"),
    ("auto.commit.interval.ms", "offsets are committed with the findings, in one transaction"),
    ("enable.auto.offset.store", "offsets are committed with the findings, in one transaction"),
    ("offset.store.", "offsets are committed with the findings, in one transaction"),
    ("auto.offset.reset", "a lost position must be seen and decided on; a reset would skip records silently"),
    ("isolation.level", "records of aborted transactions never happened"),
    ("check.crcs", "a damaged record must be noticed"),
    ("enable.partition.eof", "idle partitions are recognised by it"),
    ("partition.assignment.strategy", "members of one group must agree; this one hands over without a stop"),
    ("group.protocol", "the new protocol stalls in this version of librdkafka"),
    ("group.remote.assignor", "the new protocol stalls in this version of librdkafka"),
    ("group.id", "set the group of the source instead"),
    ("bootstrap.servers", "set the brokers of the source instead"),
    ("metadata.broker.list", "set the brokers of the source instead"),
    ("client.id", "it is made from the instance's name"),
    ("allow.auto.create.topics", "a mistyped topic must be an error, not a new empty topic"),
    ("receive.message.max.bytes", "it is the memory limit"),
    ("message.max.bytes", "it is the record limit, checked before sending"),
    ("message.copy.max.bytes", "it is an internal of the client"),
    ("enable.idempotence", "retries would store records twice"),
    ("acks", "a record must be on all replicas before it counts"),
    ("request.required.acks", "a record must be on all replicas before it counts"),
    ("max.in.flight", "retries would change the order"),
    ("max.in.flight.", "retries would change the order"),
    ("enable.gapless.guarantee", "a gap in a source's order would be taken for a duplicate later"),
    ("message.timeout.ms", "a record given up here could still arrive and be taken for a duplicate"),
    ("delivery.timeout.ms", "a record given up here could still arrive and be taken for a duplicate"),
    ("message.send.max.retries", "a record given up here could still arrive and be taken for a duplicate"),
    ("retries", "a record given up here could still arrive and be taken for a duplicate"),
    ("partitioner", "the same key must go to the same partition as with Java's clients"),
    ("compression.", "consumers bound only zstd while decompressing"),
    ("transactional.id", "transactions of this version of librdkafka can hang"),
    ("transaction.", "transactions of this version of librdkafka can hang"),
    ("security.protocol", "set it under `security`"),
    ("sasl.", "set it under `security.login`; secrets are references there"),
    ("ssl.", "set it under `security`; verification cannot be switched off"),
    ("https.", "tokens are read from a file or variable, not fetched"),
    ("enable.ssl.certificate.verification", "an unverified broker can be anyone"),
    ("enable.sasl.", "set it under `security.login`"),
    ("plugin.library.paths", "it would load code into this process"),
    ("statistics.interval.ms", "lag, the end and the loss of a partition are read from the statistics"),
    ("enable.metrics.push", "no data about this process goes to the broker"),
    ("debug", "use the log level of this program"),
    ("test.mock.", "it would replace the brokers"),
];

/// Whether a client of this side takes the setting, or why it is refused.
pub(super) fn judge(name: &str, value: &str, client: Side) -> Result<bool, String> {
    if let Some((_, side, values)) = ALLOWED.iter().find(|(allowed, ..)| *allowed == name) {
        return if values.accept(value) {
            Ok(side.covers(client))
        } else {
            Err(format!("it must be {}", values.describe()))
        };
    }
    let refused = REFUSED
        .iter()
        .find(|(refused, _)| *refused == name || (refused.ends_with('.') && name.starts_with(refused)));
    Err(refused.map_or_else(
        || "it is not among the settings that may be changed".to_owned(),
        |(_, reason)| (*reason).to_owned(),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dangerous_settings_are_refused_each_with_its_reason() {
        let names = [
            "enable.auto.commit",
            "auto.commit.interval.ms",
            "enable.auto.offset.store",
            "offset.store.method",
            "auto.offset.reset",
            "isolation.level",
            "check.crcs",
            "enable.partition.eof",
            "partition.assignment.strategy",
            "group.protocol",
            "group.id",
            "bootstrap.servers",
            "client.id",
            "allow.auto.create.topics",
            "receive.message.max.bytes",
            "message.max.bytes",
            "enable.idempotence",
            "acks",
            "request.required.acks",
            "max.in.flight",
            "max.in.flight.requests.per.connection",
            "enable.gapless.guarantee",
            "message.timeout.ms",
            "retries",
            "partitioner",
            "compression.type",
            "compression.codec",
            "transactional.id",
            "transaction.timeout.ms",
            "security.protocol",
            "sasl.password",
            "sasl.kerberos.kinit.cmd",
            "sasl.oauthbearer.token.endpoint.url",
            "ssl.key.pem",
            "ssl.endpoint.identification.algorithm",
            "ssl.engine.location",
            "https.ca.pem",
            "enable.ssl.certificate.verification",
            "enable.sasl.oauthbearer.unsecure.jwt",
            "plugin.library.paths",
            "statistics.interval.ms",
            "enable.metrics.push",
            "debug",
            "test.mock.num.brokers",
        ];
        for name in names {
            for client in [Consumer, Producer] {
                let reason = judge(name, "true", client).unwrap_err();
                assert!(!reason.contains("not among"), "{name} deserves a reason of its own");
            }
        }
    }

    #[test]
    fn what_is_on_no_list_is_refused_too() {
        for name in ["log_level", "builtin.features", "no.such.setting", "", "FETCH.MAX.BYTES"] {
            let reason = judge(name, "1", Consumer).unwrap_err();
            assert_eq!(reason, "it is not among the settings that may be changed", "{name}");
        }
    }

    #[test]
    fn a_setting_reaches_only_the_client_it_is_for() {
        for (name, value, consumer, producer) in [
            ("fetch.wait.max.ms", "500", true, false),
            ("linger.ms", "50", false, true),
            ("client.rack", "eu-1a", true, true),
        ] {
            assert_eq!(judge(name, value, Consumer), Ok(consumer), "{name}");
            assert_eq!(judge(name, value, Producer), Ok(producer), "{name}");
        }
    }

    #[test]
    fn values_out_of_bounds_are_refused_with_the_bounds() {
        for (name, value, expected) in [
            ("queued.max.messages.kbytes", "262145", "a number from 1024 to 262144"),
            ("session.timeout.ms", "-1", "a number from 6000 to 120000"),
            ("linger.ms", "fast", "a number from 0 to 5000"),
            ("broker.address.family", "v5", "one of any, v4, v6"),
            ("client.rack", "", "a short text"),
            ("client.rack", "a\nb", "a short text"),
        ] {
            assert_eq!(judge(name, value, Consumer), Err(format!("it must be {expected}")), "{name}");
        }
    }
}
