//! One path followed: which file is read now, and which one next.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use detectors::event::{NextOffset, PartitionId};

use super::KEPT_OPEN;
use super::file::{FileId, Head, Lines, Next, last_line_break};
use super::journal::{Birth, Journal, Stretch};
use super::plan::{Entry, Planned, Skipped, plan};
use super::siblings::{self, Unseen};
use crate::kafka::StartPolicy;
use crate::source::{Effect, Item, OversizeRecord, RawRecord, SourceError, Trouble};

/// So many of the files that were read last are told from one that was not.
const HEADS_COMPARED: usize = 64;

/// One path, followed.
pub(super) struct Follow {
    path: PathBuf,
    partition: Arc<PartitionId>,
    journal: Journal,
    /// Where a stream begins of which nothing is known.
    start: StartPolicy,
    /// The place in the stream at which the next stretch begins.
    begins: u64,
    /// What is known to come after the current stretch.
    plan: VecDeque<Planned>,
    current: Option<Current>,
    /// Rotated files, in which a writer may still write, and the current one.
    open: Vec<Opened>,
    /// What is to be said at the next look.
    troubles: Vec<String>,
    saying: Saying,
}

/// What was said of the partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Saying {
    Nothing,
    Assigned,
    /// It was read to its end, and nothing came since.
    End,
}

/// What a step came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Record,
    Nothing,
}

struct Opened {
    id: FileId,
    head: Head,
    modified: SystemTime,
    lines: Lines,
}

struct Current {
    stretch: Stretch,
    /// Where it ends in its file, if that is known.
    limit: Option<u64>,
}

impl Follow {
    pub(super) fn new(
        path: PathBuf,
        partition: Arc<PartitionId>,
        journal: Journal,
        next: Option<NextOffset>,
        start: StartPolicy,
    ) -> Self {
        let next = next.map(|next| u64::try_from(next.0).unwrap_or(0));
        let mut troubles = Vec::new();
        let (plan, begins) = match (plan(journal.stretches(), next), next) {
            (Some((plan, Skipped::Nothing)), _) => (plan, 0),
            (Some((plan, Skipped::Forgotten)), _) => {
                troubles.push(format!("what was read of `{}` last is no longer known", path.display()));
                (plan, 0)
            }
            (None, None | Some(0)) => (VecDeque::new(), 0),
            (None, Some(next)) => {
                let text = "the journal is gone; reading begins anew, and lines may be missed or come again";
                troubles.push(format!("`{}`: {text}", path.display()));
                (VecDeque::new(), next)
            }
        };
        let begins = plan.front().map_or(begins, Planned::place);
        // A file that was waited for in an earlier life is new all of it.
        let start = if journal.birth() == Birth::Before { StartPolicy::Beginning } else { start };
        Self {
            path,
            partition,
            journal,
            start,
            begins,
            plan,
            current: None,
            open: Vec::new(),
            troubles,
            saying: Saying::Nothing,
        }
    }

    pub(super) const fn partition(&self) -> &Arc<PartitionId> {
        &self.partition
    }

