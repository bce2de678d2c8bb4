//! `[alerting.delivery.<receiver>]`: how fast one receiver is told, and who is told instead of it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::ReceiverId;

use crate::grouping::GroupField;
use crate::outbox::Pace;

/// `[alerting.delivery.<receiver>]`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DeliveryConfig {
    /// How many messages a minute it takes; what is more is told in digests. Without it the channel's own limit holds.
    #[schemars(range(min = 1, max = 6_000))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub per_minute: Option<u32>,
    /// How many messages it takes at once.
    #[schemars(range(min = 1, max = 1_000))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub burst: Option<u32>,
    /// What incidents must have in common to be told in one message, the critical ones excepted; without it each is told by
    /// itself.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub group_by: Vec<GroupField>,
    /// The receiver that is told, once, when this one cannot be reached.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fallback: Option<String>,
    /// After so many minutes without anybody taking an incident up, `escalate_to` is told of it, once.
    #[schemars(range(min = 1, max = 10_080))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub escalate_after_minutes: Option<u32>,
    /// The receiver that is told then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub escalate_to: Option<String>,
}

/// Whom to tell when nobody takes an incident up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Escalation {
    /// How long after the first message, in nanoseconds.
    pub after: i64,
    /// Whom.
    pub to: ReceiverId,
}

impl DeliveryConfig {
    /// How fast the receiver is told, where its channel's own limit is `own`; `None` for as fast as can be.
    #[must_use]
    pub fn pace(&self, own: Option<Pace>) -> Option<Pace> {
        let per_minute = self.per_minute.or(own.map(|own| own.per_minute))?;
        let burst = self.burst.or(own.map(|own| own.burst)).unwrap_or(1);
        Some(Pace { per_minute, burst })
    }

    /// Whom to tell when nobody takes an incident up; `None` unless both halves are given.
    #[must_use]
    pub fn escalation(&self) -> Option<Escalation> {
        let after = super::nanos(self.escalate_after_minutes?.saturating_mul(60));
        Some(Escalation { after, to: ReceiverId::parse(self.escalate_to.as_deref()?).ok()? })
    }

    /// Who is told when this receiver cannot be reached.
    #[must_use]
    pub fn fallback(&self) -> Option<ReceiverId> {
        ReceiverId::parse(self.fallback.as_deref()?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_configured_goes_before_the_channels_own_limit() {
        let own = Some(Pace { per_minute: 60, burst: 5 });
        let config: DeliveryConfig = toml::from_str("per_minute = 6").unwrap();
        assert_eq!(config.pace(own), Some(Pace { per_minute: 6, burst: 5 }));
        assert_eq!(config.pace(None), Some(Pace { per_minute: 6, burst: 1 }));
        assert_eq!(DeliveryConfig::default().pace(own), own);
        assert_eq!(DeliveryConfig::default().pace(None), None);
    }

    #[test]
    fn half_an_escalation_is_none() {
        let whole: DeliveryConfig =
            toml::from_str("escalate_after_minutes = 30\nescalate_to = \"pager\"").unwrap();
        assert_eq!(whole.escalation().unwrap().after, 1_800_000_000_000);
        let half: DeliveryConfig = toml::from_str("escalate_after_minutes = 30").unwrap();
        assert_eq!(half.escalation(), None);
    }
}
