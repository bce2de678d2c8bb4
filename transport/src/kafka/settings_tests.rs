//! Every recommended setting is really in effect, every dangerous one is refused.

use rdkafka::ClientConfig;

use super::settings::{KafkaSettings, KafkaSetupError, Member};
use super::{MESSAGE_MAX_BYTES, RECEIVE_MAX_BYTES};

const CANARY: &str = "canary-8d20aa";
const MEMBER: Member<'_> = Member { bootstrap: "127.0.0.1:9092", group: "g", client_id: "sealwatch-1" };

fn settings(toml: &str) -> KafkaSettings {
    toml::from_str(toml).unwrap()
}

/// What librdkafka itself reads from the configuration, defaults included.
fn effective(config: &ClientConfig, expected: &[(&str, &str)]) {
    let native = config.create_native_config().unwrap();
    for (name, value) in expected {
        assert_eq!(native.get(name).unwrap(), *value, "{name}");
    }
}

#[test]
fn a_consumer_has_every_recommended_setting() {
    let prepared = KafkaSettings::default().consumer(MEMBER).unwrap();
    effective(
        &prepared.config,
        &[
            ("bootstrap.servers", "127.0.0.1:9092"),
            ("group.id", "g"),
            ("client.id", "sealwatch-1"),
            ("security.protocol", "plaintext"),
            ("group.protocol", "classic"),
            ("partition.assignment.strategy", "cooperative-sticky"),
            ("enable.auto.commit", "false"),
            ("enable.auto.offset.store", "false"),
            ("auto.offset.reset", "error"),
            ("enable.partition.eof", "true"),
            ("isolation.level", "read_committed"),
            ("check.crcs", "true"),
            ("allow.auto.create.topics", "false"),
            ("session.timeout.ms", "15000"),
            ("heartbeat.interval.ms", "3000"),
            ("max.poll.interval.ms", "60000"),
            ("fetch.max.bytes", "8388608"),
            ("fetch.message.max.bytes", "1048576"),
            ("receive.message.max.bytes", "16777216"),
            ("queued.max.messages.kbytes", "16384"),
            ("queued.min.messages", "10000"),
            ("fetch.queue.backoff.ms", "5"),
            ("fetch.wait.max.ms", "100"),
            ("fetch.error.backoff.ms", "200"),
            ("topic.metadata.refresh.interval.ms", "60000"),
            ("socket.keepalive.enable", "true"),
            ("socket.connection.setup.timeout.ms", "10000"),
            ("reconnect.backoff.max.ms", "5000"),
            ("statistics.interval.ms", "5000"),
            ("enable.metrics.push", "false"),
        ],
    );
    assert!(prepared.config.get("group.instance.id").is_none());
}

#[test]
fn a_producer_has_every_recommended_setting() {
    let prepared = KafkaSettings::default().producer("127.0.0.1:9092", "sealwatch-1").unwrap();
    effective(
        &prepared.config,
        &[
            ("enable.idempotence", "true"),
            ("acks", "-1"),
            ("max.in.flight.requests.per.connection", "5"),
            ("message.timeout.ms", "0"),
            ("enable.gapless.guarantee", "true"),
            ("linger.ms", "5"),
            ("compression.type", "zstd"),
            ("message.max.bytes", "1048576"),
            ("queue.buffering.max.kbytes", "65536"),
            ("queue.buffering.max.messages", "50000"),
            ("partitioner", "murmur2_random"),
            ("enable.metrics.push", "false"),
        ],
    );
    assert!(prepared.config.get("transactional.id").is_none());
}

#[test]
fn the_limits_of_the_settings_are_the_named_ones() {
    let prepared = KafkaSettings::default().consumer(MEMBER).unwrap();
    let number = |name| prepared.config.get(name).and_then(|text| text.parse::<usize>().ok());
    assert_eq!(number("receive.message.max.bytes"), Some(RECEIVE_MAX_BYTES));
    assert_eq!(number("fetch.message.max.bytes"), Some(MESSAGE_MAX_BYTES));
}

#[test]
fn a_harmless_override_is_taken_and_a_dangerous_one_refused() {
    let taken = settings("[overrides]\n\"fetch.wait.max.ms\" = 250\n\"linger.ms\" = 50");
    effective(&taken.consumer(MEMBER).unwrap().config, &[("fetch.wait.max.ms", "250"), ("linger.ms", "5")]);
    assert!(taken.check(MEMBER.bootstrap).unwrap().is_empty());
    for dangerous in ["\"enable.auto.commit\" = true", "\"ssl.key.pem\" = \"x\"", "\"debug\" = \"all\""] {
        let refused = settings(&format!("[overrides]\n{dangerous}"));
        assert!(matches!(refused.consumer(MEMBER), Err(KafkaSetupError::Override { .. })), "{dangerous}");
        assert!(matches!(refused.check(MEMBER.bootstrap), Err(KafkaSetupError::Override { .. })));
    }
}

