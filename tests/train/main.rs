//! `guise train` as its user runs it: tiny networks on a tiny dataset.

mod classes;
mod datasets;
mod measures;
mod recipe;
mod resume;
mod starts;

use burn::tensor::{Device, Tensor};
use guise::{
    networks::generators::{Generator, stylegan2::NoiseMode},
    ops::resample::upsample2d,
    train::{GeneratorRun, Run, Which},
    weights::{Tensors, collect},
};
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

/// Sixteen pictures of two colors each, 16 pixels wide, in the dataset layout.
fn dataset(dir: &Path) -> PathBuf {
    dataset_of_side(dir, 16)
}

/// The same art prepared at another size.
fn dataset_of_side(dir: &Path, side: usize) -> PathBuf {
    let art = dir.join("art");
    fs::create_dir_all(&art).unwrap();
    for i in 0..16u8 {
        let picture = image::RgbImage::from_fn(16, 16, |x, y| match (x + y) % 7 < 3 {
            true => image::Rgb([i * 15, 255 - i * 10, 40]),
            false => image::Rgb([200, i * 12, 90 + i]),
        });
        picture.save(art.join(format!("{i}.png"))).unwrap();
    }
    let data = dir.join(format!("data{side}"));
    let side = side.to_string();
    let prepared = guise(&["prepare", path(&art), "--out", path(&data), "--resolution", &side]);
    assert!(prepared.status.success(), "{}", text(&prepared));
    data
}

fn guise(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_guise"))
        .args(args)
        .output()
        .unwrap()
}

