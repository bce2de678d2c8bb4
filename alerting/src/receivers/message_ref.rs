//! What a channel calls a message that it took, so that a later one can change it or answer it.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// Most bytes of a reference; a channel whose answer would need more gives none.
pub const MESSAGE_REF_MAX: usize = 1_024;

/// The name a channel gave to a message. Only the receiver that made it can read it; everybody else keeps it as the
/// delivery's receipt and hands it back in [`Place`].
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct MessageRef(String);

/// Where a message goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Place<'a> {
    /// It stands for itself.
    #[default]
    New,
    /// It takes the place of one sent before. Where the channel can change a message it is changed; if that one is
    /// gone, a new one is sent. A channel that cannot sends a new one, as a reply where it has replies.
    Instead(&'a MessageRef),
    /// It stands below one sent before, where the channel has replies.
    Below(&'a MessageRef),
}

/// What a channel can do with a message that it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Afterwards {
    /// Change it: one message an incident is enough.
    Change,
    /// Put a reply below it.
    Reply,
    /// Nothing: each message stands for itself and has to name what it supersedes.
    Nothing,
}

impl MessageRef {
    /// Takes what was kept as a receipt; `None` if it is longer than any that a receiver makes.
    #[must_use]
    pub fn from_receipt(receipt: &str) -> Option<Self> {
        (receipt.len() <= MESSAGE_REF_MAX).then(|| Self(receipt.to_owned()))
    }

    /// What to keep as the receipt.
    #[must_use]
    pub fn as_receipt(&self) -> &str {
        &self.0
    }

    /// A reference made of what the channel answered; for receivers.
    #[must_use]
    pub fn of(parts: &impl Serialize) -> Option<Self> {
        Self::from_receipt(&serde_json::to_string(parts).ok()?)
    }

    /// What the channel answered, for the receiver that made it; `None` if another kind of receiver did, under the
    /// same name in an earlier configuration.
    #[must_use]
    pub fn read<P: DeserializeOwned>(&self) -> Option<P> {
        serde_json::from_str(&self.0).ok()
    }
}

impl<'a> Place<'a> {
    /// The message it belongs to.
    #[must_use]
    pub const fn earlier(self) -> Option<&'a MessageRef> {
        match self {
            Self::New => None,
            Self::Instead(earlier) | Self::Below(earlier) => Some(earlier),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_survives_the_store_and_a_foreign_one_is_not_misread() {
        let made = MessageRef::of(&("C1", "17.2")).unwrap();
        let kept = MessageRef::from_receipt(made.as_receipt()).unwrap();
        assert_eq!(kept.read::<(String, String)>(), Some(("C1".to_owned(), "17.2".to_owned())));
        assert_eq!(kept.read::<u64>(), None);
        assert_eq!(MessageRef::of(&"x".repeat(MESSAGE_REF_MAX - 1)), None);
        assert!(MessageRef::of(&"x".repeat(MESSAGE_REF_MAX - 2)).is_some());
    }
}
