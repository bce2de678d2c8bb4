//! The real parts that the tests run against, as `install.sh` beside this file installs them.

pub(crate) mod broker;
pub(crate) mod certificates;
pub(crate) mod checker;
pub(crate) mod process;
pub(crate) mod python;
pub(crate) mod topics;

use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

/// What a test says when a part is not there.
const HOW_TO_INSTALL: &str = "tests/parts/install.sh installs it, and `make test` begins with that";

/// First port that [`free_port`] hands out. All of them lie below the range (32768 and up on Linux) from which the
/// system takes the sending end of connections: a client that tries again and again to reach a killed broker must
/// not happen to take the broker's own port.
const FIRST_PORT: u16 = 15_000;

/// How many ports [`free_port`] chooses from.
const PORTS: u16 = 17_000;

/// Pause between two looks of [`until`].
const LOOK: Duration = Duration::from_millis(10);

/// A TCP port of 127.0.0.1 that is free, and that no other call of this process gets.
pub(crate) fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Two test programs at once begin at different places.
    let start = std::process::id().wrapping_mul(7_919) % u32::from(PORTS);
    for _ in 0..PORTS {
        let place = (start + u32::from(NEXT.fetch_add(1, Ordering::SeqCst))) % u32::from(PORTS);
        let port = FIRST_PORT + u16::try_from(place).expect("less than PORTS");
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
    panic!("no port of {PORTS} is free");
}

/// Looks again and again until `ready` has an answer, and returns it; panics with `what` after `patience`.
pub(crate) fn until<T>(what: &str, patience: Duration, mut ready: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + patience;
    loop {
        if let Some(answer) = ready() {
            return answer;
        }
        assert!(Instant::now() < deadline, "waited {patience:?} for {what}");
        std::thread::park_timeout(LOOK);
    }
}

/// How often a test repeats something: `usual` in `make test`, `full` in `make nightly`.
pub(crate) fn rounds(usual: u32, full: u32) -> u32 {
    if std::env::var_os("SEALWATCH_FULL").is_some_and(|set| set == "1") { full } else { usual }
}

/// The folder that `install.sh` installed the parts into.
fn home() -> PathBuf {
    let chosen = std::env::var_os("SEALWATCH_TEST_HOME").filter(|folder| !folder.is_empty());
    chosen.map_or_else(
        || {
            let home = std::env::var_os("HOME").expect("HOME or SEALWATCH_TEST_HOME is set");
            Path::new(&home).join(".cache/sealwatch-test")
        },
        PathBuf::from,
    )
}

/// The folder of this file, where the scripts are.
fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/parts")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_handed_out_once_and_never_while_it_is_taken() {
        let first = free_port();
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, first)).unwrap();
        let others: Vec<_> = (0..50).map(|_| free_port()).collect();
        assert!(!others.contains(&taken.local_addr().unwrap().port()));
        assert!(others.iter().enumerate().all(|(place, port)| !others[..place].contains(port)));
    }

    #[test]
    #[should_panic(expected = "for something that never comes")]
    fn waiting_ends_at_its_deadline() {
        until("something that never comes", Duration::from_millis(50), || None::<()>);
    }
}
