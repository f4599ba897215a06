//! `guise train biggan` and what follows, as its user runs it: tiny networks on a tiny dataset.

use crate::command::{fails, path, stats, succeeds, trained, weights};
use guise::train::biggan::BigGanRun;
use serde_json::Value;
use std::{
    fs,
    path::{Path, PathBuf},
};
use tempfile::TempDir;

/// A warm collection and a cold one of six pictures each, 32 pixels wide, in one dataset.
fn warm_and_cold(dir: &Path) -> PathBuf {
    let art = ["warm", "cold"].map(|name| {
        let art = dir.join(name);
        fs::create_dir_all(&art).unwrap();
        for i in 0..6u8 {
            let picture = image::RgbImage::from_fn(32, 32, |x, y| {
                let strong = if (x / 4 + y / 4) % 2 == 0 {
                    220 - i * 5
                } else {
                    160 + 9 * i
                };
                match name {
                    "warm" => image::Rgb([strong, 30 + i, 20]),
                    _ => image::Rgb([20, 30 + i, strong]),
                }
            });
            picture.save(art.join(format!("{i}.png"))).unwrap();
        }
        art
    });
    let data = dir.join("data");
    let [warm, cold] = &art;
    succeeds(&[
        "prepare",
        path(warm),
        path(cold),
        "--out",
        path(&data),
        "--resolution",
        "32",
    ]);
    data
}

/// A run of so many kimg in a folder of its own; a step shows eight pictures.
fn small(data: &Path, out: &Path, kimg: &str, more: &[&str]) -> PathBuf {
    let sizes = [
        "--batch-size",
        "4",
        "--ch",
        "4",
        "--z-dim",
        "16",
        "--shared-dim",
        "4",
    ];
    trained(
        "biggan",
        data,
        out,
        &[&["--kimg", kimg], &sizes[..], more].concat(),
    )
}

#[test]
fn a_resumed_run_is_the_run_that_never_stopped() {
    let dir = TempDir::new().unwrap();
    let data = warm_and_cold(dir.path());
    // A checkpoint and a line of statistics where the other stops.
    let steps = [
        "--snapshot-kimg",
        "0.04",
        "--metrics-kimg",
        "0.04",
        "--metrics-count",
        "8",
        "--accumulate",
        "2",
        "--mirror",
    ];
    let whole = small(&data, &dir.path().join("whole"), "0.08", &steps);
    let halves = small(&data, &dir.path().join("halves"), "0.04", &steps);
    succeeds(&["train", "--resume", path(&halves), "--kimg", "0.08"]);
    assert_eq!(weights(&whole), weights(&halves));
    assert_eq!(stats(&whole), stats(&halves));
    for line in stats(&whole) {
        assert!(line["kid8_random"].as_f64().unwrap().is_finite(), "{line}");
        assert!(line["orthogonal_penalty"].as_f64().unwrap() > 0.0, "{line}");
    }
    // The vectors of spectral norm are a part of what it went on from.
    for file in ["generator_norm.bpk", "discriminator_norm.bpk", "g_ema.bpk"] {
        assert!(halves.join("checkpoint000000").join(file).exists(), "{file}");
    }
    let grid = image::open(whole.join("fakes000000.png")).unwrap();
    assert_eq!((grid.width(), grid.height()), (8 * 32, 8 * 32));
    assert!(path(&whole).contains("00000-biggan-"), "{}", whole.display());
}

#[test]
fn classes_are_learned_published_and_drawn_each_by_its_name() {
    let dir = TempDir::new().unwrap();
    let data = warm_and_cold(dir.path());
    let run = small(
        &data,
        &dir.path().join("runs"),
        "0.24",
        &["--classes", "collection"],
    );
    let settings = BigGanRun::open(&run).unwrap().settings;
    let classes: Vec<_> = settings
        .network
        .classes
        .iter()
        .map(|class| (&*class.name, class.pictures))
        .collect();
    assert_eq!(classes, [("cold", 6), ("warm", 6)]);

    let bundle = dir.path().join("models/both");
    let place = ["publish", path(&run), "--out", path(&bundle)];
    succeeds(&[&place[..], &["--license", "CC0-1.0", "--name", "Both"]].concat());
    let manifest: Value = serde_json::from_slice(&fs::read(bundle.join("model.json")).unwrap()).unwrap();
    let config = &manifest["parts"]["generator"]["config"];
    assert_eq!(config["architecture"], "biggan");
    assert_eq!(config["classes"][0]["name"], "cold");
    let card = fs::read_to_string(bundle.join("README.md")).unwrap();
    assert!(
        card.contains("A BigGAN generator of avatars with 32 x 32 pixels"),
        "{card}"
    );

    let sheet = dir.path().join("sheet.png");
    let draw = |model: &Path, more: &[&str]| {
        let place = ["generate", "--model", path(model), "--seeds", "0-15"];
        succeeds(&[&place[..], &["--out", path(&sheet)], more].concat());
        image::open(&sheet).unwrap().into_rgba8()
    };
    for model in [&run, &bundle] {
        let [warm, cold] = ["WARM", "cold"].map(|class| draw(model, &["--class", class]));
        assert!(warm != cold, "{}", model.display());
        assert!(draw(model, &["--truncation-psi", "0.2"]) != draw(model, &["--truncation-psi", "1"]));
        fails(
            &[
                "generate",
                "--model",
                path(model),
                "--class",
                "dogs",
                "--out",
                path(&sheet),
            ],
            "there is no class \"dogs\", expected one of: cold, warm",
        );
    }
    let decibels = guise::metrics::psnr(&[draw(&bundle, &[])], &[draw(&run, &[])]);
    assert!(
        decibels > 30.0,
        "{decibels} dB between the run and what was published of it"
    );

    // A run keeps its classes.
    let others = dir.path().join("others");
    fs::create_dir_all(&others).unwrap();
    let more = dir.path().join("more");
    fs::rename(dir.path().join("warm"), dir.path().join("mild")).unwrap();
    let [mild, cold] = ["mild", "cold"].map(|name| dir.path().join(name));
    succeeds(&[
        "prepare",
        path(&mild),
        path(&cold),
        "--out",
        path(&more),
        "--resolution",
        "32",
    ]);
    fails(
        &[
            "train",
            "--resume",
            path(&run),
            "--data",
            path(&more),
            "--kimg",
            "1",
        ],
        "the classes of the dataset are cold, mild, and those of the run's networks are cold, warm",
    );
}

