//! What Slack's answers mean. An incoming webhook answers `200 ok`, or a status with one word; the same words come
//! as `{"ok":false,"error":…}` from proxies that speak Slack's API.

use serde::Deserialize;
use transport::Reply;
use transport::http::BodyEnd;

use crate::receivers::exchange::{StatusClass, default_class};
use crate::receivers::outcome::Effect;

/// Words after which only a person can help: the channel or the app is gone or shut.
const PARKING: [&str; 18] = [
    "account_inactive",
    "action_prohibited",
    "channel_is_archived",
    "channel_not_found",
    "invalid_auth",
    "invalid_token",
    "is_archived",
    "is_inactive",
    "no_service",
    "no_service_id",
    "no_team",
    "not_in_channel",
    "posting_to_general_channel_denied",
    "restricted_action",
    "team_disabled",
    "token_expired",
    "token_revoked",
    "user_not_found",
];
/// Words that ask for patience before anything was done.
const PATIENCE: [&str; 3] = ["message_limit_exceeded", "rate_limited", "ratelimited"];
/// Words after which Slack may have posted the message nevertheless.
const UNSURE: [&str; 3] = ["fatal_error", "internal_error", "rollup_error"];
/// Words about the message itself: a smaller and simpler one may pass.
const TOO_MUCH: [&str; 7] = [
    "invalid_attachments",
    "invalid_blocks",
    "invalid_payload",
    "msg_blocks_too_long",
    "msg_too_long",
    "no_text",
    "too_many_attachments",
];

/// The class of a reply, by its word where there is one and by its status otherwise.
pub(in crate::receivers) fn class(reply: &Reply) -> StatusClass {
    let by_status = default_class(reply.status);
    if reply.status == 429 || reply.status >= 500 {
        return by_status;
    }
    match (by_status, read(reply)) {
        (StatusClass::Delivered, Answer::Ok) => StatusClass::Delivered,
        (_, Answer::Error(word)) => of_word(&word).unwrap_or(match by_status {
            StatusClass::Delivered => StatusClass::Refused,
            other => other,
        }),
        // A success that is not Slack's, or broke off: a portal or proxy on the way, or Slack cut short.
        (StatusClass::Delivered, Answer::Foreign) => StatusClass::Retry(Effect::Possible),
        (other, _) => other,
    }
}

fn of_word(word: &str) -> Option<StatusClass> {
    if PARKING.contains(&word) {
        Some(StatusClass::Park)
    } else if PATIENCE.contains(&word) {
        Some(StatusClass::Retry(Effect::None))
    } else if UNSURE.contains(&word) {
        Some(StatusClass::Retry(Effect::Possible))
    } else if TOO_MUCH.contains(&word) {
        Some(StatusClass::Shrink)
    } else {
        None
    }
}

enum Answer {
    Ok,
    Error(String),
    Foreign,
}

#[derive(Deserialize)]
struct ApiAnswer {
    ok: bool,
    #[serde(default)]
    error: String,
}

fn read(reply: &Reply) -> Answer {
    let body = reply.body.trim();
    if reply.body_end != BodyEnd::Whole {
        return Answer::Foreign;
    }
    if body == "ok" {
        return Answer::Ok;
    }
    if let Ok(answer) = serde_json::from_str::<ApiAnswer>(body) {
        return if answer.ok { Answer::Ok } else { Answer::Error(answer.error) };
    }
    let is_word = !body.is_empty() && body.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    if is_word { Answer::Error(body.to_owned()) } else { Answer::Foreign }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(status: u16, body: &str, expected: StatusClass) {
        let reply = Reply { status, retry_after: None, body: body.to_owned(), body_end: BodyEnd::Whole };
        assert_eq!(class(&reply), expected, "{status} {body}");
    }

    #[test]
    fn each_answer_of_slack_has_its_class() {
        use StatusClass::{Delivered, Park, Refused, Retry, Shrink};
        let cases = [
            (200, "ok", Delivered),
            (200, "ok\n", Delivered),
            (200, r#"{"ok":true,"ts":"1.2"}"#, Delivered),
            (200, r#"{"ok":false,"error":"ratelimited"}"#, Retry(Effect::None)),
            (200, r#"{"ok":false,"error":"channel_not_found"}"#, Park),
            (200, r#"{"ok":false,"error":"unheard_of"}"#, Refused),
            (200, "<html>Please log in</html>", Retry(Effect::Possible)),
            (200, "", Retry(Effect::Possible)),
            (400, "invalid_payload", Shrink),
            (400, "user_not_found", Park),
            (400, "unheard_of", Shrink),
            (403, "action_prohibited", Park),
            (403, "invalid_token", Park),
            (404, "channel_not_found", Park),
            (404, "no_service", Park),
            (410, "channel_is_archived", Park),
            (413, "msg_too_long", Shrink),
            (429, "", Retry(Effect::None)),
            (500, "rollup_error", Retry(Effect::Possible)),
            (500, "channel_not_found", Retry(Effect::Possible)),
            (503, "", Retry(Effect::None)),
            (302, "", Park),
        ];
        for (status, body, expected) in cases {
            check(status, body, expected);
        }
    }

    #[test]
    fn a_success_that_broke_off_is_not_certain() {
        for body_end in [BodyEnd::Broken, BodyEnd::OutOfTime, BodyEnd::TooLong] {
            let reply = Reply { status: 200, retry_after: None, body: "ok".to_owned(), body_end };
            assert_eq!(class(&reply), StatusClass::Retry(Effect::Possible), "{body_end:?}");
        }
    }
}
