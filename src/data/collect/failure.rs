//! Why something could not be had.

use super::super::printable;

/// A longer reason is cut: servers answer whole pages.
const MAX_CHARS: usize = 400;

/// Why something could not be had, and whether asking again may help.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failure {
    /// A sentence fragment that is safe to print and holds no secret.
    pub reason: String,
    /// Whether it may pass by itself.
    pub passes: bool,
    /// Whether it is of this machine or its user, so that going on makes no sense.
    pub is_ours: bool,
}

impl Failure {
    /// One that may pass: the same request may succeed in a while.
    pub fn passing(reason: impl AsRef<str>) -> Self {
        Self {
            passes: true,
            ..Self::lasting(reason)
        }
    }

    /// One that stays: the same request would fail again.
    pub fn lasting(reason: impl AsRef<str>) -> Self {
        let reason = printable(reason.as_ref());
        Self {
            reason: match reason.char_indices().nth(MAX_CHARS) {
                Some((end, _)) => format!("{}...", &reason[..end]),
                None => reason,
            },
            passes: false,
            is_ours: false,
        }
    }

    /// The disk is full, or the folder is gone.
    pub fn disk(error: std::io::Error) -> Self {
        Self {
            is_ours: true,
            ..Self::lasting(format!("cannot write into the collection: {error}"))
        }
    }

    /// The user wants to stop.
    pub fn stopped() -> Self {
        Self {
            is_ours: true,
            ..Self::lasting("stopped")
        }
    }

    /// The same failure, with what it is about in front.
    pub fn of(self, what: &str) -> Self {
        Self {
            reason: format!("{what}: {}", self.reason),
            ..self
        }
    }
}
