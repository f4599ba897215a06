//! Training with classes: two collections, each drawn when it is asked for.

use super::{done, guise, only_run, path, refused, train, weights};
use burn::tensor::{Device, Tensor};
use guise::{
    data::{Classes, Dataset},
    networks::generators::{Generate, Generator},
    train::{GeneratorRun, Run},
};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// A warm collection and a cold one: pictures that are mostly red, and mostly blue.
fn collections(dir: &Path) -> [PathBuf; 2] {
    ["warm", "cold"].map(|name| {
        let art = dir.join(name);
        fs::create_dir_all(&art).unwrap();
        for i in 0..16u8 {
            let picture = image::RgbImage::from_fn(16, 16, |x, y| {
                let strong = if (x / 4 + y / 4) % 2 == 0 {
                    220 - i
                } else {
                    180 + 2 * i
                };
                match name {
                    "warm" => image::Rgb([strong, 30 + i, 20]),
                    _ => image::Rgb([20, 30 + i, strong]),
                }
            });
            picture.save(art.join(format!("{i}.png"))).unwrap();
        }
        art
    })
}

/// Both as one dataset of this side.
fn together(dir: &Path, side: usize) -> PathBuf {
    let [warm, cold] = collections(dir);
    let data = dir.join(format!("both{side}"));
    let side = side.to_string();
    done(guise(&[
        "prepare",
        path(&warm),
        path(&cold),
        "--out",
        path(&data),
        "--resolution",
        &side,
    ]));
    data
}

fn draw(run: &Path, class: &str, out: &Path) -> std::process::Output {
    guise(&[
        "generate",
        "--model",
        path(run),
        "--class",
        class,
        "--seeds",
        "0-3",
        "--out",
        path(out),
    ])
}

#[test]
fn several_collections_are_drawn_each_by_its_name() {
    let dir = tempfile::tempdir().unwrap();
    let data = together(dir.path(), 16);
    let [out, picture] = ["runs", "sheet.png"].map(|name| dir.path().join(name));
    let said = done(train(&data, &out, "0.02", &["--classes", "Collection"]));
    assert!(
        said.contains("fewer than 50 pictures") && said.contains("cold (16), warm (16)"),
        "{said}"
    );
    let run = only_run(&out);
    let classes = Run::open(&run).unwrap().settings.network.classes;
    let classes: Vec<_> = classes
        .iter()
        .map(|class| (&*class.name, class.pictures))
        .collect();
    assert_eq!(classes, [("cold", 16), ("warm", 16)]);

    let drawn = |class: &str| {
        done(draw(&run, class, &picture));
        fs::read(&picture).unwrap()
    };
    let warm = drawn("warm");
    assert_eq!(warm, drawn("WARM"), "in any case, and the same again");
    assert_ne!(warm, drawn("cold"));
    let said = refused(draw(&run, "dogs", &picture));
    assert!(
        said.contains("there is no class \"dogs\", expected one of: cold, warm"),
        "{said}"
    );

    // What is published is drawn by class as well, and a manifest is not believed.
    let bundle = dir.path().join("bundle");
    done(guise(&[
        "publish",
        path(&run),
        "--license",
        "CC0-1.0",
        "--out",
        path(&bundle),
    ]));
    let card = fs::read_to_string(bundle.join("README.md")).unwrap();
    assert!(
        card.contains("It draws 2 classes, each when it is asked for with `--class`: cold, warm."),
        "{card}"
    );
    let of = |class: &str| {
        done(draw(&bundle, class, &picture));
        fs::read(&picture).unwrap()
    };
    assert_ne!(of("warm"), of("cold"));
    assert!(refused(draw(&bundle, "dogs", &picture)).contains("expected one of: cold, warm"));
    let manifest = bundle.join("model.json");
    let json = fs::read_to_string(&manifest).unwrap();
    assert!(json.contains("\"name\": \"cold\""), "{json}");
    fs::write(
        &manifest,
        json.replace("\"name\": \"cold\"", "\"name\": \"a\\u001b[2J\""),
    )
    .unwrap();
    let said = refused(draw(&bundle, "warm", &picture));
    assert!(
        said.contains("classes[0].name") && !said.contains('\u{1b}'),
        "{said}"
    );

    // A run goes on with its own classes.
    let said = refused(guise(&[
        "train",
        "--resume",
        path(&run),
        "--classes",
        "collection",
    ]));
    assert!(said.contains("cannot be used with"), "{said}");
    let warm_only = dir.path().join("warm-only");
    let warm = dir.path().join("warm");
    done(guise(&[
        "prepare",
        path(&warm),
        "--out",
        path(&warm_only),
        "--resolution",
        "16",
    ]));
    let said = refused(guise(&[
        "train",
        "--resume",
        path(&run),
        "--data",
        path(&warm_only),
        "--kimg",
        "1",
    ]));
    assert!(said.contains("no picture has \"collection\""), "{said}");
    let options = run.join("training_options.json");
    let sound = fs::read_to_string(&options).unwrap();
    let edit = |from: &str, to: &str| {
        assert!(sound.contains(from), "{from} in {sound}");
        fs::write(&options, sound.replace(from, to)).unwrap();
        refused(guise(&["train", "--resume", path(&run), "--kimg", "0.04"]))
    };
    let said = edit("\"name\": \"cold\"", "\"name\": \"hot\"");
    assert!(
        said.contains("are cold, warm") && said.contains("are hot, warm"),
        "{said}"
    );
    let said = edit("\"pictures\": 16", "\"pictures\": 0");
    assert!(said.contains("classes[0].pictures is 0, expected 1 to"), "{said}");
    let said = edit("\"name\": \"cold\"", "\"name\": \"a\\u001b[2J\"");
    assert!(
        said.contains("classes[0].name") && !said.contains('\u{1b}'),
        "{said}"
    );
}

