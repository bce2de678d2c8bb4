//! The one link a message may carry: to the incident on our own page.

use std::fmt;

use detectors::finding::IncidentId;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The longest public URL that is accepted, in bytes.
pub const PUBLIC_URL_MAX: usize = 200;

/// Where people reach our pages, as configured: `https://sealwatch.example.com`, without a slash at its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(with = "String")]
#[serde(try_from = "String", into = "String")]
pub struct PublicUrl(String);

/// An address on our own pages. Only [`PublicUrl`] makes one, from nothing but an incident's id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageLink(String);

/// Why a text is no public URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum PublicUrlError {
    /// Neither `https://` nor `http://`.
    #[error("cannot use a public_url that does not begin with https:// or http://")]
    Scheme,
    /// No host.
    #[error("cannot use a public_url without a host")]
    NoHost,
    /// A user, a query, a fragment, or characters that have no place in a URL.
    #[error("cannot use a public_url with characters other than letters, digits and -._~:/[]%")]
    Characters,
    /// More than [`PUBLIC_URL_MAX`].
    #[error("cannot use a public_url longer than {PUBLIC_URL_MAX} bytes")]
    TooLong,
}

impl PublicUrl {
    /// Reads a public URL.
    ///
    /// # Errors
    /// [`PublicUrlError`] when it is not plainly scheme, host and path: it ends up inside markup.
    pub fn parse(text: &str) -> Result<Self, PublicUrlError> {
        let rest = text
            .strip_prefix("https://")
            .or_else(|| text.strip_prefix("http://"))
            .ok_or(PublicUrlError::Scheme)?;
        if rest.is_empty() || rest.starts_with('/') {
            return Err(PublicUrlError::NoHost);
        }
        if !rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~:/[]%".contains(&byte)) {
            return Err(PublicUrlError::Characters);
        }
        if text.len() > PUBLIC_URL_MAX {
            return Err(PublicUrlError::TooLong);
        }
        Ok(Self(text.trim_end_matches('/').to_owned()))
    }

    /// The page of an incident; `None` if its id is none that we made.
    #[must_use]
    pub fn incident(&self, id: &IncidentId) -> Option<PageLink> {
        // Ids are read back from the database as plain strings, so this one proves itself again.
        IncidentId::parse(id.as_str()).map(|id| PageLink(format!("{}/i/{id}", self.0)))
    }

    /// The page of all incidents.
    #[must_use]
    pub fn incidents(&self) -> PageLink {
        PageLink(format!("{}/incidents", self.0))
    }

    /// The page of the pipeline's health.
    #[must_use]
    pub fn pipeline(&self) -> PageLink {
        PageLink(format!("{}/pipeline", self.0))
    }
}

impl TryFrom<String> for PublicUrl {
    type Error = PublicUrlError;
    fn try_from(text: String) -> Result<Self, PublicUrlError> {
        Self::parse(&text)
    }
}

impl From<PublicUrl> for String {
    fn from(url: PublicUrl) -> Self {
        url.0
    }
}

impl PageLink {
    /// The address.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PageLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "lpvrycjm7m2dyzulrruye4eg3a";

    #[test]
    fn a_link_is_the_public_url_and_the_id() {
        let id = IncidentId::parse(ID).unwrap();
        for given in ["https://watch.example/base", "https://watch.example/base/"] {
            let link = PublicUrl::parse(given).unwrap().incident(&id).unwrap();
            assert_eq!(link.as_str(), format!("https://watch.example/base/i/{ID}"));
        }
        let forged: IncidentId = serde_json::from_str("\"x|<!channel>\"").unwrap();
        assert_eq!(PublicUrl::parse("http://[::1]:8080").unwrap().incident(&forged), None);
    }

    #[test]
    fn what_could_break_out_of_markup_is_no_public_url() {
        let cases = [
            ("watch.example", PublicUrlError::Scheme),
            ("javascript://x", PublicUrlError::Scheme),
            ("https://", PublicUrlError::NoHost),
            ("https:///x", PublicUrlError::NoHost),
            ("https://user@h", PublicUrlError::Characters),
            ("https://h|x", PublicUrlError::Characters),
            ("https://h>", PublicUrlError::Characters),
            ("https://h/?q", PublicUrlError::Characters),
            ("https://é", PublicUrlError::Characters),
        ];
        for (given, expected) in cases {
            assert_eq!(PublicUrl::parse(given), Err(expected), "{given}");
        }
        let long = format!("https://{}", "h".repeat(PUBLIC_URL_MAX));
        assert_eq!(PublicUrl::parse(&long), Err(PublicUrlError::TooLong));
    }
}
