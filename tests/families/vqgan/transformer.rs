//! `guise train transformer` and `guise generate` of its runs, as their user runs them.

use super::command::small;
use crate::command::{dataset, fails, path, stats, succeeds, trained};
use burn::tensor::Device;
use futures::executor::block_on;
use guise::{
    train::{Which, transformer::PriorRun},
    weights::{Tensors, collect},
};
use image::RgbaImage;
use serde_json::Value;
use std::{
    fs,
    path::{Path, PathBuf},
};

fn weights(run: &Path) -> Tensors {
    let run = PriorRun::open(run).unwrap();
    let snapshot = run.find_snapshot(Which::Latest).unwrap();
    block_on(collect(&run.load_snapshot(&snapshot, &Device::flex()).unwrap())).unwrap()
}

/// A tiny transformer in a folder of its own, four pictures in a step.
fn transformer(data: &Path, vqgan: &Path, out: &Path, kimg: &str, more: &[&str]) -> PathBuf {
    let sizes = [
        "--batch-size",
        "4",
        "--width",
        "16",
        "--layers",
        "2",
        "--heads",
        "2",
    ];
    let recipe = ["--kimg", kimg, "--held-out", "3", "--learning-rate", "0.01"];
    let args = [&["--vqgan", path(vqgan)], &sizes[..], &recipe, more].concat();
    trained("transformer", data, out, &args)
}

#[test]
fn a_transformer_learns_codes_and_goes_on_as_if_it_had_not_stopped() {
    let dir = tempfile::tempdir().unwrap();
    let data = dataset(dir.path(), 16);
    let vqgan = small(&data, &dir.path().join("vqgan"), "0.02", &[]);
    let train = |name: &str, kimg: &str| transformer(&data, &vqgan, &dir.path().join(name), kimg, &[]);
    let whole = train("whole", "0.08");
    let stopped = train("stopped", "0.02");
    let half = weights(&stopped);
    // The codes that it learns are those that it began with, whatever becomes of what they were taken from.
    succeeds(&["train", "--resume", path(&vqgan), "--kimg", "0.04"]);
    fs::remove_dir_all(&vqgan).unwrap();
    succeeds(&["train", "--resume", path(&stopped), "--kimg", "0.08"]);
    let ended = weights(&stopped);
    assert!(ended == weights(&whole) && ended != half);
    let grids = [&whole, &stopped].map(|run| fs::read(run.join("fakes000000.png")).unwrap());
    assert!(grids[0] == grids[1]);
    let grid = image::load_from_memory(&grids[0]).unwrap();
    assert_eq!([grid.width(), grid.height()], [8 * 16; 2]);

    let [first, last] = [0, 1].map(|line| stats(&stopped)[line].clone());
    let figure = |line: &Value, name: &str| line[name].as_f64().unwrap_or_else(|| panic!("{name}: {line}"));
    // There are 32 codes, which take five bits before anything is learned.
    let [before, after] = [&first, &last].map(|line| figure(line, "code_loss"));
    assert!(before < 6.0 && after < before - 0.1, "{first}\n{last}");
    let [before, after] = [&first, &last].map(|line| figure(line, "held_out_loss"));
    assert!(before < 6.0 && after < before, "{first}\n{last}");
    assert_eq!(
        figure(&stats(&whole)[0], "held_out_loss"),
        figure(&last, "held_out_loss")
    );
    let plotted = dir.path().join("curves.svg");
    succeeds(&["plot", path(&whole), "--out", path(&plotted)]);
}

/// What `guise generate` draws of a run, by the names of its files.
fn generated(run: &Path, out: &Path, more: &[&str]) -> Vec<(String, RgbaImage)> {
    let folder = format!("{}/", out.display());
    let said = succeeds(&[&["generate", "--model", path(run), "--out", &folder], more].concat());
    assert!(said.contains("likeliest codes"), "{said}");
    let mut files: Vec<PathBuf> = fs::read_dir(out)
        .unwrap()
        .map(|file| file.unwrap().path())
        .collect();
    files.sort();
    let read = |file: &PathBuf| {
        let name = file.file_name().unwrap().to_str().unwrap().to_owned();
        (name, image::open(file).unwrap().into_rgba8())
    };
    files.iter().map(read).collect()
}

