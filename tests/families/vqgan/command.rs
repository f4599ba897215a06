//! `guise train vqgan`, `guise import vqgan` and what follows, as their user runs them: a small network on a
//! tiny dataset.

use crate::command::{dataset, fails, path, stats, succeeds, trained};
use burn::tensor::Device;
use futures::executor::block_on;
use guise::{
    train::{Which, vqgan::VqGanRun},
    weights::{Tensors, collect},
};
use serde_json::Value;
use std::{
    fs,
    path::{Path, PathBuf},
};

const FIXTURES: &str = "tests/fixtures/vqgan";

/// A run of so many kimg in a folder of its own, four pictures in a step.
pub(crate) fn small(data: &Path, out: &Path, kimg: &str, more: &[&str]) -> PathBuf {
    let sizes = ["--kimg", kimg, "--batch-size", "4", "--codebook-size", "32"];
    trained("vqgan", data, out, &[&sizes[..], more].concat())
}

fn weights(run: &Path) -> Tensors {
    let run = VqGanRun::open(run).unwrap();
    let snapshot = run.find_snapshot(Which::Latest).unwrap();
    let network = run.load_snapshot(&snapshot, &Device::flex()).unwrap();
    block_on(collect(&network)).unwrap()
}

#[test]
fn a_run_that_was_stopped_ends_as_the_one_that_was_not() {
    let dir = tempfile::tempdir().unwrap();
    let data = dataset(dir.path(), 16);
    // Stopped after two of five steps, before the discriminator begins and behind it, with averages as codes
    // and without.
    for (number, (start, ema)) in [("3", false), ("1", true)].into_iter().enumerate() {
        let mut more = vec!["--disc-start", start];
        more.extend(ema.then_some("--codebook-ema"));
        let out = |name: &str| dir.path().join(format!("{name}{number}"));
        let whole = small(&data, &out("whole"), "0.02", &more);
        let stopped = small(&data, &out("stopped"), "0.008", &more);
        let half = weights(&stopped);
        let said = succeeds(&["train", "--resume", path(&stopped), "--kimg", "0.02"]);
        assert!(said.contains("fixed random convolutions"), "{said}");
        let ended = weights(&stopped);
        assert!(ended == weights(&whole), "{more:?}");
        assert!(ended != half);
        let stats = stats(&whole).pop().unwrap();
        for field in [
            "reconstruction_loss",
            "perceptual_loss",
            "codebook_loss",
            "perplexity",
            "generator_loss",
            "discriminator_loss",
            "adaptive_weight",
        ] {
            assert!(
                stats[field].as_f64().is_some_and(f64::is_finite),
                "{field}: {stats}"
            );
        }
        let sheet = image::open(whole.join("fakes000000.png")).unwrap();
        assert_eq!([sheet.width(), sheet.height()], [8 * 16; 2]);
        let plotted = out("curves").with_extension("svg");
        succeeds(&["plot", path(&whole), "--out", path(&plotted)]);
    }
}

#[test]
fn reconstructions_are_measured_and_shown() {
    let dir = tempfile::tempdir().unwrap();
    let data = dataset(dir.path(), 16);
    let run = small(&data, &dir.path().join("runs"), "0.08", &[]);
    let imported = dir.path().join("vqgan.safetensors");
    let said = succeeds(&[
        "import",
        "vqgan",
        &format!("{FIXTURES}/taming/last.ckpt"),
        "--out",
        path(&imported),
    ]);
    assert!(
        said.contains("16 codes of 3 numbers, one for 2 x 2 pixels"),
        "{said}"
    );
    for model in [&run, &imported] {
        let [sheet, out] = ["sheet.png", "figures.json"].map(|name| dir.path().join(name));
        let said = succeeds(&[
            "evaluate",
            "reconstructions",
            "--model",
            path(model),
            "--data",
            path(&data),
            "--sheet",
            path(&sheet),
            "--out",
            path(&out),
        ]);
        assert!(said.contains("psnr of 12 pictures"), "{said}");
        let figures: Value = serde_json::from_slice(&fs::read(out).unwrap()).unwrap();
        let [psnr, ssim] = ["psnr", "ssim"].map(|name| figures[name].as_f64().unwrap());
        assert!(
            (1.0..60.0).contains(&psnr) && (-1.0..1.0).contains(&ssim),
            "{figures}"
        );
        assert!(figures["codes_used"].as_u64().unwrap() >= 1);
        assert!(figures["perplexity"].as_f64().unwrap() >= 1.0);
        // Four pairs in each of three rows; the left one of each is the picture itself.
        let sheet = image::open(sheet).unwrap().into_rgb8();
        assert_eq!(sheet.dimensions(), (8 * 16, 3 * 16));
        let first = fs::read_dir(data.join("00000")).map_or(data.clone(), |_| data.join("00000"));
        let mut files: Vec<PathBuf> = fs::read_dir(first)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|file| file.extension().is_some_and(|end| end == "png"))
            .collect();
        files.sort();
        let original = image::open(&files[0]).unwrap().into_rgb8();
        assert!(
            original
                .enumerate_pixels()
                .all(|(x, y, pixel)| sheet.get_pixel(x, y) == pixel)
        );
    }
    // A network learns: twenty steps see more than none.
    let said = succeeds(&[
        "evaluate",
        "reconstructions",
        "--model",
        path(&run),
        "--data",
        path(&data),
        "--count",
        "3",
    ]);
    assert!(
        said.contains("psnr of 3 pictures") && said.contains("codes used of 32"),
        "{said}"
    );
}

