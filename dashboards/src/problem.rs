//! What goes wrong with a request, told apart by what the reader can do about it, as a page or as JSON.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use store::{StoreError, StoreErrorKind};
use thiserror::Error;

use crate::pages::shell;
use crate::query::BadQuery;

/// Why a request was not answered.
#[derive(Debug, Error)]
pub(crate) enum Problem {
    /// There is no such page or thing.
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// The query makes no sense.
    #[error(transparent)]
    BadQuery(#[from] BadQuery),
    /// The request names a host that is not this machine: a page elsewhere may have been rebound to our address.
    #[error("this address is served as 127.0.0.1, localhost or [::1] only")]
    ForeignHost,
    /// A page of another site asks for data.
    #[error("another site may link here, not read from here")]
    CrossSite,
    /// Something other than reading is asked for.
    #[error("only GET and HEAD are answered here")]
    Method,
    /// The address is too long.
    #[error("the address is too long")]
    TooLong,
    /// Too many live streams are open.
    #[error("too many pages are open at once")]
    Busy,
    /// The answer took too long.
    #[error("the answer took too long")]
    TooSlow,
    /// The database cannot be read.
    #[error("the database could not be read")]
    Store(#[from] StoreError),
    /// Something of ours failed.
    #[error("the page could not be made")]
    Internal,
}

impl Problem {
    /// The status of the answer.
    pub(crate) const fn status(&self) -> StatusCode {
        match self {
            Self::NotFound(_) => StatusCode::NOT_FOUND,
            Self::BadQuery(_) => StatusCode::BAD_REQUEST,
            Self::ForeignHost => StatusCode::MISDIRECTED_REQUEST,
            Self::CrossSite => StatusCode::FORBIDDEN,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::TooLong => StatusCode::URI_TOO_LONG,
            Self::Busy | Self::TooSlow => StatusCode::SERVICE_UNAVAILABLE,
            Self::Store(_) | Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// What the reader can do.
    pub(crate) fn advice(&self) -> &'static str {
        match self {
            Self::NotFound(_) => {
                "It may have been pruned, or the link was cut. The list of incidents shows what there is."
            }
            Self::BadQuery(_) => "Correct the address, or start again from the list of incidents.",
            Self::ForeignHost => "Open http://127.0.0.1 with the port that Sealwatch printed.",
            Self::CrossSite => "Open the page in a tab of its own.",
            Self::Method | Self::TooLong => "Start again from the list of incidents.",
            Self::Busy => "Close some of the open tabs and try again.",
            Self::TooSlow => "The database is busy. Detection is not affected. Try again.",
            Self::Store(error) => match error.kind() {
                StoreErrorKind::Unavailable => {
                    "The file cannot be reached now. Try again; `sealwatch doctor` says more."
                }
                StoreErrorKind::Incompatible => {
                    "The file is damaged or of another version. The log of Sealwatch says more."
                }
                _ => "The log of Sealwatch says more.",
            },
            Self::Internal => "This is a bug of Sealwatch; its log says more.",
        }
    }
}

impl From<askama::Error> for Problem {
    fn from(error: askama::Error) -> Self {
        tracing::error!(%error, "could not fill in a page");
        Self::Internal
    }
}

/// As a page.
impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        self.log();
        (self.status(), shell::problem_page(&self)).into_response()
    }
}

/// The same as JSON.
pub(crate) struct ApiProblem(pub(crate) Problem);

impl<T: Into<Problem>> From<T> for ApiProblem {
    fn from(problem: T) -> Self {
        Self(problem.into())
    }
}

impl IntoResponse for ApiProblem {
    fn into_response(self) -> Response {
        self.0.log();
        let body = serde_json::json!({ "error": self.0.to_string(), "advice": self.0.advice() });
        (self.0.status(), crate::api::JSON, body.to_string()).into_response()
    }
}

impl Problem {
    fn log(&self) {
        if let Self::Store(error) = self {
            let cause = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
            tracing::error!(%error, cause, "could not answer a request");
        }
    }
}
