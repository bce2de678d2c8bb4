//! Attacker-controlled text stays text: two hundred payloads, one after the other, as every name on every page.

use super::client::get;
use super::markup::{tags, unescaped};
use super::world::World;
use crate::fixture;

/// What is woven into contexts, quotes and encodings below.
const SCRIPTS: [&str; 10] = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg/onload=alert(1)>",
    "<iframe src=javascript:alert(1)>",
    "<a href=javascript:alert(1)>x</a>",
    "<style>*{background:url(//evil.example)}</style>",
    "<meta http-equiv=refresh content=0;url=//evil.example>",
    "<base href=//evil.example>",
    "<form action=//evil.example><button>x",
    "<link rel=stylesheet href=//evil.example>",
];

/// Ways out of an element, an attribute, a comment, a script, a template.
const BREAKS: [(&str, &str); 19] = [
    ("", ""),
    ("\">", ""),
    ("'>", ""),
    ("</title>", "<title>"),
    ("</textarea>", ""),
    ("--><!--", "-->"),
    ("]]>", "<![CDATA["),
    ("</script>", "<script>"),
    ("</svg>", "<svg>"),
    ("</pre></td></table>", ""),
    ("\" autofocus onfocus=alert(1) x=\"", ""),
    ("' autofocus onfocus=alert(1) x='", ""),
    ("`", "`"),
    ("{{ 7*7 }}{% raw %}", "{% endraw %}"),
    ("&lt;", "&gt;"),
    ("&#60;", "&#62;"),
    ("\\x3c\\u003c%3C", "%3E"),
    ("\u{202e}\u{2066}", "\u{2069}"),
    ("\u{0}\u{8}\r\n\t\u{1b}[2J", "\u{2028}\u{feff}"),
];

/// Payloads that stand for themselves.
const OTHERS: [&str; 12] = [
    "javascript:alert(1)//",
    "data:text/html,<script>alert(1)</script>",
    "\u{ff1c}script\u{ff1e}alert(1)\u{ff1c}/script\u{ff1e}",
    "<scr<script>ipt>alert(1)</scr</script>ipt>",
    "<<script>alert(1)//<</script>",
    "<script\n>alert(1)</script\t>",
    "<!--[if gte IE 4]><script>alert(1)</script><![endif]-->",
    "+ADw-script+AD4-alert(1)+ADw-/script+AD4-",
    "=HYPERLINK(\"//evil.example\")",
    "${7*7}#{7*7}<%= 7*7 %>",
    "l\u{43e}dash\u{200b}\u{e0041}",
    "https://evil.example/?<x>&\"'",
];

fn payloads() -> Vec<String> {
    let woven = SCRIPTS
        .iter()
        .flat_map(|script| BREAKS.iter().map(move |(head, tail)| format!("{head}{script}{tail}")));
    woven.chain(OTHERS.iter().map(|other| (*other).to_owned())).collect()
}

/// The payloads of one page may not be long: a page cuts a name at 512 characters.
const AT_ONCE: usize = 6;

#[tokio::test]
async fn two_hundred_payloads_in_every_name_stay_text_on_every_page() {
    let payloads = payloads();
    assert!(payloads.len() >= 200, "{}", payloads.len());
    for some in payloads.chunks(AT_ONCE) {
        let payload = some.join(" ");
        let naming = |text: &str| format!("{payload}{text}");
        let (world, filled) = World::filled_with(4, &naming, payload.as_bytes()).await;
        let loudest = &filled.loudest;
        let raw =
            format!("/incidents/{loudest}/raw?source=npm-feed&stream=npm-publishes&partition=3&offset=40");
        let query = crate::query::QueryString::default().with("q", &payload).with("registry", &payload);
        let paths = [
            "/incidents?budget=any".to_owned(),
            query.after("/incidents"),
            format!("/incidents/{loudest}"),
            raw,
            "/pipeline".to_owned(),
            query.after("/nowhere"),
            crate::query::QueryString::default().with("severity", &payload).after("/incidents"),
        ];
        for path in paths {
            let answer = get(world.server, &path).await;
            check(&path, &answer.body, some);
        }
        for path in ["/api/incidents", "/api/findings", "/metrics"] {
            let answer = get(world.server, path).await;
            assert_eq!(answer.status, 200);
            assert!(!answer.header("content-type").contains("html"), "{path}");
            assert!(
                !answer.body.chars().any(|c| c.is_control() && c != '\n'),
                "{path} holds control characters"
            );
        }
        world.stop().await;
    }
}

/// The page has only our elements, none that runs or leads away, and shows no character that hides.
fn check(path: &str, page: &str, payloads: &[String]) {
    let found = tags(page);
    let scripts: Vec<&str> =
        found.iter().filter(|tag| tag.name == "script").map(|tag| &*tag.attributes["src"]).collect();
    let version = crate::files::version();
    assert_eq!(
        scripts,
        [format!("/static/{version}/theme.js"), format!("/static/{version}/app.js")],
        "{path}"
    );
    assert!(!page.chars().any(|c| c.is_control() && c != '\n'), "{path} holds control characters");
    assert!(
        !page.contains(['\u{202e}', '\u{2066}', '\u{200b}', '\u{feff}', '\u{2028}', '\u{e0041}']),
        "{path}"
    );
    let text = unescaped(&page.replace("<bdi class=\"name\">", "").replace("</bdi>", ""));
    for payload in payloads {
        // Each payload is there to be read, as far as the page shows names at all.
        let harmless = payload.is_ascii() && !payload.contains(['`', '\r', '\0', ':', '/']);
        if harmless && path.starts_with("/incidents?budget") {
            assert!(text.contains(payload.as_str()), "{payload} is missing on {path}");
        }
    }
}

#[tokio::test]
async fn hiding_characters_are_shown_and_named() {
    let naming = |text: &str| format!("a\u{202e}{text}\u{200b}");
    let (world, filled) = World::filled(1, &naming).await;
    for path in ["/incidents".to_owned(), format!("/incidents/{}", filled.loudest), "/pipeline".to_owned()] {
        let page = get(world.server, &path).await.body;
        assert!(page.contains("<span class=\"esc\">\\u{202e}</span>"), "{path}");
        assert!(page.contains(">hidden characters<"), "{path}");
    }
    world.stop().await;
}

#[tokio::test]
async fn pages_of_hostile_names_are_bounded_too() {
    const MAX_BYTES: usize = 3 * 1024 * 1024;
    let long = "\"\u{202e}<&'".repeat(2_000);
    let naming = |text: &str| format!("{long}{text}");
    let (world, filled) = World::filled_with(150, &naming, long.repeat(40).as_bytes()).await;
    let raw = format!(
        "/incidents/{}/raw?source=npm-feed&stream=npm-publishes&partition=3&offset=40",
        filled.loudest
    );
    for path in [
        "/incidents?budget=any".to_owned(),
        format!("/incidents/{}", filled.loudest),
        raw,
        "/pipeline".to_owned(),
    ] {
        let answer = get(world.server, &path).await;
        assert_eq!(answer.status, 200);
        assert!(answer.body.len() < MAX_BYTES, "{path}: {}", answer.body.len());
    }
    assert_eq!(fixture::START, 1_778_527_239);
    world.stop().await;
}
