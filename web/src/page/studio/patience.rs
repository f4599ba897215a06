//! What becomes of silence: an engine that says nothing for long may be dead, and a visitor is told.

use super::{
    super::facts::{Trouble, What},
    Studio,
};
use crate::protocol::{Stage, WayOn};
use leptos::prelude::*;
use std::time::Duration;

/// How long the server may send nothing of the engine, in seconds.
const WITHOUT_ENGINE_SECS: u32 = 45;

/// How long the engine may be silent at work. The first picture compiles every shader, which may take a
/// minute.
const AT_WORK_SECS: u32 = 120;

impl Studio {
    /// Looks every second whether the engine has said something. Seconds are counted, not read from a clock,
    /// so that a device that was asleep is not taken for an engine that is dead.
    pub(super) fn watch_silence(self) {
        set_interval(move || self.count_silence(), Duration::from_secs(1));
    }

    /// The engine lives.
    pub(super) fn hear_something(self) {
        self.silent_secs.set_value(0);
        if self
            .trouble
            .with_untracked(|trouble| trouble.as_ref().is_some_and(Trouble::is_silence))
        {
            self.trouble.set(None);
        }
    }

    fn count_silence(self) {
        let Some(activity) = self.activity.get_untracked() else {
            return self.silent_secs.set_value(0);
        };
        self.silent_secs.update_value(|secs| *secs += 1);
        let (patience, sentence) = match activity.stage {
            Stage::Engine => (
                WITHOUT_ENGINE_SECS,
                format!("Nothing of the engine has arrived for {WITHOUT_ENGINE_SECS} seconds."),
            ),
            _ => (
                AT_WORK_SECS,
                "The engine has said nothing for two minutes, so it may have stopped.".into(),
            ),
        };
        if self.silent_secs.get_value() == patience {
            // Nothing is ended: what is only slow goes on, and the sentence goes away with the engine's next
            // word.
            self.complain(&sentence, vec![WayOn::TryAgain], What::Silence);
        }
    }
}
