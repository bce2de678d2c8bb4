//! Clicks on a bot's buttons: verified, taken once, and read into what somebody wants done.
//!
//! Slack signs each request with the app's signing secret over the time and the raw body
//! (<https://docs.slack.dev/authentication/verifying-requests-from-slack>). A request older than five minutes is
//! refused, and one that was seen already too.

use std::collections::BTreeMap;
use std::sync::Mutex;

use data_encoding::HEXLOWER_PERMISSIVE;
use detectors::finding::IncidentId;
use hmac::{Hmac, KeyInit, Mac};
use serde::Deserialize;
use sha2::Sha256;
use thiserror::Error;
use transport::SecretString;

use crate::sanitise::{Limit, sanitise, shorten};

/// How far the time of a request may be from ours, in seconds.
pub const WINDOW_SECONDS: i64 = 300;
/// The largest body that is read, in bytes.
pub const BODY_MAX: usize = 256 * 1024;
/// Most requests that are remembered; more within [`WINDOW_SECONDS`] are refused.
pub const REMEMBERED_MAX: usize = 10_000;
/// Most characters of a name that is kept.
const NAME_MAX: usize = 80;

/// The names of the buttons.
pub(super) const ACKNOWLEDGE: &str = "sealwatch_acknowledge";
pub(super) const SILENCE: &str = "sealwatch_silence_4h";
pub(super) const OPEN: &str = "sealwatch_open";

/// What somebody wants done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Click {
    /// What.
    pub wish: Wish,
    /// With which incident.
    pub incident: IncidentId,
    /// Who, in words for the ledger: `slack:U0123 (alice)`; sanitised.
    pub who: String,
}

/// What a button is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Wish {
    /// Somebody works on it.
    Acknowledge,
    /// Nothing more of this for four hours.
    SilenceFourHours,
    /// The page was opened; nothing is to be done.
    Open,
}

/// Why a request was refused. It repeats nothing of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ClickError {
    /// No signature, no time, or none that can be read.
    #[error("cannot verify a click without signature and time")]
    Unsigned,
    /// Signed with another secret, or changed on the way.
    #[error("cannot accept a click whose signature is wrong")]
    Forged,
    /// Too old or from the future.
    #[error("cannot accept a click that is more than {WINDOW_SECONDS} s away from our time")]
    Stale,
    /// It was taken already.
    #[error("cannot accept a click twice")]
    Replayed,
    /// Too many clicks at once.
    #[error("cannot remember more than {REMEMBERED_MAX} clicks within {WINDOW_SECONDS} s")]
    TooMany,
    /// It is larger than any that Slack sends.
    #[error("cannot read a click of more than {BODY_MAX} bytes")]
    TooLarge,
    /// Verified, but it says nothing that a button of ours says.
    #[error("cannot read what was clicked")]
    Unreadable,
}

/// A request as it arrived.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// `X-Slack-Request-Timestamp`.
    pub timestamp: &'a str,
    /// `X-Slack-Signature`.
    pub signature: &'a str,
    /// The body, byte for byte.
    pub body: &'a [u8],
}

/// Requests that were taken, for as long as they could come again.
#[derive(Debug, Default)]
pub struct Seen(Mutex<BTreeMap<Vec<u8>, i64>>);

impl Seen {
    /// Verifies a request, takes it once, and reads it. `now` is the clock's time in seconds since 1970.
    ///
    /// # Errors
    /// [`ClickError`]; nothing of a request is read before its signature is verified.
    pub fn take(&self, secret: &SecretString, request: Request<'_>, now: i64) -> Result<Click, ClickError> {
        let signature = verify(secret, request, now)?;
        let click = read(request.body)?;
        let mut seen = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        seen.retain(|_, time| (now - *time).abs() <= 2 * WINDOW_SECONDS);
        if seen.contains_key(&signature) {
            return Err(ClickError::Replayed);
        }
        if seen.len() >= REMEMBERED_MAX {
            return Err(ClickError::TooMany);
        }
        seen.insert(signature, now);
        Ok(click)
    }
}

