//! A Rust file as the rules see it: its code without comments and texts, and which of its lines are test code.

use std::collections::BTreeSet;

/// A Rust file.
#[derive(Debug)]
pub(super) struct RustFile {
    /// Its path from the root of the repository.
    pub(super) path: String,
    /// Its lines as they are.
    pub(super) lines: Vec<String>,
    /// Its lines with blanks for comments and for what stands inside strings and characters.
    pub(super) code: Vec<String>,
    tests: TestCode,
}

/// Which lines of a file are test code.
#[derive(Debug, Clone, Copy)]
enum TestCode {
    None,
    /// From this line on, from 0: `#[cfg(test)] mod tests { … }` stands last.
    From(usize),
    All,
}

impl RustFile {
    /// `tests` are the paths (of files, or of folders with a `/` behind them) that hold nothing but test code.
    pub(super) fn new(path: &str, text: &str, tests: &BTreeSet<String>) -> Self {
        let code: Vec<String> = without_texts(text).lines().map(str::to_owned).collect();
        let own = |line: &&str| line.ends_with('{') && module_name(line).is_some();
        let tests = if tests
            .iter()
            .any(|test| path == test || (test.ends_with('/') && path.starts_with(test.as_str())))
        {
            TestCode::All
        } else {
            test_declarations(&code)
                .find(|(_, line)| own(line))
                .map_or(TestCode::None, |(at, _)| TestCode::From(at))
        };
        Self { path: path.to_owned(), lines: text.lines().map(str::to_owned).collect(), code, tests }
    }

    /// Whether this line, from 0, is test code.
    pub(super) fn is_test(&self, line: usize) -> bool {
        match self.tests {
            TestCode::None => false,
            TestCode::From(first) => line >= first,
            TestCode::All => true,
        }
    }

    /// Lines of code with their numbers, from 0.
    pub(super) fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        self.code.iter().enumerate().map(|(at, line)| (at, line.as_str()))
    }
}

/// Where test code alone lives: the folders of tests and benches, and modules that are declared under `#[cfg(test)]`.
pub(super) fn test_modules(sources: &[(&str, &str)]) -> BTreeSet<String> {
    let mut found = BTreeSet::from(["tests/".to_owned(), "benches/".to_owned()]);
    for (path, text) in sources {
        let code: Vec<String> = without_texts(text).lines().map(str::to_owned).collect();
        let stem = path.trim_end_matches(".rs");
        let (parent, name) = stem.rsplit_once('/').unwrap_or(("", stem));
        let folder = if matches!(name, "mod" | "lib" | "main") { parent } else { stem };
        for (_, declaration) in test_declarations(&code).filter(|(_, line)| line.ends_with(';')) {
            if let Some(module) = module_name(declaration) {
                found.extend([format!("{folder}/{module}.rs"), format!("{folder}/{module}/")]);
            }
        }
    }
    found
}

/// What stands under each `#[cfg(test)]`, with the line of the attribute.
fn test_declarations(code: &[String]) -> impl Iterator<Item = (usize, &str)> {
    let under =
        |at: usize| code[at + 1..].iter().map(|line| line.trim()).find(|line| !line.starts_with("#["));
    (0..code.len())
        .filter(|at| code[*at].trim() == "#[cfg(test)]")
        .filter_map(move |at| Some((at, under(at)?)))
}

/// `tests` of `pub(crate) mod tests {`.
pub(super) fn module_name(line: &str) -> Option<&str> {
    let mut words = line.trim().trim_end_matches([';', '{']).split_whitespace();
    let first = words.next()?;
    let first = if first.starts_with("pub") { words.next()? } else { first };
    (first == "mod").then(|| words.next()).flatten()
}

/// The code with blanks for comments and for what strings and characters hold; line ends stay.
fn without_texts(text: &str) -> String {
    let characters: Vec<char> = text.chars().collect();
    let (mut out, mut at) = (String::with_capacity(text.len()), 0);
    while at < characters.len() {
        let end = end_of_text(&characters, at);
        if end == at {
            out.push(characters[at]);
            at += 1;
        } else {
            out.extend(characters[at..end].iter().map(|c| if *c == '\n' { '\n' } else { ' ' }));
            at = end;
        }
    }
    out
}

