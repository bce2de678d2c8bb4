//! Recorded attacks through the outer door: found, silent without their attack, and the same byte for byte.

mod jitter;
mod replaying;

use std::path::{Path, PathBuf};
use std::process::Command;

use sample_logs::{Ecosystem, Format, LogFile, Manifest, Recording, Role};

/// A scenario's logs on disk, with the configuration that reads them.
pub(crate) struct Laid {
    folder: tempfile::TempDir,
    files: Vec<PathBuf>,
}

impl Laid {
    /// Writes a recording. `engine` is what the configuration says under `[engine]`.
    pub(crate) fn out(recording: &Recording, engine: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut files = Vec::new();
        for file in &recording.files {
            let path = folder.path().join(format!("{}.log", base_name(file)));
            std::fs::write(&path, file.text()).unwrap();
            files.push(path);
        }
        std::fs::write(folder.path().join("sealwatch.toml"), configuration(&recording.files, engine))
            .unwrap();
        Self { folder, files }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Replays the logs; the findings file's bytes.
    pub(crate) fn replay(&self, arguments: &[&str], reversed: bool) -> Vec<u8> {
        let findings = self.path("findings.jsonl");
        let mut files = self.files.clone();
        if reversed {
            files.reverse();
        }
        let ended = Command::new(env!("CARGO_BIN_EXE_sealwatch"))
            .arg("replay")
            .args(["--config".as_ref(), self.path("sealwatch.toml").as_os_str()])
            .args(["--findings".as_ref(), findings.as_os_str()])
            .args(arguments)
            .args(&files)
            .output()
            .unwrap();
        assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
        std::fs::read(&findings).unwrap()
    }
}

/// A stream is called after its topic; the day's file keeps the `-day` that tells it from the history's.
fn base_name(file: &LogFile) -> String {
    match file.role {
        Role::History => file.topic.clone(),
        Role::AttackDay => format!("{}-day", file.topic),
    }
}

fn configuration(files: &[LogFile], engine: &str) -> String {
    let mut text = String::from("[kafka]\nbrokers = \"127.0.0.1:9092\"\ngroup = \"not-used\"\n\n");
    text.push_str(engine);
    for file in files.iter().filter(|file| file.role == Role::AttackDay) {
        let format = match file.format {
            Format::Native => "native",
            Format::Combined => "combined",
        };
        text.push_str(&format!(
            "\n[[source]]\nname = \"{0}\"\ntopics = [\"{0}\"]\nformat = \"{format}\"\nregistry = \"{1}\"\nhistory = true\nstart = \"beginning\"\n",
            file.topic, file.registry,
        ));
        if let Some(ecosystem) = file.ecosystem {
            let word = match ecosystem {
                Ecosystem::Oci => "oci",
                Ecosystem::Npm => "npm",
            };
            text.push_str(&format!("ecosystem = \"{word}\"\n"));
        }
    }
    text
}

/// Judges findings as JSON Lines.
pub(crate) fn judged(manifest: &Manifest, findings: &[u8]) -> sample_logs::Verdict {
    let found: Vec<sample_logs::FoundFinding> = findings
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice(line).unwrap())
        .collect();
    sample_logs::judge(manifest, &found)
}

/// The project's folder of recorded scenarios.
pub(crate) fn sample_logs_folder() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/sample-logs"))
}
