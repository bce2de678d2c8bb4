//! What something was done to: one identity for packages and containers alike.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::PackageUrl;

/// The identity that state is kept under: the canonical package URL without version, qualifiers and subpath.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ArtifactKey(Arc<str>);

impl ArtifactKey {
    /// From text that is canonical already; only [`PackageUrl`] calls it.
    pub(super) fn canonical(text: &str) -> Self {
        Self(Arc::from(text))
    }

    /// The key as text, `pkg:npm/%40tanstack/react-router`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The shared text, to be looked up with.
    #[must_use]
    pub const fn shared_ref(&self) -> &Arc<str> {
        &self.0
    }

    /// The shared text.
    #[must_use]
    pub fn shared(&self) -> Arc<str> {
        Arc::clone(&self.0)
    }

    /// The package type (`npm`, `docker`).
    #[must_use]
    pub fn package_type(&self) -> &str {
        let rest = self.0.strip_prefix("pkg:").unwrap_or(&self.0);
        rest.split('/').next().unwrap_or(rest)
    }

    /// The name for people, without `pkg:` and type, percent-decoding undone: `@tanstack/react-router`.
    #[must_use]
    pub fn display_name(&self) -> String {
        shown_artifact(&self.0)
    }
}

/// The name for people of an artifact key in text form, such as a subject's name.
#[must_use]
pub fn shown_artifact(key: &str) -> String {
    let rest = key.strip_prefix("pkg:").unwrap_or(key);
    let name = rest.split_once('/').map_or(rest, |(_, name)| name);
    super::purl::percent_decoded(name).into_owned()
}

impl fmt::Display for ArtifactKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What something was done to. Version, tag and digest are attributes; state is kept under the key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Artifact {
    /// The identity, if the log names the package; a signature feed may know the digest alone.
    pub key: Option<ArtifactKey>,
    /// The version.
    pub version: Option<Arc<str>>,
    /// The tag or dist-tag.
    pub tag: Option<Arc<str>>,
    /// The content's digest.
    pub digest: Option<Digest>,
    /// The file inside the version.
    pub file: Option<Arc<str>>,
}

impl Artifact {
    /// An artifact known by its package URL; the version goes along.
    #[must_use]
    pub fn of(purl: &PackageUrl) -> Self {
        Self {
            key: Some(purl.key().clone()),
            version: purl.version().cloned(),
            tag: None,
            digest: None,
            file: None,
        }
    }

    /// Whether it is a part of a container image: a layer, a configuration, a signature that lies beside it. Who pulls
    /// an image fetches one manifest and as many parts as his cache lacks, so only the manifest says how often it was
    /// pulled. A package's file is the package itself.
    #[must_use]
    pub fn is_part_of_image(&self) -> bool {
        self.file.is_some() && self.key.as_ref().is_some_and(|key| key.as_str().starts_with("pkg:docker/"))
    }
}

/// A content digest, `algorithm:hex`, in lower case.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Digest(Arc<str>);

/// Why a digest was refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{0}` is not a digest of the form sha256:<hex>")]
pub struct DigestError(String);

impl Digest {
    /// Reads `sha1:`, `sha256:`, `sha384:` or `sha512:` and the right number of hex digits.
    ///
    /// # Errors
    /// [`DigestError`] for anything else.
    pub fn parse(text: &str) -> Result<Self, DigestError> {
        let refuse = || DigestError(text.chars().take(80).collect());
        let (algorithm, hex) = text.split_once(':').ok_or_else(refuse)?;
        let digits = match algorithm {
            "sha1" => 40,
            "sha256" => 64,
            "sha384" => 96,
            "sha512" => 128,
            _ => return Err(refuse()),
        };
        if hex.len() != digits || !hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(refuse());
        }
        if hex.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return Ok(Self(Arc::from(text.to_ascii_lowercase())));
        }
        Ok(Self(Arc::from(text)))
    }

    /// The digest as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first twelve hex digits, enough for people.
    #[must_use]
    pub fn short(&self) -> &str {
        let start = self.0.find(':').map_or(0, |colon| colon + 1);
        &self.0[start..self.0.len().min(start + 12)]
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_a_part_of_an_image_and_all_of_a_package() {
        let with = |purl: &str, file: Option<&str>| {
            let purl = PackageUrl::parse(purl).unwrap();
            Artifact { file: file.map(Arc::from), ..Artifact::of(&purl) }.is_part_of_image()
        };
        assert!(with("pkg:docker/team/app", Some("sha256:ab")));
        assert!(with("pkg:oci/app?repository_url=ghcr.io/team", Some("sha256-ab.sig")));
        assert!(!with("pkg:docker/team/app", None));
        assert!(!with("pkg:pypi/app@1", Some("app-1.whl")));
        assert!(!with("pkg:npm/dockerish@1", Some("dockerish-1.tgz")));
    }

    #[test]
    fn digests_are_checked_and_lowered() {
        let hex = "A".repeat(64);
        assert_eq!(
            Digest::parse(&format!("sha256:{hex}")).unwrap().as_str(),
            format!("sha256:{}", "a".repeat(64))
        );
        for bad in ["", "sha256:", "sha256:zz", "md5:abc", &format!("sha256:{}", "a".repeat(63))] {
            assert!(Digest::parse(bad).is_err(), "{bad}");
        }
    }
}
