//! What receivers are sent, judged by other people's libraries.

mod email;
mod kafka;
mod syslog;
mod telling;

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

/// Judges the honest and the hostile message of each kind by somebody else's library.
fn check(judge: &str, kinds: &[&str]) {
    for kind in kinds {
        let files = [format!("{kind}.json"), format!("{kind}-hostile.json")].map(|name| preview(&name));
        let told = Python::run("accept_messages.py", &[judge, &files[0], &files[1]], b"").successful();
        assert_eq!(told.lines().count(), files.len(), "{kind}: {told}");
    }
}

#[test]
fn the_official_schema_of_adaptive_cards_accepts_the_card_for_teams() {
    check("teams", &["teams"]);
}

#[test]
fn discord_py_accepts_the_embed_and_finds_nobody_mentioned() {
    check("discord", &["discord"]);
}

#[test]
fn the_cloud_events_sdk_reads_both_modes() {
    check("cloudevents", &["webhook-cloudevents-structured", "webhook-cloudevents-binary"]);
}

#[test]
fn the_cloud_events_sdk_reads_the_records_in_a_topic() {
    check("kafka", &["kafka-cloudevents-binary"]);
}

#[test]
fn the_schema_of_ocsf_accepts_the_detection_finding() {
    check("ocsf", &["webhook-ocsf"]);
}

#[test]
fn slacks_own_models_accept_the_buttons() {
    check("slack-bot", &["slack-bot"]);
}

#[test]
fn python_telegram_bot_finds_every_entity_where_it_is_said_to_be() {
    check("telegram", &["telegram"]);
}

#[test]
fn other_bodies_of_a_webhook_are_signed_like_its_own() {
    for body in ["cloudevents-structured", "cloudevents-binary", "ocsf", "template"] {
        let file = preview(&format!("webhook-{body}.json"));
        let told = Python::run("verify_messages.py", &["webhook", SECRET, &file], b"").successful();
        assert_eq!(told, "verified; an altered body is refused\n", "{body}");
    }
}
