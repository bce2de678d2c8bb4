//! Which program a user agent names, in which version, and what kind of program that is.
//!
//! A user agent is what a program says of itself (RFC 9110, section 10.1.5): good for telling two clients of one
//! principal apart, and no proof of anything. Nothing is allowed to anybody because of it.

use std::fmt;

use super::ActorKind;

/// A client program as its user agent names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Client<'a> {
    /// Its name (`npm`, `docker`, `Debian APT-HTTP`), as written; of a crawler the crawler's own, not `Mozilla`.
    pub tool: &'a str,
    /// Its version, without a leading `v`.
    pub version: Option<&'a str>,
    /// What it does.
    pub role: ClientRole,
}

/// What kind of program it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ClientRole {
    /// A client of packages or containers, a library, or a program that is not known.
    Tool,
    /// A web browser.
    Browser,
    /// A search engine, or an update robot.
    Robot,
    /// It looks for faults in what it fetches.
    Scanner,
    /// A mirror, or a caching proxy: it fetches for others.
    Mirror,
    /// A client, or the system itself, that says it runs for continuous integration.
    Ci,
}

impl ClientRole {
    /// The kind of actor that such a program is, if it is nobody's hands.
    #[must_use]
    pub const fn actor_kind(self) -> Option<ActorKind> {
        match self {
            Self::Tool | Self::Browser => None,
            Self::Robot => Some(ActorKind::Robot),
            Self::Scanner | Self::Mirror | Self::Ci => Some(ActorKind::Service),
        }
    }
}

/// Programs by the beginning of their name, in lower case. The first that fits decides.
const KNOWN: [(&str, ClientRole); 38] = [
    ("apt-cacher", ClientRole::Mirror),
    ("aquasec", ClientRole::Scanner),
    ("artifactory", ClientRole::Mirror),
    ("athens", ClientRole::Mirror),
    ("bandersnatch", ClientRole::Mirror),
    ("buildkite", ClientRole::Ci),
    ("circleci", ClientRole::Ci),
    ("clair", ClientRole::Scanner),
    ("cnpmcore", ClientRole::Mirror),
    ("debian apt-cacher", ClientRole::Mirror),
    ("dependabot", ClientRole::Robot),
    ("devpi-server", ClientRole::Mirror),
    ("drone", ClientRole::Ci),
    ("feedburner", ClientRole::Robot),
    ("gitea-actions", ClientRole::Ci),
    ("github-actions", ClientRole::Ci),
    ("gitlab-runner", ClientRole::Ci),
    ("gradle-enterprise", ClientRole::Ci),
    ("grype", ClientRole::Scanner),
    ("harbor-registry-client", ClientRole::Mirror),
    ("jenkins", ClientRole::Ci),
    ("jfrog xray", ClientRole::Scanner),
    ("masscan", ClientRole::Scanner),
    ("nessus", ClientRole::Scanner),
    ("nexus", ClientRole::Mirror),
    ("nikto", ClientRole::Scanner),
    ("nmap", ClientRole::Scanner),
    ("nuclei", ClientRole::Scanner),
    ("openvas", ClientRole::Scanner),
    ("osv-scanner", ClientRole::Scanner),
    ("pulp", ClientRole::Mirror),
    ("renovate", ClientRole::Robot),
    ("snyk", ClientRole::Scanner),
    ("sonatype", ClientRole::Mirror),
    ("squid", ClientRole::Mirror),
    ("teamcity", ClientRole::Ci),
    ("trivy", ClientRole::Scanner),
    ("verdaccio", ClientRole::Mirror),
];

/// What crawlers have in their names, in lower case.
const CRAWLERS: [&str; 5] = ["bot", "crawl", "spider", "slurp", "feedparser"];

/// Browsers, the more particular first: each also calls itself by those behind it.
const BROWSERS: [&str; 7] = ["Edg", "OPR", "Chrome", "CriOS", "Firefox", "Safari", "MSIE"];

impl<'a> Client<'a> {
    /// Reads a user agent; `None` if it names nothing.
    ///
    /// ```
    /// use detectors::event::Client;
    ///
    /// let client = Client::of("npm/11.21.2 node/v20.20.2 linux x64 workspaces/false").unwrap();
    /// assert_eq!((client.tool, client.version), ("npm", Some("11.21.2")));
    /// ```
    #[must_use]
    pub fn of(user_agent: &'a str) -> Option<Self> {
        let text = user_agent.trim();
        if let Some(crawler) = crawler(text) {
            return Some(crawler);
        }
        if text.starts_with("Mozilla/") {
            return Some(browser(text));
        }
        let (tool, version) = product(text)?;
        let known = KNOWN.iter().find(|(name, _)| begins(tool, name)).map(|(_, role)| *role);
        let role = known.unwrap_or(if says_ci(text) { ClientRole::Ci } else { ClientRole::Tool });
        Some(Self { tool, version, role })
    }
}

