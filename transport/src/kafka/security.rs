//! How a connection to the brokers is protected, and by what we are known there.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rdkafka::ClientConfig;
use serde::{Deserialize, Serialize};

use super::oauth::TokenSource;
use super::settings::KafkaSetupError;
use crate::secret::{SecretRef, SecretWarning, exposure};

/// How the connection is protected.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(tag = "protocol", rename_all = "snake_case", deny_unknown_fields)]
pub enum Security {
    /// No protection. Brokers on this machine need no more; others need `insecure = true`.
    Plaintext {
        /// Somebody wrote down that reading and forging by the network is accepted.
        #[serde(default)]
        insecure: bool,
    },
    /// TLS, with a certificate of our own where the brokers ask for one.
    Ssl {
        /// Whom to trust.
        ca: TrustedRoots,
        /// Our certificate.
        #[serde(default)]
        client: Option<ClientCertificate>,
    },
    /// TLS, and a login over it.
    SaslSsl {
        /// Whom to trust.
        ca: TrustedRoots,
        /// The login.
        login: Login,
    },
}

impl Default for Security {
    fn default() -> Self {
        Self::Plaintext { insecure: false }
    }
}

/// Whom to trust: a file of certificates, or the word `system`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(from = "String", into = "String")]
pub enum TrustedRoots {
    /// The authorities of the operating system.
    System,
    /// These certificates (PEM) and no others.
    File(PathBuf),
}

impl From<String> for TrustedRoots {
    fn from(text: String) -> Self {
        if text == "system" { Self::System } else { Self::File(text.into()) }
    }
}

impl From<TrustedRoots> for String {
    fn from(roots: TrustedRoots) -> Self {
        match roots {
            TrustedRoots::System => "system".to_owned(),
            TrustedRoots::File(path) => path.to_string_lossy().into_owned(),
        }
    }
}

/// Our certificate and its key, both as PEM files.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ClientCertificate {
    /// The certificate, its chain included.
    pub certificate: PathBuf,
    /// The private key.
    pub key: PathBuf,
    /// The key's pass phrase.
    #[serde(default)]
    pub key_password: Option<SecretRef>,
}

/// By what we are known to the brokers.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(tag = "mechanism", deny_unknown_fields)]
pub enum Login {
    /// Salted challenge, SHA-256.
    #[serde(rename = "SCRAM-SHA-256")]
    ScramSha256 {
        /// The user.
        user: String,
        /// The password.
        password: SecretRef,
    },
    /// Salted challenge, SHA-512.
    #[serde(rename = "SCRAM-SHA-512")]
    ScramSha512 {
        /// The user.
        user: String,
        /// The password.
        password: SecretRef,
    },
    /// User and password as they are, protected by TLS alone; hosted brokers often offer nothing else.
    #[serde(rename = "PLAIN")]
    Plain {
        /// The user, or the API key.
        user: String,
        /// The password.
        password: SecretRef,
    },
    /// A bearer token, read again from its place before the last one expires.
    #[serde(rename = "OAUTHBEARER")]
    OauthBearer {
        /// Where the token is; some agent keeps it fresh there.
        token: SecretRef,
        /// Our name; the token's `sub` if absent.
        #[serde(default)]
        principal: Option<String>,
        /// How long a token without `exp` is good for, in seconds.
        #[serde(default = "default_lifetime_s")]
        lifetime_s: u32,
    },
}

fn default_lifetime_s() -> u32 {
    300
}

/// Writes the settings of a protection into a client's configuration.
pub(super) fn apply(
    security: &Security,
    bootstrap: &str,
    config: &mut ClientConfig,
    warnings: &mut Vec<SecretWarning>,
) -> Result<Option<TokenSource>, KafkaSetupError> {
    match security {
        Security::Plaintext { insecure } => {
            if !insecure && !is_loopback_only(bootstrap) {
                return Err(KafkaSetupError::Insecure { bootstrap: bootstrap.to_owned() });
            }
            config.set("security.protocol", "plaintext");
            Ok(None)
        }
        Security::Ssl { ca, client } => {
            config.set("security.protocol", "ssl");
            apply_tls(ca, config)?;
            if let Some(client) = client {
                apply_client(client, config, warnings)?;
            }
            Ok(None)
        }
        Security::SaslSsl { ca, login } => {
            config.set("security.protocol", "sasl_ssl");
            apply_tls(ca, config)?;
            apply_login(login, config, warnings)
        }
    }
}

