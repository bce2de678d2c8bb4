//! One message to one receiver that says it is a test: for `sealwatch receivers test`. Nothing is stored.

use detectors::event::EventTime;
use detectors::finding::Severity;
use store::{ReceiverId, RunId};

use crate::card::{PublicUrl, Text, notice};
use crate::outbox::DeliveryId;
use crate::receivers::{Attempt, Effect, Failure, Outcome, Place, Receivers};

/// The headline of a test.
pub const TRIAL_WORDS: &str = "Test: nothing happened";

/// Sends one marked message and says what became of it.
pub async fn try_receiver(
    receivers: &Receivers,
    name: &ReceiverId,
    public_url: Option<&PublicUrl>,
    now: EventTime,
) -> Outcome {
    let Some(receiver) = receivers.get(name) else {
        return Outcome::Park(Failure::new(None, Effect::None, "no receiver of this name is configured"));
    };
    let id = DeliveryId::of_notice(&RunId::Live, "test", name, now.nanos().unsigned_abs());
    let sentence = Text::new()
        .then("Somebody tries whether the receiver ")
        .untrusted(name.as_str())
        .then(" can be reached. There is no incident.");
    let headline = Text::new().then(TRIAL_WORDS);
    let card = notice(id.as_str().to_owned(), Severity::Info, headline, sentence, now, public_url);
    let attempt = Attempt { id: &id, unix_seconds: now.nanos().div_euclid(1_000_000_000), place: Place::New };
    receiver.deliver(receivers.http(), &card, attempt).await
}