impl fmt::Display for Client<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.tool)?;
        self.version.map_or(Ok(()), |version| write!(f, "/{version}"))
    }
}

fn begins(text: &str, head: &str) -> bool {
    text.get(..head.len()).is_some_and(|own| own.eq_ignore_ascii_case(head))
}

/// npm says `ci/<name>` and pip `"ci":true` when they find themselves in continuous integration.
fn says_ci(text: &str) -> bool {
    text.contains(" ci/") || text.contains(r#""ci":true"#)
}

/// `Name/version` at the beginning, or `name version`; a name may hold spaces only before a slash.
fn product(text: &str) -> Option<(&str, Option<&str>)> {
    let head = text.split(['(', '{', ';', ',']).next().unwrap_or_default().trim_end();
    let (tool, rest) = match head.split_once('/') {
        Some((tool, rest)) => (tool.trim(), rest),
        None => head.split_once(' ').unwrap_or((head, "")),
    };
    // `curl 7.88 OpenSSL/3`: what stands before the first slash is more than one name.
    let (tool, rest) = match tool.split_once(' ') {
        Some((first, more)) if more.starts_with(|c: char| c.is_ascii_digit()) => (first, more),
        _ => (tool, rest),
    };
    (!tool.is_empty()).then(|| (tool, version(rest)))
}

fn version(text: &str) -> Option<&str> {
    let end = text.find([' ', ')', '(', ';', ',', '{']).unwrap_or(text.len());
    let own = &text[..end];
    let own =
        own.strip_prefix('v').filter(|rest| rest.starts_with(|c: char| c.is_ascii_digit())).unwrap_or(own);
    Some(own).filter(|own| own.starts_with(|c: char| c.is_ascii_digit()))
}

/// The word of a user agent that a crawler is known by, wherever it stands: most call themselves a browser first.
fn crawler(text: &str) -> Option<Client<'_>> {
    let words = text
        .split([' ', ';', '(', ')', ',', '+'])
        .filter(|word| !word.contains("://") && !word.contains('@'));
    let found = words.filter_map(|word| {
        let (tool, rest) = word.split_once('/').unwrap_or((word, ""));
        let lower = tool.to_ascii_lowercase();
        let is_known = KNOWN.iter().any(|(name, _)| begins(tool, name));
        let is_crawler =
            !is_known && !lower.contains('.') && CRAWLERS.iter().any(|part| lower.contains(part));
        is_crawler.then(|| Client { tool, version: version(rest), role: ClientRole::Robot })
    });
    // `Yahoo! Slurp` and the like have no slash; one that has says more.
    found.max_by_key(|client| client.version.is_some())
}

fn browser(text: &str) -> Client<'_> {
    let named = BROWSERS.iter().find_map(|name| {
        let (before, rest) = text.split_once(name)?;
        let rest = rest.strip_prefix('/').or_else(|| rest.strip_prefix(' '))?;
        Some((&text[before.len()..before.len() + name.len()], version(rest)))
    });
    let (tool, version) = named.unwrap_or(("Mozilla", None));
    Client { tool, version, role: ClientRole::Browser }
}

#[cfg(test)]
mod tests {
    use super::ClientRole::{Browser, Ci, Mirror, Robot, Scanner, Tool};
    use super::*;

    #[track_caller]
    fn check(user_agent: &str, tool: &str, version: &str, role: ClientRole) {
        let expected = Client { tool, version: Some(version).filter(|own| !own.is_empty()), role };
        assert_eq!(Client::of(user_agent), Some(expected), "{user_agent}");
    }

