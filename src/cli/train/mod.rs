//! `guise train`: one file for each kind of training, and what all of them share.

mod biggan;
mod clip;
mod dcgan;
mod race;
mod stylegan2;
mod transformer;
mod vqgan;

use super::{device::DeviceChoice, progress, stop::on_ctrl_c};
use crate::{
    data::Dataset,
    train::{
        Ended, Event, Family, Figures, RelativeVariety, RunSettings, TrainedOn, Trainer, dcgan::DcganKind,
        run_kind,
    },
};
use anyhow::Context;
use burn::tensor::Device;
use clap::{ArgMatches, parser::ValueSource};
use serde::{Serialize, de::DeserializeOwned};
use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

/// Train a network on a dataset: a generator, or the CLIP that lets sentences find its pictures.
///
/// Writes a numbered run folder with its settings, statistics and checkpoints. Ctrl-C writes a checkpoint and
/// stops. `guise train --resume RUN` goes on from it exactly, whatever the run trains, and takes that kind's
/// flags. `guise train --data DATASET` trains a StyleGAN2.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    kind: Kind,
}

/// What can be trained.
// Named by hand where a name in the plural of words would be split.
#[derive(Debug, clap::Subcommand)]
enum Kind {
    #[command(name = "stylegan2")]
    StyleGan2(stylegan2::Args),
    /// Train a DCGAN generator, the plain ancestor of the others: larger and quicker to explain than
    /// StyleGAN2, and less sharp.
    ///
    /// The run folder also gets sample grids, and snapshots to publish. Datasets have 16 to 128 pixels.
    Dcgan(dcgan::Args),
    /// Train a Megapixel DCGAN, for fewer than 2000 pictures of 192 to 1024 pixels: one network is updated
    /// for some steps, then the other.
    ///
    /// Its latents are uniform in [-1, 1]; avatars are drawn from the narrower interval of --truncation-psi.
    /// The run folder also gets sample grids, and snapshots to publish.
    MegapixelDcgan(dcgan::Args),
    /// Train a DeepImagify generator: a DCGAN of eight layers for pictures of 128 pixels, with leaky
    /// rectifiers and uniform latents.
    ///
    /// The run folder also gets sample grids, and snapshots to publish.
    #[command(name = "deepimagify")]
    DeepImagify(dcgan::Args),
    #[command(name = "biggan")]
    BigGan(biggan::Args),
    #[command(name = "vqgan")]
    VqGan(vqgan::Args),
    Transformer(transformer::Args),
    Clip(clip::Args),
}

/// What every kind of training is told.
#[derive(Debug, clap::Args)]
struct Place {
    /// The dataset folder that `guise prepare` wrote, or a dataset of NVIDIA's dataset tool, zipped or not.
    /// With --resume the run goes on with what it holds now, even if its pictures are others or more than
    /// before.
    #[arg(long, required_unless_present = "resume")]
    data: Option<PathBuf>,
    /// The folder that holds the numbered run folders.
    #[arg(long, default_value = "runs", conflicts_with = "resume")]
    out: PathBuf,
    /// A run folder to continue. Its own settings hold, except those given here again.
    #[arg(long, value_name = "RUN")]
    resume: Option<PathBuf>,
    /// Where to train.
    #[arg(long, value_enum, default_value_t)]
    device: DeviceChoice,
}

impl Place {
    /// The dataset of a new run, and where it is.
    fn dataset(&self) -> anyhow::Result<(Dataset, &Path)> {
        let data = self.data.as_deref().context("--data is missing")?;
        Ok((Dataset::open(data)?, data))
    }

    /// The dataset of a run that goes on. If it is another than before that is said, with what `follows`.
    fn reopen(&self, before: &mut TrainedOn, resolution: usize, follows: &str) -> anyhow::Result<Dataset> {
        let (dataset, note) = before.reopen(self.data.as_deref(), resolution)?;
        notes(note.map(|note| note + follows).as_slice());
        Ok(dataset)
    }
}

