//! Which path leads where.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::middleware;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;

use crate::problem::{ApiProblem, Problem};
use crate::server::App;
use crate::{api, files, guard, metrics, pages, stream};

/// All of them, behind the guard.
pub(crate) fn all(app: Arc<App>) -> Router {
    Router::new()
        .route("/", get(async || Redirect::temporary("/incidents")))
        .route("/incidents", get(pages::incidents::page))
        .route("/incidents/{id}", get(pages::incident::page))
        .route("/incidents/{id}/raw", get(pages::raw::page))
        // The address that messages carry.
        .route("/i/{id}", get(pages::incident::short))
        .route("/pipeline", get(pages::pipeline::page))
        .route("/api/incidents", get(api::incidents))
        .route("/api/incidents/{id}", get(api::incident))
        .route("/api/findings", get(api::findings))
        .route("/api/{*rest}", get(async || ApiProblem(Problem::NotFound("resource"))))
        .route("/stream", get(stream::open))
        .route("/metrics", get(metrics::page))
        .route("/livez", get(async || "ok\n"))
        .route("/readyz", get(ready))
        .route("/static/{version}/{name}", get(files::file))
        .fallback(async || Problem::NotFound("page"))
        .layer(middleware::from_fn(guard::guard))
        .with_state(app)
}

/// Whether the database can be read.
async fn ready(State(app): State<Arc<App>>) -> Response {
    match app.read(|reader, _| reader.change_counter()).await {
        Ok(_) => "ready\n".into_response(),
        Err(problem) => {
            tracing::warn!(%problem, "not ready");
            (StatusCode::SERVICE_UNAVAILABLE, "the database cannot be read\n").into_response()
        }
    }
}
