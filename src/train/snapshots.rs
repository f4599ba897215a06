//! The snapshots of a run, and which of them is the best by what the run measured.

use super::{Error, Figures, RunFolder, RunSettings, checkpoint, file_error, measure::judged_by};
use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
    str::FromStr,
};

/// Which snapshot of a run is meant.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Which {
    /// The best where snapshots were measured, else the newest.
    #[default]
    Usual,
    /// The best by the run's measure.
    Best,
    /// The newest.
    Latest,
    /// The one after so many whole kimg.
    Kimg(u64),
}

impl FromStr for Which {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "best" => Ok(Self::Best),
            "latest" => Ok(Self::Latest),
            _ => text.parse().map(Self::Kimg).map_err(|_| {
                "expected best, latest, or the thousands of pictures in the name of a snapshot".into()
            }),
        }
    }
}

/// A snapshot of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Snapshot {
    /// Thousands of pictures that were shown until then, rounded down, as in its name.
    pub kimg: u64,
    /// Its file.
    pub(super) path: PathBuf,
    /// What it was chosen by, where it was.
    pub best: Option<Best>,
    /// The newest one's kimg.
    pub latest_kimg: u64,
}

/// What makes a snapshot the best.
#[derive(Debug, Clone, PartialEq)]
pub struct Best {
    /// What snapshots were judged by, such as `kid1k_random`: the less the better.
    pub measure: String,
    /// Its value of it.
    pub value: f64,
    /// How many snapshots were compared.
    pub of: usize,
}

impl fmt::Display for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Self {
            kimg, latest_kimg, ..
        } = self;
        write!(f, "the snapshot after {kimg} kimg")?;
        if let Some(Best { measure, value, of }) = &self.best {
            write!(f, ", the best of {of} by {measure} ({value:.4})")?;
        }
        match kimg == latest_kimg {
            true => write!(f, ", which is the newest"),
            false => write!(f, "; the newest is after {latest_kimg}"),
        }
    }
}

impl<S: RunSettings> RunFolder<S> {
    /// Which of its snapshots is meant.
    ///
    /// # Errors
    ///
    /// [`Error::File`] when the run has no snapshot yet, or not that one.
    pub fn find_snapshot(&self, which: Which) -> Result<Snapshot, Error> {
        let ticks = self.ticks()?;
        find(
            &self.dir,
            ticks.iter().map(|tick| (tick.kimg, &tick.figures)),
            which,
        )
    }
}

/// Finds a snapshot of the run in `dir`, whose statistics have lines of so many kimg with these measures.
///
/// # Errors
///
/// [`Error::File`] when there is none, or not that one.
pub(super) fn find<'a>(
    dir: &Path,
    lines: impl Iterator<Item = (f64, &'a Figures)>,
    which: Which,
) -> Result<Snapshot, Error> {
    let mut all: BTreeMap<u64, PathBuf> = checkpoint::numbered(dir, "snapshot", ".bpk")?
        .into_iter()
        .collect();
    let missing = || file_error("find a snapshot in", dir, "train it first, to at least one tick");
    let latest_kimg = *all.keys().next_back().ok_or_else(missing)?;
    let best = match which {
        Which::Usual | Which::Best => best(lines, |kimg| all.contains_key(&kimg)),
        Which::Latest | Which::Kimg(_) => None,
    };
    let kimg = match (which, &best) {
        (_, Some((kimg, _))) => *kimg,
        (Which::Kimg(kimg), None) => kimg,
        (Which::Best, None) => {
            let reason = "none of its snapshots was measured (guise train --metrics): take the latest, or one by its kimg";
            return Err(file_error("find the best snapshot in", dir, reason));
        }
        (Which::Usual | Which::Latest, None) => latest_kimg,
    };
    let path = all.remove(&kimg).ok_or_else(|| {
        let reason = format!("there is none after {kimg} kimg; the newest is after {latest_kimg}");
        file_error("find the snapshot in", dir, reason)
    })?;
    checkpoint::check_regular(&path)?;
    Ok(Snapshot {
        kimg,
        path,
        best: best.map(|(_, best)| best),
        latest_kimg,
    })
}

