//! `sealwatch score-series`: one anomaly score a row for series of counts or readings, by the statistics of `download-volume`.

use std::fs;
use std::io::Write as _;
use std::path::{Component, Path, PathBuf};

use clap::Args;
use detectors::downloads::series::SeriesScorer;
use serde_json::json;

use crate::exit::{Exit, Failure};
use crate::output;

/// Scores from which a row is counted as an alert in the summary: p = 10⁻³ after calibration.
const COUNTED_FROM: f64 = 0.15;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Series as CSV with the columns `timestamp` and `value`, or folders of them
    #[arg(required = true)]
    series: Vec<PathBuf>,
    /// The folder for the results; what stands in a folder keeps its place below it
    #[arg(long)]
    out: PathBuf,
    /// Print the summary as JSON
    #[arg(long)]
    json: bool,
}

/// A series to be read, and where its scores go below the folder of results.
struct Job {
    from: PathBuf,
    to: PathBuf,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let mut jobs = Vec::new();
    for path in &arguments.series {
        if path.is_dir() {
            collect(path, path, &mut jobs)?;
        } else {
            let name = path.file_name().map(PathBuf::from).unwrap_or_default();
            jobs.push(Job { from: path.clone(), to: name });
        }
    }
    jobs.sort_by(|a, b| a.to.cmp(&b.to));
    if let Some(same) = jobs.windows(2).find(|pair| pair[0].to == pair[1].to) {
        let both = format!("{} and {}", same[0].from.display(), same[1].from.display());
        return Err(Failure::new(Exit::Usage, format!("cannot score {both}: their results have one name"))
            .hint("give one of them another name"));
    }
    for job in &jobs {
        let text = fs::read_to_string(&job.from).map_err(|error| {
            Failure::new(Exit::Unavailable, format!("cannot read {}: {error}", job.from.display()))
        })?;
        let scored = score(&text).map_err(|problem| {
            Failure::new(Exit::Incompatible, format!("cannot score {}: {problem}", job.from.display()))
                .hint("each line is a timestamp and a number, below the header `timestamp,value`")
        })?;
        write(&arguments.out.join(&job.to), &scored.csv)?;
        let name = job.to.display().to_string();
        let summary = if arguments.json {
            json!({"series": name, "rows": scored.rows, "alerts": scored.alerts}).to_string()
        } else {
            let (rows, alerts) = (scored.rows, scored.alerts);
            format!("{}: {rows} rows, {alerts} from a score of {COUNTED_FROM} on", output::visible(&name))
        };
        output::print(&format!("{summary}\n"))?;
    }
    Ok(Exit::Done)
}

/// The CSV files below a folder, in whatever order; links are not followed out of it.
fn collect(root: &Path, folder: &Path, jobs: &mut Vec<Job>) -> Result<(), Failure> {
    let unreadable = |error: std::io::Error| {
        Failure::new(Exit::Unavailable, format!("cannot list {}: {error}", folder.display()))
    };
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let (path, kind) = (entry.path(), entry.file_type().map_err(unreadable)?);
        if kind.is_dir() {
            collect(root, &path, jobs)?;
        } else if path.extension().is_some_and(|extension| extension == "csv") {
            let below = path.strip_prefix(root).unwrap_or(&path);
            let to = below.components().filter(|part| matches!(part, Component::Normal(_))).collect();
            jobs.push(Job { from: path, to });
        }
    }
    Ok(())
}

struct ScoredSeries {
    csv: String,
    rows: usize,
    alerts: usize,
}

/// Scores the rows of one series; the problem names the line.
fn score(text: &str) -> Result<ScoredSeries, String> {
    let mut lines = text.lines();
    let header: Vec<&str> = lines.next().unwrap_or_default().split(',').map(str::trim).collect();
    let column = |name: &str| {
        header.iter().position(|column| *column == name).ok_or(format!("the header has no column `{name}`"))
    };
    let (timestamp, value) = (column("timestamp")?, column("value")?);
    let mut scorer = SeriesScorer::default();
    let mut scored =
        ScoredSeries { csv: String::from("timestamp,value,anomaly_score\n"), rows: 0, alerts: 0 };
    for (at, line) in lines.enumerate() {
        let cells: Vec<&str> = line.split(',').map(str::trim).collect();
        if cells.iter().all(|cell| cell.is_empty()) {
            continue;
        }
        let cell = |column: usize, name: &str| {
            cells
                .get(column)
                .copied()
                .filter(|cell| !cell.is_empty())
                .ok_or(format!("line {} has no {name}", at + 2))
        };
        let (when, written) = (cell(timestamp, "timestamp")?, cell(value, "value")?);
        let number: f64 =
            written.parse().map_err(|_| format!("the value of line {} is not a number", at + 2))?;
        let score = scorer.score(number);
        scored.rows += 1;
        scored.alerts += usize::from(score >= COUNTED_FROM);
        scored.csv.push_str(&format!("{when},{written},{score:.12}\n"));
    }
    Ok(scored)
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    let written = path.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| {
        let mut file = fs::File::create(path)?;
        file.write_all(text.as_bytes())
    });
    written.map_err(|error| {
        Failure::new(Exit::Unavailable, format!("cannot write {}: {error}", path.display()))
            .hint("check that the folder may be written")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_keeps_its_text_and_gets_a_score() {
        let scored = score("timestamp,value\n2026-01-01 00:00:00,20.50\n2026-01-01 00:05:00,21\n").unwrap();
        assert_eq!(
            scored.csv,
            "timestamp,value,anomaly_score\n2026-01-01 00:00:00,20.50,0.000000000000\n\
             2026-01-01 00:05:00,21,0.000000000000\n"
        );
        assert_eq!((scored.rows, scored.alerts), (2, 0));
    }

    #[test]
    fn a_line_that_is_no_row_is_named() {
        for (text, problem) in [
            ("time,value\n", "the header has no column `timestamp`"),
            ("timestamp,value\na,1\n\nb,x\n", "the value of line 4 is not a number"),
            ("timestamp,value\na\n", "line 2 has no value"),
        ] {
            assert_eq!(score(text).err().as_deref(), Some(problem));
        }
    }

    #[test]
    fn folders_keep_their_shape_and_equal_names_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let row = "timestamp,value\n1,1\n";
        for file in ["in/a/x.csv", "in/b/x.csv", "x.csv"] {
            write(&folder.path().join(file), row).unwrap();
        }
        let arguments = |series: &[&str]| Arguments {
            series: series.iter().map(|path| folder.path().join(path)).collect(),
            out: folder.path().join("out"),
            json: false,
        };
        run(&arguments(&["in"])).unwrap();
        assert!(folder.path().join("out/b/x.csv").is_file());
        assert_eq!(run(&arguments(&["x.csv", "x.csv"])).unwrap_err().exit, Exit::Usage);
    }
}