/// Puts the kind into a command line that leaves it out: what the run of `--resume` trains, or a StyleGAN2.
///
/// # Errors
///
/// When that run cannot be read.
pub(super) fn with_kind(mut args: Vec<OsString>) -> anyhow::Result<Vec<OsString>> {
    let word = |place: usize| args.get(place).and_then(|word| word.to_str());
    let begins_with_flag = word(2).is_some_and(|word| word.starts_with("--") && word != "--help");
    if word(1) != Some("train") || !begins_with_flag {
        return Ok(args);
    }
    let resumed = args.iter().enumerate().find_map(|(place, word)| {
        let word = word.to_str()?;
        match word.strip_prefix("--resume") {
            Some("") => args.get(place + 1).map(PathBuf::from),
            Some(rest) => rest.strip_prefix('=').map(PathBuf::from),
            None => None,
        }
    });
    let kind = match resumed {
        Some(run) => run_kind(&run)?,
        None => "stylegan2".into(),
    };
    args.insert(2, kind.into());
    Ok(args)
}

/// `matches` are those of the whole command line.
pub(super) fn run(args: Args, matches: &ArgMatches) -> anyhow::Result<()> {
    let train = matches.subcommand().and_then(|(_, train)| train.subcommand());
    let given = Given(train.context("guise train has a kind")?.1);
    match args.kind {
        Kind::StyleGan2(args) => stylegan2::run(args, given),
        Kind::Dcgan(args) => dcgan::run(DcganKind::Dcgan, args, given),
        Kind::MegapixelDcgan(args) => dcgan::run(DcganKind::Megapixel, args, given),
        Kind::DeepImagify(args) => dcgan::run(DcganKind::DeepImagify, args, given),
        Kind::BigGan(args) => biggan::run(args, given),
        Kind::VqGan(args) => vqgan::run(args, given),
        Kind::Transformer(args) => transformer::run(args, given),
        Kind::Clip(args) => clip::run(args, given),
    }
}

/// Which flags the user gave, apart from defaults.
struct Given<'a>(&'a ArgMatches);

impl Given<'_> {
    /// The `stored` settings, with those of `flags` in their place that were given. Flags are named as the
    /// fields are.
    fn over<R: Serialize + DeserializeOwned>(&self, stored: &R, flags: &R) -> R {
        let [mut settings, flags] =
            [stored, flags].map(|settings| serde_json::to_value(settings).expect("settings are plain data"));
        for id in self.0.ids().map(|id| id.as_str()) {
            let value = flags.get(id);
            if let Some(value) = value.filter(|_| self.0.value_source(id) == Some(ValueSource::CommandLine)) {
                settings[id] = value.clone();
            }
        }
        serde_json::from_value(settings).expect("both have this form")
    }
}

/// What to do when the generator draws nearly the same picture for every seed.
#[derive(Debug, Clone, Copy, Default, PartialEq, clap::ValueEnum)]
enum OnCollapse {
    /// Say so, and go on.
    #[default]
    Warn,
    /// Say so, and stop at that checkpoint.
    Stop,
}

impl OnCollapse {
    /// The warning about a checkpoint, if there is one, with the `remedy` that may help.
    fn obey(self, variety: &RelativeVariety, remedy: &str, stop: &AtomicBool) -> String {
        let Some(warning) = variety.warning(remedy) else {
            return String::new();
        };
        if self == Self::Stop {
            stop.store(true, Ordering::Relaxed);
        }
        format!("\nwarning: {warning}")
    }
}

/// Says what a library has to say.
fn notes(notes: &[String]) {
    for note in notes {
        eprintln!("note: {note}");
    }
}

/// Says where the run is, and whether there is anything left to do; gives the flag that Ctrl-C sets.
fn announce<F: Family>(trainer: &Trainer<F>) -> anyhow::Result<Arc<AtomicBool>> {
    notes(trainer.notes());
    eprintln!("run folder: {}", trainer.run().dir.display());
    let (seen, total) = (
        trainer.images_seen(),
        trainer.run().settings.schedule().total_images(),
    );
    if seen >= total {
        let kimg = |images: u64| images as f64 / 1000.0;
        eprintln!(
            "note: the run has shown {} of {} kimg already: --kimg with a higher number trains it further",
            kimg(seen),
            kimg(total)
        );
    }
    on_ctrl_c()
}