fn apply_tls(ca: &TrustedRoots, config: &mut ClientConfig) -> Result<(), KafkaSetupError> {
    config.set("enable.ssl.certificate.verification", "true");
    config.set("ssl.endpoint.identification.algorithm", "https");
    match ca {
        TrustedRoots::System => config.set("ssl.ca.location", "probe"),
        TrustedRoots::File(path) => config.set("ssl.ca.location", readable(path)?),
    };
    Ok(())
}

fn apply_client(
    client: &ClientCertificate,
    config: &mut ClientConfig,
    warnings: &mut Vec<SecretWarning>,
) -> Result<(), KafkaSetupError> {
    config.set("ssl.certificate.location", readable(&client.certificate)?);
    config.set("ssl.key.location", readable(&client.key)?);
    warnings.extend(std::fs::metadata(&client.key).ok().and_then(|found| exposure(&client.key, &found)));
    if let Some(password) = &client.key_password {
        config.set("ssl.key.password", secret(password, warnings)?);
    }
    Ok(())
}

fn apply_login(
    login: &Login,
    config: &mut ClientConfig,
    warnings: &mut Vec<SecretWarning>,
) -> Result<Option<TokenSource>, KafkaSetupError> {
    let (mechanism, user, password) = match login {
        Login::ScramSha256 { user, password } => ("SCRAM-SHA-256", user, password),
        Login::ScramSha512 { user, password } => ("SCRAM-SHA-512", user, password),
        Login::Plain { user, password } => ("PLAIN", user, password),
        Login::OauthBearer { token, principal, lifetime_s } => {
            config.set("sasl.mechanisms", "OAUTHBEARER");
            // Reading it once now turns a missing file into an error of the start, not of the first connection.
            secret(token, warnings)?;
            let lifetime = Duration::from_secs((*lifetime_s).into());
            return Ok(Some(TokenSource::new(token.clone(), principal.clone(), lifetime)));
        }
    };
    config.set("sasl.mechanisms", mechanism);
    config.set("sasl.username", user.as_str());
    config.set("sasl.password", secret(password, warnings)?);
    Ok(None)
}

fn secret(reference: &SecretRef, warnings: &mut Vec<SecretWarning>) -> Result<String, KafkaSetupError> {
    let resolved = reference.resolve().map_err(|source| KafkaSetupError::Secret { source })?;
    warnings.extend(resolved.warning);
    let secret = resolved.secret.expose();
    if secret.contains('\0') {
        return Err(KafkaSetupError::NulInSecret { reference: reference.clone() });
    }
    Ok(secret.to_owned())
}

fn readable(path: &Path) -> Result<String, KafkaSetupError> {
    let unreadable = |source| KafkaSetupError::Unreadable { path: path.to_owned(), source };
    File::open(path).map_err(unreadable)?;
    let text = path.to_str().ok_or_else(|| unreadable(std::io::ErrorKind::InvalidFilename.into()))?;
    Ok(text.to_owned())
}

/// Whether every broker in the list is this machine.
fn is_loopback_only(bootstrap: &str) -> bool {
    bootstrap.split(',').map(str::trim).all(|broker| {
        let host = broker.rsplit_once(':').map_or(broker, |(host, _)| host);
        let host = host.trim_start_matches('[').trim_end_matches(']');
        host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_this_machine_go_without_protection() {
        for (bootstrap, expected) in [
            ("127.0.0.1:9092", true),
            ("localhost:9092,127.3.2.1:1", true),
            ("[::1]:9092", true),
            ("127.0.0.1:9092,kafka:9092", false),
            ("localhost.example.com:9092", false),
            ("10.0.0.1:9092", false),
            ("127.0.0.1.example.com:9092", false),
        ] {
            assert_eq!(is_loopback_only(bootstrap), expected, "{bootstrap}");
        }
    }
}
