//! `guise train clip` as its user runs it: a tiny sentence encoder with random weights, and drawn pictures of
//! which every color is told.

use burn::tensor::Device;
use guise::{
    data::Dataset,
    train::{
        Ended, Event,
        clip::{ClipRun, ClipTrainer, Evaluation, TextEncoder, load_towers},
    },
    weights::{Tensors, collect},
};
use rand::{Rng, SeedableRng};
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

/// Names that the tiny encoder can read and that have no synonyms, most of which it could not.
const COLORS: [(&str, [u8; 3]); 4] = [
    ("rookie", [240, 120, 180]),
    ("wave", [40, 60, 220]),
    ("tiger", [220, 30, 30]),
    ("autumn", [250, 250, 250]),
];

/// Pictures of 16 pixels: hair above, clothes below, a band of glasses across every other one.
fn dataset(dir: &Path, with_traits: bool) -> PathBuf {
    let data = dir.join(if with_traits { "data" } else { "bare" });
    fs::create_dir_all(data.join("00000")).unwrap();
    let mut lines = String::new();
    for i in 0..96usize {
        let [hair, clothes] = [COLORS[i % 4], COLORS[i / 4 % 4]];
        let glasses = i / 16 % 2 == 0;
        let shade = (i / 32) as u8;
        let picture = image::RgbImage::from_fn(16, 16, |_, y| {
            let color = match y {
                6..8 if glasses => [10, 10, 10],
                0..8 => hair.1,
                _ => clothes.1,
            };
            image::Rgb(color.map(|value| value.saturating_sub(shade * 4)))
        });
        let name = format!("00000/img{i:08}.png");
        picture.save(data.join(&name)).unwrap();
        let mut attributes = vec![
            ("hair color", hair.0),
            ("hair", "hair"),
            ("clothes", "shirt"),
            ("clothes color", clothes.0),
        ];
        if glasses {
            attributes.push(("glasses", "round glasses"));
        }
        let attributes: Vec<_> = attributes
            .iter()
            .map(|(name, value)| serde_json::json!({"trait_type": name, "value": value}))
            .collect();
        let text = format!("avatar with {} hair and a {} shirt", hair.0, clothes.0);
        let line = serde_json::json!({"file_name": name, "text": text, "attributes": attributes});
        lines += &format!("{line}\n");
    }
    if with_traits {
        fs::write(data.join("metadata.jsonl"), lines).unwrap();
    }
    fs::write(data.join("dataset.json"), r#"{"labels": null}"#).unwrap();
    data
}

fn encoder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/minilm")
}

fn guise(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_guise"))
        .args(args)
        .output()
        .unwrap()
}