#[test]
fn a_run_with_classes_that_was_stopped_goes_on_exactly() {
    let dir = tempfile::tempdir().unwrap();
    let data = together(dir.path(), 16);
    let [whole, halves] = ["whole", "halves"].map(|name| dir.path().join(name));
    let more = ["--classes", "collection", "--augment", "nft", "--ada-kimg", "0.1"];
    done(train(&data, &whole, "0.08", &more));
    done(train(&data, &halves, "0.04", &more));
    let run = only_run(&halves);
    done(guise(&["train", "--resume", path(&run), "--kimg", "0.08"]));
    let [resumed, never_stopped] = [&run, &only_run(&whole)].map(|run| weights(run));
    assert!(
        resumed.contains_key("mapping.embed.weight"),
        "{:?}",
        resumed.keys()
    );
    assert_eq!(resumed, never_stopped);
}

#[test]
fn a_run_that_grows_keeps_its_classes() {
    let dir = tempfile::tempdir().unwrap();
    let [small, large] = [16, 32].map(|side| together(dir.path(), side));
    let [out, grown] = ["runs", "grown"].map(|name| dir.path().join(name));
    done(train(&small, &out, "0.04", &["--classes", "collection"]));
    let smaller = only_run(&out);
    let start = |data: &Path| {
        let args = [
            "train",
            "--data",
            path(data),
            "--out",
            path(&grown),
            "--kimg",
            "0.004",
        ];
        guise(&[&args[..], &["--batch-size", "4", "--grow", path(&smaller)]].concat())
    };
    done(start(&large));
    let run = only_run(&grown);
    let settings = Run::open(&run).unwrap().settings;
    assert_eq!(settings.classes.as_deref(), Some(Classes::COLLECTION));
    assert_eq!(settings.network.classes.len(), 2);
    done(draw(&run, "warm", &dir.path().join("warm.png")));

    let warm = dir.path().join("warm");
    let plain = dir.path().join("plain");
    done(guise(&[
        "prepare",
        path(&warm),
        "--out",
        path(&plain),
        "--resolution",
        "32",
    ]));
    assert!(refused(start(&plain)).contains("no picture has \"collection\""));
}

/// The mean of red less blue over samples of a class.
fn warmth(generator: &Generator, class: &str, classes: &[&str]) -> f32 {
    let place = classes.iter().position(|name| *name == class).unwrap();
    let generator = generator.clone().of_class(Some(place));
    let z = Tensor::<2>::random(
        [32, generator.z_dim()],
        burn::tensor::Distribution::Normal(0.0, 1.0),
        &Device::flex(),
    );
    let images = generator.draw(generator.latents_from_z(z, 0.7));
    let mean = |channel: usize| images.clone().narrow(1, channel, 1).mean().into_scalar::<f32>();
    mean(0) - mean(2)
}

/// The point of all this: a class that is asked for looks like its collection.
#[test]
fn classes_are_learned() {
    let dir = tempfile::tempdir().unwrap();
    let data = together(dir.path(), 16);
    let out = dir.path().join("runs");
    done(train(
        &data,
        &out,
        "2",
        &[
            "--classes",
            "collection",
            "--batch-size",
            "8",
            "--ema-kimg",
            "0.2",
        ],
    ));
    let run = GeneratorRun::open(&only_run(&out)).unwrap();
    let (generator, _) = run.load_snapshot(&Device::flex()).unwrap();
    let [warm, cold] = ["warm", "cold"].map(|class| warmth(&generator, class, &["cold", "warm"]));
    // Those of the collections are about 1.4 and -1.4.
    assert!(warm > 0.5 && cold < -0.5, "{warm}, {cold}");
    let dataset = Dataset::open(&data).unwrap();
    assert!(
        dataset.classes().is_none(),
        "classes are what a training asks for"
    );
}
