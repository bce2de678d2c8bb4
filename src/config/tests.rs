//! Whole configurations: each file of `tests/config` against what is said about it in `<name>.expected`.
//!
//! `SEALWATCH_BLESS=1` writes what is said now; read the difference before you commit it.

use std::path::{Path, PathBuf};

use super::diagnostic::Level;
use super::reading::{ConfigErrors, Loaded, Purpose, parse};
use super::{Config, Report};

/// What stands for a secret in the files.
const SECRET: &str = "hunter2";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn files(extension: &str) -> Vec<PathBuf> {
    let folder = root().join("tests/config");
    let paths = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> =
        paths.filter(|path| path.extension().is_some_and(|found| found == extension)).collect();
    files.sort();
    files
}

fn report(read: Result<Loaded, ConfigErrors>) -> (Report, String) {
    match read {
        Ok(loaded) => (loaded.warnings, "can be used".to_owned()),
        Err(errors) => {
            let text = errors.to_string();
            (errors.report, text)
        }
    }
}

/// All that is said about a file, without colours.
fn said(path: &Path) -> (Report, String) {
    let text = std::fs::read_to_string(path).unwrap();
    let name = Path::new(path.file_name().unwrap());
    let (report, end) = report(parse(name, &text, Purpose::Watch));
    let rendered = anstream::adapter::strip_str(&report.render()).to_string();
    let gap = if rendered.is_empty() { "" } else { "\n" };
    (report, format!("{rendered}{gap}{end}\n"))
}

#[test]
fn each_mistake_is_said_as_expected() {
    for path in files("toml") {
        let (_, said) = said(&path);
        let expected_path = path.with_extension("expected");
        if std::env::var_os("SEALWATCH_BLESS").is_some() {
            std::fs::write(&expected_path, &said).unwrap();
        }
        let expected = std::fs::read_to_string(&expected_path).unwrap_or_default();
        assert!(said == expected, "of {} is said:\n{said}\nexpected was:\n{expected}", path.display());
    }
    for expected in files("expected") {
        assert!(expected.with_extension("toml").exists(), "{} belongs to no file", expected.display());
    }
}

#[test]
fn no_secret_is_ever_shown() {
    let holding: Vec<_> = files("toml")
        .into_iter()
        .filter(|path| std::fs::read_to_string(path).unwrap().contains(SECRET))
        .collect();
    assert!(holding.len() >= 3, "{holding:?}");
    for path in holding {
        let (report, said) = said(&path);
        let json = report.to_json().to_string();
        assert!(!said.contains(SECRET) && !json.contains(SECRET), "{}: {said}", path.display());
    }
}

#[test]
fn each_mistake_has_a_remedy_and_is_worded_as_the_house_rules_want() {
    for path in files("toml") {
        for diagnostic in said(&path).0.diagnostics() {
            let message = &diagnostic.message;
            assert!(
                diagnostic.help.as_ref().is_some_and(|help| !help.is_empty()),
                "{}: {message}",
                path.display()
            );
            assert!(!message.starts_with(|first: char| first.is_uppercase()), "{message}");
            assert!(!message.ends_with('.'), "{message}");
        }
    }
}

#[test]
fn five_mistakes_in_one_file_are_five_mistakes_in_one_run() {
    let (report, _) = said(&root().join("tests/config/five-mistakes.toml"));
    assert_eq!(report.mistakes(), 5);
}

fn example() -> String {
    std::fs::read_to_string(root().join("sealwatch.example.toml")).unwrap()
}

#[test]
fn the_example_can_be_used_and_leaves_no_detector_blind() {
    let loaded = parse(Path::new("sealwatch.example.toml"), &example(), Purpose::Watch).unwrap();
    assert_eq!(loaded.warnings.diagnostics(), []);
}

/// The example with the `#` taken from its lines that are settings: what it only shows must be right, too.
#[test]
fn what_the_example_only_shows_can_be_used_as_well() {
    let text = example();
    let is_setting = |line: &str| {
        line.starts_with("#[")
            || line.strip_prefix('#').is_some_and(|rest| {
                rest.starts_with(|first: char| first.is_ascii_lowercase() || first == '"')
            })
    };
    let shown = text.lines().filter(|line| is_setting(line)).count();
    assert!(shown > 5, "the example shows {shown} settings");
    let lines: Vec<_> = text.lines().map(|line| if is_setting(line) { &line[1..] } else { line }).collect();
    let (report, said) = report(parse(Path::new("example.toml"), &lines.join("\n"), Purpose::Review));
    assert_eq!(said, "can be used", "{}", anstream::adapter::strip_str(&report.render()));
}

#[test]
fn a_configuration_is_read_back_as_it_was() {
    let config = parse(Path::new("a.toml"), &example(), Purpose::Watch).unwrap().config;
    let text = toml::to_string(&config).unwrap();
    let again = parse(Path::new("a.toml"), &text, Purpose::Watch).unwrap().config;
    assert_eq!(again, config);
}

