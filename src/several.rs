//! Several sources read as one, in turn.

use std::sync::Arc;
use std::time::Duration;

use detectors::event::{NextOffset, PartitionId};
use ingest::source::{Item, Polled, ResumeAt, Source, SourceError};

/// Sources that are polled in turn; it has ended when all have.
pub(crate) struct Several {
    sources: Vec<(Box<dyn Source>, Standing)>,
    turn: usize,
    round: Round,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Round {
    /// Every source is to announce its partitions before any of them is released: else the order would depend on
    /// which was asked first.
    First,
    Later,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Standing {
    Open,
    Over,
}

impl Several {
    pub(crate) fn new(sources: Vec<Box<dyn Source>>) -> Self {
        Self {
            sources: sources.into_iter().map(|source| (source, Standing::Open)).collect(),
            turn: 0,
            round: Round::First,
        }
    }
}

impl Source for Several {
    fn poll(
        &mut self,
        max_records: usize,
        wait: Duration,
        visit: &mut dyn FnMut(Item<'_>),
    ) -> Result<Polled, SourceError> {
        if std::mem::replace(&mut self.round, Round::Later) == Round::First {
            for (source, standing) in &mut self.sources {
                if source.poll(max_records, Duration::ZERO, visit)? == Polled::Ended {
                    *standing = Standing::Over;
                }
            }
            return Ok(Polled::Some);
        }
        for _ in 0..self.sources.len() {
            self.turn = (self.turn + 1) % self.sources.len();
            let (source, standing) = &mut self.sources[self.turn];
            if *standing == Standing::Over {
                continue;
            }
            match source.poll(max_records, wait, visit)? {
                Polled::Ended => *standing = Standing::Over,
                polled => return Ok(polled),
            }
        }
        Ok(Polled::Ended)
    }

    fn prefer(&mut self, partition: &PartitionId) {
        for (source, standing) in &mut self.sources {
            if *standing == Standing::Open {
                source.prefer(partition);
            }
        }
    }

    fn committed(&mut self, nexts: &[(Arc<PartitionId>, NextOffset)]) {
        for (source, _) in &mut self.sources {
            source.committed(nexts);
        }
    }

    fn saved(&mut self, nexts: &[(PartitionId, NextOffset)]) -> Result<(), SourceError> {
        self.sources.iter_mut().try_for_each(|(source, _)| source.saved(nexts))
    }

    fn accept_data_loss(&mut self, partition: &PartitionId, from: ResumeAt) -> Result<(), SourceError> {
        let mut refused = Err(SourceError::NotStopped { partition: partition.clone() });
        for (source, _) in &mut self.sources {
            match source.accept_data_loss(partition, from) {
                Err(error @ SourceError::NotStopped { .. }) => refused = Err(error),
                settled => return settled,
            }
        }
        refused
    }
}
