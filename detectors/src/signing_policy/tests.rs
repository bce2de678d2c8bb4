//! Each rule broken once, and kept once.

use super::*;
use crate::change_lane::story::{Stage, check_principals, check_signers, size_after};
use crate::detector::Scored;

#[track_caller]
fn check(config: SigningPolicyConfig, story: &str) -> Vec<Scored> {
    check_signers(&SigningPolicy::new(config), story)
}

fn acme() -> SigningPolicyConfig {
    SigningPolicyConfig {
        max_key_days: Some(365),
        require_log: true,
        namespaces: vec![NamespaceRule {
            prefix: "pkg:npm/%40acme/".to_owned(),
            signers: vec!["K1".to_owned(), "https://github.com/acme/*".to_owned()],
            publishers: vec!["release-*".to_owned(), "ann".to_owned()],
        }],
        ..SigningPolicyConfig::default()
    }
}

#[test]
fn a_revoked_key_that_signs_is_told_once_for_each_artifact() {
    let said = check(
        SigningPolicyConfig::default(),
        "+1d sign app@1.0.0 digest=a key=K1 => silence
         +1d account - change=key-revoked target=k1 actor=admin => silence
         +1d sign app@1.0.1 digest=b key=K1 => violation signing-policy
         +1d sign app@1.0.2 digest=c key=K1 => silence
         +1d sign lib@1.0.0 digest=d key=K1 => violation signing-policy
         +1d sign app@1.0.3 digest=e key=K2 => silence",
    );
    assert_eq!(said[0].verdict, Verdict::Violation(Severity::High));
    assert_eq!(said[0].explanation.summary, "`app` 1.0.1 was signed by K1, a key that was revoked before");
    assert_eq!(said[0].explanation.evidence.len(), 2);
}

#[test]
fn a_certificate_is_used_while_it_is_valid() {
    let said = check(
        SigningPolicyConfig::default(),
        "+1d sign app@1.0.0 digest=a identity=a@b issuer=i log=1 expired=9m => silence
         +1d sign app@1.0.1 digest=b identity=a@b issuer=i log=2 expired=3h => violation signing-policy
         +1d sign app@1.0.2 digest=c identity=c@b issuer=i expired=3h signed=4h => silence",
    );
    assert!(
        said[0].explanation.summary.contains("with a certificate that is valid until 2026-01-06T21:00:00Z"),
        "{}",
        said[0].explanation.summary
    );
}

#[test]
fn refused_algorithms_are_whole_words() {
    let config = SigningPolicyConfig::default();
    for (algorithm, refused) in [
        ("sha1", true),
        ("RSA-SHA1", true),
        ("rsa-1024", true),
        ("ecdsa-p256", false),
        ("rsa-4096-sha256", false),
        ("ed25519", false),
        ("ecdsa", false),
    ] {
        assert_eq!(config.refuses(algorithm), refused, "{algorithm}");
    }
    check(config, "+1d sign app@1.0.0 digest=a key=K1 algorithm=rsa-sha1 => violation signing-policy");
}

#[test]
fn namespaces_have_their_signers_and_publishers() {
    let policy = SigningPolicy::new(acme());
    check_signers(
        &policy,
        "+1d sign @acme/auth@1.0.0 digest=a key=k1 log=1 => silence
         +1d sign @acme/auth@1.0.1 digest=b key=ROGUE log=2 => violation signing-policy
         +1d sign other@1.0.1 digest=c key=ROGUE log=3 => silence
         +1d sign @acme/auth@1.0.2 digest=d identity=https://github.com/acme/auth/.github/workflows/r.yml@refs/tags/v1 issuer=i log=4 => silence",
    );
    let said = check_principals(
        &policy,
        "+1d publish @acme/auth@1.0.0 by=release-bot => silence
         +1d publish @acme/auth@1.0.1 by=eve => violation signing-policy
         +1d publish other@1.0.1 by=eve => silence",
    );
    assert_eq!(
        said[0].explanation.counterfactual,
        "It would have been silent had it been published by one of the publishers of pkg:npm/%40acme/."
    );
}

#[test]
fn keys_grow_too_old_and_signatures_must_be_logged_where_the_owner_says_so() {
    let said = check(
        acme(),
        "+1d sign app@1.0.0 digest=a key=K1 log=1 => silence
         +366d sign app@1.0.1 digest=b key=K1 log=2 => violation signing-policy
         +1d sign lib@1.0.2 digest=c key=K9 => violation signing-policy",
    );
    assert_eq!(said[0].verdict, Verdict::Violation(Severity::Low));
    check(
        SigningPolicyConfig::default(),
        "+1d sign app@1.0.0 digest=a key=K1 => silence\n +900d sign app@1.0.1 digest=b key=K1 => silence",
    );
}

#[test]
fn what_is_out_of_bounds_is_named() {
    assert!(SigningPolicyConfig::default().problems().is_empty() && acme().problems().is_empty());
    let rule = NamespaceRule {
        prefix: "acme".to_owned(),
        signers: vec![String::new(); MAX_NAMES + 1],
        ..NamespaceRule::default()
    };
    let bad =
        SigningPolicyConfig { namespaces: vec![rule; MAX_NAMESPACES + 1], max_key_days: Some(0), ..acme() };
    assert!(bad.problems().len() > 2 * MAX_NAMESPACES);
}

#[test]
fn its_state_is_bounded() {
    let policy = SigningPolicy::new(acme());
    let bytes = size_after(Stage::new(&policy).by_signer(), "200x +1m sign p#@1.0.0 digest=d# key=K9");
    assert!(bytes < 60 + 11 * MAX_TOLD, "{bytes}");
}
