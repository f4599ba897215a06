//! `guise publish` and `guise generate` as people run them: a run is trained for a moment, published, and
//! drawn from; what must not be published is refused and leaves nothing behind.

mod pixel_art;
mod place;
mod rights;
mod towers;
mod transparency;

use image::RgbaImage;
use serde_json::Value;
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};
use tempfile::TempDir;

/// Runs the built `guise` and gives what it printed, output and errors together, and whether it succeeded.
fn guise(args: &[&str]) -> (bool, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_guise"))
        .args(args)
        .output()
        .unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(text).unwrap())
}

#[track_caller]
fn succeeds(args: &[&str]) -> String {
    let (success, text) = guise(args);
    assert!(success, "guise {args:?}:\n{text}");
    text
}

#[track_caller]
fn fails(args: &[&str], expected: &str) {
    let (success, text) = guise(args);
    assert!(
        !success && text.contains(expected),
        "guise {args:?}, expected {expected:?}:\n{text}"
    );
    // What comes before it says which snapshot of a run is taken.
    let is_said = text.lines().any(|line| line.starts_with("error: "));
    assert!(is_said, "guise {args:?}:\n{text}");
}

/// A run of some steps on eight pictures of 16 x 16 pixels, trained once for all tests.
fn trained_run() -> &'static Path {
    static RUN: OnceLock<(TempDir, PathBuf)> = OnceLock::new();
    let (_, run) = RUN.get_or_init(|| {
        let dir = TempDir::new().unwrap();
        let data = dir.path().join("data");
        fs::create_dir_all(data.join("00000")).unwrap();
        let mut labels = vec![];
        for i in 0..8u8 {
            let picture = RgbaImage::from_fn(16, 16, |x, y| {
                let inside = (x as i32 - 8).pow(2) + (y as i32 - 8).pow(2) < 40;
                image::Rgba(if inside {
                    [200, 20 * i, 60, 255]
                } else {
                    [30 * i, 90, 200, 255]
                })
            });
            let name = format!("00000/img{i:08}.png");
            image::DynamicImage::from(picture)
                .into_rgb8()
                .save(data.join(&name))
                .unwrap();
            labels.push(name);
        }
        fs::write(data.join("dataset.json"), r#"{"labels": null}"#).unwrap();
        let lines: String = labels
            .iter()
            .zip(["red", "orange", "brown", "pink", "red", "orange", "brown", "pink"])
            .map(|(name, color)| {
                let attributes = [
                    serde_json::json!({"trait_type": "hair", "value": "short hair"}),
                    serde_json::json!({"trait_type": "hair color", "value": color}),
                ];
                let text = format!("avatar with short {color} hair");
                let line = serde_json::json!({"file_name": name, "text": text, "attributes": attributes});
                format!("{line}\n")
            })
            .collect();
        fs::write(data.join("metadata.jsonl"), lines).unwrap();
        let collection =
            r#"{"name": "Discs", "license": "CC0-1.0", "attribution": "A. Tester", "source": ""}"#;
        fs::write(data.join("collection.json"), collection).unwrap();
        let runs = dir.path().join("runs");
        succeeds(&[
            "train",
            "--data",
            utf8(&data),
            "--out",
            utf8(&runs),
            "--kimg",
            "0.016",
            "--batch-size",
            "4",
            "--channel-base",
            "512",
            "--channel-max",
            "32",
        ]);
        let run = fs::read_dir(&runs).unwrap().next().unwrap().unwrap().path();
        (dir, run)
    });
    run
}

/// A CLIP of the same pictures, trained for a moment with a sentence encoder of random weights.
fn trained_clip(dir: &Path) -> PathBuf {
    let data = trained_run().ancestors().nth(2).unwrap().join("data");
    let encoder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/minilm");
    let runs = dir.join("clip-runs");
    let args = [
        "train",
        "clip",
        "--data",
        utf8(&data),
        "--text-encoder",
        utf8(&encoder),
    ];
    let sizes = ["--kimg", "0.016", "--batch-size", "4", "--held-out", "2"];
    succeeds(&[&args[..], &["--out", utf8(&runs)], &sizes].concat());
    fs::read_dir(&runs).unwrap().next().unwrap().unwrap().path()
}

