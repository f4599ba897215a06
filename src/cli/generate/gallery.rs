//! Where the pictures of a wish go while they come about, and what is told of them.

use super::wish::Wish;
use crate::{
    cli::{
        files::write_whole,
        progress,
        sheet::{Sheet, write_png},
    },
    pipeline::{Avatar, Cancel, Event, Fit, Snap, Yardstick},
};
use anyhow::Context;
use image::RgbaImage;
use indicatif::ProgressBar;
use std::path::Path;

/// Where pictures are written: a PNG file, or a folder for a file each, and what snaps them before.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) out: &'a Path,
    pub(super) folder: bool,
    pub(super) snap: Option<&'a Snap>,
}

/// A line of the statistics of steps.
#[derive(serde::Serialize)]
struct StepStats {
    step: usize,
    scores: Vec<f32>,
    losses: Vec<f32>,
}

/// The pictures of a job, as its events bring them.
pub(super) struct Gallery<'a> {
    wish: &'a Wish,
    place: Place<'a>,
    /// Width and height of each picture.
    size: [usize; 2],
    sheet: Option<Sheet>,
    strip: Option<Sheet>,
    /// Pictures in a row of the strip.
    columns: usize,
    /// How often each picture was shown.
    shown: Vec<usize>,
    last: Vec<RgbaImage>,
    guesses: ProgressBar,
    steps: Option<ProgressBar>,
    stats: Vec<StepStats>,
}

impl<'a> Gallery<'a> {
    /// For `count` pictures of this width and height, each of which is shown so many times: what cannot be
    /// shown is known before the work.
    pub(super) fn new(
        wish: &'a Wish,
        place: Place<'a>,
        [count, times]: [usize; 2],
        size: [usize; 2],
    ) -> anyhow::Result<Self> {
        let sheet = match place.folder {
            true => {
                std::fs::create_dir_all(place.out)
                    .with_context(|| format!("cannot create the folder {}", place.out.display()))?;
                None
            }
            false => Some(Sheet::new(count, size)?),
        };
        let strip = match wish.strip {
            Some(_) => Some(Sheet::with_columns(count * times, times, size)?),
            None => None,
        };
        Ok(Self {
            wish,
            place,
            size,
            sheet,
            strip,
            columns: times,
            shown: vec![0; count],
            last: vec![RgbaImage::new(0, 0); count],
            guesses: progress::bar(0, "guesses"),
            steps: None,
            stats: vec![],
        })
    }

    /// Takes what a job tells.
    pub(super) fn take(&mut self, event: Event) {
        match event {
            Event::Progress { done, total } => {
                self.guesses.set_length(total as u64);
                self.guesses.set_position(done as u64);
            }
            Event::Step {
                done,
                total,
                scores,
                losses,
            } => {
                let bar = self
                    .steps
                    .get_or_insert_with(|| progress::bar(total as u64, "steps"));
                bar.set_position(done as u64);
                let mean = |values: &[f32]| values.iter().sum::<f32>() / values.len() as f32;
                bar.set_message(format!("score {:.3}, loss {:.3}", mean(&scores), mean(&losses)));
                let step = done;
                self.stats.push(StepStats { step, scores, losses });
            }
            Event::Picture { index, mut image } => {
                if let Some(snap) = self.place.snap {
                    snap.apply(&mut image);
                }
                if let Some(strip) = &mut self.strip {
                    strip.place(index * self.columns + self.shown[index], &image);
                }
                self.shown[index] += 1;
                self.last[index] = image;
            }
        }
    }

    /// Takes the bars away when a job has ended, however it did.
    pub(super) fn clear(&self) {
        self.guesses.finish_and_clear();
        if let Some(bar) = &self.steps {
            bar.finish_and_clear();
        }
    }

    /// Writes everything, and tells how well the avatars came out, by a yardstick if there is one.
    pub(super) fn write(mut self, avatars: &[Avatar], yardstick: Option<&Yardstick>) -> anyhow::Result<()> {
        let out = self.place.out;
        if let Some(path) = &self.wish.stats {
            let lines: Result<Vec<String>, _> = self.stats.iter().map(serde_json::to_string).collect();
            let text: String = lines?.iter().map(|line| format!("{line}\n")).collect();
            write_whole(path, text.as_bytes())?;
        }
        if let (Some(path), Some(strip)) = (&self.wish.strip, self.strip) {
            write_png(path, &strip.into_image())?;
        }
        for (index, picture) in self.last.iter().enumerate() {
            match &mut self.sheet {
                Some(sheet) => sheet.place(index, picture),
                None => write_png(&out.join(format!("avatar{index:04}.png")), picture)?,
            }
        }
        if let Some(sheet) = self.sheet {
            write_png(out, &sheet.into_image())?;
        }
        let [width, height] = self.size;
        let drawn = match avatars.len() {
            1 => format!("{}: an avatar of {width} x {height} pixels", out.display()),
            count => format!("{}: {count} avatars of {width} x {height} pixels", out.display()),
        };
        if let Some(yardstick) = yardstick {
            let fits: Vec<Vec<Fit>> = avatars
                .iter()
                .map(|avatar| yardstick.fits(&avatar.embedding))
                .collect();
            eprintln!("{drawn}; of the collection's own pictures, so many fit less:");
            eprint!("{}", fit_table(&fits));
            return Ok(());
        }
        let scores: Vec<String> = avatars
            .iter()
            .map(|avatar| format!("{:.3}", avatar.score))
            .collect();
        let word = if scores.len() == 1 { "score" } else { "scores" };
        eprintln!("{drawn}, {word} {}", scores.join(" "));
        Ok(())
    }
}

/// What stops a job when its user presses Ctrl-C.
pub(super) fn stopped_by_user() -> anyhow::Result<Cancel> {
    let cancel = Cancel::default();
    let stop = cancel.clone();
    ctrlc::set_handler(move || stop.cancel()).context("cannot listen for Ctrl-C")?;
    Ok(cancel)
}

/// A line for each clause, with a figure for each avatar.
fn fit_table(avatars: &[Vec<Fit>]) -> String {
    let clauses = avatars.first().map_or(&[][..], Vec::as_slice);
    let width = clauses.iter().map(|fit| fit.clause.chars().count()).max();
    let line = |(place, fit): (usize, &Fit)| {
        let figures = avatars.iter().map(|fits| format!("{:>5} %", fits[place].percent));
        format!(
            "  {:width$}{}\n",
            fit.clause,
            figures.collect::<String>(),
            width = width.unwrap_or(0)
        )
    };
    clauses.iter().enumerate().map(line).collect()
}
