//! Why a request is refused, and how its sender is told.

use hyper::StatusCode;

use super::auth::NotBelieved;

/// Why a request is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    NoSuchPath,
    NotPosted,
    TooMany,
    NotBelieved(NotBelieved),
    TooLarge,
    TooSlow,
    Broken,
    Empty,
    NoSpace,
    Busy,
}

impl Refused {
    pub(super) const fn status(self) -> StatusCode {
        match self {
            Self::NoSuchPath => StatusCode::NOT_FOUND,
            Self::NotPosted => StatusCode::METHOD_NOT_ALLOWED,
            Self::TooMany => StatusCode::TOO_MANY_REQUESTS,
            Self::NotBelieved(_) => StatusCode::UNAUTHORIZED,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::Broken | Self::Empty => StatusCode::BAD_REQUEST,
            Self::NoSpace | Self::Busy => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::NoSuchPath => "no source is posted to at this path",
            Self::NotPosted => "webhooks are posted",
            Self::TooMany => "more requests than are configured for this source",
            Self::NotBelieved(why) => why.words(),
            Self::TooLarge => "the body is larger than 1 MiB",
            Self::TooSlow => "the body did not come in time",
            Self::Broken => "the body broke off",
            Self::Empty => "the body is empty",
            Self::NoSpace => "there is no space to keep the request; nothing of it was taken",
            Self::Busy => "too many requests wait for the disk; nothing of this one was taken",
        }
    }

    /// Whether it belongs among the dead letters: what the sender will not send again by itself.
    pub(super) const fn is_noted(self) -> bool {
        matches!(self, Self::NotBelieved(_) | Self::TooLarge | Self::TooSlow | Self::Broken | Self::Empty)
    }
}
