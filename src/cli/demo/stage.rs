//! The recorded scenarios, moved to one day, and the broker that they are played on.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sample_logs::{Ecosystem, Format, Manifest, Role, committed, event_time};
use transport::kafka::{KafkaProducer, MockBroker, Outgoing};

use ingest::kafka::StartPolicy;

use crate::config::{Config, KafkaConfig, SourceConfig};
use crate::exit::{Exit, Failure};

/// Seconds of a day.
const DAY: i64 = 86_400;
/// How long producing may take.
const PRODUCE_WITHIN: Duration = Duration::from_secs(60);

/// One scenario on stage.
pub(super) struct Scene {
    pub(super) folder: PathBuf,
    pub(super) manifest: Manifest,
    /// Seconds by which its times are moved.
    pub(super) shift: i64,
}

impl Scene {
    /// What the scenario's proxy is called on stage.
    pub(super) fn proxy(&self, registry: &str) -> String {
        format!("{}/{registry}", self.manifest.scenario.name)
    }
}

/// All scenarios.
pub(crate) struct Stage {
    pub(super) scenes: Vec<Scene>,
}

impl Stage {
    /// Loads every scenario below a folder.
    pub(crate) fn load(root: &Path) -> Result<Self, Failure> {
        let failed = |error: String| {
            Failure::new(Exit::Unavailable, error).hint("run it in the project's folder, or give --scenarios")
        };
        let entries = std::fs::read_dir(root)
            .map_err(|error| failed(format!("cannot read {}: {error}", root.display())))?;
        let mut folders: Vec<PathBuf> = entries
            .filter_map(|entry| entry.ok().map(|entry| entry.path()))
            .filter(|path| path.join(sample_logs::manifest::FILE_NAME).is_file())
            .collect();
        folders.sort();
        let mut scenes = Vec::new();
        for folder in folders {
            let manifest =
                Manifest::load(&folder).map_err(|error| Failure::new(Exit::Incompatible, error))?;
            scenes.push(Scene { folder, manifest, shift: 0 });
        }
        let last = scenes.iter().map(|scene| scene.manifest.scenario.day_start.unix_ms()).max();
        let last = last.ok_or_else(|| failed(format!("cannot find a scenario in {}", root.display())))?;
        for scene in &mut scenes {
            // Whole days: hours of the day stay what they were.
            scene.shift = (last - scene.manifest.scenario.day_start.unix_ms()).div_euclid(DAY * 1_000) * DAY;
        }
        Ok(Self { scenes })
    }

    /// What is said about the moved days.
    pub(super) fn moves(&self) -> Vec<String> {
        let about = |scene: &Scene| {
            let scenario = &scene.manifest.scenario;
            format!("{:<14} {} (moved by {} days)", scenario.name, scenario.title, scene.shift / DAY)
        };
        self.scenes.iter().map(about).collect()
    }

    /// The history's files.
    pub(super) fn history(&self) -> Vec<PathBuf> {
        self.scenes
            .iter()
            .flat_map(|scene| {
                scene.manifest.files_of(Role::History).map(|file| scene.folder.join(&file.path))
            })
            .collect()
    }

    /// Every file: the history's and the attack days'.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        let of = |scene: &Scene| {
            let files = scene.manifest.files.iter().map(|file| scene.folder.join(&file.path));
            files.collect::<Vec<_>>()
        };
        self.scenes.iter().flat_map(of).collect()
    }

    /// The scenario that a topic belongs to.
    pub(super) fn scene_of(&self, topic: &str) -> Option<&Scene> {
        self.scenes.iter().find(|scene| scene.manifest.files.iter().any(|file| file.topic == topic))
    }

    /// Starts the broker, with a topic for each stream.
    pub(super) fn start_broker(&self) -> Result<MockBroker, Failure> {
        let broker = MockBroker::start().map_err(unavailable)?;
        for topic in self.topics() {
            broker.create_topic(&topic, 1).map_err(unavailable)?;
        }
        Ok(broker)
    }

    /// The configuration of an ordinary watch over the broker's topics.
    pub(crate) fn config(&self, database: &Path, brokers: &str, listen: SocketAddr) -> Config {
        let mut config = Config::default();
        config.store.path = database.to_owned();
        config.dashboard.listen = listen;
        // The days are complete in the topics: nobody has to be waited for.
        config.order.idle_timeout_seconds = 0;
        config.kafka = Some(KafkaConfig::new(brokers, "sealwatch-demo"));
        for scene in &self.scenes {
            for format in [Format::Native, Format::Combined] {
                let files: Vec<_> =
                    scene.manifest.files_of(Role::AttackDay).filter(|file| file.format == format).collect();
                let Some(first) = files.first() else { continue };
                let kind = if format == Format::Native { "feed" } else { "proxy" };
                let name = format!("{}-{kind}", scene.manifest.scenario.name);
                let topics = files.iter().map(|file| file.topic.clone()).collect();
                let mut source = SourceConfig::new(&name, topics, StartPolicy::Beginning);
                source.format = match format {
                    Format::Native => ingest::decode::Format::Native,
                    Format::Combined => ingest::decode::Format::Combined,
                };
                source.ecosystem = first.ecosystem.map(|ecosystem| match ecosystem {
                    Ecosystem::Npm => ingest::decode::Ecosystem::Npm,
                    Ecosystem::Oci => ingest::decode::Ecosystem::Oci,
                });
                // Each company's proxy is its own: two recordings may name a principal alike.
                source.registry = Some(match format {
                    Format::Native => first.registry.clone(),
                    Format::Combined => scene.proxy(&first.registry),
                });
                source.history = true;
                source.shift_seconds = scene.shift;
                config.sources.push(source);
            }
        }
        config
    }

    /// Produces the attack days; each record's timestamp is its moved event time.
    pub(super) fn produce(&self, config: &Config) -> Result<usize, Failure> {
        let Some(kafka) = &config.kafka else { return Ok(0) };
        let producer =
            KafkaProducer::new(&kafka.client, &kafka.brokers, "sealwatch-demo").map_err(unavailable)?;
        let mut count = 0;
        for scene in &self.scenes {
            for file in scene.manifest.files_of(Role::AttackDay) {
                let lines = committed::lines(&scene.folder, file)
                    .map_err(|error| Failure::new(Exit::Incompatible, error))?;
                for line in lines {
                    let time =
                        event_time(file.format, &line).map(|time| time.unix_ms() + scene.shift * 1_000);
                    let record = Outgoing {
                        topic: &file.topic,
                        partition: Some(0),
                        key: None,
                        payload: Some(line.as_bytes()),
                        headers: &[],
                        time_ms: time,
                    };
                    producer.send(&record, count).map_err(unavailable)?;
                    count += 1;
                }
            }
        }
        producer.flush(PRODUCE_WITHIN).map_err(unavailable)?;
        Ok(count)
    }

    fn topics(&self) -> Vec<String> {
        let mut topics: Vec<String> = self
            .scenes
            .iter()
            .flat_map(|scene| scene.manifest.files.iter().map(|file| file.topic.clone()))
            .collect();
        topics.sort();
        topics.dedup();
        topics
    }
}

fn unavailable(error: impl std::error::Error + Send + Sync + 'static) -> Failure {
    Failure::new(Exit::Unavailable, error)
}
