//! `guise` as its user runs it, on tiny datasets.

use burn::tensor::Device;
use futures::executor::block_on;
use guise::{
    train::{GeneratorRun, Which},
    weights::{Tensors, collect},
};
use serde_json::Value;
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// What was printed, and whether it worked.
pub fn guise(args: &[&str]) -> (bool, String) {
    let run = Command::new(env!("CARGO_BIN_EXE_guise"))
        .args(args)
        .output()
        .unwrap();
    let said = String::from_utf8([run.stdout, run.stderr].concat()).unwrap();
    assert!(!said.contains("panicked"), "guise {args:?}:\n{said}");
    (run.status.success(), said)
}

#[track_caller]
pub fn succeeds(args: &[&str]) -> String {
    let (success, said) = guise(args);
    assert!(success, "guise {args:?}:\n{said}");
    said
}

#[track_caller]
pub fn fails(args: &[&str], expected: &str) {
    let (success, said) = guise(args);
    assert!(
        !success && said.contains(expected),
        "guise {args:?}, expected {expected:?}:\n{said}"
    );
}

pub fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Twelve pictures of two colors each, in the dataset layout.
pub fn dataset(dir: &Path, side: u32) -> PathBuf {
    let art = dir.join("art");
    fs::create_dir_all(&art).unwrap();
    for i in 0..12u8 {
        let picture = image::RgbImage::from_fn(side, side, |x, y| match (x + y) % 7 < 3 {
            true => image::Rgb([i * 20, 255 - i * 10, 40]),
            false => image::Rgb([200, i * 12, 90 + i]),
        });
        picture.save(art.join(format!("{i}.png"))).unwrap();
    }
    let data = dir.join("data");
    let side = side.to_string();
    succeeds(&["prepare", path(&art), "--out", path(&data), "--resolution", &side]);
    data
}

/// The only run in the folder `out`, after `guise train` with these arguments.
pub fn trained(family: &str, data: &Path, out: &Path, args: &[&str]) -> PathBuf {
    let place = ["train", family, "--data", path(data), "--out", path(out)];
    succeeds(&[&place[..], args].concat());
    let mut runs = fs::read_dir(out).unwrap().map(|entry| entry.unwrap().path());
    let run = runs.next().unwrap();
    assert_eq!(runs.next(), None);
    run
}

/// The weights of the newest snapshot of a generator's run.
pub fn weights(run: &Path) -> Tensors {
    let run = GeneratorRun::open(run).unwrap();
    let snapshot = run.find_snapshot(Which::Latest).unwrap();
    let generator = run.load_snapshot(&snapshot, &Device::flex()).unwrap();
    block_on(collect(&generator)).unwrap()
}

/// The statistics without the times, which are never the same.
pub fn stats(run: &Path) -> Vec<Value> {
    let text = fs::read_to_string(run.join("stats.jsonl")).unwrap();
    let line = |line: &str| {
        let mut tick: Value = serde_json::from_str(line).unwrap();
        tick.as_object_mut()
            .unwrap()
            .retain(|name, _| !name.contains("secs"));
        tick
    };
    text.lines().map(line).collect()
}
