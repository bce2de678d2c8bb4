//! Package URLs in their canonical form (<https://github.com/package-url/purl-spec>).
//!
//! Case and separator rules are applied by type, once; containers are `pkg:docker/<path of the repository>`,
//! whatever the input called them (DESIGN.md, Names of things).

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use thiserror::Error;

use super::{ArtifactKey, MAX_STRING_BYTES};

/// A package URL, normalised: the key and, where one is meant, the version. Qualifiers and subpath are read for
/// what they say about the identity (`repository_url`) and then dropped.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PackageUrl {
    key: ArtifactKey,
    version: Option<Arc<str>>,
}

/// Why a package URL was refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PurlError {
    /// It does not start with `pkg:`.
    #[error("package URL `{0}` does not start with `pkg:`")]
    Scheme(String),
    /// It has no type, or the type holds a character that is not allowed.
    #[error("package URL `{0}` has no valid type")]
    Type(String),
    /// It has no name.
    #[error("package URL `{0}` has no name")]
    Name(String),
    /// It is longer than a field may be.
    #[error("package URL is longer than {MAX_STRING_BYTES} bytes")]
    TooLong,
}

impl PackageUrl {
    /// Reads and normalises a package URL.
    ///
    /// # Errors
    /// [`PurlError`] naming what is missing.
    pub fn parse(text: &str) -> Result<Self, PurlError> {
        if text.len() > MAX_STRING_BYTES {
            return Err(PurlError::TooLong);
        }
        let short = || text.chars().take(120).collect::<String>();
        let rest = text
            .strip_prefix("pkg:")
            .or_else(|| text.get(..4).filter(|head| head.eq_ignore_ascii_case("pkg:")).map(|_| &text[4..]))
            .ok_or_else(|| PurlError::Scheme(short()))?;
        let rest = rest.trim_start_matches('/');
        let rest = rest.split_once('#').map_or(rest, |(head, _)| head);
        let (rest, qualifiers) = rest.split_once('?').map_or((rest, ""), |(head, tail)| (head, tail));
        let (package_type, path) = rest.split_once('/').ok_or_else(|| PurlError::Type(short()))?;
        if !is_type(package_type) {
            return Err(PurlError::Type(short()));
        }
        let (path, version) = match path.rfind('@') {
            Some(at) if at > 0 && !path[..at].ends_with('/') => (&path[..at], Some(&path[at + 1..])),
            // npm's scopes are written with a plain `@` more often than not; elsewhere it is a version of no name.
            Some(_) if !package_type.eq_ignore_ascii_case("npm") => return Err(PurlError::Name(short())),
            _ => (path, None),
        };
        let version = version.map(percent_decoded).filter(|version| !version.is_empty());
        Self::from_decoded(
            package_type,
            &percent_decoded(path),
            version.as_deref(),
            repository_url(qualifiers),
        )
        .ok_or_else(|| PurlError::Name(short()))
    }

    /// From a type and a plain, undecoded-free path such as `@scope/name`; `None` if nothing is left of the name.
    #[must_use]
    pub fn new(package_type: &str, path: &str, version: Option<&str>) -> Option<Self> {
        Self::from_decoded(package_type, path, version, None)
    }

    fn from_decoded(
        package_type: &str,
        path: &str,
        version: Option<&str>,
        repository: Option<String>,
    ) -> Option<Self> {
        if !is_type(package_type) {
            return None;
        }
        let mut kind = if package_type.bytes().any(|byte| byte.is_ascii_uppercase()) {
            Cow::Owned(package_type.to_ascii_lowercase())
        } else {
            Cow::Borrowed(package_type)
        };
        let mut path = Cow::Borrowed(path);
        if kind == "oci" || kind == "docker" {
            // An `oci` package URL says in `repository_url` where the whole repository is; in a `docker` one it is the
            // registry alone.
            let place = repository.map(|url| {
                let path = cleaned(&path);
                let name = if kind == "oci" { path.rsplit('/').next().unwrap_or(&path) } else { &path };
                placed(&url, name)
            });
            path = Cow::Owned(container_path(place.as_deref().unwrap_or(&path)));
            kind = Cow::Borrowed("docker");
        }
        let mut key = String::with_capacity(8 + kind.len() + path.len());
        key.push_str("pkg:");
        key.push_str(&kind);
        let mut segments = 0;
        for segment in
            path.split('/').filter(|segment| !segment.is_empty() && *segment != "." && *segment != "..")
        {
            key.push('/');
            push_encoded(&mut key, &normalised(&kind, segment));
            segments += 1;
        }
        (segments > 0).then(|| Self {
            key: ArtifactKey::canonical(&key),
            version: version.filter(|version| !version.is_empty()).map(|version| match &*kind {
                // A version of Hugging Face is a commit.
                "huggingface" => Arc::from(version.to_lowercase()),
                _ => Arc::from(version),
            }),
        })
    }

