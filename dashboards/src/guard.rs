//! What every request must pass, and what every answer carries.
//!
//! Pages have no login yet and are for this machine alone. Other pages in the same browser are not: the name in
//! `Host` must be one of this machine (against DNS rebinding), and another site may link here but not load from here.
//! The content security policy allows no inline script or style and no string that becomes markup, so that a name
//! which slips through the escapes still does nothing.

use std::time::Duration;

use axum::extract::Request;
use axum::http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, HOST, HeaderName, HeaderValue, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, Method, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::problem::{ApiProblem, Problem};

/// Longest path with its query, in bytes.
pub(crate) const MAX_URI_BYTES: usize = 6 * 1024;
/// How long an answer may take to begin.
pub(crate) const ANSWER_WITHIN: Duration = Duration::from_secs(15);

/// What a page may load and do.
pub(crate) const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
    connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; \
    require-trusted-types-for 'script'; trusted-types 'none'";

const COOP: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
const CORP: HeaderName = HeaderName::from_static("cross-origin-resource-policy");
const PERMISSIONS: HeaderName = HeaderName::from_static("permissions-policy");

/// Turns away what must not be answered, limits the time, and adds the headers.
pub(crate) async fn guard(request: Request, next: Next) -> Response {
    let is_api = request.uri().path().starts_with("/api/");
    let answer = match verdict(request.method(), request.uri(), request.headers()) {
        Ok(()) => tokio::time::timeout(ANSWER_WITHIN, next.run(request)).await.map_err(|_| Problem::TooSlow),
        Err(problem) => Err(problem),
    };
    let mut answer = answer.unwrap_or_else(|problem| {
        let is_method = matches!(problem, Problem::Method);
        let mut answer = if is_api { ApiProblem(problem).into_response() } else { problem.into_response() };
        if is_method {
            answer.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        }
        answer
    });
    add_headers(answer.headers_mut());
    answer
}

/// Whether a request may be answered.
fn verdict(method: &Method, uri: &Uri, headers: &HeaderMap) -> Result<(), Problem> {
    if method != Method::GET && method != Method::HEAD {
        return Err(Problem::Method);
    }
    if uri.path_and_query().map_or(0, |path| path.as_str().len()) > MAX_URI_BYTES {
        return Err(Problem::TooLong);
    }
    // An absolute address in the request line counts before the header (RFC 9112, section 3.2.2).
    let header = || headers.get(HOST).and_then(|host| host.to_str().ok());
    let host = uri.authority().map(axum::http::uri::Authority::as_str).or_else(header);
    if !host.is_some_and(is_this_machine) {
        return Err(Problem::ForeignHost);
    }
    let text = |name: &str| headers.get(name).map(HeaderValue::as_bytes);
    if text("sec-fetch-site") == Some(b"cross-site") && text("sec-fetch-mode") != Some(b"navigate") {
        return Err(Problem::CrossSite);
    }
    Ok(())
}

/// Whether a `Host`, with or without a port, is a name of this machine. Any port will do: it may be forwarded.
fn is_this_machine(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    ["127.0.0.1", "localhost", "[::1]"].iter().any(|own| name.eq_ignore_ascii_case(own))
}

fn add_headers(headers: &mut HeaderMap) {
    let all = [
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
        (COOP, "same-origin"),
        (CORP, "same-origin"),
        (PERMISSIONS, "camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
    ];
    for (name, value) in all {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(method: &Method, uri: &str, headers: &[(&'static str, &str)], expected: Option<u16>) {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
        }
        let status =
            verdict(method, &uri.parse().unwrap(), &map).err().map(|problem| problem.status().as_u16());
        assert_eq!(status, expected, "{method} {uri} {headers:?}");
    }

    #[test]
    fn only_names_of_this_machine_are_answered() {
        for host in ["127.0.0.1", "127.0.0.1:8787", "localhost:9", "LocalHost", "[::1]:8787", "[::1]"] {
            check(&Method::GET, "/", &[("host", host)], None);
        }
        for host in [
            "evil.example",
            "evil.example:8787",
            "127.0.0.1.evil.example",
            "localhost@evil",
            "[::1",
            "",
            ":8787",
        ] {
            check(&Method::GET, "/", &[("host", host)], Some(421));
        }
        check(&Method::GET, "/", &[], Some(421));
        check(&Method::GET, "http://evil.example/", &[("host", "localhost")], Some(421));
        check(&Method::GET, "http://localhost:1/", &[("host", "evil.example")], None);
    }

    #[test]
    fn nothing_but_reading_is_answered() {
        for method in [Method::POST, Method::PUT, Method::DELETE, Method::OPTIONS, Method::TRACE] {
            check(&method, "/incidents", &[("host", "localhost")], Some(405));
        }
        check(&Method::HEAD, "/incidents", &[("host", "localhost")], None);
    }

    #[test]
    fn another_site_may_link_but_not_load() {
        let from = |site: &'static str, mode: &'static str| {
            [("host", "localhost"), ("sec-fetch-site", site), ("sec-fetch-mode", mode)]
        };
        check(&Method::GET, "/", &from("cross-site", "navigate"), None);
        check(&Method::GET, "/stream", &from("same-origin", "cors"), None);
        check(&Method::GET, "/stream", &from("cross-site", "cors"), Some(403));
        check(&Method::GET, "/static/x/app.css", &from("cross-site", "no-cors"), Some(403));
    }

    #[test]
    fn an_address_is_bounded() {
        let host = [("host", "localhost")];
        check(&Method::GET, &format!("/{}", "a".repeat(MAX_URI_BYTES - 1)), &host, None);
        check(&Method::GET, &format!("/{}", "a".repeat(MAX_URI_BYTES)), &host, Some(414));
    }
}
