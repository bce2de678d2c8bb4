//! What an owner may rule about signatures.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Most namespaces with rules.
pub const MAX_NAMESPACES: usize = 256;
/// Most names in one list.
pub const MAX_NAMES: usize = 256;
/// The longest life of a key that may be set: a century.
const MAX_KEY_DAYS: u32 = 36_500;

/// What an owner may rule about signatures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SigningPolicyConfig {
    /// Algorithms that nobody should sign with, whole words in lower case (at most 256). NIST SP 800-131A disallows them.
    pub refused_algorithms: Vec<String>,
    /// Days after which a key that is no certificate must have been replaced (1 to 36,500); absent: no limit.
    pub max_key_days: Option<u32>,
    /// Whether every signature must be in a transparency log.
    pub require_log: bool,
    /// Who may sign and publish in which namespace (at most 256); the longest prefix that fits an artifact rules.
    pub namespaces: Vec<NamespaceRule>,
}

/// Who may sign and publish in one namespace.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct NamespaceRule {
    /// Beginning of the artifact keys, such as `pkg:npm/%40acme/`.
    pub prefix: String,
    /// Key ids and identities that may sign there; `*` at the end stands for anything. Empty: anybody.
    pub signers: Vec<String>,
    /// Principals that may publish there, in the same way.
    pub publishers: Vec<String>,
}

impl Default for SigningPolicyConfig {
    fn default() -> Self {
        let refused = ["md5", "sha1", "dsa", "rsa-512", "rsa-768", "rsa-1024"];
        Self {
            refused_algorithms: refused.map(str::to_owned).to_vec(),
            max_key_days: None,
            require_log: false,
            namespaces: Vec::new(),
        }
    }
}

impl SigningPolicyConfig {
    /// Whether an algorithm is refused: by its whole name, or by one of its words (`rsa-with-sha1`).
    pub(super) fn refuses(&self, algorithm: &str) -> bool {
        let lower = algorithm.to_ascii_lowercase();
        let is_word = |refused: &String| {
            lower == *refused || lower.split(['-', '_', ' ', '/']).any(|word| word == *refused)
        };
        self.refused_algorithms.iter().any(is_word)
    }

    /// What is out of bounds, as (path, problem).
    #[must_use]
    pub fn problems(&self) -> Vec<(String, String)> {
        let mut problems = Vec::new();
        let mut count = |path: String, count: usize, most: usize| {
            if count > most {
                problems.push((path, format!("{count} entries are more than {most}")));
            }
        };
        count("refused_algorithms".to_owned(), self.refused_algorithms.len(), MAX_NAMES);
        count("namespaces".to_owned(), self.namespaces.len(), MAX_NAMESPACES);
        for (at, rule) in self.namespaces.iter().enumerate() {
            count(format!("namespaces[{at}].signers"), rule.signers.len(), MAX_NAMES);
            count(format!("namespaces[{at}].publishers"), rule.publishers.len(), MAX_NAMES);
        }
        for (at, _) in self.namespaces.iter().enumerate().filter(|(_, rule)| !rule.prefix.starts_with("pkg:"))
        {
            let problem = "the prefix does not begin with `pkg:`, as artifact keys do";
            problems.push((format!("namespaces[{at}].prefix"), problem.to_owned()));
        }
        if let Some(days) = self.max_key_days.filter(|days| !(1..=MAX_KEY_DAYS).contains(days)) {
            problems.push(("max_key_days".to_owned(), format!("{days} is not between 1 and {MAX_KEY_DAYS}")));
        }
        problems
    }
}
