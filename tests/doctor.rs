//! `guise doctor`, the choice of instruction set, and what becomes of a model that this machine does not draw
//! as it was published. How a broken kernel is passed over is tested beside `cli/trust`.

use serde_json::Value;
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};
use tempfile::TempDir;

fn tiny() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/bundle-tiny")
}

/// Runs the program with a cache folder of the test's own.
fn guise(cache: &TempDir, isa: Option<&str>, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_guise"));
    command.args(args).env("XDG_CACHE_HOME", cache.path());
    if let Some(isa) = isa {
        command.env("GUISE_ISA", isa);
    }
    command.output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    str::from_utf8(bytes).unwrap()
}

/// A copy of the tiny bundle whose references `spoil` changes, with a manifest that agrees with them.
fn spoiled(spoil: impl FnOnce(&mut Value, &mut image::RgbaImage)) -> TempDir {
    let dir = TempDir::new().unwrap();
    for entry in fs::read_dir(tiny()).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, dir.path().join(path.file_name().unwrap())).unwrap();
    }
    let (json, png) = (dir.path().join("model.json"), dir.path().join("references.png"));
    let mut manifest: Value = serde_json::from_slice(&fs::read(&json).unwrap()).unwrap();
    let mut pictures = image::open(&png).unwrap().into_rgba8();
    spoil(&mut manifest, &mut pictures);
    pictures.save(&png).unwrap();
    let file = guise::weights::manifest::File::describe("references.png", &fs::read(&png).unwrap());
    manifest["self_check"]["pictures"] = serde_json::to_value(file).unwrap();
    fs::write(&json, manifest.to_string()).unwrap();
    dir
}

#[test]
fn it_reports_every_instruction_set_and_that_the_default_is_right() {
    let cache = TempDir::new().unwrap();
    let model = tiny();
    let args = [
        "doctor",
        "--json",
        "--device",
        "cpu",
        "--model",
        model.to_str().unwrap(),
    ];
    let output = guise(&cache, None, &args);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let devices = report["devices"].as_array().unwrap();
    let sets = report["instruction_sets"].as_array().unwrap();
    assert_eq!(devices.len(), sets.len());
    assert_eq!(sets.last().unwrap(), "plain");
    for device in devices {
        assert_eq!(device["right"], true, "{device}");
        assert_eq!(device["model"], "right", "{device}");
        assert_eq!(device["training_step"]["right"], true, "{device}");
    }
    assert_eq!(
        devices.iter().filter(|device| device["default"] == true).count(),
        1
    );
    assert!(report["memory_bytes"].as_u64().unwrap() > 1 << 28);
    assert!(report["cores"].as_u64().unwrap() > 0);

    let output = guise(
        &cache,
        None,
        &args[..1].iter().chain(&args[2..]).copied().collect::<Vec<_>>(),
    );
    let words = text(&output.stdout);
    for part in [
        "processor: ",
        "instruction sets: ",
        "memory: ",
        "cpu (plain): right",
        "a training step: right",
    ] {
        assert!(words.contains(part), "{part}: {words}");
    }
}

#[test]
fn a_device_that_is_wrong_makes_it_fail() {
    let cache = TempDir::new().unwrap();
    let dir = spoiled(|_, pictures| pictures.get_pixel_mut(20, 3).0[1] ^= 0x40);
    let output = guise(
        &cache,
        None,
        &[
            "doctor",
            "--device",
            "cpu",
            "--model",
            dir.path().to_str().unwrap(),
        ],
    );
    assert!(!output.status.success());
    let words = text(&output.stdout);
    assert!(
        words.contains("WRONG") && words.contains("avatar 1 differs"),
        "{words}"
    );
    assert!(
        text(&output.stderr).starts_with("error: cpu ("),
        "{}",
        text(&output.stderr)
    );
}