    /// The identity without the version.
    #[must_use]
    pub const fn key(&self) -> &ArtifactKey {
        &self.key
    }

    /// The version, if one is meant.
    #[must_use]
    pub const fn version(&self) -> Option<&Arc<str>> {
        self.version.as_ref()
    }
}

impl fmt::Display for PackageUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.key.as_str())?;
        if let Some(version) = &self.version {
            let mut encoded = String::new();
            push_encoded(&mut encoded, version);
            write!(f, "@{encoded}")?;
        }
        Ok(())
    }
}

fn is_type(text: &str) -> bool {
    text.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'+' | b'-'))
}

/// The case and separator rules of purl-spec's PURL-TYPES, for the types that have one.
fn normalised<'a>(kind: &str, segment: &'a str) -> Cow<'a, str> {
    match kind {
        "pypi" => Cow::Owned(pep_503(segment)),
        "npm" | "github" | "bitbucket" | "docker" | "composer" | "deb" | "apk" | "alpm" | "hex"
        | "luarocks" | "pub" | "golang" | "brew" | "git" => {
            if segment.bytes().any(|byte| byte.is_ascii_uppercase()) {
                Cow::Owned(segment.to_lowercase())
            } else {
                Cow::Borrowed(segment)
            }
        }
        _ => Cow::Borrowed(segment),
    }
}

/// PEP 503: lower case, runs of `-`, `_` and `.` become one `-`.
fn pep_503(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for c in name.chars() {
        if matches!(c, '-' | '_' | '.') {
            if !out.ends_with('-') {
                out.push('-');
            }
        } else {
            out.extend(c.to_lowercase());
        }
    }
    out
}

/// Folds what people call a container into the path of its repository: Docker Hub's own images live under
/// `library/`. The path is cleaned first, so that a folded path is its own folded path.
fn container_path(path: &str) -> String {
    let mut path = cleaned(path);
    while let Some(rest) = ["docker.io/", "index.docker.io/", "registry-1.docker.io/"]
        .iter()
        .find_map(|host| path.strip_prefix(host))
    {
        path = rest.to_owned();
    }
    if path.contains('/') || path.is_empty() { path } else { format!("library/{path}") }
}

/// A repository at the place that `repository_url` names, unless it names the repository itself.
fn placed(url: &str, name: &str) -> String {
    let url = cleaned(url.split_once("://").map_or(url, |(_, rest)| rest));
    if url.is_empty() || url.ends_with(&format!("/{name}")) { url } else { format!("{url}/{name}") }
}

/// Lower case, without empty segments and those that mean a place.
fn cleaned(path: &str) -> String {
    let segments: Vec<&str> =
        path.split('/').filter(|segment| !matches!(*segment, "" | "." | "..")).collect();
    segments.join("/").to_lowercase()
}

fn repository_url(qualifiers: &str) -> Option<String> {
    qualifiers
        .split('&')
        .find_map(|pair| pair.split_once('=').filter(|(name, _)| name.eq_ignore_ascii_case("repository_url")))
        .map(|(_, value)| percent_decoded(value).into_owned())
}

/// Undoes percent-encoding; what is no valid escape, or no UTF-8, stays visible.
pub(super) fn percent_decoded(text: &str) -> Cow<'_, str> {
    if !text.as_bytes().contains(&b'%') {
        return Cow::Borrowed(text);
    }
    let bytes = text.as_bytes();
    let hex = |at: usize| bytes.get(at).and_then(|byte| char::from(*byte).to_digit(16));
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        match (bytes[at], hex(at + 1), hex(at + 2)) {
            (b'%', Some(high), Some(low)) => {
                // Two hex digits are below 256.
                out.push(u8::try_from(high * 16 + low).unwrap_or(b'?'));
                at += 3;
            }
            (byte, ..) => {
                out.push(byte);
                at += 1;
            }
        }
    }
    Cow::Owned(String::from_utf8_lossy(&out).into_owned())
}

