//! Tables of addresses in `MaxMind`'s format (<https://maxmind.github.io/MaxMind-DB/>): country and network.

use std::fmt;
use std::fs::File;
use std::io::Read as _;
use std::net::IpAddr;
use std::path::Path;

use detectors::event::Country;
use maxminddb::{Reader, path};
use sha2::{Digest as _, Sha256};

use super::IdentityError;

/// Largest table that is read, in bytes: ten times the largest that is published today.
pub const MAX_TABLE_BYTES: u64 = 1 << 30;

/// A table, whole in memory.
pub(super) struct Table {
    reader: Reader<Vec<u8>>,
    sha256: [u8; 32],
}

impl Table {
    /// Reads and verifies a table, so that no look-up can fail later.
    pub(super) fn open(path: &Path) -> Result<Self, IdentityError> {
        Self::open_up_to(path, MAX_TABLE_BYTES)
    }

    fn open_up_to(path: &Path, most: u64) -> Result<Self, IdentityError> {
        let unreadable = |cause| IdentityError::Unreadable { path: path.to_owned(), cause };
        let mut bytes = Vec::new();
        let read = File::open(path).and_then(|file| file.take(most + 1).read_to_end(&mut bytes));
        if read.map_err(unreadable)? as u64 > most {
            return Err(IdentityError::TooLarge(path.to_owned()));
        }
        let sha256 = Sha256::digest(&bytes).into();
        let damaged = |cause| IdentityError::Damaged { path: path.to_owned(), cause };
        let reader = Reader::from_source(bytes).map_err(damaged)?;
        reader.verify().map_err(damaged)?;
        Ok(Self { reader, sha256 })
    }

    /// The country of an address: where it is, else where its network is registered.
    pub(super) fn country(&self, ip: IpAddr) -> Option<Country> {
        let found = self.reader.lookup(ip.to_canonical()).ok()?;
        let code = |key| found.decode_path::<&str>(&path![key, "iso_code"]).ok().flatten();
        code("country").or_else(|| code("registered_country")).and_then(Country::parse)
    }

    /// The autonomous system that announces an address.
    pub(super) fn network(&self, ip: IpAddr) -> Option<u32> {
        let found = self.reader.lookup(ip.to_canonical()).ok()?;
        found.decode_path::<u32>(&path!["autonomous_system_number"]).ok().flatten()
    }
}

impl PartialEq for Table {
    fn eq(&self, other: &Self) -> bool {
        self.sha256 == other.sha256
    }
}

impl Eq for Table {}

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Table").field("type", &self.reader.metadata().database_type).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> std::path::PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("test-data-maxmind")
    }

    #[test]
    fn addresses_have_the_places_that_maxmind_wrote_into_its_own_test_tables() {
        let countries = Table::open(&folder().join("GeoLite2-Country-Test.mmdb")).unwrap();
        let networks = Table::open(&folder().join("GeoLite2-ASN-Test.mmdb")).unwrap();
        for (ip, country, network) in [
            ("81.2.69.160", Some("GB"), None),
            ("::ffff:81.2.69.160", Some("GB"), None),
            ("89.160.20.128", Some("SE"), Some(29_518)),
            ("1.128.0.1", None, Some(1_221)),
            ("2001:218::1", Some("JP"), None),
            ("10.0.0.1", None, None),
            ("127.0.0.1", None, None),
        ] {
            let ip: IpAddr = ip.parse().unwrap();
            assert_eq!(countries.country(ip), country.and_then(Country::parse), "{ip}");
            assert_eq!(networks.network(ip), network, "{ip}");
        }
    }

    #[test]
    fn what_is_no_whole_table_is_refused() {
        let folder_of_tests = folder();
        let good = std::fs::read(folder_of_tests.join("GeoLite2-ASN-Test.mmdb")).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("table.mmdb");
        assert!(matches!(Table::open(&path), Err(IdentityError::Unreadable { .. })));
        for bytes in [&b""[..], b"hello", &good[..good.len() / 2], &good[good.len() / 2..]] {
            std::fs::write(&path, bytes).unwrap();
            assert!(matches!(Table::open(&path), Err(IdentityError::Damaged { .. })));
        }
        std::fs::write(&path, &good).unwrap();
        let size = good.len() as u64;
        assert!(Table::open_up_to(&path, size).is_ok());
        assert!(matches!(Table::open_up_to(&path, size - 1), Err(IdentityError::TooLarge(_))));
    }
}