#[test]
fn plaintext_leaves_this_machine_only_when_told_so() {
    let member = Member { bootstrap: "kafka.corp:9092", ..MEMBER };
    let error = KafkaSettings::default().consumer(member).err().unwrap();
    assert!(matches!(error, KafkaSetupError::Insecure { .. }) && error.hint().is_some());
    let told = settings("security = { protocol = \"plaintext\", insecure = true }");
    effective(&told.consumer(member).unwrap().config, &[("security.protocol", "plaintext")]);
}

#[test]
fn every_login_goes_over_verified_tls_and_shows_no_secret() {
    let dir = tempfile::tempdir().unwrap();
    let (ca, password) = (dir.path().join("ca.pem"), dir.path().join("password"));
    std::fs::write(&ca, "").unwrap();
    std::fs::write(&password, CANARY).unwrap();
    let login = |mechanism: &str, rest: &str| {
        settings(&format!(
            "[security]\nprotocol = \"sasl_ssl\"\nca = {ca:?}\n[security.login]\nmechanism = \"{mechanism}\"\n{rest}"
        ))
    };
    let password = format!("user = \"reader\"\npassword = \"file:{}\"", password.display());
    for mechanism in ["SCRAM-SHA-256", "SCRAM-SHA-512", "PLAIN"] {
        let settings = login(mechanism, &password);
        let prepared = settings.consumer(Member { bootstrap: "kafka.corp:9093", ..MEMBER }).unwrap();
        effective(
            &prepared.config,
            &[
                ("security.protocol", "sasl_ssl"),
                ("sasl.mechanisms", mechanism),
                ("sasl.username", "reader"),
                ("sasl.password", CANARY),
                ("ssl.endpoint.identification.algorithm", "https"),
                ("enable.ssl.certificate.verification", "true"),
                ("ssl.ca.location", ca.to_str().unwrap()),
            ],
        );
        assert!(!format!("{settings:?} {:?}", prepared.config).contains(CANARY));
    }
    let token = password.replace("user = \"reader\"\npassword", "token");
    let prepared = login("OAUTHBEARER", &token).producer("kafka.corp:9093", "c").unwrap();
    effective(&prepared.config, &[("sasl.mechanisms", "OAUTHBEARER")]);
    assert!(prepared.token.is_some() && prepared.config.get("sasl.password").is_none());
}

#[test]
fn a_client_certificate_comes_with_its_key() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("x.pem");
    std::fs::write(&file, "").unwrap();
    let toml = format!(
        "[security]\nprotocol = \"ssl\"\nca = \"system\"\n[security.client]\ncertificate = {file:?}\nkey = {file:?}"
    );
    let prepared = settings(&toml).consumer(MEMBER).unwrap();
    let path = file.to_str().unwrap();
    effective(
        &prepared.config,
        &[
            ("security.protocol", "ssl"),
            ("ssl.ca.location", "probe"),
            ("ssl.certificate.location", path),
            ("ssl.key.location", path),
        ],
    );
    assert_eq!(prepared.warnings.len(), 1, "everybody can read the key");
    assert!(toml::from_str::<KafkaSettings>(&toml.replace("key =", "nokey =")).is_err());
}

#[test]
fn what_the_configuration_cannot_say_is_refused() {
    for toml in [
        "[security]\nprotocol = \"sasl_plaintext\"",
        "[security]\nprotocol = \"ssl\"",
        "[security]\nprotocol = \"ssl\"\nca = \"system\"\nverify = false",
        "[security]\nprotocol = \"sasl_ssl\"\nca = \"system\"\n[security.login]\nmechanism = \"GSSAPI\"",
        "[security]\nprotocol = \"sasl_ssl\"\nca = \"system\"\n[security.login]\nmechanism = \"PLAIN\"\nuser = \"u\"\npassword = \"literal\"",
        "nonsense = 1",
    ] {
        assert!(toml::from_str::<KafkaSettings>(toml).is_err(), "{toml}");
    }
}

#[test]
fn brokers_are_hosts_with_ports_and_a_group_has_a_name() {
    for bootstrap in
        ["", "kafka", "kafka:0", "kafka:port", "PLAINTEXT://kafka:9092", "a:1,,b:2", "u@h:1", "::1:9092"]
    {
        let error = KafkaSettings::default().consumer(Member { bootstrap, ..MEMBER }).err().unwrap();
        assert!(matches!(error, KafkaSetupError::Broker { .. }), "{bootstrap}");
    }
    assert!(
        KafkaSettings::default().consumer(Member { bootstrap: "127.0.0.1:1, [::1]:2", ..MEMBER }).is_ok()
    );
    let error = KafkaSettings::default().consumer(Member { group: "", ..MEMBER }).err().unwrap();
    assert!(matches!(error, KafkaSetupError::Group));
}
