//! What a crashed run lost, doubled, made up or said out of order: the verdict of `checker.py`, which shares no code
//! with what it judges.

use std::path::Path;

use super::python::Python;

/// Panics, with the findings behind it, unless the run under test has exactly the findings of the replay.
///
/// `replayed` is what `sealwatch replay --findings` wrote, `live` what `sealwatch findings --json` wrote.
pub(crate) fn assert_same_findings(replayed: &Path, live: &Path) {
    let [replayed, live] = [replayed, live].map(|path| path.to_str().expect("tests choose readable names"));
    let ended = Python::run("checker.py", &[replayed, live], b"");
    assert_eq!(ended.code, 0, "{}{}", ended.output, ended.errors);
}

#[cfg(test)]
mod tests {
    use super::*;

    const FINDING: &str = r#"{"id":"A","time":"2026-05-01T12:00:00Z","p_value":1e-9}"#;
    const STORED: &str = r#"{"id":"A","time":"2026-05-01T12:00:00Z","p_value":1e-9,"seq":0}"#;

    fn check(live: &[&str]) {
        let folder = tempfile::tempdir().unwrap();
        let [replayed_path, live_path] = ["replayed", "live"].map(|name| folder.path().join(name));
        std::fs::write(&replayed_path, FINDING).unwrap();
        std::fs::write(&live_path, live.join("\n")).unwrap();
        assert_same_findings(&replayed_path, &live_path);
    }

    #[test]
    fn checker_finds_each_kind_of_error() {
        let ended = Python::run("test_checker.py", &[], b"");
        assert_eq!(ended.code, 0, "{}", ended.errors);
        assert!(ended.errors.contains("Ran 14 tests"), "{}", ended.errors);
    }

    #[test]
    fn a_faultless_run_passes() {
        check(&[STORED]);
    }

    #[test]
    #[should_panic(expected = "LOST 0 DUP 1 PHANTOM 0 ORDER 1")]
    fn a_doubled_finding_fails_the_test_with_the_verdict() {
        check(&[STORED, STORED]);
    }
}