/// Where the comment, string or character ends that begins here; `at` itself if none does.
fn end_of_text(characters: &[char], at: usize) -> usize {
    let rest = &characters[at..];
    let inside_a_word = word_before(characters, at).is_some_and(|word| !matches!(word, ['b' | 'c']));
    match rest {
        ['/', '/', ..] => at + rest.iter().position(|c| *c == '\n').unwrap_or(rest.len()),
        ['/', '*', ..] => at + block_comment(rest),
        ['"', ..] => at + quoted(rest),
        ['r', '"' | '#', ..] if !inside_a_word => at + raw_string(rest),
        // A lifetime has no second quotation mark where a character has one.
        ['\'', '\\', _, behind @ ..] => {
            at + 3 + behind.iter().position(|c| *c == '\'').map_or(0, |end| end + 1)
        }
        ['\'', _, '\'', ..] => at + 3,
        _ => at,
    }
}

/// The letters of the word that goes on here.
fn word_before(characters: &[char], at: usize) -> Option<&[char]> {
    let letters = characters[..at].iter().rev().take_while(|c| c.is_alphanumeric() || **c == '_').count();
    (letters > 0).then(|| &characters[at - letters..at])
}

fn block_comment(rest: &[char]) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while at < rest.len() {
        match rest[at..] {
            ['/', '*', ..] => (depth, at) = (depth + 1, at + 2),
            ['*', '/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

fn quoted(rest: &[char]) -> usize {
    let mut at = 1;
    while at < rest.len() && rest[at] != '"' {
        at += if rest[at] == '\\' { 2 } else { 1 };
    }
    (at + 1).min(rest.len())
}

/// `r#"…"#`; 0 for a raw identifier.
fn raw_string(rest: &[char]) -> usize {
    let hashes = rest[1..].iter().take_while(|c| **c == '#').count();
    if rest.get(1 + hashes) != Some(&'"') {
        return 0;
    }
    let end: Vec<char> = std::iter::once('"').chain(std::iter::repeat_n('#', hashes)).collect();
    let begin = 2 + hashes;
    rest[begin..]
        .windows(end.len())
        .position(|window| window == end)
        .map_or(rest.len(), |at| begin + at + end.len())
}

#[test]
fn comments_and_texts_are_no_code() {
    let check = |text: &str, code: &str| {
        let found = without_texts(text);
        assert_eq!(found.split_whitespace().collect::<Vec<_>>().join(" "), code, "{text}");
        assert_eq!(found.lines().count(), text.lines().count(), "{text}");
    };
    check("a // b\nc", "a c");
    check("a /* b /* c */\n d */ e", "a e");
    check(r#"f("say \"b\" // c") + 1"#, "f( ) + 1");
    check("f(r#\"a \"b\" \\\"#) + 1", "f( ) + 1");
    check(r"f('\'', '\u{7f}', 'x')", "f( , , )");
    check("fn f<'a>(r#in: &'a str, b: b'x')", "fn f<'a>(r#in: &'a str, b: b )");
    check("attr\"x\" br\"\\\" + 1", "attr b + 1");
}

#[test]
fn test_code_is_known_by_its_declaration() {
    let sources = [
        ("a/src/lib.rs", "#[cfg(test)]\nmod fixture;\nmod part;\n"),
        ("a/src/part.rs", "fn f() {}\n#[cfg(test)]\npub(crate) mod draws;\n"),
        ("a/src/part/draws.rs", "fn f() {}\n"),
        ("a/src/fixture/deep.rs", "fn f() {}\n"),
        ("a/src/last.rs", "fn f() {}\n#[cfg(test)]\n#[rustfmt::skip]\nmod tests {\n}\n"),
        ("tests/x.rs", "fn f() {}\n"),
    ];
    let tests = test_modules(&sources);
    let first_test_line = |place: usize| {
        let (path, text) = sources[place];
        let file = RustFile::new(path, text, &tests);
        (0..file.lines.len()).find(|line| file.is_test(*line))
    };
    assert_eq!([0, 1, 2, 3, 4, 5].map(first_test_line), [None, None, Some(0), Some(0), Some(1), Some(0)]);
}
