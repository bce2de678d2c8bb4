//! A URL whose path, query and user are the secret, as those of chat webhooks are.

use std::fmt;

use reqwest::Url;

use super::SecretString;

/// The longest URL that is accepted, in bytes.
pub const URL_MAX_BYTES: usize = 4 * 1024;

/// An `http` or `https` URL that is a secret. `Debug` and `Display` show `https://host/***`.
#[derive(Clone)]
pub struct SecretUrl(Url);

impl SecretUrl {
    /// Reads a URL. Odd spellings of a host (`0x7f.1`, full-width digits) become the address they mean.
    ///
    /// # Errors
    /// When it is no absolute `http` or `https` URL with a host. The error repeats nothing of it.
    pub fn parse(text: &SecretString) -> Result<Self, UrlError> {
        let text = text.expose();
        if text.len() > URL_MAX_BYTES {
            return Err(UrlError::TooLong);
        }
        let url = Url::parse(text.trim()).map_err(|_| UrlError::NotAUrl)?;
        match url.scheme() {
            "http" | "https" => {}
            _ => return Err(UrlError::Scheme),
        }
        if url.host_str().is_none_or(str::is_empty) {
            return Err(UrlError::NoHost);
        }
        Ok(Self(url))
    }

    /// Host and port without the secret parts, for logs, labels and errors: `hooks.example.com:443`.
    #[must_use]
    pub fn authority(&self) -> String {
        format!("{}:{}", self.host(), self.port())
    }

    /// The host as the client will use it: a lower-case name, an IPv4 address, or an IPv6 one in brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        self.0.host_str().unwrap_or_default()
    }

    /// The port, the scheme's own where none is written.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.0.port_or_known_default().unwrap_or_default()
    }

    /// Whether it is `https`.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.0.scheme() == "https"
    }

    /// This URL with further path segments, percent-encoded as needed; for receivers whose API has several
    /// calls under one base (`…/messages/{id}`). An existing query stays.
    #[must_use]
    pub fn join_segments(&self, segments: &[&str]) -> Self {
        let mut url = self.0.clone();
        // `http` and `https` URLs always have path segments.
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(segments);
        }
        Self(url)
    }

    /// This URL with one more query pair, percent-encoded as needed.
    #[must_use]
    pub fn with_query(&self, name: &str, value: &str) -> Self {
        let mut url = self.0.clone();
        url.query_pairs_mut().append_pair(name, value);
        Self(url)
    }

    pub(crate) fn expose(&self) -> &Url {
        &self.0
    }
}

impl fmt::Debug for SecretUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for SecretUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.0.scheme(), self.host())?;
        if let Some(port) = self.0.port() {
            write!(f, ":{port}")?;
        }
        f.write_str("/***")
    }
}

/// Why a text is no URL to send to. It repeats nothing of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// Not an absolute URL.
    #[error("cannot read the text as a URL")]
    NotAUrl,
    /// Neither `http` nor `https`.
    #[error("cannot use a URL whose scheme is not http or https")]
    Scheme,
    /// No host.
    #[error("cannot use a URL without a host")]
    NoHost,
    /// More than [`URL_MAX_BYTES`].
    #[error("cannot use a URL longer than {URL_MAX_BYTES} bytes")]
    TooLong,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<SecretUrl, UrlError> {
        SecretUrl::parse(&SecretString::new(text.to_owned()))
    }

    #[test]
    fn only_scheme_host_and_port_are_shown() {
        let cases = [
            ("https://hooks.slack.com/services/T/B/canary", "https://hooks.slack.com/***"),
            ("https://canary:canary@Example.COM:8443/p?canary=1#canary", "https://example.com:8443/***"),
            ("http://[2001:db8::1]/canary", "http://[2001:db8::1]/***"),
            ("https://h/", "https://h/***"),
        ];
        for (text, expected) in cases {
            let url = parse(text).unwrap();
            assert_eq!(url.to_string(), expected);
            assert!(!format!("{url:?} {url:#?} {}", url.authority()).contains("canary"));
        }
    }

    #[test]
    fn odd_spellings_of_an_address_become_the_address() {
        for text in [
            "http://0x7f.1/",
            "http://2130706433/",
            "http://017700000001/",
            "http://127.1/",
            "http://１２７.0.0.1/",
        ] {
            assert_eq!(parse(text).unwrap().host(), "127.0.0.1", "{text}");
        }
        assert_eq!(parse("http://[::ffff:127.0.0.1]/").unwrap().host(), "[::ffff:7f00:1]");
    }

    #[test]
    fn what_is_no_web_address_is_refused_without_repeating_it() {
        let long = format!("https://h/{}", "x".repeat(URL_MAX_BYTES));
        let cases = [
            ("canary", UrlError::NotAUrl),
            ("/canary", UrlError::NotAUrl),
            ("https://", UrlError::NotAUrl),
            ("ftp://h/canary", UrlError::Scheme),
            ("file:///canary", UrlError::Scheme),
            ("javascript:canary", UrlError::Scheme),
            (&long, UrlError::TooLong),
        ];
        for (text, expected) in cases {
            let error = parse(text).unwrap_err();
            assert_eq!(error, expected);
            assert!(!format!("{error} {error:?}").contains("canary"));
        }
    }

    #[test]
    fn further_segments_cannot_leave_their_place() {
        let base = parse("https://h/api/hook/?wait=true").unwrap();
        let joined = base.join_segments(&["messages", "../a/b?c"]);
        assert_eq!(joined.expose().as_str(), "https://h/api/hook/messages/..%2Fa%2Fb%3Fc?wait=true");
        let queried = base.with_query("thread", "a&b=c");
        assert_eq!(queried.expose().as_str(), "https://h/api/hook/?wait=true&thread=a%26b%3Dc");
    }

    #[test]
    fn the_port_is_the_schemes_own_where_none_is_written() {
        for (text, expected) in [("https://h/", 443), ("http://h/", 80), ("http://h:8080/", 8080)] {
            assert_eq!(parse(text).unwrap().port(), expected);
        }
    }
}
