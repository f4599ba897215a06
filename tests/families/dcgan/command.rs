//! `guise train dcgan`, its kin, and what follows, as its user runs them: tiny networks on a tiny dataset.

use crate::command::{dataset, fails, path, stats, succeeds, trained, weights};
use burn::{module::Module, tensor::Device};
use futures::executor::block_on;
use guise::{
    train::dcgan::{DcganRun, DcganState},
    weights::{Tensors, collect},
};
use serde_json::Value;
use std::{
    fs,
    path::{Path, PathBuf},
};
use tempfile::TempDir;

/// A run of so many kimg of a small network, in a folder of its own.
fn small(family: &str, data: &Path, out: &Path, kimg: &str, more: &[&str]) -> PathBuf {
    let sizes = ["--batch-size", "4", "--ngf", "8", "--ndf", "4", "--z-dim", "16"];
    trained(family, data, out, &[&["--kimg", kimg], &sizes[..], more].concat())
}

#[test]
fn a_resumed_run_is_the_run_that_never_stopped() {
    let dir = TempDir::new().unwrap();
    let data = dataset(dir.path(), 16);
    // A checkpoint and a line of statistics where the other stops.
    let steps = [
        "--snapshot-kimg",
        "0.2",
        "--metrics-kimg",
        "0.2",
        "--metrics-count",
        "8",
    ];
    let whole = small("dcgan", &data, &dir.path().join("whole"), "0.4", &steps);
    let halves = small("dcgan", &data, &dir.path().join("halves"), "0.2", &steps);
    let before = weights(&halves);
    succeeds(&["train", "--resume", path(&halves), "--kimg", "0.4"]);
    assert_eq!(weights(&whole), weights(&halves));
    assert_eq!(stats(&whole), stats(&halves));

    // The running statistics are a part of that: they moved before the end and after it.
    let name = "blocks.1.norm.running_var";
    let values = |weights: &Tensors| weights[name].iter::<f32>().collect::<Vec<_>>();
    assert!(
        values(&before)
            .iter()
            .all(|variance| *variance != 1.0 && *variance > 0.0)
    );
    assert_ne!(values(&before), values(&weights(&halves)));

    for line in stats(&whole) {
        assert!(line["kid8_random"].as_f64().unwrap().is_finite(), "{line}");
    }
    for figure in ["p_real", "p_fake", "p_fake_after"] {
        let value = stats(&whole)[0][figure].as_f64().unwrap();
        assert!((0.0..=1.0).contains(&value), "{figure} is {value}");
    }
    let grid = image::open(whole.join("fakes000000.png")).unwrap();
    assert_eq!((grid.width(), grid.height()), (8 * 16, 8 * 16));
    assert!(
        path(&whole).ends_with("00000-dcgan-collection"),
        "{}",
        whole.display()
    );
}

#[test]
fn a_run_becomes_a_bundle_that_draws() {
    let dir = TempDir::new().unwrap();
    let run = small(
        "dcgan",
        &dataset(dir.path(), 16),
        &dir.path().join("runs"),
        "0.04",
        &[],
    );
    let bundle = dir.path().join("models/stripes");
    let place = ["publish", path(&run), "--out", path(&bundle)];
    let card = ["--license", "CC0-1.0", "--name", "Stripes"];
    succeeds(&[&place[..], &card].concat());
    let manifest: Value = serde_json::from_slice(&fs::read(bundle.join("model.json")).unwrap()).unwrap();
    assert_eq!(manifest["parts"]["generator"]["config"]["architecture"], "dcgan");
    assert_eq!(manifest["training"]["total_kimg"], 0.04);
    assert_eq!(manifest["training"]["dataset_pictures"], 12);
    let card = fs::read_to_string(bundle.join("README.md")).unwrap();
    assert!(
        card.contains("A DCGAN generator of avatars with 16 x 16 pixels"),
        "{card}"
    );

    let draw = |model: &Path| {
        let sheet = dir.path().join("sheet.png");
        succeeds(&[
            "generate",
            "--model",
            path(model),
            "--seeds",
            "0-63",
            "--out",
            path(&sheet),
        ]);
        image::open(sheet).unwrap().into_rgba8()
    };
    let [published, trained] = [draw(&bundle), draw(&run)];
    assert_eq!(published.dimensions(), (128, 128));
    assert!(published == image::open(bundle.join("samples.png")).unwrap().into_rgba8());
    let decibels = guise::metrics::psnr(&[published], &[trained]);
    assert!(
        decibels > 35.0,
        "{decibels} dB between the run and what was published of it"
    );
}