#[test]
fn a_biggan_deep_is_trained_and_drawn_from() {
    let dir = TempDir::new().unwrap();
    let data = warm_and_cold(dir.path());
    let run = small(
        &data,
        &dir.path().join("runs"),
        "0.016",
        &["--deep", "--attention", "8"],
    );
    let network = BigGanRun::open(&run).unwrap().settings.network;
    assert!(network.deep && network.attention == 8);
    let sheet = dir.path().join("sheet.png");
    succeeds(&[
        "generate",
        "--model",
        path(&run),
        "--seeds",
        "0-3",
        "--out",
        path(&sheet),
    ]);
    assert_eq!(image::open(sheet).unwrap().width(), 2 * 32);
}

#[test]
fn what_cannot_be_trained_is_said() {
    let dir = TempDir::new().unwrap();
    let data = warm_and_cold(dir.path());
    let out = dir.path().join("runs");
    let train = ["train", "biggan", "--data", path(&data), "--out", path(&out)];
    let with = |flags: &[&'static str]| [&train[..], flags].concat();
    fails(
        &with(&["--batch-size", "1"]),
        "batch_size is 1, expected at least 2",
    );
    fails(
        &with(&["--batch-size", "64", "--ch", "1"]),
        "has 12 pictures, expected at least a batch of 64",
    );
    fails(
        &with(&["--batch-size", "12", "--accumulate", "5"]),
        "accumulate is 5, expected a number that divides the 12 pictures of a batch",
    );
    fails(&with(&["--ch", "100000"]), "ch is 100000, expected 1 to 256");
    fails(
        &with(&["--z-dim", "30"]),
        "z_dim is 30, expected 1 to 4096, a multiple of 4",
    );
    fails(
        &with(&["--attention", "10"]),
        "attention is 10, expected 0 or the side of maps: 8, 16",
    );
    fails(&with(&["--classes", "hair"]), "hair");
    fails(&with(&["--r1-gamma", "3"]), "unexpected argument '--r1-gamma'");
    // What a step takes is known before it begins.
    fails(
        &with(&["--batch-size", "12", "--ch", "64", "--memory", "200M"]),
        "a step with 12 pictures of 32 pixels takes about",
    );
    let low = dir.path().join("low");
    let warm = dir.path().join("warm");
    succeeds(&["prepare", path(&warm), "--out", path(&low), "--resolution", "16"]);
    fails(
        &[
            "train",
            "biggan",
            "--data",
            path(&low),
            "--out",
            path(&out),
            "--batch-size",
            "4",
        ],
        "resolution is 16, expected 32 to 256",
    );
    assert_eq!(fs::read_dir(&out).map_or(0, Iterator::count), 0);

    // A run is resumed as what it is, and a file that was edited is said to be wrong.
    let run = small(&data, &out, "0.016", &[]);
    fails(
        &["train", "stylegan2", "--resume", path(&run)],
        "the run trains biggan, expected stylegan2",
    );
    let settings = run.join("training_options.json");
    let text = fs::read_to_string(&settings).unwrap();
    fs::write(&settings, text.replace("\"ch\": 4", "\"ch\": 4000000000")).unwrap();
    fails(
        &["train", "--resume", path(&run)],
        "ch is 4000000000, expected 1 to 256",
    );
    fs::write(&settings, &text).unwrap();
    assert_eq!(BigGanRun::open(&run).unwrap().settings.recipe.batch_size, 4);
}
