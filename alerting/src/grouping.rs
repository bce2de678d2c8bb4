//! When to tell: one message a transition, growth not more often than the interval, and nothing said twice that one
//! message can say.
//!
//! A message is rendered when it leaves, from the incident as it is then. So whatever still waits will say the
//! latest, and growth in between needs no message of its own.

mod fields;

use detectors::finding::Severity;
use store::OutboxId;

use crate::card::News;
use crate::config::AlertingConfig;

pub use fields::{FieldGroup, GroupField, field_group};

/// A message to the same receiver about the same incident, as it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Earlier {
    /// Its number.
    pub id: OutboxId,
    /// What it tells; `None` if it is about no single incident.
    pub news: Option<News>,
    /// How far it has come.
    pub progress: Progress,
}

/// How far a message has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Nobody has begun to send it.
    Waiting,
    /// It was tried and waits for its next attempt.
    Trying,
    /// It is on its way, with what was known when it left.
    Sending,
    /// It arrived at this clock time.
    Told(i64),
    /// It was given up or taken over by another one.
    Ended,
}

/// What to do about a transition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Plan {
    /// Queue a message.
    Queue {
        /// Not before this clock time.
        due_at: i64,
        /// What it says happened: that it opened, if it takes over the message that would have said so.
        news: News,
        /// Messages that it says everything of and that nobody has begun to send.
        takes_over: Vec<OutboxId>,
    },
    /// A message that has not left yet will say it.
    Fold,
}

/// Decides when one receiver is told of a transition; pure.
#[must_use]
pub fn plan(news: News, severity: Severity, earlier: &[Earlier], now: i64, config: &AlertingConfig) -> Plan {
    let wait = if severity == Severity::Critical { 0 } else { config.group_wait_nanos() };
    match news {
        News::Grew => return plan_growth(earlier, now, wait, config),
        News::Acknowledged | News::Resolved => return plan_decision(news, earlier, now),
        _ => {}
    }
    let waiting = || earlier.iter().filter(|message| message.progress == Progress::Waiting);
    let opens = waiting().any(|message| message.news == Some(News::Opened));
    Plan::Queue {
        // Only a first message waits for company; that it got worse or came back is told at once.
        due_at: if news == News::Opened { now.saturating_add(wait) } else { now },
        news: if opens { News::Opened } else { news },
        takes_over: waiting().map(|message| message.id).collect(),
    }
}

/// What people decided is told to those who heard of the incident; whoever has not will hear of both at once.
fn plan_decision(news: News, earlier: &[Earlier], now: i64) -> Plan {
    let heard = |message: &Earlier| !matches!(message.progress, Progress::Waiting | Progress::Ended);
    if !earlier.iter().any(heard) {
        return Plan::Fold;
    }
    let waiting = earlier.iter().filter(|message| message.progress == Progress::Waiting);
    let takes_over = waiting.map(|message| message.id).collect();
    Plan::Queue { due_at: now, news, takes_over }
}

fn plan_growth(earlier: &[Earlier], now: i64, wait: i64, config: &AlertingConfig) -> Plan {
    let will_say_it = |message: &Earlier| matches!(message.progress, Progress::Waiting | Progress::Trying);
    if earlier.iter().any(will_say_it) {
        return Plan::Fold;
    }
    let last_told = earlier.iter().filter_map(|message| match message.progress {
        Progress::Told(at) => Some(at),
        Progress::Sending => Some(now),
        Progress::Waiting | Progress::Trying | Progress::Ended => None,
    });
    let due_at = match last_told.max() {
        Some(at) => at.saturating_add(config.group_interval_nanos()).max(now),
        None => now.saturating_add(wait),
    };
    Plan::Queue { due_at, news: News::Grew, takes_over: Vec::new() }
}

#[cfg(test)]
mod tests {
    use News::{Acknowledged, Escalated, Grew, Opened, Regressed, Resolved};
    use Progress::{Ended, Sending, Told, Trying, Waiting};

    use super::*;

    const NOW: i64 = 1_000_000_000_000;
    const SECOND: i64 = 1_000_000_000;

    /// The rule, the transition and its severity, what the receiver was told before, and the plan.
    type Case<'a> = (&'a str, News, Severity, &'a [(News, Progress)], Plan);

    fn queue(due_in: i64, news: News, takes_over: &[u64]) -> Plan {
        let takes_over = takes_over.iter().map(|id| OutboxId(*id)).collect();
        Plan::Queue { due_at: NOW + due_in * SECOND, news, takes_over }
    }

    #[test]
    fn each_transition_is_told_once_and_growth_in_its_rhythm() {
        use Severity::{Critical, High};
        let cases: &[Case<'_>] = &[
            ("critical waits for nothing", Opened, Critical, &[], queue(0, Opened, &[])),
            ("less waits for company", Opened, High, &[], queue(10, Opened, &[])),
            ("worse is told at once", Escalated, High, &[(Opened, Told(NOW))], queue(0, Escalated, &[])),
            ("back is told at once", Regressed, High, &[(Opened, Told(0))], queue(0, Regressed, &[])),
            (
                "an escalation says the opening that nobody heard",
                Escalated,
                Critical,
                &[(Opened, Waiting)],
                queue(0, Opened, &[1]),
            ),
            (
                "an escalation takes over growth that waits, and leaves what is tried",
                Escalated,
                High,
                &[(Opened, Trying), (Grew, Waiting)],
                queue(0, Escalated, &[2]),
            ),
            (
                "growth waits for the interval",
                Grew,
                High,
                &[(Opened, Told(NOW - 60 * SECOND))],
                queue(240, Grew, &[]),
            ),
            (
                "the interval counts from the last",
                Grew,
                High,
                &[(Opened, Told(0)), (Grew, Told(NOW))],
                queue(300, Grew, &[]),
            ),
            (
                "late growth goes at once",
                Grew,
                High,
                &[(Opened, Told(NOW - 600 * SECOND))],
                queue(0, Grew, &[]),
            ),
            ("growth of what was never told", Grew, High, &[(Opened, Ended)], queue(10, Grew, &[])),
            (
                "growth during a send comes after it",
                Grew,
                Critical,
                &[(Opened, Sending)],
                queue(300, Grew, &[]),
            ),
            ("growth before the opening left is in it", Grew, High, &[(Opened, Waiting)], Plan::Fold),
            (
                "growth while the receiver fails is in the next try",
                Grew,
                High,
                &[(Opened, Trying)],
                Plan::Fold,
            ),
            (
                "what is decided is told at once to whoever heard of it",
                Acknowledged,
                High,
                &[(Opened, Told(NOW))],
                queue(0, Acknowledged, &[]),
            ),
            (
                "the end says the growth that still waits",
                Resolved,
                High,
                &[(Opened, Told(NOW)), (Grew, Waiting)],
                queue(0, Resolved, &[2]),
            ),
            (
                "whoever has not heard of it hears both at once",
                Resolved,
                High,
                &[(Opened, Waiting)],
                Plan::Fold,
            ),
            (
                "growth upon growth is one message",
                Grew,
                High,
                &[(Opened, Told(NOW)), (Grew, Waiting)],
                Plan::Fold,
            ),
        ];
        for (rule, news, severity, earlier, expected) in cases {
            let earlier: Vec<_> = (1..)
                .zip(*earlier)
                .map(|(id, (news, progress))| Earlier {
                    id: OutboxId(id),
                    news: Some(*news),
                    progress: *progress,
                })
                .collect();
            let found = plan(*news, *severity, &earlier, NOW, &AlertingConfig::default());
            assert_eq!(found, *expected, "{rule}");
        }
    }
}