/// Percent-encodes all but the characters that the specification leaves as they are.
fn push_encoded(out: &mut String, text: &str) {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b':');
    if text.bytes().all(plain) {
        out.push_str(text);
        return;
    }
    for byte in text.bytes() {
        if plain(byte) {
            out.push(char::from(byte));
        } else {
            out.push('%');
            for nibble in [byte >> 4, byte & 15] {
                out.push(char::from_digit(u32::from(nibble), 16).unwrap_or('0').to_ascii_uppercase());
            }
        }
    }
}

#[cfg(test)]
mod suite;

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Result<&str, &str>) {
        let read = PackageUrl::parse(text).map(|purl| purl.to_string()).map_err(|error| error.to_string());
        assert_eq!(read.as_deref().map_err(String::as_str), expected, "{text}");
    }

    #[test]
    fn package_urls_become_canonical() {
        check("pkg:npm/%40tanstack/react-router@1.169.5", Ok("pkg:npm/%40tanstack/react-router@1.169.5"));
        check("pkg:npm/@tanstack/react-router@1.169.5", Ok("pkg:npm/%40tanstack/react-router@1.169.5"));
        check("pkg:npm/@tanstack/react-router", Ok("pkg:npm/%40tanstack/react-router"));
        check("PKG:PyPI/Typing_Extensions@4.0", Ok("pkg:pypi/typing-extensions@4.0"));
        check("pkg:pypi/a.-_b", Ok("pkg:pypi/a-b"));
        check("pkg:docker/nginx@1.25", Ok("pkg:docker/library/nginx@1.25"));
        check("pkg:docker/docker.io/checkmarx/kics", Ok("pkg:docker/checkmarx/kics"));
        check(
            "pkg:oci/debian@sha256%3A244fd47e07d10?repository_url=ghcr.io/debian&tag=bullseye",
            Ok("pkg:docker/ghcr.io/debian@sha256:244fd47e07d10"),
        );
        check(
            "pkg:docker/customer/image@sha256:244fd47e07d10?repository_url=gcr.io",
            Ok("pkg:docker/gcr.io/customer/image@sha256:244fd47e07d10"),
        );
        check(
            "pkg:oci/static?repository_url=gcr.io/distroless/static",
            Ok("pkg:docker/gcr.io/distroless/static"),
        );
        check("pkg:github/Tokio-rs/axum@axum-v0.8.9", Ok("pkg:github/tokio-rs/axum@axum-v0.8.9"));
        check("pkg:maven/org.Apache/Commons@1#sub/path", Ok("pkg:maven/org.Apache/Commons@1"));
        check("pkg:cargo/../../serde", Ok("pkg:cargo/serde"));
    }

    #[test]
    fn what_is_missing_is_named() {
        check("", Err("package URL `` does not start with `pkg:`"));
        check("npm/left-pad", Err("package URL `npm/left-pad` does not start with `pkg:`"));
        check("pkg:", Err("package URL `pkg:` has no valid type"));
        check("pkg:npm", Err("package URL `pkg:npm` has no valid type"));
        check("pkg:npm/", Err("package URL `pkg:npm/` has no name"));
        check("pkg:maven/@1.3", Err("package URL `pkg:maven/@1.3` has no name"));
        check("pkg:n pm/x", Err("package URL `pkg:n pm/x` has no valid type"));
        check("pkg:npm/@1.0", Ok("pkg:npm/%401.0"));
    }

    proptest::proptest! {
        #[test]
        fn whatever_is_read_is_canonical(kind in "docker|oci|npm|pypi|cargo", path in "[a-zA-Z0-9./@%_-]{1,24}") {
            if let Ok(once) = PackageUrl::parse(&format!("pkg:{kind}/{path}")) {
                proptest::prop_assert_eq!(PackageUrl::parse(&once.to_string()), Ok(once));
            }
        }

        #[test]
        fn containers_are_folded_once_and_for_all(
            parts in proptest::collection::vec("docker\\.io|index\\.docker\\.io|DOCKER\\.io|library|\\.|\\.\\.|a|", 1..5),
        ) {
            if let Ok(once) = PackageUrl::parse(&format!("pkg:docker/{}", parts.join("/"))) {
                proptest::prop_assert_eq!(PackageUrl::parse(&once.to_string()), Ok(once));
            }
        }
    }

    #[test]
    fn a_canonical_form_is_its_own_canonical_form() {
        for text in
            ["pkg:npm/%40a/b@1.0+x", "pkg:docker/ghcr.io/o/r@sha256:ab", "pkg:generic/a%20b@%E2%80%AE"]
        {
            let once = PackageUrl::parse(text).unwrap();
            assert_eq!(PackageUrl::parse(&once.to_string()).unwrap(), once);
        }
    }
}
