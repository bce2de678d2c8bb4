//! Exit codes of the command line (EVENTS.md), and what an error becomes at the end of it.

use std::error::Error;
use std::process::ExitCode;

use store::{StoreError, StoreErrorKind};

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done.
    Done,
    /// Done, and the answer is no.
    No,
    /// The command line cannot be used.
    Usage,
    /// The configuration is invalid.
    Configuration,
    /// A dependency cannot be reached or used.
    Unavailable,
    /// Data is corrupt or incompatible.
    Incompatible,
    /// Not permitted.
    NotPermitted,
    /// A port or lock is in use.
    Conflict,
    /// A bug of ours.
    Internal,
    /// The shutdown took longer than it may.
    ShutdownDeadline,
    /// Interrupted by the user, drained.
    Interrupted,
}

impl Exit {
    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::No => 1,
            Self::Usage => 2,
            Self::Configuration => 3,
            Self::Unavailable => 4,
            Self::Incompatible => 5,
            Self::NotPermitted => 6,
            Self::Conflict => 7,
            Self::Internal => 70,
            Self::ShutdownDeadline => 124,
            Self::Interrupted => 130,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// Why a command could not do what it was asked to, with the remedy.
#[derive(Debug)]
pub(crate) struct Failure {
    /// How the program ends.
    pub(crate) exit: Exit,
    /// What could not be done.
    pub(crate) error: Box<dyn Error + Send + Sync>,
    /// What to do about it.
    pub(crate) hint: Option<String>,
}

impl Failure {
    pub(crate) fn new(exit: Exit, error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { exit, error: error.into(), hint: None }
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let (exit, hint) = match error.kind() {
            StoreErrorKind::Unavailable => {
                (Exit::Unavailable, "check the path, its rights and the space on its disk")
            }
            StoreErrorKind::Incompatible => {
                (Exit::Incompatible, "restore a backup, or use the version of Sealwatch that wrote it")
            }
            StoreErrorKind::Conflict => {
                (Exit::Conflict, "another Sealwatch uses this database: stop it first")
            }
            StoreErrorKind::Refused => (Exit::No, "check the id"),
            StoreErrorKind::Internal => (Exit::Internal, "please report this"),
        };
        Self::new(exit, error).hint(hint)
    }
}

/// An error with all its causes, on one line.
pub(crate) fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
