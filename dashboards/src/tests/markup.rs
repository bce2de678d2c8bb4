//! A strict reader of the HTML that the pages are made of: finds elements and attributes as a browser would, and
//! refuses what a page of ours never holds.

use std::collections::BTreeMap;

/// Elements that the pages are made of; another one was smuggled in.
const ELEMENTS: &[&str] = &[
    "a",
    "abbr",
    "article",
    "aside",
    "b",
    "bdi",
    "body",
    "br",
    "button",
    "caption",
    "circle",
    "code",
    "col",
    "colgroup",
    "datalist",
    "dd",
    "details",
    "div",
    "dl",
    "dt",
    "figcaption",
    "figure",
    "footer",
    "form",
    "g",
    "h1",
    "h2",
    "h3",
    "head",
    "header",
    "html",
    "input",
    "label",
    "li",
    "line",
    "link",
    "main",
    "meta",
    "nav",
    "ol",
    "option",
    "p",
    "path",
    "pre",
    "rect",
    "script",
    "section",
    "span",
    "strong",
    "summary",
    "svg",
    "table",
    "tbody",
    "td",
    "text",
    "th",
    "thead",
    "time",
    "title",
    "tr",
    "ul",
];
const VOID: &[&str] = &["br", "col", "input", "link", "meta"];

/// One start tag.
#[derive(Debug)]
pub(super) struct Tag {
    pub(super) name: String,
    pub(super) attributes: BTreeMap<String, String>,
}

/// Every start tag of a page; panics on markup that is not well formed, not balanced, or not ours.
pub(super) fn tags(page: &str) -> Vec<Tag> {
    let mut rest = page.strip_prefix("<!doctype html>").expect("a page begins with its type");
    let mut open: Vec<String> = Vec::new();
    let mut found = Vec::new();
    while let Some(at) = rest.find('<') {
        assert!(!rest[..at].contains('>'), "a stray > in text: {}", &rest[..at]);
        rest = &rest[at + 1..];
        if let Some(end) = rest.strip_prefix('/') {
            let close = end.find('>').expect("a tag ends");
            assert_eq!(open.pop().as_deref(), Some(&end[..close]), "elements are nested");
            rest = &end[close + 1..];
            continue;
        }
        let (tag, closes_itself, after) = start_tag(rest);
        assert!(ELEMENTS.contains(&&*tag.name), "<{}> is no element of ours", tag.name);
        check_attributes(&tag);
        if !closes_itself && !VOID.contains(&&*tag.name) {
            open.push(tag.name.clone());
        }
        found.push(tag);
        rest = after;
    }
    assert!(open.is_empty(), "unclosed: {open:?}");
    found
}

/// Reads the name, the attributes, whether it closes itself, and what follows.
fn start_tag(text: &str) -> (Tag, bool, &str) {
    let name_end = text.find(|c: char| !c.is_ascii_alphanumeric()).expect("a tag ends");
    let (name, mut rest) = text.split_at(name_end);
    let mut attributes = BTreeMap::new();
    loop {
        rest = rest.trim_start();
        if let Some(after) = rest.strip_prefix("/>") {
            return (Tag { name: name.to_owned(), attributes }, true, after);
        }
        if let Some(after) = rest.strip_prefix('>') {
            return (Tag { name: name.to_owned(), attributes }, false, after);
        }
        let key_end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '-').expect("an attribute ends");
        assert!(key_end > 0, "no attribute begins with {:?} in <{name}", &rest[..rest.len().min(20)]);
        let (key, after) = rest.split_at(key_end);
        let (value, after) = match after.strip_prefix("=\"") {
            Some(quoted) => quoted.split_once('"').expect("a value ends"),
            None => ("", after),
        };
        assert!(attributes.insert(key.to_owned(), value.to_owned()).is_none(), "{key} twice in <{name}>");
        rest = after;
    }
}

fn check_attributes(tag: &Tag) {
    for (key, value) in &tag.attributes {
        assert!(!key.starts_with("on") && key != "style" && key != "srcdoc", "<{} {key}>", tag.name);
        assert!(!value.contains(['<', '>']), "{key}={value:?}");
        if ["href", "src", "action"].contains(&&**key) {
            let is_ours = value.starts_with('/') && !value.starts_with("//") || value.starts_with('#');
            assert!(is_ours, "{key}={value:?} leads away");
        }
    }
    if tag.name == "script" {
        assert!(tag.attributes.contains_key("src"), "an inline script");
    }
}

/// What an attribute or a text is once a browser has read it.
pub(super) fn unescaped(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        let end = rest[at..].find(';').expect("an entity ends") + at;
        out.push_str(&rest[..at]);
        out.push(match &rest[at..=end] {
            "&amp;" | "&#38;" => '&',
            "&lt;" | "&#60;" => '<',
            "&gt;" | "&#62;" => '>',
            "&#34;" => '"',
            "&#39;" => '\'',
            other => panic!("{other} is no entity of ours"),
        });
        rest = &rest[end + 1..];
    }
    out.push_str(rest);
    out
}