    /// Hands over the next record, or does one thing that brings it nearer.
    pub(super) fn step(&mut self, visit: &mut dyn FnMut(Item<'_>)) -> Result<Step, SourceError> {
        if self.saying == Saying::Nothing {
            self.saying = Saying::Assigned;
            visit(Item::Assigned(Arc::clone(&self.partition), offset_of(self.begins)));
        }
        let step = self.read(visit);
        for text in self.troubles.drain(..) {
            let partition = Some(Arc::clone(&self.partition));
            visit(Item::Trouble(Trouble { partition, text, effect: Effect::Passing }));
        }
        let step = step.map_err(|cause| SourceError::Read {
            path: self.path.clone(),
            record: offset_of(self.begins).0,
            cause,
        })?;
        if step == Step::Nothing && self.saying == Saying::Assigned {
            self.saying = Saying::End;
            visit(Item::EndOfPartition(Arc::clone(&self.partition), offset_of(self.here())));
        }
        Ok(step)
    }

    fn read(&mut self, visit: &mut dyn FnMut(Item<'_>)) -> io::Result<Step> {
        loop {
            if self.current.is_none() && !self.begin_next()? {
                return Ok(Step::Nothing);
            }
            if self.current.as_ref().is_some_and(|current| current.limit.is_none()) {
                self.look_at_head()?;
            }
            let (Some(current), Some(opened)) = (&self.current, self.open.last_mut()) else {
                return Ok(Step::Nothing);
            };
            let place = |at: u64| offset_of(current.stretch.begins + (at - current.stretch.from)).0;
            match opened.lines.next(current.limit)? {
                Next::Line { bytes, .. } if bytes.trim_ascii().is_empty() => continue,
                Next::Line { begins, bytes } => {
                    visit(Item::Record(RawRecord::line(&self.partition, place(begins), bytes)));
                    self.saying = Saying::Assigned;
                    return Ok(Step::Record);
                }
                Next::Long { begins, size, head, sha256 } => {
                    let partition = &self.partition;
                    let offset = place(begins);
                    let head = &head[..];
                    visit(Item::Oversize(OversizeRecord {
                        partition,
                        offset,
                        timestamp_ms: None,
                        size,
                        head,
                        sha256,
                    }));
                    self.saying = Saying::Assigned;
                    return Ok(Step::Record);
                }
                Next::End => {}
            }
            if current.limit.is_some() {
                self.begins = self.here();
                self.current = None;
            } else if !self.turn()? {
                return Ok(Step::Nothing);
            }
        }
    }

    /// The place in the stream up to which lines were handed over.
    fn here(&self) -> u64 {
        match (&self.current, self.open.last()) {
            (Some(current), Some(opened)) => {
                current.stretch.begins + opened.lines.position().saturating_sub(current.stretch.from)
            }
            _ => self.begins,
        }
    }

    /// Enters the next planned stretch, or the file that lies at the path.
    fn begin_next(&mut self) -> io::Result<bool> {
        while let Some(planned) = self.plan.pop_front() {
            if let Some(opened) = self.find(&planned)? {
                self.enter(opened, planned.stretch, planned.limit);
                return Ok(true);
            }
            let (path, inode) = (self.path.display(), planned.stretch.file.inode);
            self.troubles.push(format!("what was still to be read of `{path}` (inode {inode}) is gone"));
            self.begins = match planned.limit {
                Some(limit) => planned.stretch.begins + (limit - planned.stretch.from),
                None => planned.place(),
            };
        }
        let Some((file, id)) = self.at_path()? else { return Ok(false) };
        if self.journal.stretches().is_empty() && self.start == StartPolicy::End {
            let from = last_line_break(&file)?;
            return self.begin(file, id, from).map(|()| true);
        }
        if file.metadata()?.len() == 0 {
            return Ok(false);
        }
        self.begin(file, id, 0).map(|()| true)
    }

    /// Begins a stretch that nobody has read before.
    fn begin(&mut self, file: File, id: FileId, from: u64) -> io::Result<()> {
        let head = Head::read(&file)?;
        let modified = file.metadata()?.modified()?;
        let lines = Lines::plain(file, from)?;
        self.begin_in(Opened { id, head, modified, lines })
    }

    fn begin_in(&mut self, opened: Opened) -> io::Result<()> {
        let stretch = Stretch {
            begins: self.begins,
            file: opened.id,
            from: opened.lines.position(),
            head: opened.head.clone(),
        };
        self.journal.note(stretch.clone()).map_err(io::Error::other)?;
        self.enter(opened, stretch, None);
        Ok(())
    }

    fn enter(&mut self, opened: Opened, stretch: Stretch, limit: Option<u64>) {
        self.begins = stretch.begins;
        self.current = Some(Current { stretch, limit });
        self.open.push(opened);
        if self.open.len() > KEPT_OPEN + 1 {
            self.open.remove(0);
        }
    }

    /// The file of a planned stretch, wherever it was moved to.
    fn find(&mut self, planned: &Planned) -> io::Result<Option<Opened>> {
        let Stretch { file: id, head, .. } = &planned.stretch;
        if let Some(at) = self.open.iter().position(|opened| opened.id == *id && opened.head == *head) {
            return Ok(Some(self.open.remove(at)));
        }
        let at = planned.from.byte();
        let mut found = None;
        if let Some((file, at_path)) = self.at_path()?
            && at_path == *id
            && head.fits(&file)?
            && file.metadata()?.len() >= at
        {
            found = Some((file.metadata()?.modified()?, Lines::plain(file, at)?));
        }
        let siblings = siblings::of(&self.path);
        let (own, others): (Vec<_>, Vec<_>) = siblings.iter().partition(|sibling| sibling.id == *id);
        for sibling in own.into_iter().chain(others) {
            if found.is_none() && head.bytes > 0 {
                found = sibling.open(head, at)?.map(|lines| (sibling.modified, lines));
            }
        }
        let Some((modified, mut lines)) = found else { return Ok(None) };
        if matches!(planned.from, Entry::Behind(_)) {
            lines.skip_line(planned.limit)?;
        }
        Ok(Some(Opened { id: *id, head: head.clone(), modified, lines }))
    }

    fn at_path(&self) -> io::Result<Option<(File, FileId)>> {
        match File::open(&self.path) {
            Ok(file) => {
                let id = FileId::of(&file.metadata()?);
                Ok(Some((file, id)))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Sees a file that was truncated, and learns more of how a young one begins.
    fn look_at_head(&mut self) -> io::Result<()> {
        let (Some(current), Some(opened)) = (&mut self.current, self.open.last_mut()) else { return Ok(()) };
        let Some(file) = opened.lines.file() else { return Ok(()) };
        let metadata = file.metadata()?;
        opened.modified = metadata.modified()?;
        if metadata.len() < opened.lines.read_to() || !opened.head.fits(file)? {
            return self.truncated();
        }
        if !opened.head.is_full() && opened.lines.read_to() > 2 * u64::from(opened.head.bytes) {
            opened.head = Head::read(file)?;
            current.stretch.head = opened.head.clone();
            self.journal.note(current.stretch.clone()).map_err(io::Error::other)?;
        }
        Ok(())
    }

    /// The file begins anew. Where it was copied before, what was not read yet is in the copy.
    fn truncated(&mut self) -> io::Result<()> {
        self.begins = self.here();
        self.current = None;
        let Some(opened) = self.open.pop() else { return Ok(()) };
        let (read, head) = (opened.lines.position(), opened.head);
        for sibling in siblings::of(&self.path).iter().rev() {
            if sibling.id != opened.id
                && head.bytes > 0
                && let Some(lines) = sibling.open(&head, read)?
            {
                return self.begin_in(Opened { id: sibling.id, head, modified: sibling.modified, lines });
            }
        }
        let path = self.path.display();
        self.troubles
            .push(format!("`{path}` was truncated; what was written since it was last read is gone"));
        Ok(())
    }

    /// The current file has nothing more for now: turns to another that has. `false` if there is none.
    fn turn(&mut self) -> io::Result<bool> {
        let at_path = self.at_path()?;
        if let Some(late) = self.late(at_path.as_ref().map(|(_, id)| *id))? {
            let opened = self.open.remove(late);
            self.begins = self.here();
            self.begin_in(opened)?;
            return Ok(true);
        }
        let Some(current) = self.open.last() else { return Ok(false) };
        // A compressed file lies nowhere near the path, and its old number may belong to another file by now.
        let is_other = |id: FileId| current.lines.file().is_none() || id != current.id;
        let Some((file, id)) = at_path.filter(|(_, id)| is_other(*id)) else { return Ok(false) };
        if file.metadata()?.len() == 0 {
            return Ok(false);
        }
        // The writer has gone on to another file, so what stands behind the last line break here stays as it is.
        let ends = current.lines.read_to();
        let (since, of_current) = (current.modified, current.head.clone());
        let next = match self
            .open
            .iter()
            .position(|opened| opened.id == id && opened.head.fits(&file).unwrap_or(false))
        {
            Some(known) => self.open.remove(known),
            None => match siblings::unseen(&self.path, since, id, &self.heads(&of_current))? {
                Some(Unseen { id, head, modified, lines }) => Opened { id, head, modified, lines },
                None => {
                    let (head, modified) = (Head::read(&file)?, file.metadata()?.modified()?);
                    Opened { id, head, modified, lines: Lines::plain(file, 0)? }
                }
            },
        };
        let Some(current) = &mut self.current else { return Ok(false) };
        current.limit = Some(ends);
        let begins = current.stretch.begins + (ends - current.stretch.from);
        let from = next.lines.position();
        let stretch = Stretch { begins, file: next.id, from, head: next.head.clone() };
        self.journal.note(stretch.clone()).map_err(io::Error::other)?;
        self.plan.push_back(Planned { stretch, limit: None, from: Entry::Line(from) });
        self.open.insert(0, next);
        Ok(true)
    }

    /// How the files begin that were read lately.
    fn heads<'a>(&'a self, current: &'a Head) -> Vec<&'a Head> {
        let read = self.journal.stretches().iter().rev().take(HEADS_COMPARED);
        read.map(|stretch| &stretch.head).chain([current]).collect()
    }

    /// A file that was turned away from, in which more was written.
    fn late(&self, at_path: Option<FileId>) -> io::Result<Option<usize>> {
        for (at, opened) in self.open.iter().enumerate().take(self.open.len().saturating_sub(1)) {
            if let Some(file) = opened.lines.file()
                && Some(opened.id) != at_path
                && file.metadata()?.len() > opened.lines.read_to()
            {
                return Ok(Some(at));
            }
        }
        Ok(None)
    }
}

fn offset_of(place: u64) -> NextOffset {
    NextOffset(i64::try_from(place).unwrap_or(i64::MAX))
}