fn train(data: &Path, out: &Path, kimg: &str, more: &[&str]) -> Output {
    let mut args = vec!["train", "--data", path(data), "--out", path(out), "--kimg", kimg];
    args.extend(["--batch-size", "4", "--channel-base", "128", "--channel-max", "8"]);
    args.extend(more);
    guise(&args)
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// What was said, after making sure that it did not work.
fn refused(output: Output) -> String {
    let said = text(&output);
    assert!(!output.status.success(), "{said}");
    assert!(!said.contains("panicked"), "{said}");
    said
}

/// What was said, after making sure that it worked.
fn done(output: Output) -> String {
    let said = text(&output);
    assert!(output.status.success(), "{said}");
    said
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

/// The generator of the newest snapshot.
fn newest(run: &Path) -> Generator {
    let run = GeneratorRun::open(run).unwrap();
    let snapshot = run.find_snapshot(Which::Latest).unwrap();
    run.load_snapshot(&snapshot, &Device::flex()).unwrap()
}

fn weights(run: &Path) -> Tensors {
    let generator = newest(run);
    futures::executor::block_on(collect(&generator)).unwrap()
}

#[test]
fn a_resumed_run_is_the_run_that_never_stopped() {
    let dir = tempfile::tempdir().unwrap();
    let data = dataset(dir.path());
    let (whole, halves) = (dir.path().join("whole"), dir.path().join("halves"));

    // 1.2 kimg pass a line of statistics, several epochs and several penalties.
    let output = train(&data, &whole, "1.2", &["--noise"]);
    assert!(output.status.success(), "{}", text(&output));
    let output = train(&data, &halves, "0.5", &["--noise"]);
    assert!(output.status.success(), "{}", text(&output));
    let run = only_run(&halves);
    let output = guise(&["train", "--resume", path(&run), "--kimg", "1.2"]);
    assert!(output.status.success(), "{}", text(&output));

    assert_eq!(weights(&only_run(&whole)), weights(&run));
    let ticks = Run::open(&run).unwrap().ticks().unwrap();
    let kimg: Vec<f64> = ticks.iter().map(|tick| tick.kimg).collect();
    assert_eq!(
        kimg,
        [0.5, 1.0, 1.2],
        "a line for every thousand pictures and for every stop"
    );
    assert!(ticks[1].stats.r1_penalty.is_some());
    let grid = image::open(run.join("fakes000001.png")).unwrap();
    assert_eq!((grid.width(), grid.height()), (8 * 16, 8 * 16));
}

#[test]
fn a_grown_run_begins_with_what_the_smaller_one_learned() {
    let dir = tempfile::tempdir().unwrap();
    let [small, large] = [16, 32].map(|side| dataset_of_side(dir.path(), side));
    let (out, grown) = (dir.path().join("runs"), dir.path().join("grown"));
    assert!(train(&small, &out, "0.1", &[]).status.success());
    let run = only_run(&out);
    let grow = |data: &Path, kimg: &str| {
        let args = [
            "train",
            "--data",
            path(data),
            "--out",
            path(&grown),
            "--kimg",
            kimg,
        ];
        guise(&[&args[..], &["--batch-size", "4", "--grow", path(&run)]].concat())
    };
    // The first checkpoint is the smaller network with fresh fine layers that add nothing to the picture.
    let output = grow(&large, "0.0001");
    assert!(output.status.success(), "{}", text(&output));
    let (before, after) = (weights(&run), weights(&only_run(&grown)));
    let shared = before
        .keys()
        .filter(|name| after.get(*name) == before.get(*name))
        .count();
    assert_eq!(
        shared,
        before.len(),
        "every weight of the smaller network is in the larger one"
    );
    assert!(after.len() > before.len());

    let device = Device::flex();
    let draw = |run: &Path| {
        let z = Tensor::<2>::ones([1, 128], &device);
        let Generator::StyleGan2(network) = newest(run) else {
            panic!("another family's")
        };
        network.forward(z, 1.0, NoiseMode::None)
    };
    let [small_picture, large_picture] = [draw(&run), draw(&only_run(&grown))];
    let enlarged = upsample2d(small_picture, 0);
    let difference = (enlarged - large_picture).abs().max().into_scalar::<f32>();
    assert!(
        difference < 1e-5,
        "the first pictures differ by {difference} from the smaller ones, enlarged"
    );

    let resumed = guise(&["train", "--resume", path(&only_run(&grown)), "--kimg", "0.1"]);
    assert!(resumed.status.success(), "{}", text(&resumed));
    assert_ne!(weights(&only_run(&grown)), after);

    let output = grow(&small, "0.1");
    assert!(!output.status.success());
    assert!(text(&output).contains("lower resolution"), "{}", text(&output));
}

#[test]
fn a_seed_is_another_run() {
    let dir = tempfile::tempdir().unwrap();
    let data = dataset(dir.path());
    let (one, two) = (dir.path().join("one"), dir.path().join("two"));
    assert!(train(&data, &one, "0.02", &["--seed", "1"]).status.success());
    assert!(train(&data, &two, "0.02", &["--seed", "2"]).status.success());
    assert_ne!(weights(&only_run(&one)), weights(&only_run(&two)));
}

#[test]
fn a_loss_that_is_no_number_stops_the_run_and_spares_the_checkpoint() {
    let dir = tempfile::tempdir().unwrap();
    let data = dataset(dir.path());
    let out = dir.path().join("runs");
    assert!(train(&data, &out, "0.1", &[]).status.success());
    let run = only_run(&out);
    let before = weights(&run);

    let output = guise(&[
        "train",
        "--resume",
        path(&run),
        "--kimg",
        "1",
        "--learning-rate",
        "1e30",
    ]);
    assert!(!output.status.success());
    assert!(text(&output).contains("no longer finite"), "{}", text(&output));
    assert!(text(&output).contains("checkpoint000000"), "{}", text(&output));
    assert_eq!(weights(&run), before);

    let output = guise(&[
        "train",
        "--resume",
        path(&run),
        "--kimg",
        "0.2",
        "--learning-rate",
        "0.003",
    ]);
    assert!(output.status.success(), "{}", text(&output));
    assert_ne!(weights(&run), before);
}

/// A limit on the size of a file stands in for a full disk: the write fails in the same place.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_stops_the_run_and_spares_the_checkpoint() {
    let dir = tempfile::tempdir().unwrap();
    let data = dataset(dir.path());
    let out = dir.path().join("runs");
    assert!(train(&data, &out, "0.1", &[]).status.success());
    let run = only_run(&out);
    let before = weights(&run);

    let script = format!(
        "trap '' XFSZ; ulimit -f 8; exec {} train --resume {} --kimg 0.2",
        env!("CARGO_BIN_EXE_guise"),
        path(&run)
    );
    let output = Command::new("bash").args(["-c", &script]).output().unwrap();
    assert!(!output.status.success());
    assert!(text(&output).contains("cannot write"), "{}", text(&output));
    assert_eq!(weights(&run), before);
    let left: Vec<_> = fs::read_dir(&run)
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert!(
        !left.iter().any(|name| name.to_string_lossy().contains("partial")),
        "{left:?}"
    );

    let output = guise(&["train", "--resume", path(&run), "--kimg", "0.2"]);
    assert!(output.status.success(), "{}", text(&output));
}
