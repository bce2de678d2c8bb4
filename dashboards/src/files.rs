//! The stylesheet, the scripts and the icon, built into the program. Their address holds a hash of them all, so a
//! browser may keep them for ever and still gets new ones with a new program.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use sha2::{Digest as _, Sha256};

use crate::problem::Problem;

/// Hex digits of the hash in an address.
const HASH_DIGITS: usize = 16;

struct File {
    name: &'static str,
    content_type: &'static str,
    bytes: &'static [u8],
}

const SCRIPT: &str = "text/javascript; charset=utf-8";

const FILES: [File; 7] = [
    File {
        name: "app.css",
        content_type: "text/css; charset=utf-8",
        bytes: include_bytes!("../static/app.css"),
    },
    File { name: "theme.js", content_type: SCRIPT, bytes: include_bytes!("../static/theme.js") },
    File { name: "app.js", content_type: SCRIPT, bytes: include_bytes!("../static/app.js") },
    File { name: "live.js", content_type: SCRIPT, bytes: include_bytes!("../static/live.js") },
    File { name: "page.js", content_type: SCRIPT, bytes: include_bytes!("../static/page.js") },
    File { name: "keys.js", content_type: SCRIPT, bytes: include_bytes!("../static/keys.js") },
    File { name: "icon.svg", content_type: "image/svg+xml", bytes: include_bytes!("../static/icon.svg") },
];

static VERSION: LazyLock<String> = LazyLock::new(|| {
    let mut hasher = Sha256::new();
    for file in &FILES {
        hasher.update(file.name.as_bytes());
        hasher.update((file.bytes.len() as u64).to_be_bytes());
        hasher.update(file.bytes);
    }
    let mut hex = data_encoding::HEXLOWER.encode(&hasher.finalize());
    hex.truncate(HASH_DIGITS);
    hex
});

/// What stands in the addresses of all files.
pub(crate) fn version() -> &'static str {
    &VERSION
}

/// One file. An old page may ask with an old hash: it gets the file of today, but may not keep it.
pub(crate) async fn file(Path((asked, name)): Path<(String, String)>) -> Response {
    let Some(file) = FILES.iter().find(|file| file.name == name) else {
        return Problem::NotFound("file").into_response();
    };
    let keep = if asked == version() { "public, max-age=31536000, immutable" } else { "no-store" };
    ([(CONTENT_TYPE, file.content_type), (CACHE_CONTROL, keep)], file.bytes).into_response()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// All scripts and styles together; a page on a slow line must not wait for them.
    const MAX_BYTES: usize = 64 * 1024;

    #[test]
    fn every_file_of_the_folder_is_served_and_none_is_large() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/static");
        let there: BTreeSet<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        let served: BTreeSet<String> = FILES.iter().map(|file| file.name.to_owned()).collect();
        assert_eq!(there, served, "nothing is vendored: each file is ours and served");
        assert!(FILES.iter().map(|file| file.bytes.len()).sum::<usize>() <= MAX_BYTES);
    }

    #[test]
    fn no_file_and_no_template_needs_what_the_policy_forbids() {
        let forbidden = [
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "eval(",
            "new Function",
            "javascript:",
            " style=\"",
            " onclick",
            " onload",
            " onerror",
            "<style",
            "|safe",
            "http://",
            "https://",
        ];
        let templates = concat!(env!("CARGO_MANIFEST_DIR"), "/templates");
        let mut texts: Vec<(String, String)> = FILES
            .iter()
            .map(|file| (file.name.to_owned(), String::from_utf8(file.bytes.to_vec()).unwrap()))
            .collect();
        for entry in std::fs::read_dir(templates).unwrap() {
            let path = entry.unwrap().path();
            texts.push((path.display().to_string(), std::fs::read_to_string(path).unwrap()));
        }
        assert!(texts.len() > FILES.len());
        for (name, text) in &texts {
            // The one address that must be written out is the name of the SVG language.
            let text = text.replace("http://www.w3.org/2000/svg", "");
            for word in forbidden {
                assert!(!text.contains(word), "{name} contains {word:?}");
            }
            for script in text.split("<script").skip(1) {
                assert!(
                    script.trim_start().starts_with("src=")
                        || script.trim_start().starts_with("type=\"module\" src="),
                    "{name}: inline script"
                );
            }
        }
    }
}