fn train(data: &Path, out: &Path, kimg: &str, more: &[&str]) -> Output {
    let encoder = encoder();
    let mut args = vec!["train", "clip", "--data", path(data), "--text-encoder"];
    args.extend([path(&encoder), "--out", path(out), "--kimg", kimg]);
    args.extend(["--batch-size", "32", "--held-out", "32", "--channel-max", "8"]);
    args.extend(more);
    guise(&args)
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The only run folder in `out`.
fn only_run(out: &Path) -> PathBuf {
    let mut runs: Vec<_> = fs::read_dir(out)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    assert_eq!(runs.len(), 1, "{runs:?}");
    runs.pop().unwrap()
}

fn weights(run: &Path) -> Tensors {
    let run = ClipRun::open(run).unwrap();
    let towers = load_towers(&run, &Device::flex()).unwrap();
    futures::executor::block_on(collect(&towers)).unwrap()
}

#[test]
fn pictures_are_found_and_described_that_were_never_shown() {
    let dir = tempfile::tempdir().unwrap();
    let data = dataset(dir.path(), true);
    let out = dir.path().join("runs");
    let output = train(&data, &out, "40", &["--text-noise", "0"]);
    assert!(output.status.success(), "{}", text(&output));
    let run = only_run(&out);
    assert!(run.file_name().unwrap().to_str().unwrap().contains("-clip-"));
    let evaluation: Evaluation =
        serde_json::from_slice(&fs::read(run.join(ClipTrainer::EVALUATION)).unwrap()).unwrap();
    println!("{evaluation:#?}");
    assert_eq!(evaluation.pictures, 32);
    let recall = evaluation.captions;
    assert!(recall.chance_at_1 < 0.2, "{recall:?}");
    assert!(recall.at_1 >= 0.8 && recall.at_5 >= 0.9, "{recall:?}");
    let questions: Vec<_> = evaluation
        .zero_shot
        .iter()
        .map(|asked| asked.question.as_str())
        .collect();
    assert_eq!(questions, ["hair color", "clothes color", "glasses or none"]);
    for asked in &evaluation.zero_shot[..2] {
        assert!(asked.chance < 0.5 && asked.accuracy >= 0.9, "{asked:?}");
    }
    let examples = fs::read_to_string(run.join(ClipTrainer::EXAMPLES)).unwrap();
    assert!(
        examples.lines().count() >= 32 && examples.contains("hair"),
        "{examples}"
    );
}

#[test]
fn a_resumed_run_is_the_run_that_never_stopped() {
    let dir = tempfile::tempdir().unwrap();
    let data = dataset(dir.path(), true);
    let (whole, halves) = (dir.path().join("whole"), dir.path().join("halves"));
    let output = train(&data, &whole, "1.6", &["--seed", "3"]);
    assert!(output.status.success(), "{}", text(&output));

    // The same settings in another folder, stopped in the middle.
    let settings = ClipRun::open(&only_run(&whole)).unwrap().settings;
    let run = ClipRun::create(&halves, settings).unwrap();
    let encoder = TextEncoder::open(&encoder()).unwrap();
    let mut trainer =
        ClipTrainer::open(run, Dataset::open(&data).unwrap(), encoder, &Device::flex()).unwrap();
    let stopped = trainer.run().dir.clone();
    let stop = AtomicBool::new(false);
    assert!(trainer.embed(&stop, |_, _| {}).unwrap());
    let ended = trainer.train(&stop, |event| {
        if let Event::Step { images_seen, .. } = event {
            stop.store(images_seen >= 704, Ordering::Relaxed);
        }
    });
    assert_eq!(ended.unwrap(), Ended::Stopped);
    let output = guise(&["train", "clip", "--resume", path(&stopped)]);
    assert!(output.status.success(), "{}", text(&output));

    assert_eq!(weights(&only_run(&whole)), weights(&stopped));
    let kimg = |run: &Path| -> Vec<f64> {
        let ticks = ClipRun::open(run).unwrap().ticks().unwrap();
        ticks.iter().map(|tick| tick.kimg).collect()
    };
    assert_eq!(kimg(&only_run(&whole)), [1.6]);
    assert_eq!(kimg(&stopped), [0.704, 1.6]);

    let other = dir.path().join("other");
    assert!(train(&data, &other, "1.6", &["--seed", "4"]).status.success());
    assert_ne!(weights(&only_run(&whole)), weights(&only_run(&other)));
}

#[test]
fn what_cannot_be_trained_says_why() {
    let dir = tempfile::tempdir().unwrap();
    let data = dataset(dir.path(), true);
    let out = dir.path().join("runs");
    let refused = |output: Output, reason: &str| {
        assert!(!output.status.success());
        assert!(
            text(&output).contains(reason),
            "expected {reason:?} in: {}",
            text(&output)
        );
        assert!(!text(&output).contains("panicked"), "{}", text(&output));
    };
    let bare = dataset(dir.path(), false);
    refused(train(&bare, &out, "1", &[]), "0 of the 96 pictures");
    refused(
        train(&data, &out, "1", &["--held-out", "90"]),
        "expected at least 122",
    );
    refused(
        train(&data, &out, "NaN", &[]),
        "total_kimg is NaN, expected more than 0",
    );
    refused(
        train(&data, &out, "1", &["--snapshot-kimg", "0"]),
        "snapshot_kimg is 0, expected more than 0",
    );
    refused(
        train(&data, &out, "1", &["--batch-size", "1"]),
        "batch_size is 1, expected at least 2",
    );
    refused(
        train(&data, &out, "1", &["--channel-max", "0"]),
        "channel_max is 0",
    );
    assert_eq!(
        fs::read_dir(&out).unwrap().count(),
        0,
        "a start that fails leaves no folder"
    );
    refused(
        train(&data, &out, "1", &["--learning-rate", "1e30"]),
        "no longer finite in step 2",
    );
    let run = only_run(&out);
    refused(
        guise(&["train", "clip", "--resume", path(&run)]),
        "there is no checkpoint yet: start again with a lower --learning-rate",
    );
    let output = guise(&[
        "train",
        "clip",
        "--resume",
        path(&run),
        "--learning-rate",
        "0.002",
        "--kimg",
        "0.1",
    ]);
    assert!(output.status.success(), "{}", text(&output));

    let copy = dir.path().join("encoder");
    fs::create_dir(&copy).unwrap();
    for name in ["config.json", "model.safetensors"] {
        fs::copy(encoder().join(name), copy.join(name)).unwrap();
    }
    let with_copy = || {
        guise(&[
            "train",
            "clip",
            "--data",
            path(&data),
            "--text-encoder",
            path(&copy),
            "--out",
            path(&out),
        ])
    };
    refused(with_copy(), "tools/minilm.sh");
    fs::write(copy.join("vocab.txt"), "[UNK]\n[CLS]\n[SEP]\n").unwrap();
    refused(with_copy(), "it has 3 tokens, the encoder has");
    fs::write(copy.join("vocab.txt"), "hello\n").unwrap();
    refused(with_copy(), "lacks [UNK]");

    let generator = guise(&["train", "--data", path(&data), "clip"]);
    assert!(
        !generator.status.success(),
        "the generator's flags are not the CLIP's"
    );
    refused(
        guise(&["train", "clip", "--resume", path(dir.path())]),
        "training_options.json",
    );
}

#[test]
fn a_dataset_of_another_size_is_no_dataset_of_the_run() {
    let dir = tempfile::tempdir().unwrap();
    let data = dataset(dir.path(), true);
    let out = dir.path().join("runs");
    assert!(train(&data, &out, "0.2", &[]).status.success());
    for entry in fs::read_dir(data.join("00000")).unwrap() {
        let picture = entry.unwrap().path();
        let small = image::open(&picture).unwrap().thumbnail(8, 8).into_rgb8();
        small.save(&picture).unwrap();
    }
    let output = guise(&["train", "clip", "--resume", path(&only_run(&out))]);
    assert!(!output.status.success());
    assert!(
        text(&output).contains("8x8, the run's image tower sees 16x16"),
        "{}",
        text(&output)
    );
}

/// At whatever moment a training is killed, the resumed run is the one that was never killed.
#[test]
fn kills_change_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let data = dataset(dir.path(), true);
    let (whole, killed) = (dir.path().join("whole"), dir.path().join("killed"));
    let more = ["--snapshot-kimg", "0.032"];
    let output = train(&data, &whole, "0.48", &more);
    assert!(output.status.success(), "{}", text(&output));

    let settings = ClipRun::open(&only_run(&whole)).unwrap().settings;
    let encoder = TextEncoder::open(&encoder()).unwrap();
    let run = ClipRun::create(&killed, settings).unwrap();
    let trainer = ClipTrainer::open(run, Dataset::open(&data).unwrap(), encoder, &Device::flex()).unwrap();
    // It has just begun: its folder is there, and nothing else.
    drop(trainer);
    let run = only_run(&killed);
    let args = ["train", "clip", "--resume", path(&run)];
    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(2);
    for _ in 0..6 {
        let mut child = Command::new(env!("CARGO_BIN_EXE_guise"))
            .args(args)
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(rng.random_range(50..600)));
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let output = guise(&args);
    assert!(output.status.success(), "{}", text(&output));
    assert_eq!(weights(&run), weights(&only_run(&whole)));
    let ticks = |run: &Path| ClipRun::open(run).unwrap().ticks().unwrap();
    let stats = |run: &Path| -> Vec<_> {
        ticks(run)
            .into_iter()
            .map(|tick| (tick.kimg, tick.stats))
            .collect()
    };
    assert_eq!(stats(&run), stats(&only_run(&whole)));
}