#[test]
fn seeds_give_the_same_pictures_each_time() {
    let dir = tempfile::tempdir().unwrap();
    let data = dataset(dir.path(), 16);
    let vqgan = small(&data, &dir.path().join("vqgan"), "0.04", &[]);
    let run = transformer(&data, &vqgan, &dir.path().join("runs"), "0.04", &[]);
    let out = |name: &str| dir.path().join(name);

    let all = generated(&run, &out("all"), &["--seeds", "0-8"]);
    let names: Vec<&str> = all.iter().map(|(name, _)| &**name).collect();
    assert_eq!([names[0], names[8]], ["seed0000.png", "seed0008.png"]);
    assert!(all.iter().all(|(_, picture)| picture.dimensions() == (16, 16)));
    assert!(all.iter().any(|(_, picture)| *picture != all[0].1));
    // In whatever batches.
    let alone = generated(&run, &out("alone"), &["--seeds", "8,3", "--batch-size", "1"]);
    assert!(alone[0] == all[3] && alone[1] == all[8]);
    let sheet = out("sheet.png");
    succeeds(&[
        "generate",
        "--model",
        path(&run),
        "--seeds",
        "0-8",
        "--out",
        path(&sheet),
    ]);
    let sheet = image::open(sheet).unwrap().into_rgba8();
    assert_eq!(sheet.dimensions(), (48, 48));
    let third = image::imageops::crop_imm(&sheet, 32, 0, 16, 16).to_image();
    assert!(third == all[2].1);

    // The likeliest codes are the same whatever the seed, and at a low temperature they are drawn as well.
    let greedy = generated(&run, &out("greedy"), &["--seeds", "0-1", "--top-k", "1"]);
    assert!(greedy[0].1 == greedy[1].1);
    let cold = generated(&run, &out("cold"), &["--seeds", "5", "--temperature", "0.00001"]);
    assert!(cold[0].1 == greedy[0].1);
    let wide = generated(&run, &out("wide"), &["--seeds", "1-2", "--size", "28x20"]);
    assert!(wide.iter().all(|(_, picture)| picture.dimensions() == (28, 20)));
    assert!(wide[0].1 != wide[1].1);

    // Without a folder, as close together as they are small.
    let wide_sheet = out("wide.png");
    let place = ["generate", "--model", path(&run), "--out", path(&wide_sheet)];
    succeeds(&[&place[..], &["--seeds", "1-2", "--size", "28x20"]].concat());
    let wide_sheet = image::open(wide_sheet).unwrap().into_rgba8();
    assert_eq!(wide_sheet.dimensions(), (56, 20));

    let none = out("no.png");
    let draw = |args: &[&str], expected: &str| {
        let place = ["generate", "--model", path(&run), "--out", path(&none)];
        fails(&[&place[..], args].concat(), expected);
    };
    for (args, expected) in [
        (
            &["--temperature", "0"][..],
            "temperature is 0, expected a number above 0",
        ),
        (&["--temperature=-1"], "temperature is -1"),
        (&["--temperature", "nan"], "temperature is NaN"),
        (
            &["--top-k", "0"],
            "top_k is 0, expected 1 to 32, the number of codes",
        ),
        (&["--top-k", "33"], "top_k is 33, expected 1 to 32"),
        (
            &["--size", "30x16"],
            "--size is 30x16, expected sides of 16 to 4096 pixels that are multiples of 4",
        ),
        (&["--size", "16x12"], "--size is 16x12"),
        (&["--size", "8192x16"], "--size is 8192x16"),
        (
            &["--size", "16"],
            "expected a width and a height in pixels, such as 128x64",
        ),
        (
            &["--size", "4096x4096", "--memory", "1G"],
            "drawing an avatar takes about",
        ),
        (&["--class", "a"], "the model was trained without classes"),
        (
            &["--prompt", "a hat"],
            "draws codes one after another and not from latents",
        ),
        (&["--start", "noise"], "--start is for VQGANs, and"),
        (&["--truncation-psi", "0.5"], "which --truncation-psi would take"),
        (&["--snapshot", "7"], "there is none after 7 kimg"),
    ] {
        draw(args, expected);
    }
    let bundle = [
        "generate",
        "--model",
        "tests/fixtures/bundle-tiny",
        "--top-k",
        "3",
        "--out",
        path(&none),
    ];
    fails(&bundle, "--top-k is for runs of `guise train transformer`");
    fails(
        &["publish", path(&run), "--out", path(&out("model"))],
        "the run trains a transformer over codes, which only `guise generate --seeds` draws with: it cannot be \
         published",
    );
    fails(
        &[
            "explore",
            "truncate",
            "--model",
            path(&run),
            "--seeds",
            "0",
            "--out",
            path(&none),
        ],
        "which only `guise generate --seeds` draws with",
    );
    // The codes of another VQGAN mean something else.
    let other = small(&data, &dir.path().join("other"), "0.004", &["--seed", "9"]);
    fs::copy(other.join("snapshot000000.bpk"), run.join("vqgan.bpk")).unwrap();
    draw(
        &[],
        "the transformer learned the codes of another VQGAN, so put that one back",
    );
    fails(
        &["train", "--resume", path(&run), "--kimg", "0.06"],
        "put that one back",
    );
    fs::remove_file(run.join("vqgan.bpk")).unwrap();
    draw(&[], "vqgan.bpk: it is missing");
}

