//! What a process has used, as Linux tells in `/proc`: processor time, and the most memory it ever had.

use std::collections::BTreeMap;
use std::time::Duration;

/// Length of the kernel's unit of processor time in `/proc/<pid>/stat`: 1/100 s on every Linux that Rust runs on.
const TICK: Duration = Duration::from_millis(10);

/// Processor time of a process, all its threads, user and system; zero if it is gone.
pub(crate) fn cpu(pid: u32) -> Duration {
    let Some(fields) = stat(pid) else { return Duration::ZERO };
    // Fields 14 and 15 of the whole line; the command's name before them is cut off with its pid.
    let ticks: u32 = fields.iter().skip(11).take(2).filter_map(|field| field.parse::<u32>().ok()).sum();
    TICK * ticks
}

/// The most memory this process ever had resident, in KiB.
pub(crate) fn own_peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    line.trim().trim_end_matches("kB").trim().parse().unwrap_or_default()
}

/// The first process below this one that runs the command.
pub(crate) fn descendant(command: &str) -> Option<u32> {
    let mut parents = BTreeMap::new();
    let mut candidates = Vec::new();
    for entry in std::fs::read_dir("/proc").ok()?.flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        let Some(fields) = stat(pid) else { continue };
        if let Some(parent) = fields.get(1).and_then(|parent| parent.parse::<u32>().ok()) {
            parents.insert(pid, parent);
        }
        if std::fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|comm| comm.trim_end() == command) {
            candidates.push(pid);
        }
    }
    let own = std::process::id();
    let is_below =
        |pid: &u32| std::iter::successors(Some(*pid), |pid| parents.get(pid).copied()).any(|pid| pid == own);
    candidates.into_iter().find(is_below)
}

/// The machine's load average over one minute: more than its cores means that the numbers are worth little.
pub(crate) fn load() -> String {
    let line = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    line.split_whitespace().next().unwrap_or("unknown").to_owned()
}

/// The fields of a process's `stat` behind its name, which may hold anything.
fn stat(pid: u32) -> Option<Vec<String>> {
    let line = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, fields) = line.rsplit_once(')')?;
    Some(fields.split_whitespace().map(str::to_owned).collect())
}