/// The signature, if it is right.
fn verify(secret: &SecretString, request: Request<'_>, now: i64) -> Result<Vec<u8>, ClickError> {
    if request.body.len() > BODY_MAX {
        return Err(ClickError::TooLarge);
    }
    let time: i64 = request.timestamp.parse().map_err(|_| ClickError::Unsigned)?;
    let signature = request.signature.strip_prefix("v0=").ok_or(ClickError::Unsigned)?;
    let signature = HEXLOWER_PERMISSIVE.decode(signature.as_bytes()).map_err(|_| ClickError::Unsigned)?;
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.expose().trim().as_bytes())
        .expect("HMAC takes keys of any length");
    mac.update(b"v0:");
    mac.update(request.timestamp.as_bytes());
    mac.update(b":");
    mac.update(request.body);
    // In constant time, and before the clock: whoever does not know the secret learns nothing.
    mac.verify_slice(&signature).map_err(|_| ClickError::Forged)?;
    if time.checked_sub(now).is_none_or(|away| away.abs() > WINDOW_SECONDS) {
        return Err(ClickError::Stale);
    }
    Ok(signature)
}

fn read(body: &[u8]) -> Result<Click, ClickError> {
    #[derive(Deserialize)]
    struct Payload {
        #[serde(rename = "type")]
        kind: String,
        user: User,
        actions: Vec<Action>,
    }
    #[derive(Deserialize)]
    struct User {
        id: String,
        #[serde(default)]
        name: String,
        #[serde(default)]
        username: String,
    }
    #[derive(Deserialize)]
    struct Action {
        action_id: String,
        #[serde(default)]
        value: String,
    }
    let json = form_value(body, "payload").ok_or(ClickError::Unreadable)?;
    let payload: Payload = serde_json::from_slice(&json).map_err(|_| ClickError::Unreadable)?;
    let [action] = &payload.actions[..] else { return Err(ClickError::Unreadable) };
    let wish = match action.action_id.as_str() {
        _ if payload.kind != "block_actions" => return Err(ClickError::Unreadable),
        ACKNOWLEDGE => Wish::Acknowledge,
        SILENCE => Wish::SilenceFourHours,
        OPEN => Wish::Open,
        _ => return Err(ClickError::Unreadable),
    };
    let incident = IncidentId::parse(&action.value).ok_or(ClickError::Unreadable)?;
    let name = if payload.user.username.is_empty() { &payload.user.name } else { &payload.user.username };
    let shown = |words: &str| shorten(sanitise(words).as_str(), Limit::Characters(NAME_MAX)).into_owned();
    Ok(Click { wish, incident, who: format!("slack:{} ({})", shown(&payload.user.id), shown(name)) })
}