#[test]
fn nothing_needs_to_be_said_to_read_files() {
    let loaded = parse(Path::new("empty.toml"), "", Purpose::Files).unwrap();
    assert_eq!((loaded.config, loaded.warnings.diagnostics()), (Config::default(), &[][..]));
}

#[test]
fn secrets_are_looked_up_to_watch_and_to_tell() {
    let path = root().join("tests/config/secret-without-variable.toml");
    let text = std::fs::read_to_string(path).unwrap();
    let mistakes = |purpose| report(parse(Path::new("a.toml"), &text, purpose)).0.mistakes();
    assert_eq!((mistakes(Purpose::Watch), mistakes(Purpose::Tell)), (1, 1));
    assert_eq!((mistakes(Purpose::Review), mistakes(Purpose::Files)), (0, 0));
}

#[test]
fn the_blind_are_named_to_whom_it_matters() {
    let text = "[[source]]\nname = \"a\"\ntail = [\"/a.log\"]\nstart = \"end\"\nformat = \"rekor\"\n[default_route]\nreceivers = []";
    let warnings = |purpose| parse(Path::new("a.toml"), text, purpose).unwrap().warnings.diagnostics().len();
    assert!(warnings(Purpose::Watch) > 0);
    assert_eq!(warnings(Purpose::Watch), warnings(Purpose::Review));
    assert_eq!((warnings(Purpose::Tell), warnings(Purpose::Files)), (0, 0));
}

/// What the files say that the references of a webhook point to, and with which rights.
#[track_caller]
fn check_behind_references(url: &str, secret: &str, mode: u32, expected: &[(Level, &str, &str)]) {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, content: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        path.display().to_string()
    };
    let (url, secret) = (file("url", url), file("secret", secret));
    let receiver =
        format!("[receivers.pager]\ntype = 'webhook'\nurl = 'file:{url}'\nsecret = 'file:{secret}'\n");
    let rest = "[kafka]\nbrokers = '[::1]:9092'\n[[source]]\nname = 'a'\ntopics = ['t']\nstart = 'end'\n";
    let (report, _) = report(parse(Path::new("a.toml"), &(receiver + rest), Purpose::Watch));
    let found = report.diagnostics();
    assert_eq!(found.len(), expected.len(), "{found:?}");
    for (found, (level, path, message)) in found.iter().zip(expected) {
        assert_eq!((found.level, found.path.as_str()), (*level, *path));
        assert!(found.message.contains(message), "{}", found.message);
    }
}

#[test]
fn what_lies_behind_references_must_be_usable_and_should_be_private() {
    let (url, key) = ("https://hooks.example.com/x", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
    check_behind_references(url, key, 0o600, &[]);
    check_behind_references("hooks", key, 0o600, &[(Level::Error, "receivers.pager", "as a URL")]);
    let no_key = "cannot sign with the secret";
    check_behind_references(url, "hunter2", 0o600, &[(Level::Error, "receivers.pager", no_key)]);
    check_behind_references(url, "", 0o600, &[(Level::Error, "receivers.pager.secret", "it is empty")]);
    let exposed = "every user can read the secret";
    let warnings = [
        (Level::Warning, "receivers.pager.url", exposed),
        (Level::Warning, "receivers.pager.secret", exposed),
    ];
    check_behind_references(url, key, 0o644, &warnings);
}

/// A text cut off at every so many bytes, and without each of its lines, and with each of its signs taken out.
fn damaged(text: &str) -> Vec<String> {
    let lines: Vec<_> = text.lines().collect();
    let cut_off = (0..text.len())
        .step_by(5)
        .filter(|cut| text.is_char_boundary(*cut))
        .map(|cut| text[..cut].to_owned());
    let left_out = (0..lines.len()).map(|line| [&lines[..line], &lines[line + 1..]].concat().join("\n"));
    let signs = text.match_indices(['"', '=', '[', ']', '{', '}', ',']);
    let taken_out = signs.map(|(at, sign)| [&text[..at], &text[at + sign.len()..]].concat());
    cut_off.chain(left_out).chain(taken_out).collect()
}

#[test]
fn a_damaged_file_is_never_the_end() {
    for text in damaged(&example()) {
        let (report, _) = report(parse(Path::new("a.toml"), &text, Purpose::Review));
        assert_eq!(report.render().is_empty(), report.diagnostics().is_empty());
        assert_eq!(report.to_json().as_array().map(Vec::len), Some(report.diagnostics().len()));
    }
}

#[test]
fn however_a_file_is_damaged_no_secret_in_it_is_shown() {
    for path in files("toml") {
        let text = std::fs::read_to_string(path).unwrap();
        for text in damaged(&text).into_iter().filter(|text| text.contains(SECRET)) {
            let (report, _) = report(parse(Path::new("a.toml"), &text, Purpose::Review));
            let shown = anstream::adapter::strip_str(&report.render()).to_string();
            assert!(!shown.contains(SECRET), "of\n{text}\nis said\n{shown}");
        }
    }
}
