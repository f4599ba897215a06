//! Which snapshot of a run is drawn from, measured or published.

use crate::train::{GeneratorRun, Snapshot, Which};

/// The flag of the commands that take runs.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(super) struct SnapshotFlag {
    /// Which snapshot of a run: best (by what the run measured), latest, or the thousands of pictures in its
    /// name [default: the best, or the latest where none was measured].
    #[arg(long, value_name = "best|latest|KIMG")]
    snapshot: Option<Which>,
}

impl SnapshotFlag {
    /// Whether one is asked for.
    pub fn is_given(self) -> bool {
        self.snapshot.is_some()
    }

    /// The one that is asked for, or the usual one.
    pub fn which(self) -> Which {
        self.snapshot.unwrap_or_default()
    }

    /// The one that is meant of `run`; says which it is.
    pub fn find(self, run: &GeneratorRun) -> anyhow::Result<Snapshot> {
        let snapshot = run.find_snapshot(self.which())?;
        eprintln!("{}: {snapshot}", run.dir.display());
        Ok(snapshot)
    }
}
