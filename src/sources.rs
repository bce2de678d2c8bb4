//! From the configuration's sources to what the pipeline reads.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use detectors::event::Span;
use ingest::bucket::{BucketJournalError, BucketSettings, BucketSource, BucketSourceError};
use ingest::decode::{DecoderSettings, Format};
use ingest::files::FileSource;
use ingest::http::{HttpDoor, HttpDoorError, HttpSource, HttpSourceDoor};
use ingest::identity::Identity;
use ingest::kafka::StartOffsets;
use ingest::source::Source;
use ingest::tail::{JournalError, TailError, TailSettings, TailSource};
use pipeline::flow::{DEFAULT_LATENESS, SourceRules, SourceTimes};
use transport::SystemClock;

use crate::config::{Config, SourceConfig};
use crate::exit::{Exit, Failure};
use crate::several::Several;

/// The source of files that no configured source claims.
pub(crate) const FILES: &str = "files";

/// How the records of the configured sources are taken.
pub(crate) fn rules(config: &Config, identity: &Arc<Identity>) -> Vec<SourceRules> {
    config.sources.iter().map(|source| rules_of(config, source, identity)).collect()
}

fn rules_of(config: &Config, source: &SourceConfig, identity: &Arc<Identity>) -> SourceRules {
    let mut decoder = DecoderSettings::new(&source.name, source.format);
    if let Some(registry) = &source.registry {
        decoder.registry = Arc::from(registry.as_str());
    }
    decoder.ecosystem = source.ecosystem;
    decoder.zone = source.timezone.unwrap_or_default();
    decoder.identity = Arc::clone(identity);
    decoder.mapping = source.mapping.as_deref().and_then(|name| config.mapping(name));
    SourceRules {
        decoder,
        times: SourceTimes {
            lateness: Span::secs(i64::from(source.lateness_seconds)),
            history: source.history,
            shift: source.shift_seconds.saturating_mul(1_000_000_000),
        },
    }
}

/// The files that a source follows; what it noted of them lies beside the database.
pub(crate) fn tail(
    config: &Config,
    source: &SourceConfig,
    starts: &mut dyn StartOffsets,
) -> Result<TailSource, Failure> {
    let settings = TailSettings {
        source: source.name.clone(),
        paths: source.tail.clone(),
        start: source.start,
        state: doors(config, source),
    };
    TailSource::open(&settings, starts).map_err(|error| {
        let exit = match error {
            TailError::Journal(JournalError::Damaged { .. }) => Exit::Incompatible,
            TailError::Journal(JournalError::Unusable { .. }) => Exit::Unavailable,
            TailError::NoName(_) | TailError::SameName { .. } | TailError::TooMany(_) => Exit::Configuration,
        };
        Failure::new(exit, error).hint("give each followed file a name of its own, and the journals beside the database a folder that can be written")
    })
}

/// The listener for webhooks and what is posted to each source, if any source is posted to; the spools lie beside the
/// database.
pub(crate) fn webhooks(
    config: &Config,
    starts: &mut dyn StartOffsets,
) -> Result<Option<(HttpDoor, Vec<HttpSource>)>, Failure> {
    let posted_to: Vec<_> = config
        .sources
        .iter()
        .filter_map(|source| {
            Some(HttpSourceDoor {
                source: source.name.clone(),
                settings: source.http.clone()?,
                folder: doors(config, source).join("http"),
            })
        })
        .collect();
    if posted_to.is_empty() {
        return Ok(None);
    }
    let listen = config.http.as_ref().map(|http| http.listen).ok_or_else(|| {
        Failure::new(Exit::Configuration, "nothing listens for webhooks")
            .hint("add a [http] table with `listen = \"127.0.0.1:8790\"`")
    })?;
    let clock = Arc::new(SystemClock::new());
    HttpDoor::open(listen, &posted_to, starts, clock).map(Some).map_err(|error| {
        let exit = match &error {
            HttpDoorError::SamePath(_) | HttpDoorError::Check { .. } => Exit::Configuration,
            HttpDoorError::Spool { .. } => Exit::Unavailable,
            HttpDoorError::Listen { cause, .. } => match cause.kind() {
                ErrorKind::AddrInUse => Exit::Conflict,
                ErrorKind::PermissionDenied => Exit::NotPermitted,
                _ => Exit::Unavailable,
            },
        };
        Failure::new(exit, error).hint("see `[http]` and the source's `http` in the configuration")
    })
}