#[test]
fn folders_of_diffusers_are_imported() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("vqgan.safetensors");
    let folder = format!("{FIXTURES}/diffusers");
    let said = succeeds(&[
        "import",
        "vqgan",
        &folder,
        "--out",
        path(&out),
        "--license",
        "Apache-2.0",
    ]);
    assert!(
        said.contains("24 codes of 5 numbers") && said.contains("Apache-2.0"),
        "{said}"
    );
    assert!(out.exists());
}

#[test]
fn what_does_not_fit_is_refused_in_words() {
    let dir = tempfile::tempdir().unwrap();
    let data = dataset(dir.path(), 24);
    let [out, runs] = ["out.safetensors", "runs"].map(|name| dir.path().join(name));
    let checkpoint = format!("{FIXTURES}/taming/last.ckpt");
    let alone = dir.path().join("last.ckpt");
    fs::copy(&checkpoint, &alone).unwrap();
    let import = |args: &[&str], expected: &str| {
        fails(
            &[&["import", "vqgan"], args, &["--out", path(&out)]].concat(),
            expected,
        );
    };
    import(
        &[path(&alone)],
        "a checkpoint needs its model.yaml: name it with --config",
    );
    import(&[path(dir.path())], "config.json");
    import(
        &[&format!("{FIXTURES}/diffusers"), "--config", "x"],
        "--config is for checkpoints",
    );
    let yaml = fs::read_to_string(format!("{FIXTURES}/taming/model.yaml")).unwrap();
    let other = dir.path().join("other.yaml");
    fs::write(&other, yaml.replace("n_embed: 16", "n_embed: 16384")).unwrap();
    import(
        &[&checkpoint, "--config", path(&other)],
        "quantize.embedding.weight has shape [16, 3], and model.yaml says [16384, 3]",
    );
    assert!(!out.exists());

    let train = |args: &[&str], expected: &str| {
        let place = ["train", "vqgan", "--data", path(&data), "--out", path(&runs)];
        fails(&[&place[..], args].concat(), expected);
    };
    train(
        &["--preset", "f16-1024"],
        "resolution is 24, expected 8 to 1024, a multiple of 16",
    );
    train(
        &["--codebook-size", "1"],
        "codebook_size is 1, expected 2 to 65536",
    );
    train(
        &["--batch-size", "13"],
        "the dataset has 12 pictures, expected at least a batch of 13",
    );
    train(
        &["--codebook-decay", "1"],
        "codebook_decay is 1, expected less than 1",
    );
    train(
        &["--batch-size", "4", "--perceptual-clip", "nowhere"],
        "cannot read nowhere",
    );
    train(
        &["--memory", "300M", "--batch-size", "12", "--preset", "small"],
        "start with a lower --batch-size",
    );
    // A start that fails leaves nothing behind.
    assert_eq!(fs::read_dir(&runs).map_or(0, |entries| entries.count()), 0);

    let run = small(&data, &runs, "0.004", &[]);
    let evaluate = |model: &Path, expected: &str| {
        let model = ["evaluate", "reconstructions", "--model", path(model)];
        fails(&[&model[..], &["--data", path(&data)]].concat(), expected);
    };
    evaluate(Path::new(&checkpoint), "safetensors");
    evaluate(dir.path(), "training_options.json");
    // It draws by words only, and not without a CLIP.
    let drawn = dir.path().join("drawn.png");
    let generate = ["generate", "--model", path(&run), "--out", path(&drawn)];
    fails(
        &[&generate[..], &["--seeds", "1"]].concat(),
        "is a VQGAN, which draws nothing from seeds",
    );
    fails(
        &[&generate[..], &["--prompt", "a hat"]].concat(),
        "name a CLIP with --clip, a run of `guise train clip` or a file that `guise import clip` wrote",
    );
    fails(
        &["publish", path(&run), "--out", path(&dir.path().join("model"))],
        "the run trains vqgan, expected a generator",
    );
    let options = run.join("training_options.json");
    let sound = fs::read_to_string(&options).unwrap();
    for (from, to, said) in [
        (
            "\"codebook_size\": 32",
            "\"codebook_size\": 0",
            "codebook_size is 0",
        ),
        ("\"codebook_size\": 32", "\"codebook_size\": 16", "codebook"),
        (
            "\"res_blocks\": 1",
            "\"res_blocks\": 18446744073709551615",
            "res_blocks is 1844",
        ),
        (
            "\"disc_weight\": 0.8",
            "\"disc_weight\": -0.8",
            "disc_weight is -0.8",
        ),
    ] {
        assert!(sound.contains(from), "{sound}");
        fs::write(&options, sound.replace(from, to)).unwrap();
        evaluate(&run, said);
    }
}
