//! Webhooks as a source: registries post what happens, and each request is on disk before it is answered with 200.
//!
//! One listener serves all sources, each at a path of its own, each with its own check of who posts. A request that is
//! taken is a frame in the source's spool (`spool.rs`), flushed to disk before the answer goes out, and read from there
//! like a record of any other log: numbered, taken up after a crash where the state was left, and forgotten only when
//! that state is on disk. What is refused is answered with its reason, counted, and noted in the spool as well, so that
//! it becomes a dead letter in its place; a flood of refusals is noted up to a bound.
//!
//! Nothing is encrypted here: across machines a proxy with TLS stands in front.

mod auth;
mod pace;
mod refused;
mod server;
mod settings;
mod source;
mod spool;

use std::collections::BTreeSet;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;

use detectors::event::PartitionId;
use thiserror::Error;
use transport::Clock;

pub use self::auth::{CheckSettings, SenderCheckError};
pub use self::server::{BODY_WITHIN, HEAD_WITHIN, MAX_CONNECTIONS};
use self::server::{Door, Serving};
pub use self::settings::{HttpDoorSettings, HttpSourceSettings};
pub use self::source::HttpSource;
use self::spool::Spool;
pub use self::spool::{SEGMENT_BYTES, SpoolError};
use crate::kafka::StartOffsets;

/// A source that is posted to.
#[derive(Debug, Clone)]
pub struct HttpSourceDoor {
    /// The source's name.
    pub source: String,
    /// Its path, check and bounds.
    pub settings: HttpSourceSettings,
    /// A folder of its own for the spool; it is made.
    pub folder: PathBuf,
}

/// Why webhooks cannot be taken.
#[derive(Debug, Error)]
pub enum HttpDoorError {
    /// Two sources want the same requests.
    #[error("could not give the path `{0}` to two sources")]
    SamePath(String),
    /// Nothing can be told of who posts.
    #[error("could not set up the check of senders of source `{name}`")]
    Check {
        /// The source.
        name: String,
        /// Why.
        #[source]
        cause: SenderCheckError,
    },
    /// The spool cannot be used.
    #[error("could not use the spool of source `{name}`")]
    Spool {
        /// The source.
        name: String,
        /// Why.
        #[source]
        cause: SpoolError,
    },
    /// The address is taken, or not ours.
    #[error("could not listen for webhooks on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        #[source]
        cause: io::Error,
    },
}

/// The listener; when it is dropped it takes no more requests, and those under way are answered.
#[derive(Debug)]
pub struct HttpDoor {
    serving: Serving,
    address: SocketAddr,
}

impl HttpDoor {
    /// Opens the spools, listens, and gives each source what it was posted; `starts` says from where.
    ///
    /// # Errors
    /// [`HttpDoorError`] naming what stands in the way. Nothing is taken then.
    pub fn open(
        listen: SocketAddr,
        sources: &[HttpSourceDoor],
        starts: &mut dyn StartOffsets,
        clock: Arc<dyn Clock>,
    ) -> Result<(Self, Vec<HttpSource>), HttpDoorError> {
        let mut paths = BTreeSet::new();
        let (mut doors, mut readers) = (Vec::new(), Vec::new());
        for own in sources {
            if !paths.insert(&own.settings.path) {
                return Err(HttpDoorError::SamePath(own.settings.path.clone()));
            }
            let check = own.settings.check.resolve();
            let check = check.map_err(|cause| HttpDoorError::Check { name: own.source.clone(), cause })?;
            let partition = Arc::new(PartitionId {
                source: Arc::from(own.source.as_str()),
                stream: Arc::from(own.settings.path.trim_start_matches('/')),
                partition: 0,
            });
            let from = starts.next_of(&partition).map(|next| u64::try_from(next.0).unwrap_or(0));
            let spool = Spool::open(&own.folder, from, u64::from(own.settings.spool_mib) << 20);
            let spool = spool.map_err(|cause| HttpDoorError::Spool { name: own.source.clone(), cause })?;
            readers.push(HttpSource::new(partition, own.folder.clone(), from, spool.shared()));
            doors.push(Door::new(&own.settings, check, spool, clock.monotonic()));
        }
        let refused = |cause| HttpDoorError::Listen { address: listen, cause };
        let listener = TcpListener::bind(listen).map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        let serving = Serving::start(listener, doors, clock).map_err(refused)?;
        Ok((Self { serving, address }, readers))
    }

    /// Where it listens; the port is the system's choice if it was given as 0.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes no more requests, and waits until those under way are answered.
    pub fn close(self) {
        self.serving.close();
    }
}

#[cfg(test)]
mod tests;
