//! `guise plot`.

mod picture;

use super::files::{check_writable, write_whole};
use crate::{
    train::{Curve, Group, Moment, read_curves},
    weights::shortened,
};
use anyhow::{bail, ensure};
use picture::{COLORS, Panel, Series};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

/// Draw what training runs measured over time: losses, logits, and everything else in their `stats.jsonl`.
///
/// Runs of every kind can be drawn, also while they go on. Of one run, figures that belong together share a
/// panel; of several, every figure has a panel of its own, in which each run has a color.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Folders of runs, at most ten.
    #[arg(value_name = "RUN", required = true)]
    runs: Vec<PathBuf>,
    /// The picture to write, which ends in .svg or .png.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// What time is counted in.
    #[arg(long, value_enum, default_value_t)]
    over: Over,
}

/// The horizontal axis.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
enum Over {
    /// Thousands of real pictures shown.
    #[default]
    Kimg,
    /// Hours of training.
    Hours,
}

impl Over {
    fn label(self) -> &'static str {
        match self {
            Self::Kimg => "thousand real pictures shown (kimg)",
            Self::Hours => "hours of training",
        }
    }

    fn of(self, moment: &Moment) -> f64 {
        match self {
            Self::Kimg => moment.kimg,
            Self::Hours => moment.duration_secs / 3600.0,
        }
    }
}

pub(super) fn run(args: Args) -> anyhow::Result<()> {
    let ending = args.out.extension().and_then(|ending| ending.to_str());
    let is_png = match ending.map(str::to_ascii_lowercase).as_deref() {
        Some("png") => true,
        Some("svg") => false,
        _ => bail!("--out {} ends neither in .svg nor in .png", args.out.display()),
    };
    ensure!(
        args.runs.len() <= COLORS.len(),
        "there are {} runs, and a picture has colors for {}",
        args.runs.len(),
        COLORS.len()
    );
    check_writable(&args.out)?;
    let runs: Vec<_> = args
        .runs
        .iter()
        .map(|dir| read_curves(dir))
        .collect::<Result<_, _>>()?;
    let names = names(&args.runs);
    let panels = panels(&runs, &names, args.over);
    // Of one run, the panels name their lines themselves.
    let legend = if runs.len() > 1 { &names[..] } else { &[] };
    let svg = picture::svg(&panels, legend, args.over.label())?;
    let bytes = match is_png {
        true => picture::png(&svg)?,
        false => svg.into_bytes(),
    };
    write_whole(&args.out, &bytes)?;
    println!(
        "{}: {} figures of {}",
        args.out.display(),
        figures(&panels),
        names.join(", ")
    );
    Ok(())
}

fn figures(panels: &[Panel]) -> usize {
    panels.iter().map(|panel| panel.series.len()).sum()
}

/// What the runs are called: as their folders, or by the whole path where two folders have one name.
fn names(runs: &[PathBuf]) -> Vec<String> {
    let last = |run: &Path| run.file_name().map(|name| name.to_string_lossy().into_owned());
    let name = |run: &PathBuf| {
        let alike = runs.iter().filter(|other| last(other) == last(run)).count();
        let name = last(run).filter(|_| alike == 1);
        shortened(&name.unwrap_or_else(|| run.to_string_lossy().into_owned()), 60)
    };
    runs.iter().map(name).collect()
}

/// The panels of a picture, those that matter most first.
fn panels(runs: &[BTreeMap<String, Curve>], names: &[String], over: Over) -> Vec<Panel> {
    let mut figures: Vec<&String> = runs.iter().flat_map(BTreeMap::keys).collect();
    figures.sort_by_key(|name| (Group::of(name), *name));
    figures.dedup();
    let line = |curve: &Curve| {
        let points = curve.points().iter();
        points.map(|moment| (over.of(moment), moment.value)).collect()
    };
    let mut panels: Vec<Panel> = vec![];
    for figure in figures {
        let shown = shortened(figure, 40);
        let group = Group::of(figure);
        // Measures have scales of their own, as whatever is not known here has.
        let shares = runs.len() == 1 && matches!(group, Group::Losses | Group::Logits);
        let title = if shares { group.name() } else { &shown };
        let panel = match panels.last_mut().filter(|panel| panel.title == title) {
            Some(panel) => panel,
            None => {
                panels.push(Panel {
                    title: title.to_owned(),
                    has_legend: shares,
                    series: vec![],
                });
                panels.last_mut().expect("one was added")
            }
        };
        for (number, run) in runs.iter().enumerate() {
            let Some(curve) = run.get(figure) else { continue };
            panel.series.push(Series {
                name: if shares {
                    shown.clone()
                } else {
                    names[number].clone()
                },
                color: if shares { panel.series.len() } else { number },
                points: line(curve),
            });
        }
    }
    panels
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(stats: &str) -> BTreeMap<String, Curve> {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("stats.jsonl"), stats).unwrap();
        read_curves(dir.path()).unwrap()
    }

    const STATS: &str = concat!(
        r#"{"kimg":1,"duration_secs":1800,"b_loss":3,"a_loss":1,"fid2k_clip":9,"zoom":1}"#,
        "\n",
        r#"{"kimg":2,"duration_secs":7200,"b_loss":2,"a_loss":1,"x_logit":4,"zoom":2}"#,
        "\n",
    );

    #[test]
    fn of_one_run_what_belongs_together_shares_a_panel() {
        let panels = panels(&[run(STATS)], &["r".into()], Over::Hours);
        let titles: Vec<_> = panels.iter().map(|panel| panel.title.as_str()).collect();
        assert_eq!(titles, ["losses", "logits", "fid2k_clip", "zoom"]);
        let losses = &panels[0].series;
        assert_eq!([&losses[0].name, &losses[1].name], ["a_loss", "b_loss"]);
        assert_ne!(losses[0].color, losses[1].color);
        assert_eq!(losses[1].points, [(0.5, 3.0), (2.0, 2.0)]);
    }

    #[test]
    fn of_several_runs_every_figure_has_a_panel() {
        let other = run("{\"kimg\":5,\"duration_secs\":1,\"a_loss\":7}\n");
        let panels = panels(&[run(STATS), other], &["r".into(), "s".into()], Over::Kimg);
        let titles: Vec<_> = panels.iter().map(|panel| panel.title.as_str()).collect();
        assert_eq!(titles, ["a_loss", "b_loss", "x_logit", "fid2k_clip", "zoom"]);
        assert_eq!(panels[0].series.len(), 2);
        assert_eq!(panels[0].series[1].name, "s");
        assert_eq!(panels[0].series[1].points, [(5.0, 7.0)]);
        assert_eq!(panels[1].series.len(), 1);
    }

    #[test]
    fn runs_are_called_as_their_folders_unless_two_are_alike() {
        let names = |runs: &[&str]| names(&runs.iter().map(PathBuf::from).collect::<Vec<_>>());
        assert_eq!(names(&["a/one", "b/two\x1b/"]), ["one", "two\\u{1b}"]);
        assert_eq!(names(&["a/one", "b/one"]), ["a/one", "b/one"]);
        assert_eq!(names(&["."]), ["."]);
    }
}