/// The best of the snapshots that are there, by the measure that was taken last, and its kimg.
fn best<'a>(
    lines: impl Iterator<Item = (f64, &'a Figures)>,
    is_there: impl Fn(u64) -> bool,
) -> Option<(u64, Best)> {
    // Where several checkpoints fell into one kimg, the snapshot is that of the last of them.
    let last: BTreeMap<u64, &Figures> = lines.map(|(kimg, figures)| (kimg as u64, figures)).collect();
    let measured = last.iter().filter(|(kimg, _)| is_there(**kimg));
    let (measure, _) = measured
        .clone()
        .rev()
        .find_map(|(_, figures)| judged_by(figures))?;
    let values: Vec<(u64, f64)> = measured
        .filter_map(|(kimg, figures)| Some((*kimg, *figures.get(measure)?)))
        .collect();
    let &(kimg, value) = values.iter().min_by(|a, b| a.1.total_cmp(&b.1))?;
    let best = Best {
        measure: measure.to_owned(),
        value,
        of: values.len(),
    };
    Some((kimg, best))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The snapshots of these kimg, and lines of statistics.
    fn found(kimgs: &[u64], lines: &[(f64, &[(&str, f64)])], which: Which) -> Result<Snapshot, String> {
        let dir = tempfile::tempdir().unwrap();
        for kimg in kimgs {
            std::fs::write(dir.path().join(format!("snapshot{kimg:06}.bpk")), "").unwrap();
        }
        let figures = |values: &[(&str, f64)]| -> Figures {
            values
                .iter()
                .map(|(name, value)| ((*name).to_owned(), *value))
                .collect()
        };
        let lines: Vec<(f64, Figures)> = lines
            .iter()
            .map(|(kimg, values)| (*kimg, figures(values)))
            .collect();
        let lines = lines.iter().map(|(kimg, figures)| (*kimg, figures));
        find(dir.path(), lines, which).map_err(|error| error.to_string())
    }

    const COLLAPSED: &[(f64, &[(&str, f64)])] = &[
        (10.0, &[("kid1k_random", 0.5), ("recall1k_random", 0.1)]),
        (11.0, &[]),
        (20.016, &[("kid1k_random", 0.2)]),
        (30.0, &[("kid1k_random", 4.0)]),
    ];

    #[test]
    fn a_run_that_collapsed_is_known_by_its_best() {
        let best = found(&[10, 20, 30], COLLAPSED, Which::Usual).unwrap();
        assert_eq!((best.kimg, best.latest_kimg), (20, 30));
        assert_eq!(
            best.to_string(),
            "the snapshot after 20 kimg, the best of 3 by kid1k_random (0.2000); the newest is after 30"
        );
        assert_eq!(found(&[10, 20, 30], COLLAPSED, Which::Best).unwrap().kimg, 20);
        assert_eq!(found(&[10, 20, 30], COLLAPSED, Which::Latest).unwrap().kimg, 30);
        let one = found(&[10, 20, 30], COLLAPSED, Which::Kimg(10)).unwrap();
        assert_eq!((one.kimg, one.best), (10, None));
        // One that was thrown away is not the best.
        assert_eq!(found(&[10, 30], COLLAPSED, Which::Usual).unwrap().kimg, 10);
    }

    #[test]
    fn what_was_not_measured_cannot_be_the_best() {
        let none: &[(f64, &[(&str, f64)])] = &[(10.0, &[]), (20.0, &[("recall1k_random", 0.9)])];
        let newest = found(&[10, 20], none, Which::Usual).unwrap();
        assert_eq!((newest.kimg, newest.best.clone()), (20, None));
        assert_eq!(
            newest.to_string(),
            "the snapshot after 20 kimg, which is the newest"
        );
        let said = found(&[10, 20], none, Which::Best).unwrap_err();
        assert!(said.contains("--metrics"), "{said}");
        let said = found(&[10, 20], none, Which::Kimg(15)).unwrap_err();
        assert!(
            said.contains("none after 15 kimg; the newest is after 20"),
            "{said}"
        );
        assert!(found(&[], none, Which::Usual).is_err());
        // The snapshot of 10 is that of 10.5, which was not measured.
        let written_again: &[(f64, &[(&str, f64)])] = &[
            (10.0, &[("kid1k_random", 0.1)]),
            (10.5, &[]),
            (20.0, &[("kid1k_random", 0.3)]),
        ];
        assert_eq!(found(&[10, 20], written_again, Which::Usual).unwrap().kimg, 20);
    }

    #[test]
    fn only_figures_of_one_name_are_compared_and_a_frechet_distance_comes_first() {
        let changed: &[(f64, &[(&str, f64)])] = &[
            (10.0, &[("kid1k_random", 0.001)]),
            (20.0, &[("fid1k_clip", 9.0), ("kid1k_clip", 2.0)]),
            (30.0, &[("fid1k_clip", 8.0), ("kid1k_clip", 3.0)]),
        ];
        let best = found(&[10, 20, 30], changed, Which::Usual).unwrap();
        let expected = Best {
            measure: "fid1k_clip".into(),
            value: 8.0,
            of: 2,
        };
        assert_eq!((best.kimg, best.best), (30, Some(expected)));
    }

    #[test]
    fn a_snapshot_is_named_by_a_word_or_a_number() {
        assert_eq!("best".parse(), Ok(Which::Best));
        assert_eq!("latest".parse(), Ok(Which::Latest));
        assert_eq!("000120".parse(), Ok(Which::Kimg(120)));
        for text in ["", "-1", "newest", "1.5"] {
            assert!(text.parse::<Which>().is_err(), "{text}");
        }
    }
}