#[test]
fn a_run_is_resumed_further_after_damage_and_by_one_at_a_time() {
    let dir = tempfile::tempdir().unwrap();
    let data = dataset(dir.path(), true);
    let out = dir.path().join("runs");
    let output = train(&data, &out, "2", &["--snapshot-kimg", "1"]);
    assert!(output.status.success(), "{}", text(&output));
    let run = only_run(&out);
    let resume = |more: &[&str]| guise(&[&["train", "clip", "--resume", path(&run)], more].concat());
    let newest = run.join("checkpoint000002");
    fs::copy(newest.join("towers.bpk"), newest.join("optimizer.bpk")).unwrap();
    let error = load_towers(&ClipRun::open(&run).unwrap(), &Device::flex())
        .unwrap_err()
        .to_string();
    assert!(error.contains("optimizer.bpk: it is damaged"), "{error}");
    let said = text(&resume(&[]));
    assert!(
        said.contains("checkpoint000002.damaged") && said.contains("checkpoint000001,"),
        "{said}"
    );
    let kimg = || ClipRun::open(&run).unwrap().ticks().unwrap().last().unwrap().kimg;
    assert_eq!(kimg(), 2.016);

    let held = ClipRun::resume(&run).unwrap();
    let output = resume(&["--kimg", "3"]);
    assert!(!output.status.success());
    let said = text(&output);
    assert!(
        said.contains("another training") && said.contains(path(&run)),
        "{said}"
    );
    drop(held);
    let output = resume(&["--kimg", "2.2"]);
    assert!(output.status.success(), "{}", text(&output));
    assert_eq!(kimg(), 2.208);

    let picture = data.join("00000/img00000095.png");
    image::RgbImage::new(16, 16).save(&picture).unwrap();
    let output = resume(&["--kimg", "2.3"]);
    assert!(!output.status.success());
    assert!(
        text(&output).contains("other pictures than those 96"),
        "{}",
        text(&output)
    );
    let output = resume(&["--kimg", "2.3", "--data", path(&data)]);
    assert!(output.status.success(), "{}", text(&output));
    assert!(
        text(&output).contains("among those that are held out"),
        "{}",
        text(&output)
    );
}
