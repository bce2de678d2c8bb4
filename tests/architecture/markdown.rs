//! A Markdown file as the rules see it: its headings, its links, and what it writes as code.

/// A part of a line that the rules care about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part<'a> {
    /// The target of a link.
    Link(&'a str),
    /// What stands between backticks.
    Code(&'a str),
    /// A line of a block of commands.
    Command(&'a str),
}

/// The parts of a text, each with its line from 1.
pub(super) fn parts(text: &str) -> Vec<(usize, Part<'_>)> {
    let (mut found, mut fence) = (Vec::new(), None);
    for (at, line) in text.lines().enumerate() {
        if let Some(language) = line.trim_start().strip_prefix("```") {
            fence = if fence.is_some() { None } else { Some(language.trim()) };
            continue;
        }
        match fence {
            Some("sh" | "console" | "bash") => found.push((at + 1, Part::Command(line))),
            Some(_) => {}
            None => {
                found.extend(line.split('`').skip(1).step_by(2).map(|code| (at + 1, Part::Code(code))));
                let plain: Vec<&str> = line.split("](").skip(1).collect();
                found.extend(
                    plain.into_iter().filter_map(|rest| Some((at + 1, Part::Link(rest.split_once(')')?.0)))),
                );
            }
        }
    }
    found
}

/// The anchors of a text's headings, as GitHub makes them.
pub(super) fn anchors(text: &str) -> Vec<String> {
    headings(text).map(anchor).collect()
}

/// The headings of a text, without their marks.
pub(super) fn headings(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter(|line| line.starts_with('#')).map(|line| line.trim_start_matches('#').trim())
}

fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c.to_ascii_lowercase() }).collect()
}

#[test]
fn links_code_and_commands_are_told_apart() {
    let text =
        "# One `Two`: 3\nSee [a](b.md#c), `d/e.rs` and [`f`](g).\n```sh\nmake x\n```\n```toml\n`no`\n```\n";
    assert_eq!(anchors(text), ["one-two-3"]);
    assert_eq!(
        parts(text),
        [
            (1, Part::Code("Two")),
            (2, Part::Code("d/e.rs")),
            (2, Part::Code("f")),
            (2, Part::Link("b.md#c")),
            (2, Part::Link("g")),
            (4, Part::Command("make x")),
        ]
    );
}