fn utf8(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Everything in `dir`, sorted.
fn names(dir: &Path) -> Vec<String> {
    let name = |entry: Result<fs::DirEntry, _>| entry.unwrap().file_name().into_string().unwrap();
    let mut names: Vec<_> = fs::read_dir(dir).unwrap().map(name).collect();
    names.sort();
    names
}

/// A copy of the tiny bundle, to be damaged.
fn tiny_bundle(dir: &Path) -> PathBuf {
    let copy = dir.join("tiny");
    fs::create_dir(&copy).unwrap();
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/bundle-tiny");
    for name in names(&fixture) {
        fs::copy(fixture.join(&name), copy.join(&name)).unwrap();
    }
    copy
}

/// A super-resolution model as `guise import` writes it, made from the tiny bundle's shape.
fn super_resolution(dir: &Path) -> PathBuf {
    use burn::tensor::Device;
    use guise::{
        networks::{
            NetworkConfig,
            super_resolution::{UpscalerConfig, srvgg::SrvggNetCompactConfig},
        },
        weights::{collect, foreign::SuperResolution},
    };
    let config = UpscalerConfig::Srvgg(SrvggNetCompactConfig {
        num_feat: 32,
        num_conv: 1,
        upscale: 4,
        outscale: 4,
    });
    let tensors = futures::executor::block_on(collect(&config.init(&Device::flex()))).unwrap();
    let model = SuperResolution {
        config,
        tensors,
        license: "BSD-3-Clause".into(),
        source: "a test".into(),
    };
    let path = dir.join("sr.safetensors");
    fs::write(&path, model.to_safetensors().unwrap()).unwrap();
    path
}

#[test]
fn a_run_becomes_a_bundle_that_draws() {
    let dir = TempDir::new().unwrap();
    let sr = super_resolution(dir.path());
    let bundle = dir.path().join("models/discs");
    let publish = |extra: &[&str]| {
        let args = [
            "publish",
            utf8(trained_run()),
            "--sr",
            utf8(&sr),
            "--out",
            utf8(&bundle),
        ];
        succeeds(&[&args, extra].concat())
    };
    let summary = publish(&[]);
    assert!(
        summary.contains("generator.gguf") && summary.contains("CC0-1.0"),
        "{summary}"
    );
    assert_eq!(
        names(&bundle),
        [
            "README.md",
            "generator.gguf",
            "model.json",
            "references.png",
            "samples.png",
            "upscaler.gguf"
        ]
    );
    assert_eq!(
        names(&dir.path().join("models")),
        ["discs"],
        "nothing is left beside the bundle"
    );

    let manifest: Value = serde_json::from_slice(&fs::read(bundle.join("model.json")).unwrap()).unwrap();
    assert_eq!(manifest["name"], "Discs");
    assert_eq!(manifest["art"]["attribution"], "A. Tester");
    assert_eq!(
        manifest["parts"]["upscaler"]["weights"]["license"],
        "BSD-3-Clause"
    );
    assert_eq!(manifest["training"]["dataset_pictures"], 8);
    let kimg = manifest["training"]["total_kimg"].as_f64().unwrap();
    assert!((kimg - 0.016).abs() < 1e-9, "{kimg}");
    let psnr = manifest["metrics"]["quantized_psnr_db"].as_f64().unwrap();
    assert!((35.0..=100.0).contains(&psnr), "{psnr}");
    assert!(manifest["metrics"]["enlarged_psnr_db"].as_f64().unwrap() >= 35.0);
    let card = fs::read_to_string(bundle.join("README.md")).unwrap();
    for expected in [
        "# Discs",
        "CC0-1.0",
        "A. Tester",
        "BSD-3-Clause",
        "kimg",
        "PSNR",
        "samples.png",
        "cores of a CPU",
        "## Limits",
        "THE COPYRIGHT HOLDERS",
    ] {
        assert!(
            card.contains(expected),
            "the model card lacks {expected:?}:\n{card}"
        );
    }

    // The sheet of the card is what the bundle draws, pixel for pixel.
    let sheet = dir.path().join("sheet.png");
    succeeds(&[
        "generate",
        "--model",
        utf8(&bundle),
        "--seeds",
        "0-63",
        "--out",
        utf8(&sheet),
    ]);
    let [sheet, samples] =
        [sheet, bundle.join("samples.png")].map(|path| image::open(path).unwrap().into_rgba8());
    assert_eq!(sheet.dimensions(), (128, 128));
    assert!(sheet == samples, "the sheet and the card's samples differ");
    // And nearly what the trained network draws.
    let trained = dir.path().join("trained.png");
    succeeds(&[
        "generate",
        "--model",
        utf8(trained_run()),
        "--seeds",
        "0-63",
        "--out",
        utf8(&trained),
    ]);
    let trained = image::open(trained).unwrap().into_rgba8();
    let measured = guise::metrics::psnr(&[sheet], &[trained]);
    assert!(
        (measured - psnr).abs() < 0.1,
        "{measured} dB measured, {psnr} dB published"
    );

    // Publishing again replaces the bundle, and flags win over what the collection says.
    publish(&[
        "--name",
        "Other",
        "--license",
        "CC-BY-4.0",
        "--quantization",
        "f16",
        "--hardware",
        "an abacus",
    ]);
    let card = fs::read_to_string(bundle.join("README.md")).unwrap();
    for expected in ["# Other", "CC-BY-4.0", "f16", "an abacus"] {
        assert!(
            card.contains(expected),
            "the model card lacks {expected:?}:\n{card}"
        );
    }
    assert_eq!(names(&dir.path().join("models")), ["discs"]);
}

#[test]
fn seeds_go_to_files_of_their_own() {
    let dir = TempDir::new().unwrap();
    let bundle = tiny_bundle(dir.path());
    let out = format!("{}/avatars/", utf8(dir.path()));
    let mut args = vec!["generate", "--model", utf8(&bundle), "--out", &out];
    args.extend(["--truncation-psi", "1", "--seeds"]);
    succeeds(&[&args[..], &["7,100-101"]].concat());
    let avatars = dir.path().join("avatars");
    assert_eq!(names(&avatars), ["seed0007.png", "seed0100.png", "seed0101.png"]);
    let open = |name: &str| image::open(avatars.join(name)).unwrap().into_rgba8();
    let [a, b] = [open("seed0007.png"), open("seed0100.png")];
    assert_eq!(a.dimensions(), (16, 16));
    assert_ne!(a, b);
    // The same seed in other company gives the same picture.
    succeeds(&[&args[..], &["3-7", "--batch-size", "3"]].concat());
    assert_eq!(open("seed0007.png"), a);
}

#[test]
fn what_cannot_be_drawn_is_said() {
    let dir = TempDir::new().unwrap();
    let bundle = tiny_bundle(dir.path());
    let sheet = dir.path().join("sheet.png");
    let with = |model: &Path, extra: &[&'static str]| -> Vec<String> {
        let args = ["generate", "--model", utf8(model), "--out", utf8(&sheet)];
        args.iter().chain(extra).map(ToString::to_string).collect()
    };
    let fails = |args: Vec<String>, expected: &str| {
        fails(&args.iter().map(String::as_str).collect::<Vec<_>>(), expected);
        assert!(!sheet.exists());
    };
    fails(with(&dir.path().join("nowhere"), &[]), "there is no folder");
    fails(with(dir.path(), &[]), "is no model: it has no model.json");
    fails(with(&bundle, &["--seeds", "9-3"]), "the range 9-3 is empty");
    fails(
        with(&bundle, &["--truncation-psi", "nan"]),
        "truncation_psi is NaN, expected 0 to 2",
    );
    fails(
        with(&bundle, &["--out", "sheet.jpg"]),
        "--out is sheet.jpg, expected a name that ends in .png",
    );

    let generator = bundle.join("generator.gguf");
    let original = fs::read(&generator).unwrap();
    let mut flipped = original.clone();
    flipped[40_000] ^= 1;
    fs::write(&generator, flipped).unwrap();
    fails(with(&bundle, &[]), "its sha256 is");
    fs::write(&generator, &original[..40_000]).unwrap();
    fails(with(&bundle, &[]), "it has 40000 bytes, expected");
    fs::write(&generator, [&original[..], b"more"].concat()).unwrap();
    fails(with(&bundle, &[]), "is larger than");
    fs::remove_file(&generator).unwrap();
    fails(with(&bundle, &[]), "cannot read");

    // What never ends is not waited for.
    #[cfg(unix)]
    {
        let pipe = Command::new("mkfifo").arg(&generator).status().unwrap();
        assert!(pipe.success());
        fails(
            with(&bundle, &[]),
            "generator.gguf: it is a pipe, a device or a socket",
        );
        fs::remove_file(&generator).unwrap();
        std::os::unix::fs::symlink("/dev/zero", &generator).unwrap();
        fails(
            with(&bundle, &[]),
            "generator.gguf: it is a pipe, a device or a socket",
        );
        fs::remove_file(&generator).unwrap();
    }
    fs::write(&generator, &original).unwrap();

    let path = bundle.join("model.json");
    let manifest = fs::read_to_string(&path).unwrap();
    let evil = manifest.replace("\"version\": 1", "\"version\": 1, \"\\u001b[31m\\u202e\": 2");
    let evil = evil.replace("\"z_dim\"", "\"\\u001b[31mz\"");
    fs::write(&path, evil).unwrap();
    fails(with(&bundle, &[]), "unknown field `\\u{1b}[31mz`");
    fs::write(&path, manifest.replace("generator.gguf", "../../secret.gguf")).unwrap();
    fails(
        with(&bundle, &[]),
        "parts.generator.file is ../../secret.gguf, expected a plain file name",
    );
    fs::write(&path, &manifest[..100]).unwrap();
    fails(with(&bundle, &[]), "the manifest cannot be read");
    fs::write(&path, [0xff; 64]).unwrap();
    fails(with(&bundle, &[]), "the manifest cannot be read");
}

#[test]
fn what_must_not_be_published_is_refused_and_leaves_nothing() {
    let dir = TempDir::new().unwrap();
    let bundle = dir.path().join("bundle");
    let publish = ["publish", utf8(trained_run()), "--out", utf8(&bundle)];
    let with = |extra: &[&'static str]| [&publish[..], extra].concat();

    fails(&with(&["--license", " "]), "the collection states no license");
    fails(
        &with(&["--quantization", "q4_0"]),
        "expected at least 35 dB: choose a finer --quantization",
    );
    fails(
        &with(&["--truncation-psi", "3"]),
        "truncation_psi is 3, expected 0 to 2",
    );
    fails(&with(&["--name", "\u{7}"]), "name is");
    fails(
        &with(&["--sr", "/nowhere/sr.safetensors"]),
        "cannot read /nowhere/sr.safetensors",
    );
    let not_sr = dir.path().join("not-sr");
    fs::write(&not_sr, [0; 100]).unwrap();
    fails(&[&publish[..], &["--sr", utf8(&not_sr)]].concat(), "cannot use");
    fails(
        &["publish", utf8(dir.path()), "--out", utf8(&bundle)],
        "cannot read",
    );
    assert_eq!(names(dir.path()), ["not-sr"]);

    // A folder that is no bundle belongs to others.
    fs::create_dir(&bundle).unwrap();
    fs::write(bundle.join("thesis.txt"), "years of work").unwrap();
    fails(&with(&[]), "is there already and is no model");
    assert_eq!(names(&bundle), ["thesis.txt"]);
}
