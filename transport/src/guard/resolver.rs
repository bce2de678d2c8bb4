//! The resolver inside the HTTP client: what it hands out is what is connected, so the filter stands here.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::{AllowList, Refusal, refused_class};

/// Asks the system, as any program does.
pub(crate) struct SystemResolver;

impl Resolve for SystemResolver {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

/// The addresses of a name.
pub type Answers = dyn Fn(&str) -> Vec<IpAddr> + Send + Sync;

/// Asks a function.
pub(crate) struct GivenResolver(pub(crate) Arc<Answers>);

impl Resolve for GivenResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let found: Vec<_> =
            (self.0)(name.as_str()).into_iter().map(|address| SocketAddr::new(address, 0)).collect();
        Box::pin(std::future::ready(Ok(Box::new(found.into_iter()) as Addrs)))
    }
}

/// Refuses a name as soon as one of its addresses is forbidden: an answer that mixes public and private
/// addresses is an attempt to get in by chance.
pub(crate) struct GuardedResolver {
    inner: Arc<dyn Resolve>,
    allowed: AllowList,
    /// The proxy's host, which an administrator named in the configuration.
    proxy_host: Option<String>,
}

impl GuardedResolver {
    pub(crate) fn new(inner: Arc<dyn Resolve>, allowed: AllowList, proxy_host: Option<String>) -> Self {
        Self { inner, allowed, proxy_host }
    }
}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let is_proxy = self.proxy_host.as_deref() == Some(name.as_str());
        let allowed = self.allowed.clone();
        let answer = self.inner.resolve(name);
        Box::pin(async move {
            let found: Vec<SocketAddr> = answer.await?.collect();
            if !is_proxy && let Some(refusal) = first_refusal(&found, &allowed) {
                return Err(refusal.into());
            }
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

fn first_refusal(found: &[SocketAddr], allowed: &AllowList) -> Option<Refusal> {
    found.iter().find_map(|found| {
        let address = found.ip();
        refused_class(address, allowed).map(|class| Refusal::Resolved { address, class })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(answers: &[&str], allowed: &[&str], expected: Option<&str>) {
        let found: Vec<SocketAddr> =
            answers.iter().map(|answer| SocketAddr::new(answer.parse().unwrap(), 0)).collect();
        let allowed = allowed.iter().map(|entry| entry.parse().unwrap()).collect();
        let refused = first_refusal(&found, &allowed).map(|refusal| refusal.to_string());
        assert_eq!(refused.as_deref(), expected, "{answers:?}");
    }

    #[test]
    fn one_forbidden_answer_among_public_ones_refuses_the_name() {
        check(&["1.1.1.1", "2606:4700::1111"], &[], None);
        check(
            &["1.1.1.1", "127.0.0.1"],
            &[],
            Some("its name resolves to 127.0.0.1, which is a loopback address"),
        );
        check(
            &["::ffff:10.0.0.1"],
            &[],
            Some("its name resolves to ::ffff:10.0.0.1, which is a private address"),
        );
    }

    #[test]
    fn every_class_is_refused_as_an_answer() {
        for answer in [
            "0.0.0.0",
            "127.0.0.1",
            "10.0.0.1",
            "172.16.0.1",
            "192.168.0.1",
            "169.254.0.1",
            "169.254.169.254",
            "100.64.0.1",
            "224.0.0.1",
            "192.0.2.1",
            "198.18.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "fe80::1",
            "fc00::1",
            "fd00:ec2::254",
            "ff02::1",
            "2001:db8::1",
            "::ffff:1.1.1.1",
            "2002:7f00:1::",
            "64:ff9b::7f00:1",
            "2001::1",
        ] {
            let found = [SocketAddr::new(answer.parse().unwrap(), 443)];
            assert!(first_refusal(&found, &AllowList::default()).is_some(), "{answer}");
        }
    }

    #[test]
    fn an_allowed_network_lets_its_addresses_through() {
        check(&["10.1.2.3"], &["10.0.0.0/8"], None);
        check(
            &["10.1.2.3", "127.0.0.1"],
            &["10.0.0.0/8"],
            Some("its name resolves to 127.0.0.1, which is a loopback address"),
        );
    }
}
