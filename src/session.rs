//! What `run`, `learn` and `demo` share: the database, the clock, the flow over it, and the services beside it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use alerting::clicks::Clicks;
use alerting::dispatcher::{Dispatcher, Waker};
use alerting::heartbeat::HeartbeatConfig;
use alerting::receivers::{DataOutput, Receivers};
use alerting::routing::Owners;
use alerting::rules::Rules;
use dashboards::{BindError, Dashboard};
use ingest::source::Source;
use pipeline::commit::Stored;
use pipeline::flow::{FlowSettings, SourceRules};
use pipeline::live::{Live, LiveError, LiveReport, LiveSettings, LiveWatcher, Telling, Until};
use pipeline::{Threads, WallClock};
use store::{Desk, RunId, Store};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use transport::{Clock, HttpClient, SystemClock};

use crate::cli::replay::{line, write_line};
use crate::config::Config;
use crate::exit::{Exit, Failure, chain};
use crate::kafka::KafkaRecords;
use crate::output;
use crate::signals::Stopping;

/// A database and what runs over it.
pub(crate) struct Session {
    pub(crate) config: Config,
    pub(crate) store: Store,
    pub(crate) stopping: Stopping,
    /// Whether findings are printed, and how.
    pub(crate) printing: Printing,
    clock: Arc<SystemClock>,
    waker: Waker,
}

/// Whether findings are printed as they are stored, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Printing {
    /// Not at all.
    Nothing,
    /// For people.
    Text,
    /// As JSON Lines.
    Json,
}

/// The pipeline's clock is the program's.
struct PipelineClock(Arc<SystemClock>);

impl WallClock for PipelineClock {
    fn now_nanos(&self) -> i64 {
        self.0.unix_nanos()
    }
    fn monotonic_nanos(&self) -> i64 {
        i64::try_from(self.0.monotonic().as_nanos()).unwrap_or(i64::MAX)
    }
}

impl Session {
    /// Opens the database and listens for signals.
    pub(crate) fn open(config: Config, printing: Printing) -> Result<Self, Failure> {
        let store = Store::open(&config.store.path)?;
        Ok(Self {
            config,
            store,
            stopping: Stopping::listen()?,
            printing,
            clock: Arc::new(SystemClock::new()),
            waker: Waker::default(),
        })
    }

    /// A flow that has taken up what the database holds; at the start it waits for the sources in `together`.
    pub(crate) fn live(
        &self,
        rules: &[SourceRules],
        telling: Telling,
        until: Until,
        together: Vec<Arc<str>>,
    ) -> Result<Live, Failure> {
        let settings = LiveSettings {
            flow: FlowSettings {
                threads: Threads::new(1),
                bounds: self.config.merge_bounds(),
                ..FlowSettings::new(self.config.engine.clone())
            },
            run: RunId::Live,
            idle_timeout: Duration::from_secs(self.config.order.idle_timeout_seconds.into()),
            telling,
            until,
            heartbeat: self.config.alerting.heartbeat.as_ref().map(HeartbeatConfig::every),
            together,
        };
        Live::resume(&self.store, rules, settings).map_err(failure)
    }

    /// Reads a source until it ends or the program is told to stop.
    pub(crate) fn drive(&self, live: Live, source: &mut dyn Source) -> Result<LiveReport, Failure> {
        let clock = PipelineClock(Arc::clone(&self.clock));
        live.drive(source, &self.store, &clock, self.stopping.flag(), self).map_err(failure)
    }

    /// What tells, as configured.
    fn dispatcher(&self) -> Result<Dispatcher, Failure> {
        let receivers = receivers(&self.config)?;
        let rules = Rules::new(self.config.rules(), &receivers.names())
            .map_err(|error| Failure::new(Exit::Configuration, error))?;
        let clock: Arc<dyn Clock> = Arc::clone(&self.clock) as Arc<dyn Clock>;
        Ok(Dispatcher::new(self.store.clone(), receivers, rules, self.config.alerting.clone(), clock))
    }

