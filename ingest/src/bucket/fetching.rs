//! The thread that lists and fetches: first what is to be read again, then what is new, for ever.

use std::collections::BTreeSet;
use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel};
use std::time::Duration;

use transport::bucket::{BucketClient, BucketError};

use super::BucketSettings;
use super::journal::{Entry, MAX_REMEMBERED};

/// What it found.
#[derive(Debug)]
pub(super) enum Message {
    /// An object; `begins` is known if it was begun in an earlier life.
    Object { key: String, begins: Option<i64>, bytes: Vec<u8> },
    /// An object that cannot be had.
    Lost { key: String, begins: Option<i64>, reason: String },
    /// There is nothing more for now.
    CaughtUp,
    /// Something is wrong that may pass.
    Trouble(String),
}

/// The thread; it ends when this is dropped.
#[derive(Debug)]
pub(super) struct Fetching {
    _stop: Sender<()>,
}

/// Nobody listens any more.
struct Over;

impl Fetching {
    pub(super) fn start(
        client: BucketClient,
        settings: &BucketSettings,
        known: BTreeSet<String>,
        again: Vec<Entry>,
    ) -> io::Result<(Self, Receiver<Message>)> {
        // One waits while one is read.
        let (messages, received) = sync_channel(1);
        let (stop, stopped) = channel();
        let mut worker = Worker {
            client,
            prefix: settings.prefix.clone(),
            after: settings.after.clone(),
            every: settings.every(),
            known,
            messages,
            stopped,
        };
        std::thread::Builder::new().name("bucket".to_owned()).spawn(move || {
            // It ends when nobody listens: there is nobody to tell.
            let _: Result<(), Over> = worker.read_again(again).and_then(|()| worker.run());
        })?;
        Ok((Self { _stop: stop }, received))
    }
}

struct Worker {
    client: BucketClient,
    prefix: String,
    after: Option<String>,
    every: Duration,
    known: BTreeSet<String>,
    messages: SyncSender<Message>,
    stopped: Receiver<()>,
}

impl Worker {
    fn read_again(&mut self, entries: Vec<Entry>) -> Result<(), Over> {
        entries.into_iter().try_for_each(|entry| self.fetch(entry.key, Some(entry.begins)))
    }

    fn run(&mut self) -> Result<(), Over> {
        loop {
            match self.list() {
                Ok(keys) => {
                    for key in keys {
                        self.fetch(key, None)?;
                    }
                    self.say(Message::CaughtUp)?;
                }
                Err(error) => self.say(Message::Trouble(chain(&error)))?,
            }
            self.pause()?;
        }
    }

    /// Keys that were not read yet, in order, from the oldest that is remembered on.
    fn list(&mut self) -> Result<Vec<String>, BucketError> {
        while self.known.len() > 2 * MAX_REMEMBERED {
            self.known.pop_first();
        }
        let mut from =
            if self.known.len() >= MAX_REMEMBERED { self.known.first().cloned() } else { self.after.clone() };
        let mut fresh = Vec::new();
        loop {
            let page = self.client.list(&self.prefix, from.as_deref())?;
            let Some(last) = page.last() else { return Ok(fresh) };
            from = Some(last.key.clone());
            // What ends in a slash is a folder that somebody made by hand.
            let keys = page.into_iter().map(|listed| listed.key).filter(|key| !key.ends_with('/'));
            fresh.extend(keys.filter(|key| !self.known.contains(key)));
        }
    }

    /// Fetches an object, as often as it takes.
    fn fetch(&mut self, key: String, begins: Option<i64>) -> Result<(), Over> {
        loop {
            match self.client.fetch(&key) {
                Ok(bytes) => {
                    self.known.insert(key.clone());
                    return self.say(Message::Object { key, begins, bytes });
                }
                Err(error) if error.is_final() => {
                    self.known.insert(key.clone());
                    return self.say(Message::Lost { key, begins, reason: chain(&error) });
                }
                Err(error) => self.say(Message::Trouble(chain(&error)))?,
            }
            self.pause()?;
        }
    }

    fn say(&self, message: Message) -> Result<(), Over> {
        self.messages.send(message).map_err(|_| Over)
    }

    fn pause(&self) -> Result<(), Over> {
        match self.stopped.recv_timeout(self.every) {
            Err(RecvTimeoutError::Timeout) => Ok(()),
            Ok(()) | Err(RecvTimeoutError::Disconnected) => Err(Over),
        }
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}
