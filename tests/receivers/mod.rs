//! What receivers are sent, judged by other people's libraries.

use crate::parts::python::Python;

/// The secret that the kept previews were signed with.
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

fn preview(name: &str) -> String {
    format!("{}/alerting/tests-data/{name}", env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn an_independent_library_verifies_the_webhook_and_refuses_an_altered_body() {
    for name in ["webhook.json", "webhook-hostile.json"] {
        let told = Python::run("verify_messages.py", &["webhook", SECRET, &preview(name)], b"").successful();
        assert_eq!(told, "verified; an altered body is refused\n", "{name}");
    }
}

#[test]
fn slacks_own_models_accept_the_blocks_and_hostile_names_are_inert() {
    for name in ["slack.json", "slack-hostile.json", "slack-bot.json", "slack-bot-hostile.json"] {
        let told = Python::run("verify_messages.py", &["slack", &preview(name)], b"").successful();
        assert!(told.ends_with("blocks are valid and inert\n"), "{name}: {told}");
    }
}