#[test]
fn a_class_is_drawn_when_it_is_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let data = dataset(dir.path(), 16);
    // The halves of the dataset as NVIDIA's tool labels them.
    let mut files: Vec<String> = vec![];
    for entry in fs::read_dir(data.join("00000")).unwrap() {
        files.push(format!("00000/{}", entry.unwrap().file_name().to_str().unwrap()));
    }
    files.sort();
    let labels = files.iter().enumerate();
    let labels: Vec<Value> = labels
        .map(|(at, file)| serde_json::json!([file, usize::from(at >= 6)]))
        .collect();
    let text = serde_json::json!({ "labels": labels });
    fs::write(data.join("dataset.json"), text.to_string()).unwrap();
    let vqgan = small(&data, &dir.path().join("vqgan"), "0.04", &[]);
    let run = transformer(
        &data,
        &vqgan,
        &dir.path().join("runs"),
        "0.2",
        &["--classes", "labels"],
    );
    let settings = PriorRun::open(&run).unwrap().settings;
    assert_eq!(settings.classes.as_deref(), Some("labels"));
    assert_eq!(settings.network.classes.len(), 2);
    let out = |name: &str| dir.path().join(name);
    let [first, second] = ["0", "1"].map(|class| {
        generated(&run, &out(class), &["--seeds", "0-5", "--class", class])
            .into_iter()
            .map(|(_, picture)| picture)
            .collect::<Vec<_>>()
    });
    assert!(first != second);
    // Without one, each seed is of either.
    let all = generated(&run, &out("all"), &["--seeds", "0-5"]);
    for (index, (_, picture)) in all.iter().enumerate() {
        assert!(*picture == first[index] || *picture == second[index]);
    }
    let none = out("no.png");
    let draw = [
        "generate",
        "--model",
        path(&run),
        "--class",
        "2",
        "--out",
        path(&none),
    ];
    fails(&draw, "there is no class \"2\", expected one of: 0, 1");
    succeeds(&["train", "--resume", path(&run), "--kimg", "0.204"]);
}

#[test]
fn what_does_not_fit_is_refused_in_words() {
    let dir = tempfile::tempdir().unwrap();
    let data = dataset(dir.path(), 16);
    let vqgan = small(&data, &dir.path().join("vqgan"), "0.004", &[]);
    let runs = dir.path().join("runs");
    let train = |args: &[&str], expected: &str| {
        let place = [
            "train",
            "transformer",
            "--data",
            path(&data),
            "--out",
            path(&runs),
        ];
        fails(&[&place[..], args].concat(), expected);
    };
    let with = |args: &[&str], expected: &str| train(&[&["--vqgan", path(&vqgan)], args].concat(), expected);
    with(
        &["--width", "15"],
        "width is 15, expected 1 to 2048, a multiple of 4",
    );
    with(&["--layers", "0"], "layers is 0, expected 1 to 64");
    with(&["--learning-rate", "0"], "learning_rate is 0");
    with(&["--held-out", "0"], "held_out is 0, expected at least 1");
    with(
        &["--held-out", "9", "--batch-size", "4"],
        "the dataset has 12 pictures, and 9 of them are held out, expected a batch of 4",
    );
    with(&["--batch-size", "13"], "expected at least a batch of 13");
    with(
        &["--memory", "100M", "--batch-size", "4"],
        "start with a lower --batch-size, or with fewer --layers",
    );
    with(&["--classes", "hair"], "hair");
    train(&[], "--vqgan");
    train(&["--vqgan", "nowhere"], "cannot read nowhere");
    // One that was trained on other sides.
    let [larger, place] = ["larger", "large"].map(|name| dir.path().join(name));
    fs::create_dir(&place).unwrap();
    let other = small(&dataset(&place, 24), &larger, "0.004", &[]);
    train(
        &["--vqgan", path(&other)],
        "was trained on 24 x 24: prepare the pictures with --resolution 24",
    );
    // A start that fails leaves nothing behind.
    assert_eq!(fs::read_dir(&runs).map_or(0, |entries| entries.count()), 0);

    let run = transformer(&data, &vqgan, &runs, "0.004", &[]);
    train(
        &["--vqgan", path(&run)],
        "the run trains transformer, expected vqgan",
    );
    let options = run.join("training_options.json");
    let sound = fs::read_to_string(&options).unwrap();
    for (from, to, said) in [
        ("\"grid\": 4", "\"grid\": 5", "network.grid is 5, expected 4"),
        ("\"layers\": 2", "\"layers\": 3", "resblocks"),
        ("\"width\": 16", "\"width\": 0", "network.width is 0"),
    ] {
        assert!(sound.contains(from), "{sound}");
        fs::write(&options, sound.replace(from, to)).unwrap();
        let out = dir.path().join("no.png");
        fails(&["generate", "--model", path(&run), "--out", path(&out)], said);
    }
}
