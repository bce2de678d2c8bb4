//! The door for clicks on buttons of messages: one path, one method, signed requests, on a port of its own.
//!
//! It is not part of the pages: those are for this machine, ask nobody who they are and change nothing, while this one
//! is meant to be reached from outside, through a proxy that speaks HTTPS. What a request may do is decided by
//! [`alerting::clicks`], which reads nothing before the signature is right.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use alerting::clicks::{ClickRefused, Clicks, Done};
use alerting::receivers::slack_bot::interaction::{BODY_MAX, ClickError, Request};
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use crate::seats::Seats;
use crate::server::BindError;

/// Where clicks are taken.
pub const CLICKS_PATH: &str = "/slack/interactions";
/// Most connections at one time.
const MOST_CONNECTIONS: usize = 32;
/// How long a request may take in all; Slack itself waits three seconds.
const WITHIN: Duration = Duration::from_secs(10);

struct Door {
    clicks: Clicks,
    /// One click at a time: each is a transaction.
    turn: Semaphore,
}

/// Takes the port for clicks. Any address will do: a request without the right signature changes nothing.
///
/// # Errors
/// What the system said.
pub async fn bind_clicks(address: SocketAddr) -> Result<TcpListener, BindError> {
    TcpListener::bind(address).await.map_err(|source| match source.kind() {
        io::ErrorKind::AddrInUse => BindError::InUse { address, source },
        _ => BindError::Refused { address, source },
    })
}

/// Takes clicks until `shutdown` comes.
///
/// # Errors
/// What the system said when the listener could not go on.
pub async fn serve_clicks(
    listener: TcpListener,
    clicks: Clicks,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let door = Arc::new(Door { clicks, turn: Semaphore::new(1) });
    let router = Router::new()
        .route(CLICKS_PATH, post(take))
        .layer(DefaultBodyLimit::max(BODY_MAX))
        .layer(axum::middleware::from_fn(in_time))
        .with_state(door);
    axum::serve(Seats::new(listener, MOST_CONNECTIONS), router).with_graceful_shutdown(shutdown).await
}

/// Whoever is slower than that frees the seat for others.
async fn in_time(request: axum::extract::Request, next: axum::middleware::Next) -> axum::response::Response {
    use axum::response::IntoResponse as _;
    let answer = tokio::time::timeout(WITHIN, next.run(request)).await;
    answer.unwrap_or_else(|_| StatusCode::REQUEST_TIMEOUT.into_response())
}

async fn take(State(door): State<Arc<Door>>, headers: HeaderMap, body: Bytes) -> (StatusCode, &'static str) {
    let shared = Arc::clone(&door);
    let Ok(_turn) = door.turn.acquire().await else { return (StatusCode::SERVICE_UNAVAILABLE, "") };
    let taking = tokio::task::spawn_blocking(move || {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let (timestamp, signature) = (text("x-slack-request-timestamp"), text("x-slack-signature"));
        shared.clicks.take(Request { timestamp, signature, body: &body })
    });
    match taking.await {
        Ok(Ok(done)) => (StatusCode::OK, words(&done)),
        Ok(Err(refused)) => {
            tracing::warn!(%refused, "a click was refused");
            (status(&refused), "")
        }
        Err(error) => {
            tracing::error!(%error, "a click was cut short");
            (StatusCode::INTERNAL_SERVER_ERROR, "")
        }
    }
}

const fn words(done: &Done) -> &'static str {
    match done {
        Done::Acknowledged => "acknowledged\n",
        Done::TakenBefore => "taken before\n",
        Done::Silenced { .. } => "silenced\n",
        Done::Opened => "\n",
    }
}

/// Whoever cannot sign learns nothing but that.
const fn status(refused: &ClickRefused) -> StatusCode {
    match refused {
        ClickRefused::Click(
            ClickError::Unsigned | ClickError::Forged | ClickError::Stale | ClickError::Replayed,
        ) => StatusCode::UNAUTHORIZED,
        ClickRefused::Click(ClickError::TooMany) | ClickRefused::Busy => StatusCode::SERVICE_UNAVAILABLE,
        ClickRefused::Click(ClickError::TooLarge) => StatusCode::PAYLOAD_TOO_LARGE,
        ClickRefused::Click(ClickError::Unreadable) => StatusCode::BAD_REQUEST,
        ClickRefused::NoIncident => StatusCode::NOT_FOUND,
        ClickRefused::Subjects | ClickRefused::Draft(_) => StatusCode::UNPROCESSABLE_ENTITY,
        ClickRefused::Store(_) => StatusCode::INTERNAL_SERVER_ERROR,
    }
}