    /// Tells what is due, and nothing that becomes due later.
    pub(crate) fn send_what_is_due(&self) -> Result<(), Failure> {
        let dispatcher = self.dispatcher()?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| Failure::new(Exit::Internal, error))?;
        runtime
            .block_on(dispatcher.run_until_idle(self.stopping.clone().wait()))
            .map_err(|error| Failure::new(Exit::Unavailable, error))
    }

    /// What takes clicks, where that is configured.
    fn clicks(&self, runtime: &Runtime) -> Result<Option<(TcpListener, Clicks)>, Failure> {
        let Some(config) = &self.config.alerting.clicks else { return Ok(None) };
        let secrets = receivers(&self.config)?.signing_secrets();
        let desk = Desk::open(&self.config.store.path)?;
        let owners = Owners::new(self.config.owners.clone());
        let clock: Arc<dyn Clock> = Arc::clone(&self.clock) as Arc<dyn Clock>;
        let clicks = Clicks::new(desk, secrets, owners, clock, self.waker.clone());
        let listener =
            runtime.block_on(bound(dashboards::bind_clicks(config.listen))).map_err(|failure| {
                failure.hint("stop the other program, or set [alerting.clicks] listen to another port")
            })?;
        Ok(Some((listener, clicks)))
    }

    /// Starts what tells and what shows; `listen` is where the dashboard is to be.
    pub(crate) fn services(&mut self, listen: Option<SocketAddr>) -> Result<Services, Failure> {
        let dispatcher = self.dispatcher()?;
        self.waker = dispatcher.waker();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .map_err(|error| Failure::new(Exit::Internal, error))?;
        let listener = listen.map(|address| runtime.block_on(bind(address))).transpose()?;
        let clicks = self.clicks(&runtime)?;
        let stopping = self.stopping.clone();
        let raw = Arc::new(KafkaRecords::new(&self.config));
        let clock = Arc::new(PipelineClock(Arc::clone(&self.clock)));
        let dashboard = Dashboard::new(self.store.reader().clone(), RunId::Live, raw, clock)
            .with_heartbeat(self.config.alerting.heartbeat.clone());
        let thread = std::thread::spawn(move || {
            runtime.block_on(async move {
                let told = dispatcher.run(stopping.clone().wait());
                let shown = async {
                    match listener {
                        Some(listener) => {
                            dashboards::serve(listener, dashboard, stopping.clone().wait()).await
                        }
                        None => Ok(()),
                    }
                };
                let clicked = async {
                    match clicks {
                        Some((listener, clicks)) => {
                            dashboards::serve_clicks(listener, clicks, stopping.clone().wait()).await
                        }
                        None => Ok(()),
                    }
                };
                let (told, shown, clicked) = tokio::join!(told, shown, clicked);
                clicked.map_err(|error| Failure::new(Exit::Unavailable, error))?;
                told.map_err(|error| Failure::new(Exit::Unavailable, error))?;
                shown.map_err(|error| Failure::new(Exit::Unavailable, error))
            })
        });
        Ok(Services { thread })
    }
}

async fn bound(result: impl Future<Output = Result<TcpListener, BindError>>) -> Result<TcpListener, Failure> {
    result.await.map_err(|error| {
        let exit = match error {
            BindError::NotLoopback(_) => Exit::Configuration,
            BindError::InUse { .. } => Exit::Conflict,
            BindError::Refused { .. } => Exit::NotPermitted,
        };
        Failure::new(exit, error)
    })
}

/// The receivers, as configured; what is odd about their secrets is printed.
pub(crate) fn receivers(config: &Config) -> Result<Receivers, Failure> {
    let configuration =
        |error: Box<dyn std::error::Error + Send + Sync>| Failure::new(Exit::Configuration, error);
    let policy = config.alerting.http_policy().map_err(|error| configuration(error.into()))?;
    let http = HttpClient::new(policy).map_err(|error| configuration(error.into()))?;
    let output = DataOutput::new(std::io::stdout());
    let receivers = Receivers::from_config(&config.receivers, http, &output)
        .map_err(|error| configuration(error.into()))?;
    for warning in receivers.warnings() {
        output::message(&format!("warning: receiver {}: {}", warning.receiver, warning.warning));
    }
    Ok(receivers)
}

async fn bind(address: SocketAddr) -> Result<TcpListener, Failure> {
    bound(dashboards::bind(address)).await.map_err(|failure| {
        failure.hint("stop the other program, or set [dashboard] listen to another port of 127.0.0.1")
    })
}

/// What tells and what shows, on a thread of their own.
pub(crate) struct Services {
    thread: JoinHandle<Result<(), Failure>>,
}

impl Services {
    /// Waits until they have drained; the program must have been told to stop.
    pub(crate) fn join(self) -> Result<(), Failure> {
        self.thread
            .join()
            .map_err(|_| Failure::new(Exit::Internal, "the services stopped by a fault of ours"))?
    }
}

impl LiveWatcher for Session {
    fn stored(&self, stored: &Stored<'_>) {
        if stored.to_route {
            self.waker.wake();
        }
        for finding in stored.findings {
            match self.printing {
                Printing::Nothing => {}
                // A reader of our output that went away does not stop the watch.
                Printing::Text => drop(output::print(&line(finding))),
                Printing::Json => drop(write_line(&mut std::io::stdout().lock(), finding)),
            }
        }
    }

    fn trouble(&self, text: &str) {
        tracing::warn!(trouble = %output::visible(text), "the watch goes on, but something is wrong");
    }

    fn progress(&self, _records: u64) {}
}

fn failure(error: LiveError) -> Failure {
    match error {
        LiveError::Store(error) => error.into(),
        LiveError::Resume(error) => Failure::new(Exit::Incompatible, error)
            .hint("use the version of Sealwatch that wrote the database, or learn anew into another one"),
        LiveError::Source(error) => {
            Failure::new(Exit::Unavailable, error).hint("see the message of the source")
        }
        LiveError::Flow(error) => Failure::new(Exit::Unavailable, error)
            .hint("check the space for temporary files, and why the named partition is behind"),
        LiveError::CommitterGone => Failure::new(Exit::Internal, chain(&LiveError::CommitterGone)),
    }
}
