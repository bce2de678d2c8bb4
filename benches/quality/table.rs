//! The table that the report prints: one line a question, and below it what stands behind the answers.

use std::fmt;

use detectors::finding::{Finding, Severity};

/// Whether an answer is what was aimed at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Met {
    Yes,
    No,
    /// Nothing was aimed at; the number is for the reader.
    Shown,
    /// It cannot be measured yet.
    NotYet,
}

impl Met {
    pub(crate) const fn when(condition: bool) -> Self {
        if condition { Self::Yes } else { Self::No }
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::No => "NO",
            Self::Shown => "-",
            Self::NotYet => "not yet",
        }
    }
}

/// What is said of one data set.
pub(crate) struct Answers {
    set: &'static str,
    lines: Vec<[String; 6]>,
    notes: Vec<String>,
}

impl Answers {
    pub(crate) const fn of(set: &'static str) -> Self {
        Self { set, lines: Vec::new(), notes: Vec::new() }
    }

    /// Answers a question over so many records.
    pub(crate) fn line(
        &mut self,
        records: u64,
        what: &str,
        result: impl fmt::Display,
        target: &str,
        met: Met,
    ) {
        let cells = [self.set, &grouped(records), what, &result.to_string(), target, met.word()];
        self.lines.push(cells.map(str::to_owned));
    }

    /// Says what a question waits for.
    pub(crate) fn not_yet(&mut self, what: &str, needs: &str) {
        let cells = [self.set, "-", what, &format!("needs {needs}"), "-", Met::NotYet.word()];
        self.lines.push(cells.map(str::to_owned));
    }

    /// Explains something below the table.
    pub(crate) fn note(&mut self, note: String) {
        self.notes.push(note);
    }
}

/// All answers.
#[derive(Default)]
pub(crate) struct Table(Vec<Answers>);

impl Table {
    pub(crate) fn add(&mut self, answers: Answers) {
        self.0.push(answers);
    }
}

const HEAD: [&str; 6] = ["data set", "records", "what", "result", "target", "met"];

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows = || self.0.iter().flat_map(|answers| &answers.lines);
        let width = |column: usize| {
            let longest = rows().map(|row| row[column].chars().count()).max().unwrap_or(0);
            longest.max(HEAD[column].len())
        };
        let widths: [usize; 6] = std::array::from_fn(width);
        let print = |f: &mut fmt::Formatter<'_>, cells: [&str; 6]| {
            let [set, records, what, result, target, met] = cells;
            let [a, b, c, d, e, _] = widths;
            writeln!(f, "{set:a$}  {records:>b$}  {what:c$}  {result:d$}  {target:e$}  {met}")
        };
        print(f, HEAD)?;
        writeln!(f, "{}", "-".repeat(widths.iter().sum::<usize>() + 2 * (HEAD.len() - 1)))?;
        let mut before = "";
        for row in rows() {
            let mut cells: [&str; 6] = std::array::from_fn(|column| row[column].as_str());
            let set = std::mem::replace(&mut before, cells[0]);
            if set == cells[0] {
                cells[0] = "";
            }
            print(f, cells)?;
        }
        for answers in self.0.iter().filter(|answers| !answers.notes.is_empty()) {
            writeln!(f, "\n{}", answers.set)?;
            for note in &answers.notes {
                writeln!(f, "  {note}")?;
            }
        }
        Ok(())
    }
}

/// Findings by severity, loudest first: `2 medium, 14 low`.
pub(crate) fn spread<'a>(findings: impl IntoIterator<Item = &'a Finding>) -> String {
    let mut counts = [0_usize; Severity::ALL.len()];
    for finding in findings {
        counts[finding.severity as usize] += 1;
    }
    let loudest_first = Severity::ALL.iter().zip(counts).rev().filter(|(_, count)| *count > 0);
    let words: Vec<String> = loudest_first.map(|(severity, count)| format!("{count} {severity}")).collect();
    if words.is_empty() { "none".to_owned() } else { words.join(", ") }
}

/// A number with a comma every three digits.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.char_indices() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