/// The bucket that a source reads; what was read of it is noted beside the database.
pub(crate) fn bucket(
    config: &Config,
    source: &SourceConfig,
    settings: &BucketSettings,
    starts: &mut dyn StartOffsets,
) -> Result<BucketSource, Failure> {
    BucketSource::open(&source.name, settings, &doors(config, source), starts).map_err(|error| {
        let exit = match &error {
            BucketSourceError::Client(_) | BucketSourceError::Secret(_) => Exit::Configuration,
            BucketSourceError::Journal(BucketJournalError::Damaged { .. }) => Exit::Incompatible,
            BucketSourceError::Journal(BucketJournalError::Unusable { .. }) => Exit::Unavailable,
            BucketSourceError::Thread(_) => Exit::Internal,
        };
        Failure::new(exit, error).hint("see the source's `bucket` in the configuration")
    })
}

/// Where a source's own files lie: beside the database.
fn doors(config: &Config, source: &SourceConfig) -> PathBuf {
    let mut doors = config.store.path.clone().into_os_string();
    doors.push(".doors");
    PathBuf::from(doors).join(&source.name)
}

/// Files as one source, each under the configured source that claims its base name, with the rules of all of them.
pub(crate) fn files(config: &Config, paths: &[PathBuf]) -> Result<(Several, Vec<SourceRules>), Failure> {
    let identity = config.identity()?;
    let mut all = rules(config, &identity);
    all.push(SourceRules {
        decoder: DecoderSettings { identity, ..DecoderSettings::new(FILES, Format::Auto) },
        times: SourceTimes { lateness: DEFAULT_LATENESS, history: true, shift: 0 },
    });
    refuse_equal_names(paths)?;
    let mut sources: Vec<Box<dyn Source>> = Vec::new();
    for path in paths {
        let name = claimed_by(config, path).map_or(FILES, |source| source.name.as_str());
        let source = FileSource::open(name, std::slice::from_ref(path)).map_err(|error| {
            let hint = error.hint();
            Failure::new(Exit::Unavailable, error).hint(hint)
        })?;
        sources.push(Box::new(source));
    }
    Ok((Several::new(sources), all))
}

/// The source one of whose topics, followed files or paths is the file's base name, or its beginning before `.`, `-day` aside: the recorded
/// day of a stream belongs to the stream.
fn claimed_by<'a>(config: &'a Config, path: &Path) -> Option<&'a SourceConfig> {
    let base = path.file_name()?.to_str()?;
    let stem = base.split('.').next().unwrap_or(base);
    let stream = stem.strip_suffix("-day").unwrap_or(stem);
    config.sources.iter().find(|source| {
        let followed = source.tail.iter().filter_map(|path| path.file_name()?.to_str());
        source
            .topics
            .iter()
            .map(String::as_str)
            .any(|topic| topic == base || topic == stem || topic == stream)
            || followed.into_iter().any(|name| name == base)
            || source.http.as_ref().is_some_and(|http| http.path.trim_start_matches('/') == stem)
    })
}

/// Two equal base names would be one stream.
fn refuse_equal_names(paths: &[PathBuf]) -> Result<(), Failure> {
    let mut names: Vec<_> =
        paths.iter().map(|path| (path.file_name().map(ToOwned::to_owned), path)).collect();
    names.sort();
    for pair in names.windows(2) {
        if let [(a, first), (b, second)] = pair
            && a == b
        {
            let text = format!("cannot tell {} from {}: equal base names", first.display(), second.display());
            return Err(Failure::new(Exit::Usage, text).hint("rename one: a stream is called after its file"));
        }
    }
    Ok(())
}