#[test]
fn the_environment_chooses_the_instruction_set() {
    let cache = TempDir::new().unwrap();
    let model = tiny();
    let picture = |name: &str, isa: Option<&str>| {
        let out = cache.path().join(name);
        let args = ["generate", "--model", model.to_str().unwrap(), "--seeds", "0-5"];
        let output = guise(
            &cache,
            isa,
            &[&args[..], &["--out", out.to_str().unwrap()]].concat(),
        );
        assert!(output.status.success(), "{}", text(&output.stderr));
        image::open(out).unwrap().into_rgba8()
    };
    let (plain, best) = (picture("plain.png", Some("plain")), picture("best.png", None));
    let most = plain.iter().zip(best.iter()).map(|(a, b)| a.abs_diff(*b)).max();
    assert!(most <= Some(2), "{most:?}");

    let foreign = if cfg!(target_arch = "aarch64") {
        "avx2"
    } else {
        "neon"
    };
    for (isa, expected) in [
        ("sse9", "GUISE_ISA is \"sse9\": there is no instruction set"),
        (foreign, "this processor has no"),
        ("", "GUISE_ISA is \"\""),
    ] {
        let output = guise(&cache, Some(isa), &["doctor", "--device", "cpu"]);
        let said = text(&output.stderr);
        assert!(
            !output.status.success() && said.contains(expected),
            "{isa:?}: {said}"
        );
    }
}

/// Where every instruction set draws something else, nothing is drawn: the bundle's word counts, not the
/// processor's.
#[test]
fn no_wrong_picture_is_ever_shown() {
    let cache = TempDir::new().unwrap();
    let wrong_picture = spoiled(|_, pictures| pictures.get_pixel_mut(0, 0).0[0] ^= 0x40);
    let wrong_step = spoiled(|manifest, _| manifest["self_check"]["guided"]["after"][2] = 0.9.into());
    let prompt = ["--prompt", "blue hair", "--count", "1"];
    let cases: [(&TempDir, &[&str], &str); 2] = [
        (
            &wrong_picture,
            &["--seeds", "0-1"],
            "avatar 0 differs from its reference by up to 64",
        ),
        (&wrong_step, &prompt, "a guided step scores"),
    ];
    for (dir, wish, expected) in cases {
        let out = cache.path().join("out.png");
        let model = dir.path().to_str().unwrap();
        let args = [
            &["generate", "--model", model, "--out", out.to_str().unwrap()],
            wish,
        ]
        .concat();
        let output = guise(&cache, None, &args);
        let said = text(&output.stderr);
        assert!(!output.status.success() && said.contains(expected), "{said}");
        assert!(said.contains("cannot be drawn rightly on this machine"), "{said}");
        assert!(!out.exists());
    }
    // Seeds take no guided step, so they are drawn.
    let (model, out) = (
        wrong_step.path().to_str().unwrap(),
        cache.path().join("seeds.png"),
    );
    let args = [
        "generate",
        "--model",
        model,
        "--seeds",
        "0-1",
        "--out",
        out.to_str().unwrap(),
    ];
    assert!(guise(&cache, None, &args).status.success() && out.exists());
}

/// A bundle of before the self-check is drawn from as it was, and `--refresh` adds what it lacks.
#[test]
fn an_older_bundle_can_be_refreshed() {
    let cache = TempDir::new().unwrap();
    let dir = spoiled(|_, _| {});
    let json = dir.path().join("model.json");
    let mut manifest: Value = serde_json::from_slice(&fs::read(&json).unwrap()).unwrap();
    let kept = manifest.as_object_mut().unwrap().remove("self_check").unwrap();
    fs::write(&json, manifest.to_string()).unwrap();
    fs::remove_file(dir.path().join("references.png")).unwrap();
    let model = dir.path().to_str().unwrap();
    let out = cache.path().join("out.png");
    let draw = [
        "generate",
        "--model",
        model,
        "--seeds",
        "0",
        "--out",
        out.to_str().unwrap(),
    ];
    assert!(guise(&cache, None, &draw).status.success());

    let output = guise(&cache, None, &["publish", "--refresh", model]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let manifest: Value = serde_json::from_slice(&fs::read(&json).unwrap()).unwrap();
    for when in ["before", "after"] {
        for i in 0..4 {
            let [found, expected] =
                [&manifest["self_check"], &kept].map(|it| it["guided"][when][i].as_f64().unwrap());
            assert!(
                (found - expected).abs() < 0.001,
                "{when} {i}: {found}, {expected}"
            );
        }
    }
    let found = image::open(dir.path().join("references.png"))
        .unwrap()
        .into_rgba8();
    let expected = image::open(tiny().join("references.png")).unwrap().into_rgba8();
    let most = found
        .iter()
        .zip(expected.iter())
        .map(|(a, b)| a.abs_diff(*b))
        .max();
    assert!(most <= Some(1), "{most:?}");
    assert!(guise(&cache, None, &draw).status.success());
}