#[test]
fn a_megapixel_dcgan_takes_turns_and_is_published() {
    let dir = TempDir::new().unwrap();
    let data = dataset(dir.path(), 192);
    let run = |name: &str, kimg, turn| {
        let turns = ["--turn-steps", turn, "--snapshot-kimg", "0.008"];
        small("megapixel-dcgan", &data, &dir.path().join(name), kimg, &turns)
    };
    // Two steps of the discriminator, two of the generator, and one of the discriminator.
    let whole = run("whole", "0.02", "2");
    assert!(path(&whole).ends_with("00000-megapixel-dcgan-collection"));
    let halves = run("halves", "0.012", "2");
    succeeds(&["train", "--resume", path(&halves), "--kimg", "0.02"]);
    assert_eq!(weights(&whole), weights(&halves));

    // In its opponent's turn a network does not change, but for the statistics that follow the batches.
    let turn = run("turn", "0.008", "50");
    let moved = |run: &Path| {
        let begun = run_of_no_steps(run);
        let [before, after] = [begun, weights(run)];
        before
            .iter()
            .any(|(name, data)| !name.contains("running") && *data != after[name])
    };
    assert!(!moved(&turn) && moved(&whole));

    let settings: Value =
        serde_json::from_slice(&fs::read(whole.join("training_options.json")).unwrap()).unwrap();
    assert_eq!(settings["kind"], "megapixel-dcgan");
    assert_eq!(settings["turn_steps"], 2);
    assert_eq!(settings["network"]["latents"], "uniform");

    let bundle = dir.path().join("models/stripes");
    let place = ["publish", path(&whole), "--out", path(&bundle)];
    succeeds(&[&place[..], &["--license", "CC0-1.0", "--name", "Stripes"]].concat());
    let manifest: Value = serde_json::from_slice(&fs::read(bundle.join("model.json")).unwrap()).unwrap();
    let config = &manifest["parts"]["generator"]["config"];
    assert_eq!(config["architecture"], "megapixel-dcgan");
    assert_eq!(config["latents"], "uniform");
    let card = fs::read_to_string(bundle.join("README.md")).unwrap();
    assert!(
        card.contains("A Megapixel DCGAN generator of avatars with 192 x 192 pixels"),
        "{card}"
    );
    let sheet = dir.path().join("sheet.png");
    let draw = ["generate", "--model", path(&bundle), "--seeds", "0-3"];
    succeeds(&[&draw[..], &["--truncation-psi", "0.5", "--out", path(&sheet)]].concat());
    assert_eq!(image::open(sheet).unwrap().width(), 2 * 192);
}

/// The generator that the run began with: its settings and its seed say all of it.
fn run_of_no_steps(run: &Path) -> Tensors {
    let settings = DcganRun::open(run).unwrap().settings;
    let state = DcganState::init(&settings, &Device::flex());
    block_on(collect(&state.generator.valid())).unwrap()
}

#[test]
fn a_deepimagify_is_trained_at_128_pixels_and_published() {
    let dir = TempDir::new().unwrap();
    let data = dataset(dir.path(), 128);
    let run = small("deepimagify", &data, &dir.path().join("runs"), "0.008", &[]);
    assert!(path(&run).ends_with("00000-deepimagify-collection"));
    let bundle = dir.path().join("models/stripes");
    let place = ["publish", path(&run), "--out", path(&bundle)];
    succeeds(&[&place[..], &["--license", "CC0-1.0", "--name", "Stripes"]].concat());
    let manifest: Value = serde_json::from_slice(&fs::read(bundle.join("model.json")).unwrap()).unwrap();
    let config = &manifest["parts"]["generator"]["config"];
    assert_eq!(config["architecture"], "deepimagify");
    assert_eq!(config["layers"]["full_side"], 2);
    let sheet = dir.path().join("sheet.png");
    succeeds(&["generate", "--model", path(&bundle), "--out", path(&sheet)]);

    // A run is resumed as what it is, also where two kinds have the same settings.
    fails(
        &["train", "dcgan", "--resume", path(&run)],
        "the run trains deepimagify, expected dcgan",
    );
    let out = dir.path().join("others");
    let train = |family| ["train", family, "--data", path(&data), "--out", path(&out)];
    fails(
        &train("megapixel-dcgan"),
        "resolution is 128, expected at least 192 for a megapixel-dcgan",
    );
    // What a step takes is known before it begins.
    fails(
        &[
            &train("deepimagify")[..],
            &["--batch-size", "12", "--memory", "300M"],
        ]
        .concat(),
        "a step with 12 pictures of 128 pixels takes about",
    );
    assert_eq!(fs::read_dir(&out).map_or(0, Iterator::count), 0);
}

#[test]
fn what_cannot_be_trained_is_said() {
    let dir = TempDir::new().unwrap();
    let data = dataset(dir.path(), 16);
    let out = dir.path().join("runs");
    let train = ["train", "dcgan", "--data", path(&data), "--out", path(&out)];
    let with = |flags: &[&'static str]| [&train[..], flags].concat();
    fails(
        &with(&["--batch-size", "1"]),
        "batch_size is 1, expected at least 2",
    );
    fails(
        &with(&["--batch-size", "64"]),
        "has 12 pictures, expected at least a batch of 64",
    );
    fails(&with(&["--ngf", "100000"]), "ngf is 100000, expected 1 to 256");
    fails(&with(&["--z-dim", "0"]), "z_dim is 0, expected 1 to 4096");
    fails(
        &with(&["--adam-beta-1", "1"]),
        "adam_beta_1 is 1, expected less than 1",
    );
    fails(&with(&["--r1-gamma", "3"]), "unexpected argument '--r1-gamma'");
    assert_eq!(fs::read_dir(&out).map_or(0, Iterator::count), 0);

    // A run is resumed as what it is, and a file that was edited is said to be wrong.
    let run = small("dcgan", &data, &out, "0.02", &[]);
    fails(
        &["train", "stylegan2", "--resume", path(&run)],
        "the run trains dcgan, expected stylegan2",
    );
    let settings = run.join("training_options.json");
    let text = fs::read_to_string(&settings).unwrap();
    fs::write(&settings, text.replace("\"ngf\": 8", "\"ngf\": 4000000000")).unwrap();
    fails(
        &["train", "--resume", path(&run)],
        "ngf is 4000000000, expected 1 to 256",
    );
    fs::write(&settings, text.replace("\"dcgan\"", "\"dcgam\"")).unwrap();
    let sheet = dir.path().join("sheet.png");
    fails(
        &["generate", "--model", path(&run), "--out", path(&sheet)],
        "dcgam",
    );
    fs::write(&settings, &text).unwrap();
    assert_eq!(DcganRun::open(&run).unwrap().settings.recipe.batch_size(), 4);
}
