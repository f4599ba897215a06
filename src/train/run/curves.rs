//! What a run measured over time, whatever kind of run it is: every number in its `stats.jsonl` is a curve.

use super::lines::each_line;
use crate::train::{Error, file_error, io_error};
use serde_json::{Map, Value};
use std::{collections::BTreeMap, fs, path::Path};

/// The name of the statistics in every run folder.
pub(super) const STATS: &str = "stats.jsonl";
/// A curve has at most this many points: whenever there are more, neighbors become one.
const MAX_POINTS: usize = 4096;
/// A line of statistics has at most this many figures.
const MAX_CURVES: usize = 64;

/// What a figure was at some moment of a run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Moment {
    /// Thousands of real pictures shown since the start of the run.
    pub kimg: f64,
    /// Training time since the start of the run, in seconds.
    pub duration_secs: f64,
    /// The figure.
    pub value: f64,
}

/// A figure over the time of a run, the earliest first.
#[derive(Debug, Default)]
pub struct Curve {
    points: Vec<Moment>,
    /// Moments that are not in a point yet.
    pending: Vec<Moment>,
    /// Moments in a point, as a power of two.
    doublings: u32,
}

impl Curve {
    /// The points, each the mean of as many lines of the statistics; at most 4096.
    pub fn points(&self) -> &[Moment] {
        &self.points
    }

    fn push(&mut self, moment: Moment) {
        self.pending.push(moment);
        if self.pending.len() < 1 << self.doublings {
            return;
        }
        self.points.push(mean(&self.pending));
        self.pending.clear();
        if self.points.len() >= MAX_POINTS {
            self.points = self.points.chunks(2).map(mean).collect();
            self.doublings += 1;
        }
    }
}

fn mean(moments: &[Moment]) -> Moment {
    let mean = |field: fn(&Moment) -> f64| moments.iter().map(field).sum::<f64>() / moments.len() as f64;
    Moment {
        kimg: mean(|moment| moment.kimg),
        duration_secs: mean(|moment| moment.duration_secs),
        value: mean(|moment| moment.value),
    }
}

/// The curves of the run in the folder `run` by the names of their figures.
///
/// The last line may be unfinished, because the run may be going on.
///
/// # Errors
/// [`Error::Io`] when there are no statistics to read, [`Error::File`] when a line of them is damaged or
/// there are none yet.
pub fn read_curves(run: &Path) -> Result<BTreeMap<String, Curve>, Error> {
    let path = run.join(STATS);
    // A file that is not there would be one without lines.
    fs::symlink_metadata(&path).map_err(io_error("read", &path))?;
    let mut curves = BTreeMap::new();
    let mut number = 0;
    // A line is known not to be the last only when another follows.
    let mut unfinished = None;
    each_line(&path, |_, line| {
        number += 1;
        if let Some(number) = unfinished {
            return Err(damaged(&path, number, "it is longer than a line of statistics"));
        }
        match line {
            Some(line) => {
                add(&mut curves, line).map_err(|problem| damaged(&path, number, &problem))?;
            }
            None => unfinished = Some(number),
        }
        Ok(true)
    })?;
    curves.retain(|_, curve: &mut Curve| !curve.points.is_empty());
    match curves.is_empty() {
        true => Err(file_error("plot", &path, "it holds no figures yet")),
        false => Ok(curves),
    }
}

fn damaged(path: &Path, line: usize, problem: &str) -> Error {
    file_error("read", path, format!("line {line} is damaged: {problem}"))
}

/// Adds the figures of a line to their curves, or says what is wrong with it.
fn add(curves: &mut BTreeMap<String, Curve>, line: &[u8]) -> Result<(), String> {
    let fields: Map<String, Value> = serde_json::from_slice(line).map_err(|error| error.to_string())?;
    let axis = |name: &str| match fields.get(name).and_then(Value::as_f64) {
        Some(number) if number.is_finite() && number >= 0.0 => Ok(number),
        _ => Err(format!(
            "its {name} is {}, expected a number that is not negative",
            fields.get(name).map_or("missing".into(), Value::to_string)
        )),
    };
    let (kimg, duration_secs) = (axis("kimg")?, axis("duration_secs")?);
    for (name, value) in figures(&fields) {
        if !curves.contains_key(name) && curves.len() >= MAX_CURVES {
            return Err(format!("it has more than {MAX_CURVES} figures"));
        }
        curves.entry(name.to_owned()).or_default().push(Moment {
            kimg,
            duration_secs,
            value,
        });
    }
    Ok(())
}

/// The figures in a line of statistics: every number but where the line stands.
pub(super) fn figures(line: &Map<String, Value>) -> impl Iterator<Item = (&str, f64)> {
    let is_figure = |name: &str| name != "kimg" && name != "duration_secs";
    line.iter()
        .filter_map(move |(name, value)| {
            Some((name.as_str(), value.as_f64()?)).filter(|(name, _)| is_figure(name))
        })
        .filter(|(_, value)| value.is_finite())
}

