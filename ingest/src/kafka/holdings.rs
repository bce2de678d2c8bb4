//! The partitions that the group has given us: which are read, which stand still and why, which are on their way.
//!
//! All decisions about them are made here, against a client that a test can play.

use std::collections::BTreeSet;
use std::sync::Arc;

use detectors::event::{NextOffset, PartitionId};
use transport::kafka::{ConsumerError, KafkaConsumer, LogRange, Polled as Brought, StartAt, TopicPartition};

use super::{StartOffsets, StartPolicy, Taken};
use crate::source::{DataLoss, Effect, Item, ResumeAt, SourceError, Trouble};

/// What is asked of the Kafka client about partitions.
pub(super) trait Client {
    /// Begins to read, and says at which offset.
    fn assign(&self, at: &TopicPartition, start: StartAt) -> Result<i64, ConsumerError>;
    /// Ceases to read.
    fn unassign(&self, partitions: &[TopicPartition]) -> Result<(), ConsumerError>;
}

impl Client for KafkaConsumer {
    fn assign(&self, at: &TopicPartition, start: StartAt) -> Result<i64, ConsumerError> {
        let started = Self::assign(self, &[(at.clone(), start)])?;
        Ok(started.first().map_or(0, |(_, next)| *next))
    }

    fn unassign(&self, partitions: &[TopicPartition]) -> Result<(), ConsumerError> {
        Self::unassign(self, partitions)
    }
}

/// The partitions that are ours.
pub(super) struct Holdings {
    source: Arc<str>,
    policy: StartPolicy,
    starts: Box<dyn StartOffsets>,
    held: Vec<Held>,
    /// The one that was read last: records come in runs of one partition.
    last: usize,
    /// Revoked and reported; given back at the next poll.
    leaving: Vec<TopicPartition>,
    /// Told already, so that a broker that is away for an hour is told of once.
    told: BTreeSet<String>,
}

/// A partition that the group gives us.
struct Held {
    at: TopicPartition,
    id: Arc<PartitionId>,
    standing: Standing,
}

/// What is done with a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// It is to be started here; the brokers did not answer yet.
    Waiting(StartAt),
    /// It was started by an operator, and is reported at the next poll.
    Started(NextOffset),
    /// It is read; what comes next.
    Reading(NextOffset),
    /// It stands still until an operator acts.
    Stopped,
}

impl Holdings {
    pub(super) fn new(source: &str, policy: StartPolicy, starts: Box<dyn StartOffsets>) -> Self {
        Self {
            source: Arc::from(source),
            policy,
            starts,
            held: Vec::new(),
            last: 0,
            leaving: Vec::new(),
            told: BTreeSet::new(),
        }
    }

    /// Notes a record; its partition, unless it is not read any more.
    pub(super) fn read(&mut self, topic: &str, partition: i32, offset: i64) -> Option<&Arc<PartitionId>> {
        let is_it = |held: &Held| held.at.partition == partition && *held.at.topic == *topic;
        if !self.held.get(self.last).is_some_and(is_it) {
            self.last = self.held.iter().position(is_it)?;
        }
        let held = self.held.get_mut(self.last)?;
        match &mut held.standing {
            Standing::Reading(next) => *next = NextOffset::after(offset),
            Standing::Waiting(_) | Standing::Started(_) | Standing::Stopped => return None,
        }
        Some(&held.id)
    }

