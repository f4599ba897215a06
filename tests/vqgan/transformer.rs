//! `guise train transformer`, as its user runs it.

use super::command::{dataset, fails, guise, path, succeeds, trained};
use burn::{module::Module, tensor::Device};
use futures::executor::block_on;
use guise::{
    networks::NetworkConfig,
    train::transformer::PriorRun,
    weights::{Tensors, collect},
};
use serde_json::Value;
use std::{fs, path::Path, path::PathBuf};

fn weights(run: &Path, kimg: u64) -> Tensors {
    let config = PriorRun::open(run).unwrap().settings.network;
    let network = config.init(&Device::flex());
    let file = run.join(format!("snapshot{kimg:06}.bpk"));
    block_on(collect(&network.try_load_file(file).unwrap())).unwrap()
}

#[test]
fn a_transformer_learns_codes_and_goes_on_as_if_it_had_not_stopped() {
    let dir = tempfile::tempdir().unwrap();
    let data = dataset(dir.path(), 16);
    let vqgan = trained(&data, &dir.path().join("vqgan"), "0.02", &[]);
    let train = |name: &str, kimg: &str| -> PathBuf {
        let out = dir.path().join(name);
        succeeds(&[
            "train",
            "transformer",
            "--data",
            path(&data),
            "--vqgan",
            path(&vqgan),
            "--out",
            path(&out),
            "--kimg",
            kimg,
            "--batch-size",
            "4",
            "--width",
            "16",
            "--layers",
            "2",
            "--heads",
            "2",
            "--learning-rate",
            "0.01",
        ]);
        fs::read_dir(&out).unwrap().next().unwrap().unwrap().path()
    };
    let whole = train("whole", "0.08");
    let stopped = train("stopped", "0.02");
    // The codes that it learns are those that it began with.
    succeeds(&["train", "--resume", path(&vqgan), "--kimg", "0.04"]);
    succeeds(&["train", "--resume", path(&stopped), "--kimg", "0.08"]);
    assert!(weights(&stopped, 0) == weights(&whole, 0));
    let grids = [&whole, &stopped].map(|run| fs::read(run.join("fakes000000.png")).unwrap());
    assert!(grids[0] == grids[1]);
    let grid = image::load_from_memory(&grids[0]).unwrap();
    assert_eq!([grid.width(), grid.height()], [8 * 16; 2]);

    let text = fs::read_to_string(stopped.join("stats.jsonl")).unwrap();
    let losses: Vec<f64> = text
        .lines()
        .map(|line| {
            serde_json::from_str::<Value>(line).unwrap()["code_loss"]
                .as_f64()
                .unwrap()
        })
        .collect();
    // There are 32 codes.
    assert!(
        losses[0] < 32f64.ln() + 1.0 && losses[1] < losses[0] - 0.1,
        "{losses:?}"
    );

    let (success, said) = guise(&[
        "generate",
        "--model",
        path(&whole),
        "--seeds",
        "1",
        "--out",
        path(&dir.path().join("a.png")),
    ]);
    assert!(
        !success && said.contains("the run trains transformer, expected a generator"),
        "{said}"
    );
    let train = |args: &[&str], expected: &str| {
        let place = [
            "train",
            "transformer",
            "--data",
            path(&data),
            "--out",
            path(&dir.path().join("no")),
        ];
        fails(&[&place[..], args].concat(), expected);
    };
    train(
        &["--vqgan", path(&whole)],
        "the run trains transformer, expected vqgan",
    );
    train(
        &["--vqgan", path(&vqgan), "--width", "15"],
        "width is 15, expected 1 to 2048, a multiple of 4",
    );
    train(
        &["--vqgan", path(&vqgan), "--top-k", "0"],
        "top_k is 0, expected at least 1",
    );
    let options = stopped.join("training_options.json");
    let sound = fs::read_to_string(&options).unwrap();
    assert!(sound.contains("\"grid\": 4"), "{sound}");
    fs::write(&options, sound.replace("\"grid\": 4", "\"grid\": 5")).unwrap();
    fails(
        &["train", "--resume", path(&stopped)],
        "grid is 5, expected at most 4",
    );
}
