//! TLS as it goes wrong in practice: unknown authority, wrong name, expired certificate.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::thread::JoinHandle;

use openssl::asn1::Asn1Time;
use openssl::hash::MessageDigest;
use openssl::pkey::PKey;
use openssl::rsa::Rsa;
use openssl::x509::extension::{BasicConstraints, SubjectAlternativeName};
use openssl::x509::{X509, X509NameBuilder};

use super::*;
use crate::secret::SecretString;

/// A self-signed certificate for `name`, valid between two moments in Unix seconds, and its key, both as PEM.
fn certificate(name: &str, valid: (i64, i64)) -> (Vec<u8>, Vec<u8>) {
    let key = PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap();
    let mut subject = X509NameBuilder::new().unwrap();
    subject.append_entry_by_text("CN", name).unwrap();
    let subject = subject.build();
    let mut builder = X509::builder().unwrap();
    builder.set_version(2).unwrap();
    builder.set_subject_name(&subject).unwrap();
    builder.set_issuer_name(&subject).unwrap();
    builder.set_pubkey(&key).unwrap();
    builder.set_not_before(&Asn1Time::from_unix(valid.0).unwrap()).unwrap();
    builder.set_not_after(&Asn1Time::from_unix(valid.1).unwrap()).unwrap();
    builder.append_extension(BasicConstraints::new().critical().ca().build().unwrap()).unwrap();
    let names = SubjectAlternativeName::new().dns(name).build(&builder.x509v3_context(None, None)).unwrap();
    builder.append_extension(names).unwrap();
    builder.sign(&key, MessageDigest::sha256()).unwrap();
    (builder.build().to_pem().unwrap(), key.private_key_to_pem_pkcs8().unwrap())
}

/// Serves one connection; the thread's result says whether a request came through.
fn serve_once(certificate: &[u8], key: &[u8]) -> (SocketAddr, JoinHandle<bool>) {
    let identity = native_tls::Identity::from_pkcs8(certificate, key).unwrap();
    let acceptor = native_tls::TlsAcceptor::new(identity).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = std::thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        let Ok(mut stream) = acceptor.accept(stream) else { return false };
        let mut buffer = [0; 4096];
        if !matches!(stream.read(&mut buffer), Ok(read) if read > 0) {
            return false;
        }
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").is_ok()
    });
    (address, server)
}

const ALWAYS: (i64, i64) = (946_684_800, 4_102_444_800);
const LONG_AGO: (i64, i64) = (946_684_800, 978_307_200);

/// Posts to `localhost` over TLS; `trusted` adds the server's certificate to the roots.
async fn check(name: &str, valid: (i64, i64), trusted: bool) -> (Result<Reply, HttpError>, bool) {
    let (certificate, key) = certificate(name, valid);
    let (address, server) = serve_once(&certificate, &key);
    let target = format!("localhost:{}", address.port());
    let policy = HttpPolicy {
        allow_targets: [target.parse().unwrap()].into_iter().collect(),
        extra_roots_pem: trusted.then_some(certificate),
        ..HttpPolicy::default()
    };
    let url = SecretUrl::parse(&SecretString::new(format!("https://{target}/canary"))).unwrap();
    let request = Request { url: &url, headers: &[], body: Vec::new(), content_type: "" };
    let result = HttpClient::new(policy).unwrap().post(request).await;
    (result, server.join().unwrap())
}

#[tokio::test]
async fn a_certificate_of_a_trusted_authority_is_accepted() {
    let (result, heard) = check("localhost", ALWAYS, true).await;
    assert_eq!(result.unwrap().status, 200);
    assert!(heard);
}

#[tokio::test]
async fn a_certificate_that_proves_nothing_ends_the_attempt_before_the_request() {
    for (name, valid, trusted) in
        [("localhost", ALWAYS, false), ("elsewhere.example", ALWAYS, true), ("localhost", LONG_AGO, true)]
    {
        let (result, heard) = check(name, valid, trusted).await;
        let error = result.unwrap_err();
        assert!(matches!(error, HttpError::Tls { .. }), "{name} {valid:?} {trusted}: {error:?}");
        assert_eq!(error.reach(), Reach::NotSent);
        assert!(!heard && !format!("{error:?}").contains("canary"));
    }
}

#[test]
fn extra_roots_that_are_no_certificates_are_refused_at_the_start() {
    let broken = b"-----BEGIN CERTIFICATE-----\nnot base64!\n-----END CERTIFICATE-----\n";
    let policy = HttpPolicy { extra_roots_pem: Some(broken.to_vec()), ..HttpPolicy::default() };
    assert!(HttpClient::new(policy).is_err());
}