    /// What is left to do from the poll before: partitions to give back, and to start.
    pub(super) fn settle(
        &mut self,
        client: &impl Client,
        visit: &mut dyn FnMut(Item<'_>),
    ) -> Result<(), SourceError> {
        if !self.leaving.is_empty() {
            client.unassign(&std::mem::take(&mut self.leaving)).map_err(SourceError::Kafka)?;
        }
        for index in 0..self.held.len() {
            self.start(index, client, visit);
        }
        Ok(())
    }

    /// Takes what is no record.
    pub(super) fn take(
        &mut self,
        brought: Brought<'_>,
        client: &impl Client,
        visit: &mut dyn FnMut(Item<'_>),
    ) -> Result<Taken, SourceError> {
        match brought {
            Brought::Assigned(partitions) => self.assigned(partitions, client, visit),
            Brought::Revoked(partitions) => {
                self.drop_all(&partitions, |id| visit(Item::Revoked(id)));
                self.leaving.extend(partitions);
                return Ok(Taken::Revoked);
            }
            Brought::Lost(partitions) => self.drop_all(&partitions, |id| visit(Item::Lost(id))),
            Brought::PartitionEof { at, next } => self.at_end(&at, NextOffset(next), visit),
            Brought::DataLost { at, next, held } => {
                let reason = describe_loss(next, held);
                self.stop(&[at], next, held.map(|range| NextOffset(range.low)), &reason, client, visit)?;
            }
            Brought::Unreadable { at, offset, reason } => {
                let suspects = at.map_or_else(|| self.suspects(offset), |at| vec![at]);
                let reason = format!("a batch cannot be read: {reason}");
                self.stop(&suspects, offset.unwrap_or(0), None, &reason, client, visit)?;
            }
            Brought::NotAuthorised(text) => self.tell(None, format!("the brokers refuse us: {text}"), visit),
            Brought::Trouble { kind, message } => {
                tracing::debug!(source = %self.source, ?kind, message, "kafka: trouble");
                self.tell(None, message, visit);
            }
            Brought::Record(_) | Brought::Idle | Brought::Fatal(_) => {}
        }
        Ok(Taken::Other)
    }

    /// Takes all partitions for lost: the consumer is gone.
    pub(super) fn lose_all(&mut self, visit: &mut dyn FnMut(Item<'_>)) {
        for held in self.held.drain(..) {
            visit(Item::Lost(held.id));
        }
        self.leaving.clear();
        self.told.clear();
    }

    /// Goes on with a partition that stands still.
    pub(super) fn resume(
        &mut self,
        partition: &PartitionId,
        from: ResumeAt,
        client: &impl Client,
    ) -> Result<(), SourceError> {
        let stopped =
            self.held.iter_mut().find(|held| *held.id == *partition && held.standing == Standing::Stopped);
        let held = stopped.ok_or_else(|| SourceError::NotStopped { partition: partition.clone() })?;
        let start = match from {
            ResumeAt::Oldest => StartAt::Beginning,
            ResumeAt::Newest => StartAt::End,
            ResumeAt::Offset(next) => StartAt::Offset(next.0),
        };
        // It is tried at once, so that the operator hears of a refusal, and told of at the next poll.
        let next = client.assign(&held.at, start).map_err(SourceError::Kafka)?;
        held.standing = Standing::Started(NextOffset(next));
        Ok(())
    }

    /// Those of the positions that are ours, as the client calls them.
    pub(super) fn held_among(&self, nexts: &[(Arc<PartitionId>, NextOffset)]) -> Vec<(TopicPartition, i64)> {
        let ours = nexts.iter().filter_map(|(id, next)| {
            let held = self.held.iter().find(|held| held.id == *id)?;
            Some((held.at.clone(), next.0))
        });
        ours.collect()
    }

    fn assigned(
        &mut self,
        partitions: Vec<TopicPartition>,
        client: &impl Client,
        visit: &mut dyn FnMut(Item<'_>),
    ) {
        for at in partitions {
            let stream = Arc::clone(&at.topic);
            let id =
                Arc::new(PartitionId { source: Arc::clone(&self.source), stream, partition: at.partition });
            let start = match (self.starts.next_of(&id), self.policy) {
                (Some(next), _) => Some(StartAt::Offset(next.0)),
                (None, StartPolicy::Beginning) => Some(StartAt::Beginning),
                (None, StartPolicy::End) => Some(StartAt::End),
                (None, StartPolicy::Error) => None,
            };
            let standing = start.map_or(Standing::Stopped, Standing::Waiting);
            if standing == Standing::Stopped {
                visit(Item::Trouble(Trouble {
                    partition: Some(Arc::clone(&id)),
                    text: format!("{id} was never read, and `start = \"error\"` says to ask where to begin"),
                    effect: Effect::PartitionStopped,
                }));
            }
            self.held.retain(|held| held.at != at);
            self.held.push(Held { at, id, standing });
            self.start(self.held.len() - 1, client, visit);
        }
    }

    /// Starts a partition that waits for it. A broker that does not answer is asked again at the next poll.
    fn start(&mut self, index: usize, client: &impl Client, visit: &mut dyn FnMut(Item<'_>)) {
        let held = &mut self.held[index];
        let started = match held.standing {
            Standing::Waiting(start) => client.assign(&held.at, start),
            Standing::Started(next) => Ok(next.0),
            Standing::Reading(_) | Standing::Stopped => return,
        };
        match started {
            Ok(next) => {
                held.standing = Standing::Reading(NextOffset(next));
                visit(Item::Assigned(Arc::clone(&held.id), NextOffset(next)));
                self.told.clear();
            }
            // The group wants it back already, and will say so.
            Err(ConsumerError::NotGranted { .. }) => {}
            Err(error) => {
                let id = Arc::clone(&held.id);
                let text = format!("{id} cannot be started yet: {error}");
                self.tell(Some(id), text, visit);
            }
        }
    }

    fn at_end(&mut self, at: &TopicPartition, next: NextOffset, visit: &mut dyn FnMut(Item<'_>)) {
        if let Some(held) = self.held.iter_mut().find(|held| held.at == *at)
            && let Standing::Reading(reading) = &mut held.standing
        {
            *reading = next;
            visit(Item::EndOfPartition(Arc::clone(&held.id), next));
        }
    }

    /// Lets partitions stand still: the client would otherwise go on behind what is missing.
    fn stop(
        &mut self,
        partitions: &[TopicPartition],
        wanted: i64,
        oldest: Option<NextOffset>,
        reason: &str,
        client: &impl Client,
        visit: &mut dyn FnMut(Item<'_>),
    ) -> Result<(), SourceError> {
        client.unassign(partitions).map_err(SourceError::Kafka)?;
        for held in self.held.iter_mut().filter(|held| partitions.contains(&held.at)) {
            let wanted = match held.standing {
                Standing::Reading(next) => next,
                Standing::Waiting(_) | Standing::Started(_) | Standing::Stopped => NextOffset(wanted),
            };
            held.standing = Standing::Stopped;
            let partition = Arc::clone(&held.id);
            visit(Item::DataLost(DataLoss { partition, wanted, oldest, reason: reason.to_owned() }));
        }
        Ok(())
    }

    /// The partitions whose batch it may be: those that were about to read it, else all that are read.
    fn suspects(&self, offset: Option<i64>) -> Vec<TopicPartition> {
        let reading = |held: &&Held| matches!(held.standing, Standing::Reading(_));
        let next = offset.map(|offset| Standing::Reading(NextOffset(offset)));
        let those = |fits: &dyn Fn(&&Held) -> bool| -> Vec<TopicPartition> {
            self.held.iter().filter(|held| fits(held)).map(|held| held.at.clone()).collect()
        };
        let fitting = those(&|held| Some(held.standing) == next);
        if fitting.is_empty() { those(&reading) } else { fitting }
    }

    fn drop_all(&mut self, partitions: &[TopicPartition], mut tell: impl FnMut(Arc<PartitionId>)) {
        self.held.retain(|held| {
            let goes = partitions.contains(&held.at);
            if goes {
                tell(Arc::clone(&held.id));
            }
            !goes
        });
    }

    fn tell(&mut self, partition: Option<Arc<PartitionId>>, text: String, visit: &mut dyn FnMut(Item<'_>)) {
        // Texts hold addresses and times, so a flood of different ones is bounded too.
        if self.told.len() >= MAX_TOLD {
            self.told.clear();
        }
        if self.told.insert(text.clone()) {
            visit(Item::Trouble(Trouble { partition, text, effect: Effect::Passing }));
        }
    }
}

/// How many different troubles are remembered, so that each is told once.
const MAX_TOLD: usize = 64;

fn describe_loss(next: i64, held: Option<LogRange>) -> String {
    match held {
        Some(range) => {
            format!("offset {next} was to be read next, the broker holds {} to {}", range.low, range.high)
        }
        None => format!("offset {next} was to be read next, and the broker does not give it"),
    }
}

#[cfg(test)]
mod tests;
