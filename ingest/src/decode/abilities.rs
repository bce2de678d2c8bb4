//! What a format can bring and what it can never have, so that a blind detector is known before it is missed.

use super::Format;

/// How a format's reader was proven.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tier {
    /// It is Sealwatch's own contract.
    Contract,
    /// Against records that these programs really wrote.
    Verified(&'static str),
}

impl Tier {
    /// The word in documents.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Contract => "contract",
            Self::Verified(_) => "verified",
        }
    }
}

/// What a format brings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Abilities {
    /// How its reader was proven.
    pub tier: Tier,
    /// The kinds of events that its records become.
    pub events: &'static [&'static str],
    /// Fields of native events that no record of it can fill.
    pub never: &'static [&'static str],
    /// What an event of this kind lacks, in the words of the catalogue of detectors.
    pub lacks: &'static [(&'static str, &'static str)],
    /// Whether `ecosystem` helps to read it.
    pub takes_ecosystem: bool,
    /// Whether its times carry no zone, so that the source must name one.
    pub needs_zone: bool,
}

/// Signatures that were seen to be stored, not whose they are.
const NO_SIGNER: &[(&str, &str)] = &[("sign", "signer.key_id or signer.identity")];
/// Publishing that says nothing of how the publisher proved who they are.
const NO_PROVENANCE: &[(&str, &str)] = &[("publish", "metadata.provenance.level")];
/// Requests of nobody.
const NO_PRINCIPAL: &[(&str, &str)] = &[("access", "actor.principal")];

/// What a certificate alone can say; key-signed records have none of it.
const NO_CLIENT: &[&str] = &["actor", "status", "request_id", "bytes", "duration_ms"];

impl Abilities {
    const fn verified(
        by: &'static str,
        events: &'static [&'static str],
        never: &'static [&'static str],
        lacks: &'static [(&'static str, &'static str)],
    ) -> Self {
        Self { tier: Tier::Verified(by), events, never, lacks, takes_ecosystem: false, needs_zone: false }
    }

    const fn of_access_log(self) -> Self {
        Self { takes_ecosystem: true, ..self }
    }
}