/// What is looked at together, and in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Group {
    /// What training makes small.
    Losses,
    /// What a discriminator says.
    Logits,
    /// Measures of pictures, such as `fid10k_full`.
    Metrics,
    /// Everything else, each figure in units of its own.
    Other,
}

impl Group {
    /// The group of the figure `name`, which follows from its name.
    pub fn of(name: &str) -> Self {
        let is_metric = |method: &&str| {
            name.strip_prefix(*method)
                .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
        };
        match name {
            _ if name.ends_with("loss") || name.ends_with("penalty") => Self::Losses,
            _ if name.ends_with("logit") => Self::Logits,
            _ if ["fid", "kid", "precision", "recall"].iter().any(is_metric) => Self::Metrics,
            _ => Self::Other,
        }
    }

    /// How it is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::Losses => "losses",
            Self::Logits => "logits",
            Self::Metrics => "metrics",
            Self::Other => "other",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(stats: &str) -> Result<BTreeMap<String, Curve>, String> {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(STATS), stats).unwrap();
        read_curves(dir.path()).map_err(|error| error.to_string())
    }

    #[test]
    fn every_number_is_a_curve() {
        let found = read(
            "{\"kimg\":1,\"duration_secs\":7,\"a_loss\":3,\"none\":null,\"fid2k_clip\":0.5}\n\
             {\"kimg\":2,\"duration_secs\":9.5,\"a_loss\":2.5}\n{\"kimg\":3,\"dura",
        )
        .unwrap();
        assert_eq!(found.keys().collect::<Vec<_>>(), ["a_loss", "fid2k_clip"]);
        let moment = |kimg, duration_secs, value| Moment {
            kimg,
            duration_secs,
            value,
        };
        assert_eq!(
            found["a_loss"].points(),
            [moment(1.0, 7.0, 3.0), moment(2.0, 9.5, 2.5)]
        );
    }

    #[test]
    fn what_is_damaged_is_said() {
        let good = "{\"kimg\":1,\"duration_secs\":7,\"a\":3}\n";
        let many: Vec<String> = (0..70).map(|i| format!("\"f{i}\":1")).collect();
        let many = format!("{{\"kimg\":1,\"duration_secs\":7,{}}}\n", many.join(","));
        for (stats, expected) in [
            (format!("{good}nonsense\n{good}"), "line 2 is damaged"),
            (format!("{good}[1]\n"), "line 2 is damaged"),
            (format!("{good}{{\"kimg\":-1}}\n"), "its kimg is -1"),
            (format!("{{\"kimg\":1}}\n{good}"), "its duration_secs is missing"),
            (format!("{good}{{\"kimg\":1e999}}\n"), "number out of range"),
            (format!("{}{good}", " ".repeat(70_000)), "longer than a line"),
            (many, "more than 64 figures"),
            ("{\"kimg\":1,\"duration_secs\":7}\n".into(), "no figures yet"),
            (String::new(), "no figures yet"),
        ] {
            let said = read(&stats).unwrap_err();
            assert!(said.contains(expected) && said.contains(STATS), "{said}");
        }
        let none = tempfile::tempdir().unwrap();
        assert!(read_curves(none.path()).unwrap_err().to_string().contains(STATS));
    }

    #[test]
    fn a_curve_has_a_bounded_number_of_points_and_keeps_its_shape() {
        let mut curve = Curve::default();
        for i in 0..100_000 {
            let time = f64::from(i);
            curve.push(Moment {
                kimg: time,
                duration_secs: 2.0 * time,
                value: 3.0 * time,
            });
        }
        let points = curve.points();
        assert!(
            (MAX_POINTS / 2..MAX_POINTS).contains(&points.len()),
            "{}",
            points.len()
        );
        assert!(
            points
                .iter()
                .all(|point| (point.value - 3.0 * point.kimg).abs() < 1e-6
                    && (point.duration_secs - 2.0 * point.kimg).abs() < 1e-6)
        );
        assert!(points.is_sorted_by_key(|point| point.kimg) && points[points.len() - 1].kimg > 99_900.0);
    }

    #[test]
    fn figures_are_grouped_by_their_names() {
        for (name, group) in [
            ("generator_loss", Group::Losses),
            ("r1_penalty", Group::Losses),
            ("real_logit", Group::Logits),
            ("fid10k_full", Group::Metrics),
            ("recall2k_clip", Group::Metrics),
            ("kidney", Group::Other),
            ("secs_per_kimg", Group::Other),
        ] {
            assert_eq!(Group::of(name), group, "{name}");
        }
    }
}
