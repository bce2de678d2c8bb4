//! A real Apache Kafka, one process (controller and broker in one), on free ports and a folder of its own.
//!
//! It listens twice: plainly, where everything is allowed, and outside with TLS, SCRAM-SHA-512 and access rights.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::client::ClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::metadata::MetadataTopic;
use rdkafka::types::RDKafkaErrorCode;
use tempfile::TempDir;

use super::certificates::Authority;
use super::process::{Leftovers, Part, Signal};
use super::python::Python;
use super::topics::Writer;
use super::{free_port, home};

/// How long a broker may take to answer: it needs 1 s alone, and much more beside a compiler.
const START: Duration = Duration::from_secs(90);

/// How long one question about metadata waits before the broker's own state is looked at again.
const QUESTION: Duration = Duration::from_millis(250);

/// How long signing in may take before it counts as failed.
const SIGN_IN: Duration = Duration::from_secs(30);

/// Any 16 bytes in base64: the broker wants a name for the cluster.
const CLUSTER_ID: &str = "c2VhbHdhdGNoLXRlc3RzIQ";

/// JVM settings: a small heap, and a quick start before high throughput.
const JVM: [&str; 4] = ["-Xmx512m", "-Xshare:auto", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"];

/// Somebody who may sign in at the external listener; without a [`Right`] they see no topic at all.
#[derive(Clone, Copy, Debug)]
pub(crate) struct User {
    /// The name, as in `User:<name>` of an access rule.
    pub(crate) name: &'static str,
    /// The password.
    pub(crate) password: &'static str,
}

/// The user that tests give rights to.
pub(crate) const READER: User = User { name: "reader", password: "reader-secret" };

/// A user that no test gives rights to.
pub(crate) const STRANGER: User = User { name: "stranger", password: "stranger-secret" };

/// Something that a user of the external listener may be allowed to do.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Right<'a> {
    /// Read and describe the topic.
    Read(&'a str),
    /// Write and describe the topic.
    Write(&'a str),
    /// Be a member of the consumer group.
    Join(&'a str),
}

/// What a test may ask for beyond the usual broker.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct KafkaOptions<'a> {
    /// Lines of `server.properties` that come last and so win, each a name and a value.
    pub(crate) settings: &'a [(&'a str, &'a str)],
}

/// A running (or killed) broker. Dropping it kills it and removes its folder.
pub(crate) struct KafkaBroker {
    part: Option<Part>,
    plain: u16,
    external: u16,
    authority: Authority,
    pub(super) writer: OnceLock<Writer>,
    folder: TempDir,
}

impl KafkaBroker {
    /// The broker for every test that neither kills nor reconfigures it; each test takes topics of its own.
    pub(crate) fn shared() -> &'static Self {
        static SHARED: OnceLock<KafkaBroker> = OnceLock::new();
        // Nobody kills it, so it keeps production's patience with itself when the machine is busy.
        let settings = &[("broker.session.timeout.ms", "9000")];
        SHARED.get_or_init(|| Self::start(KafkaOptions { settings }))
    }

    /// Starts a broker and waits until it answers.
    pub(crate) fn start(options: KafkaOptions<'_>) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let (plain, external, controller) = (free_port(), free_port(), free_port());
        let authority = Authority::create(folder.path());
        let settings = server_properties(folder.path(), &authority, [plain, external, controller], options);
        std::fs::write(folder.path().join("server.properties"), settings).expect("the folder can be written");
        format_storage(folder.path());
        let mut broker = Self { part: None, plain, external, authority, writer: OnceLock::new(), folder };
        broker.restart();
        broker
    }

    /// Address of the listener where everything is allowed.
    pub(crate) fn bootstrap(&self) -> String {
        format!("127.0.0.1:{}", self.plain)
    }

    /// Address of the listener with TLS, SCRAM-SHA-512 and access rights; its certificate names `localhost`.
    pub(crate) fn external_bootstrap(&self) -> String {
        format!("localhost:{}", self.external)
    }

    /// The authority behind the external listener's certificate, in PEM.
    pub(crate) fn ca_pem(&self) -> PathBuf {
        self.authority.certificate()
    }

    /// Settings of a client of the plain listener.
    pub(crate) fn client(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", self.bootstrap());
        config
    }

    /// Settings of a client that signs in at the external listener.
    pub(crate) fn external_client(&self, user: User) -> ClientConfig {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", self.external_bootstrap())
            .set("broker.address.family", "v4")
            .set("security.protocol", "sasl_ssl")
            .set("ssl.ca.location", self.ca_pem().to_string_lossy())
            .set("sasl.mechanism", "SCRAM-SHA-512")
            .set("sasl.username", user.name)
            .set("sasl.password", user.password);
        config
    }

    /// The topics that `user` sees at the external listener, in order; the broker's own ones are left out.
    ///
    /// # Errors
    /// What the client says when it is turned away for good, such as `Authentication`.
    pub(crate) fn topics_seen_by(&self, user: User) -> Result<Vec<String>, RDKafkaErrorCode> {
        sign_in(&self.external_client(user))
    }

    /// Lets `user` do something at the external listener.
    pub(crate) fn allow(&self, user: User, rights: &[Right<'_>]) {
        let rules: Vec<_> = rights.iter().map(|right| right.rule()).collect();
        let order = serde_json::json!({ "bootstrap": self.bootstrap(), "user": user.name, "rules": rules });
        Python::run("access_rules.py", &[], order.to_string().as_bytes()).successful();
    }

    /// SIGKILL: nothing is flushed, connections break.
    pub(crate) fn kill_hard(&mut self) {
        self.running().kill();
        self.part = None;
    }

    /// SIGSTOP: connections stay open and nothing is answered.
    pub(crate) fn freeze(&mut self) {
        self.running().signal(Signal::Stop);
    }

    /// SIGCONT: goes on after [`KafkaBroker::freeze`].
    pub(crate) fn thaw(&mut self) {
        self.running().signal(Signal::Continue);
    }

    /// Asks the broker to end and waits for it: what an operator's planned restart does.
    pub(crate) fn stop(&mut self) {
        let part = self.running();
        part.signal(Signal::Terminate);
        part.wait(START);
        self.part = None;
    }

    /// Starts the broker again on the same folder and ports after [`KafkaBroker::kill_hard`] or
    /// [`KafkaBroker::stop`], and waits until every partition has its leader.
    pub(crate) fn restart(&mut self) {
        assert!(self.part.is_none(), "the broker runs already");
        let mut command = java();
        command.arg("kafka.Kafka").arg(self.folder.path().join("server.properties"));
        let part = Part::start("kafka", &command, self.folder.path(), Leftovers::Remove);
        let client = self.client();
        await_leaders(self.part.insert(part), &client);
    }

    fn running(&mut self) -> &mut Part {
        self.part.as_mut().expect("the broker was killed and not started again")
    }
}

impl Right<'_> {
    fn rule(self) -> [String; 3] {
        let (kind, name, operation) = match self {
            Self::Read(topic) => ("TOPIC", topic, "READ"),
            Self::Write(topic) => ("TOPIC", topic, "WRITE"),
            Self::Join(group) => ("GROUP", group, "READ"),
        };
        [kind.to_owned(), name.to_owned(), operation.to_owned()]
    }
}

/// Signs in with `config` and lists the topics.
///
/// # Errors
/// What the client says when it is turned away for good.
pub(crate) fn sign_in(config: &ClientConfig) -> Result<Vec<String>, RDKafkaErrorCode> {
    let (told, refusals) = std::sync::mpsc::channel();
    let consumer: BaseConsumer<Refusals> =
        config.create_with_context(Refusals(told)).expect("valid settings");
    let deadline = Instant::now() + SIGN_IN;
    loop {
        match consumer.fetch_metadata(None, QUESTION) {
            Ok(metadata) => {
                let names = metadata.topics().iter().map(|topic| topic.name().to_owned());
                let mut names: Vec<_> = names.filter(|name| !name.starts_with("__")).collect();
                names.sort();
                return Ok(names);
            }
            Err(error) => {
                // The reason comes on the queue of events, not with the answer.
                consumer.poll(Duration::ZERO);
                if let Ok(refusal) = refusals.try_recv() {
                    return Err(refusal);
                }
                assert!(Instant::now() < deadline, "neither an answer nor a refusal in {SIGN_IN:?}: {error}");
            }
        }
    }
}

/// Hears what the client says besides "timed out".
struct Refusals(std::sync::mpsc::Sender<RDKafkaErrorCode>);

impl ClientContext for Refusals {
    fn error(&self, error: KafkaError, _: &str) {
        let code = error.rdkafka_error_code();
        if let Some(code @ (RDKafkaErrorCode::Authentication | RDKafkaErrorCode::SSL)) = code {
            // The receiver may have gone with its answer.
            let _ = self.0.send(code);
        }
    }
}

impl rdkafka::consumer::ConsumerContext for Refusals {}

/// Asks for metadata until the broker is there and leads every partition it keeps.
fn await_leaders(part: &mut Part, client: &ClientConfig) {
    let consumer: BaseConsumer = client.create().expect("valid settings");
    let deadline = Instant::now() + START;
    loop {
        if let Ok(metadata) = consumer.fetch_metadata(None, QUESTION) {
            let mut partitions = metadata.topics().iter().flat_map(MetadataTopic::partitions);
            if !metadata.brokers().is_empty() && partitions.all(|partition| partition.leader() >= 0) {
                return;
            }
        }
        let ended = part.ended();
        assert!(ended.is_none(), "the broker ended with {ended:?}:\n{}", last_lines(&part.errors()));
        assert!(Instant::now() < deadline, "no answer in {START:?}:\n{}", last_lines(&part.errors()));
    }
}

fn last_lines(log: &str) -> String {
    let lines: Vec<_> = log.lines().collect();
    lines[lines.len().saturating_sub(30)..].join("\n")
}

fn java() -> Command {
    let kafka = home().join("kafka");
    assert!(kafka.join("installed").exists(), "no Kafka in {}: {}", kafka.display(), super::HOW_TO_INSTALL);
    let mut command = Command::new("java");
    command.args(JVM);
    command.arg(format!("-XX:SharedArchiveFile={}", kafka.join("classes.jsa").display()));
    command.arg("-cp").arg(kafka.join("libs/*"));
    command
}

fn format_storage(folder: &Path) {
    let mut command = java();
    command.args(["kafka.tools.StorageTool", "format", "--cluster-id", CLUSTER_ID, "--config"]);
    command.arg(folder.join("server.properties"));
    for User { name, password } in [READER, STRANGER] {
        command.arg("--add-scram").arg(format!("SCRAM-SHA-512=[name={name},password={password}]"));
    }
    let ended = command.output().unwrap_or_else(|error| panic!("cannot run java: {error}"));
    assert!(
        ended.status.success(),
        "the storage was not formatted: {}",
        String::from_utf8_lossy(&ended.stderr)
    );
}

/// The broker's configuration; `ports` are those of the plain listener, the external one and the controller.
fn server_properties(
    folder: &Path,
    authority: &Authority,
    ports: [u16; 3],
    options: KafkaOptions<'_>,
) -> String {
    let [plain, external, controller] = ports;
    let issued = authority.vouch_for("localhost");
    let keystore = folder.join("keystore.pem");
    let read = |path: &Path| std::fs::read_to_string(path).expect("it was just written");
    std::fs::write(&keystore, read(&issued.key) + &read(&issued.certificate))
        .expect("the folder can be written");
    let mut text = format!(
        "process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://127.0.0.1:{plain},EXTERNAL://127.0.0.1:{external},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{plain},EXTERNAL://localhost:{external}
inter.broker.listener.name=PLAINTEXT
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,EXTERNAL:SASL_SSL,CONTROLLER:PLAINTEXT
log.dirs={data}
ssl.keystore.type=PEM
ssl.keystore.location={keystore}
sasl.enabled.mechanisms=SCRAM-SHA-512
listener.name.external.scram-sha-512.sasl.jaas.config=\
org.apache.kafka.common.security.scram.ScramLoginModule required;
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS
",
        data = folder.join("data").display(),
        keystore = keystore.display(),
    );
    for (name, value) in USUAL.iter().chain(options.settings) {
        text.push_str(&format!("{name}={value}\n"));
    }
    text
}

/// What tests want otherwise than production does.
const USUAL: [(&str, &str); 10] = [
    // A killed broker is let in again when its old registration has expired: production waits 9 s.
    ("broker.session.timeout.ms", "1500"),
    ("broker.heartbeat.interval.ms", "250"),
    ("auto.create.topics.enable", "false"),
    ("offsets.topic.replication.factor", "1"),
    ("offsets.topic.num.partitions", "1"),
    ("transaction.state.log.replication.factor", "1"),
    ("transaction.state.log.min.isr", "1"),
    ("group.initial.rebalance.delay.ms", "0"),
    // A test of a lost member would wait 6 s otherwise.
    ("group.min.session.timeout.ms", "1000"),
    // Recorded logs carry old times: the broker would begin to delete them 30 s after its start.
    ("log.retention.ms", "-1"),
];