/// Trains to the end or until `stop` is set. The bar shows the last step's `figures`; `found` words what goes
/// with a checkpoint; `next` is the command that uses a run like this one.
fn finish<F: Family>(
    trainer: Trainer<F>,
    stop: &AtomicBool,
    figures: impl Fn(&<F::Settings as RunSettings>::Stats) -> String,
    found: impl Fn(&F::Report) -> String,
    next: impl Fn(&Path) -> String,
) -> anyhow::Result<()> {
    let dir = trainer.run().dir.clone();
    let bar = progress::bar(trainer.run().settings.schedule().total_images(), "pictures");
    bar.set_position(trainer.images_seen());
    bar.reset_eta();
    let ended = trainer
        .measuring_on(Device::flex())
        .train(stop, |event| match event {
            Event::Step { images_seen, stats } => {
                bar.set_position(images_seen);
                let secs_per_kimg = 1000.0 / bar.per_sec();
                bar.set_message(format!("{secs_per_kimg:.1} s/kimg, {}", figures(&stats)));
            }
            Event::Checkpoint {
                path,
                report,
                figures,
            } => {
                let measured = measured(&figures);
                bar.suspend(|| eprintln!("wrote {}{measured}{}", path.display(), found(&report)));
            }
        });
    bar.abandon();
    match ended? {
        Ended::Finished => eprintln!("done: {}", next(&dir)),
        Ended::Stopped => stopped(&dir),
    }
    Ok(())
}

/// What was measured, behind the name of a checkpoint.
fn measured(figures: &Figures) -> String {
    let each: Vec<String> = figures
        .iter()
        .map(|(name, value)| format!("{name} {value:.4}"))
        .collect();
    match each.is_empty() {
        true => String::new(),
        false => format!(": {}", each.join(", ")),
    }
}

/// Says how a run that was stopped goes on.
fn stopped(dir: &Path) {
    eprintln!(
        "stopped: guise train --resume {} goes on from here",
        dir.display()
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind_of(line: &[&str]) -> String {
        let args = with_kind(line.iter().map(Into::into).collect()).unwrap();
        args[2].to_str().unwrap().to_owned()
    }

    #[test]
    fn a_kind_that_is_left_out_is_the_runs_or_stylegan2() {
        assert_eq!(kind_of(&["guise", "train", "--data", "d"]), "stylegan2");
        assert_eq!(kind_of(&["guise", "train", "clip", "--data", "d"]), "clip");
        assert_eq!(kind_of(&["guise", "train", "--help"]), "--help");
        assert_eq!(kind_of(&["guise", "prepare", "--out"]), "--out");

        let dir = tempfile::tempdir().unwrap();
        let run = dir.path().to_str().unwrap();
        let missing = with_kind(["guise", "train", "--resume", run].map(Into::into).to_vec());
        assert!(missing.unwrap_err().to_string().contains("training_options.json"));
        for (settings, kind) in [
            (r#"{"kind": "clip"}"#, "clip"),
            (r#"{"kind": "other"}"#, "other"),
            (r#"{"image_tower": {}}"#, "clip"),
            (r#"{"network": {}}"#, "stylegan2"),
        ] {
            std::fs::write(dir.path().join("training_options.json"), settings).unwrap();
            let joined = format!("--resume={run}");
            assert_eq!(kind_of(&["guise", "train", "--kimg", "3", "--resume", run]), kind);
            assert_eq!(kind_of(&["guise", "train", &joined]), kind);
        }
    }

    #[test]
    fn only_flags_that_were_given_take_the_place_of_settings() {
        #[derive(Debug, PartialEq, clap::Parser, serde::Serialize, serde::Deserialize)]
        struct Flags {
            #[arg(long = "kimg", default_value_t = 3.0)]
            total_kimg: f64,
            #[arg(long, default_value_t = 4)]
            batch_size: usize,
            #[arg(long)]
            mirror: bool,
            #[arg(skip = 5usize)]
            interval: usize,
        }
        let command = <Flags as clap::CommandFactory>::command();
        let matches = command.get_matches_from(["guise", "--kimg", "3", "--mirror"]);
        let flags = <Flags as clap::FromArgMatches>::from_arg_matches(&matches).unwrap();
        let stored = Flags {
            total_kimg: 0.1,
            batch_size: 64,
            mirror: false,
            interval: 9,
        };
        let expected = Flags {
            total_kimg: 3.0,
            mirror: true,
            ..stored
        };
        assert_eq!(Given(&matches).over(&stored, &flags), expected);
    }
}