/// A field of `application/x-www-form-urlencoded`, decoded.
fn form_value(body: &[u8], name: &str) -> Option<Vec<u8>> {
    let value = body.split(|byte| *byte == b'&').find_map(|pair| {
        let at = pair.iter().position(|byte| *byte == b'=')?;
        (&pair[..at] == name.as_bytes()).then_some(&pair[at + 1..])
    })?;
    let mut decoded = Vec::with_capacity(value.len());
    let mut rest = value;
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        match first {
            b'+' => decoded.push(b' '),
            b'%' => {
                let digits = after.get(..2)?;
                decoded.extend(HEXLOWER_PERMISSIVE.decode(digits).ok()?);
                rest = &after[2..];
            }
            byte => decoded.push(*byte),
        }
    }
    Some(decoded)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_531_420_618;
    const INCIDENT: &str = "lpvrycjm7m2dyzulrruye4eg3a";

    fn secret() -> SecretString {
        SecretString::new("8f742231b10e8888abcd99yyyzzz85a5".to_owned())
    }

    fn signed(body: &[u8], time: &str) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(secret().expose().as_bytes()).unwrap();
        mac.update(&[b"v0:", time.as_bytes(), b":", body].concat());
        format!("v0={}", data_encoding::HEXLOWER.encode(&mac.finalize().into_bytes()))
    }

    fn click(action: &str, value: &str) -> Vec<u8> {
        let json = format!(
            r#"{{"type":"block_actions","user":{{"id":"U1","username":"ali\u202ece"}},"actions":[{{"action_id":"{action}","value":"{value}"}}]}}"#
        );
        let escaped: String = json.bytes().map(|byte| format!("%{byte:02X}")).collect();
        format!("payload={escaped}").into_bytes()
    }

    #[test]
    fn a_signature_is_that_of_slacks_own_documentation() {
        let body = b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c";
        let signature = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503";
        let request = Request { timestamp: "1531420618", signature, body };
        assert!(verify(&secret(), request, NOW).is_ok());
        let forged = Request { body: &body[1..], ..request };
        assert_eq!(verify(&secret(), forged, NOW), Err(ClickError::Forged));
    }

    #[test]
    fn a_click_is_taken_once_within_its_window() {
        let body = click(ACKNOWLEDGE, INCIDENT);
        let time = NOW.to_string();
        let signature = signed(&body, &time);
        let request = Request { timestamp: &time, signature: &signature, body: &body };
        let seen = Seen::default();
        assert_eq!(seen.take(&secret(), request, NOW + WINDOW_SECONDS + 1), Err(ClickError::Stale));
        assert_eq!(seen.take(&secret(), request, NOW - WINDOW_SECONDS - 1), Err(ClickError::Stale));
        let click = seen.take(&secret(), request, NOW + WINDOW_SECONDS).unwrap();
        assert_eq!((click.wish, click.incident.as_str()), (Wish::Acknowledge, INCIDENT));
        assert_eq!(click.who, "slack:U1 (ali\\u{202e}ce)");
        assert_eq!(seen.take(&secret(), request, NOW), Err(ClickError::Replayed));
        let other = SecretString::new("another".to_owned());
        assert_eq!(seen.take(&other, request, NOW), Err(ClickError::Forged));
    }

    #[test]
    fn what_no_button_of_ours_says_is_not_read() {
        let bodies = [
            click("delete_everything", INCIDENT),
            click(SILENCE, "x|<!channel>"),
            b"payload=%7B%7D".to_vec(),
            b"payload=%7".to_vec(),
            b"other=1".to_vec(),
            Vec::new(),
        ];
        for body in bodies {
            let time = NOW.to_string();
            let signature = signed(&body, &time);
            let request = Request { timestamp: &time, signature: &signature, body: &body };
            let taken = Seen::default().take(&secret(), request, NOW);
            assert_eq!(taken, Err(ClickError::Unreadable), "{}", String::from_utf8_lossy(&body));
        }
        let unsigned = Request { timestamp: "now", signature: "", body: b"" };
        assert_eq!(Seen::default().take(&secret(), unsigned, NOW), Err(ClickError::Unsigned));
        let large = vec![b'x'; BODY_MAX + 1];
        let large = Request { timestamp: "1", signature: "v0=", body: &large };
        assert_eq!(Seen::default().take(&secret(), large, NOW), Err(ClickError::TooLarge));
    }

    #[test]
    fn no_more_clicks_are_remembered_than_there_is_room_for() {
        let seen = Seen::default();
        let full = (0..REMEMBERED_MAX as u64).map(|number| (number.to_be_bytes().to_vec(), NOW)).collect();
        *seen.0.lock().unwrap() = full;
        let (body, time) = (click(OPEN, INCIDENT), NOW.to_string());
        let signature = signed(&body, &time);
        let request = Request { timestamp: &time, signature: &signature, body: &body };
        assert_eq!(seen.take(&secret(), request, NOW), Err(ClickError::TooMany));
    }
}