impl Format {
    /// What records of this format bring; `auto` may find any of them.
    #[must_use]
    pub const fn abilities(self) -> Abilities {
        const ALL_EVENTS: &[&str] = &["access", "publish", "tag", "sign", "verify", "account", "withdraw"];
        match self {
            Self::Auto | Self::Native => Abilities {
                tier: Tier::Contract,
                events: ALL_EVENTS,
                never: &[],
                lacks: &[],
                takes_ecosystem: false,
                needs_zone: false,
            },
            Self::Distribution => Abilities::verified(
                "CNCF distribution 3.1",
                &["access", "tag", "sign", "withdraw"],
                &[
                    "actor.country",
                    "actor.auth",
                    "actor.token_id",
                    "duration_ms",
                    "status",
                    "previous",
                    "signer",
                ],
                NO_SIGNER,
            ),
            Self::DistributionLog => Abilities::verified(
                "CNCF distribution 3.1",
                &["access", "sign", "withdraw"],
                &["actor.country", "actor.auth", "actor.token_id", "previous", "signer"],
                NO_SIGNER,
            ),
            Self::Combined => Abilities::verified(
                "nginx 1.22, Apache, CNCF distribution 3.1",
                &["access", "sign", "account", "withdraw"],
                &[
                    "actor.country",
                    "actor.auth",
                    "actor.token_id",
                    "request_id",
                    "duration_ms",
                    "metadata",
                    "signer",
                ],
                NO_SIGNER,
            )
            .of_access_log(),
            Self::AccessJson => Abilities::verified(
                "nginx 1.22",
                &["access", "tag", "sign", "account", "withdraw"],
                &["actor.country", "actor.auth", "actor.token_id", "metadata", "signer"],
                NO_SIGNER,
            )
            .of_access_log(),
            Self::Verdaccio => Abilities::verified(
                "Verdaccio 6.8",
                &["access", "publish", "withdraw"],
                &[
                    "artifact.digest",
                    "actor.country",
                    "actor.user_agent",
                    "request_id",
                    "metadata.dependencies",
                ],
                NO_PROVENANCE,
            ),
            Self::Pypiserver => Abilities {
                needs_zone: true,
                ..Abilities::verified(
                    "pypiserver 2.4",
                    &["access", "publish"],
                    &[
                        "artifact.digest",
                        "actor.country",
                        "actor.user_agent",
                        "request_id",
                        "metadata.dependencies",
                    ],
                    NO_PROVENANCE,
                )
            },
            Self::Cloudfront => Abilities::verified(
                "crates.io",
                &["access"],
                &["artifact.digest", "actor.country", "actor.auth", "actor.token_id", "metadata"],
                &[],
            )
            .of_access_log(),
            Self::Fastly => Abilities::verified(
                "crates.io",
                &["access"],
                &[
                    "artifact.digest",
                    "actor.country",
                    "actor.auth",
                    "actor.token_id",
                    "request_id",
                    "duration_ms",
                ],
                &[],
            )
            .of_access_log(),
            Self::Linehaul => Abilities::verified(
                "PyPI's CDN",
                &["access"],
                &[
                    "artifact.digest",
                    "actor.principal",
                    "actor.ip",
                    "status",
                    "bytes",
                    "duration_ms",
                    "request_id",
                ],
                NO_PRINCIPAL,
            ),
            Self::CrateIndex => Abilities::verified(
                "index.crates.io",
                &["publish", "withdraw"],
                &[
                    "actor",
                    "metadata.publisher",
                    "metadata.maintainers",
                    "metadata.license",
                    "metadata.repository",
                ],
                NO_PROVENANCE,
            ),
            Self::NpmMetadata => Abilities::verified(
                "registry.npmjs.org, Verdaccio 6.8",
                &["publish", "tag", "withdraw"],
                &[
                    "actor.ip",
                    "actor.user_agent",
                    "actor.country",
                    "status",
                    "request_id",
                    "metadata.binaries",
                ],
                &[],
            ),
            Self::Harbor => Abilities::verified(
                "Harbor 2 (its own documentation's recordings)",
                &["access", "tag", "withdraw"],
                &[
                    "actor.ip",
                    "actor.user_agent",
                    "actor.country",
                    "status",
                    "bytes",
                    "duration_ms",
                    "metadata",
                ],
                &[],
            ),
            Self::Cloudtrail => Abilities::verified(
                "Amazon ECR (PutImage; the others from AWS' documentation)",
                &["access", "tag", "account", "withdraw"],
                &["actor.country", "status", "bytes", "duration_ms", "metadata", "signer"],
                &[],
            ),
            Self::GithubAudit => Abilities::verified(
                "GitHub (examples in rule tests of Panther and Wazuh)",
                &["access", "publish", "account", "withdraw"],
                &[
                    "artifact.digest",
                    "artifact.tag",
                    "status",
                    "bytes",
                    "duration_ms",
                    "metadata.dependencies",
                ],
                NO_PROVENANCE,
            ),
            Self::GoogleAudit => {
                Abilities::verified("GKE (examples in rule tests of Panther)", &[], &["artifact"], &[])
            }
            Self::KubernetesAudit => {
                Abilities::verified("Amazon EKS (examples in rule tests of Panther)", &[], &["artifact"], &[])
            }
            Self::Rekor => {
                Abilities::verified("Rekor 1 and 2, Sigstore bundles 0.1 to 0.3", &["sign"], NO_CLIENT, &[])
            }
            Self::Statement => Abilities::verified("SLSA, Rekor's DSSE", &["sign"], NO_CLIENT, &[]),
            Self::PypiProvenance => Abilities::verified("PyPI", &["sign"], NO_CLIENT, &[]),
            Self::Tuf => Abilities::verified(
                "Sigstore's root-signing",
                &["sign"],
                &["actor", "signer.identity", "signer.issuer", "signer.not_before", "transparency_log"],
                &[],
            ),
        }
    }
}
