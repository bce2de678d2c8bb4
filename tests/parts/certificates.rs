//! Certificates made on the spot by the `openssl` program: an authority of our own and what it vouches for.

use std::path::{Path, PathBuf};
use std::process::Command;

/// What `openssl` reads instead of the machine's own settings, which differ from one to the next.
const SETTINGS: &str = "
[req]
prompt = no
distinguished_name = nobody
[nobody]
[authority]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign
subjectKeyIdentifier = hash
";

/// An authority that nobody but the test trusts.
#[derive(Debug)]
pub(crate) struct Authority {
    folder: PathBuf,
}

/// A private key (PKCS#8) and its certificate, each in a PEM file.
#[derive(Clone, Debug)]
pub(crate) struct Certificate {
    /// The private key's file.
    pub(crate) key: PathBuf,
    /// The certificate's file.
    pub(crate) certificate: PathBuf,
}

impl Authority {
    /// Makes a new key and a self-signed certificate in `folder`.
    pub(crate) fn create(folder: &Path) -> Self {
        let authority = Self { folder: folder.to_owned() };
        std::fs::write(authority.file("openssl.cnf"), SETTINGS).expect("the folder can be written");
        authority.openssl(
            "req -x509 -config openssl.cnf -extensions authority -subj /CN=tests -days 2 \
             -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout authority.key -out authority.pem",
        );
        authority
    }

    /// The certificate to trust, in PEM.
    pub(crate) fn certificate(&self) -> PathBuf {
        self.file("authority.pem")
    }

    /// A server certificate for one DNS name, valid from now for two days.
    pub(crate) fn vouch_for(&self, host: &str) -> Certificate {
        let names = format!("subjectAltName = DNS:{host}\nauthorityKeyIdentifier = keyid\n");
        std::fs::write(self.file(&format!("{host}.cnf")), names).expect("the folder can be written");
        self.openssl(&format!(
            "req -new -config openssl.cnf -subj /CN={host} -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 \
             -nodes -keyout {host}.key -out {host}.csr"
        ));
        self.openssl(&format!(
            "x509 -req -in {host}.csr -CA authority.pem -CAkey authority.key -CAcreateserial -days 2 \
             -extfile {host}.cnf -out {host}.pem"
        ));
        Certificate { key: self.file(&format!("{host}.key")), certificate: self.file(&format!("{host}.pem")) }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn openssl(&self, arguments: &str) {
        let ended = Command::new("openssl")
            .args(arguments.split_whitespace())
            .current_dir(&self.folder)
            .output()
            .unwrap_or_else(|error| panic!("cannot run openssl: {error}; {}", super::HOW_TO_INSTALL));
        assert!(ended.status.success(), "openssl {arguments}: {}", String::from_utf8_lossy(&ended.stderr));
    }
}