    #[test]
    fn tools_are_known_by_their_first_product() {
        check("crane/v0.22.1 go-containerregistry/v0.22.1", "crane", "0.22.1", Tool);
        check("cosign/v3.1.3 (linux; amd64) go-containerregistry/v0.21.7", "cosign", "3.1.3", Tool);
        check("R/2.15.2 (x86_64; mingw32)", "R", "2.15.2", Tool);
        check("Debian APT-HTTP/1.3 (0.8.16~exp12ubuntu10.21)", "Debian APT-HTTP", "1.3", Tool);
        check("docker/24.0.2 go/go1.20.4 git-commit/659604f kernel/6.1", "docker", "24.0.2", Tool);
        check("urlgrabber/3.9.1 yum/3.2.29", "urlgrabber", "3.9.1", Tool);
        check("npm/11.21.2 node/v20.20.2 linux x64 workspaces/false", "npm", "11.21.2", Tool);
        check("pnpm/9.15.9 npm/? node/v20.20.2 linux x64", "pnpm", "9.15.9", Tool);
        check(r#"pip/26.3 {"ci":null,"cpu":"x86_64"}"#, "pip", "26.3", Tool);
        check("cargo 1.74.0 (ecb9851af 2023-10-18)", "cargo", "1.74.0", Tool);
        check("Apache-Maven/3.9.6 (Java 17.0.9; Linux 6.1)", "Apache-Maven", "3.9.6", Tool);
        check("NuGet Command Line/6.0.0 (Unix 5.4)", "NuGet Command Line", "6.0.0", Tool);
        check("Bundler, RubyGems/3.4", "Bundler", "", Tool);
        check("curl 7.88.1 OpenSSL/3.0", "curl", "7.88.1", Tool);
        check("something", "something", "", Tool);
        check("Chef Client/11.6.2 (ruby-1.9.3-p448; +http://opscode.com)", "Chef Client", "11.6.2", Tool);
    }

    #[test]
    fn mirrors_scanners_and_ci_are_told_apart() {
        check("Nexus/3.61.0-02 (PRO; Linux; 5.10; amd64; 17.0.2)", "Nexus", "3.61.0-02", Mirror);
        check("Artifactory/7.71.5 77105900", "Artifactory", "7.71.5", Mirror);
        check("bandersnatch/6.5.0 (cpython 3.11.4-final0, Linux x86_64)", "bandersnatch", "6.5.0", Mirror);
        check("Debian Apt-Cacher-NG/0.7.11", "Debian Apt-Cacher-NG", "0.7.11", Mirror);
        check("trivy/0.50.1 go-containerregistry/v0.19", "trivy", "0.50.1", Scanner);
        check("npm/10.2.4 node/v20.11.0 linux x64 workspaces/false ci/github-actions", "npm", "10.2.4", Ci);
        check(r#"pip/20.1.1 {"ci":true,"cpu":"x86_64"}"#, "pip", "20.1.1", Ci);
        check("RenovateBot/37.0 (https://github.com/renovatebot/renovate)", "RenovateBot", "37.0", Robot);
        check("Dependabot/1.0", "Dependabot", "1.0", Robot);
    }

    #[test]
    fn crawlers_are_found_behind_a_browser_s_name() {
        check(
            "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
            "Googlebot",
            "2.1",
            Robot,
        );
        check(
            "Mozilla/5.0 (compatible; Yahoo! Slurp; http://help.yahoo.com/help/us/ysearch/slurp)",
            "Slurp",
            "",
            Robot,
        );
        check(
            "Mozilla/5.0 (compatible; Baiduspider/2.0; +http://www.baidu.com/search/spider.html)",
            "Baiduspider",
            "2.0",
            Robot,
        );
        check("msnbot/2.0b (+http://search.msn.com/msnbot.htm)", "msnbot", "2.0b", Robot);
        check(
            "UniversalFeedParser/4.2-pre-314-svn +http://feedparser.org/",
            "UniversalFeedParser",
            "4.2-pre-314-svn",
            Robot,
        );
        check("FeedBurner/1.0 (http://www.FeedBurner.com)", "FeedBurner", "1.0", Robot);
    }

    #[test]
    fn browsers_are_known_by_their_own_name() {
        let chrome = "Mozilla/5.0 (Windows NT 6.1; WOW64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/32.0.1700.107 Safari/537.36";
        check(chrome, "Chrome", "32.0.1700.107", Browser);
        check(
            "Mozilla/5.0 (X11; Linux x86_64; rv:27.0) Gecko/20100101 Firefox/27.0",
            "Firefox",
            "27.0",
            Browser,
        );
        check("Mozilla/5.0 (compatible; MSIE 9.0; Windows NT 6.1; Trident/5.0)", "MSIE", "9.0", Browser);
        check("Mozilla/5.0", "Mozilla", "", Browser);
    }

    #[test]
    fn what_names_nothing_is_nobody() {
        for text in ["", "   ", "/1.0", "(x)", "{}"] {
            assert_eq!(Client::of(text), None, "{text}");
        }
    }

    #[test]
    fn known_programs_are_written_in_lower_case_and_in_order() {
        assert!(KNOWN.is_sorted_by(|one, next| one.0 < next.0));
        assert!(KNOWN.iter().all(|(name, _)| !name.bytes().any(|byte| byte.is_ascii_uppercase())));
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_without_a_panic(text in "\\PC{0,80}") {
            if let Some(client) = Client::of(&text) {
                proptest::prop_assert!(text.contains(client.tool) && !client.tool.is_empty());
            }
        }
    }
}
