//! `guise evaluate`.

use crate::{bundle, guise, utf8};
use std::{
    fs,
    path::{Path, PathBuf},
};
use tempfile::TempDir;

/// Pictures of 16 pixels: hair above, clothes below, and glasses on every other.
fn dataset(dir: &Path) -> PathBuf {
    const COLORS: [(&str, [u8; 3]); 4] = [
        ("pink", [240, 120, 180]),
        ("blue", [40, 60, 220]),
        ("red", [220, 30, 30]),
        ("green", [30, 160, 60]),
    ];
    let data = dir.join("data");
    fs::create_dir_all(data.join("00000")).unwrap();
    let mut lines = String::new();
    for i in 0..512usize {
        let (hair, clothes, glasses) = (COLORS[i % 4], COLORS[i / 4 % 4], i / 16 % 2 == 0);
        let picture = image::RgbImage::from_fn(16, 16, |_, y| match y {
            6..8 if glasses => image::Rgb([10, 10, 10]),
            0..8 => image::Rgb(hair.1),
            _ => image::Rgb(clothes.1),
        });
        let name = format!("00000/img{i:08}.png");
        picture.save(data.join(&name)).unwrap();
        let mut attributes = vec![
            serde_json::json!({"trait_type": "hair color", "value": hair.0}),
            serde_json::json!({"trait_type": "clothes color", "value": clothes.0}),
        ];
        if glasses {
            attributes.push(serde_json::json!({"trait_type": "glasses", "value": "round glasses"}));
        }
        let line = serde_json::json!({"file_name": name, "text": "avatar", "attributes": attributes});
        lines += &format!("{line}\n");
    }
    fs::write(data.join("metadata.jsonl"), lines).unwrap();
    fs::write(data.join("dataset.json"), r#"{"labels": null}"#).unwrap();
    data
}

#[test]
fn prompts_are_evaluated_beside_chance() {
    let dir = TempDir::new().unwrap();
    let (bundle, data, out) = (bundle(), dataset(dir.path()), dir.path().join("prompts.json"));
    let args = [
        "evaluate",
        "prompts",
        "--model",
        utf8(&bundle),
        "--data",
        utf8(&data),
        "--out",
        utf8(&out),
    ];
    let few = ["--prompts", "6", "--qualities", "draft,normal"];
    let output = guise(&[&args[..], &few].concat());
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let table = String::from_utf8(output.stdout).unwrap();
    assert!(table.contains("share that is right"), "{table}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("has no trait \"skin\""));

    let figures: serde_json::Value = serde_json::from_slice(&fs::read(&out).unwrap()).unwrap();
    for kind in ["draft", "normal", "chance"] {
        let share = figures[kind]["colors"].as_f64().unwrap();
        assert!((0.0..=1.0).contains(&share), "{kind}: {share}");
        assert!(figures[kind]["everything asked for"].is_f64());
    }
    assert!(figures.get("better").is_none(), "it was not asked for");
    for kind in ["draft", "normal"] {
        let variety = figures["variety"][kind].as_f64().unwrap();
        assert!((0.01..2.0).contains(&variety), "{kind}: {variety}");
    }
    for kind in ["draft", "normal", "chance"] {
        let distance = figures["distance"][kind].as_f64().unwrap();
        assert!(
            distance > 1.0,
            "random weights draw nothing of the collection: {distance}"
        );
    }
    assert!(
        table.contains("variety of a sentence's") && table.contains("distance from it"),
        "{table}"
    );
    for shape in ["commas", "joined", "sentence", "noisy", "denied", "foreign"] {
        let share = figures["shapes"][shape]["normal"]["everything asked for"].as_f64();
        assert!(
            share.is_some_and(|share| (0.0..=1.0).contains(&share)),
            "{shape}: {figures}"
        );
        assert!(table.contains(&format!("\n{shape} ")), "{table}");
    }
    assert_eq!(figures["shapes"]["commas"]["draft"], figures["draft"]);
    // These pictures leave no doubt.
    for name in ["hair color", "clothes color", "glasses"] {
        assert_eq!(figures["judge"][name]["accuracy"], 1.0, "{name}");
    }

    let error = |more: &[&str]| {
        let output = guise(&[&args[..], more].concat());
        assert!(!output.status.success());
        String::from_utf8(output.stderr).unwrap()
    };
    assert!(error(&["--count", "0"]).contains("0 is not in 1..=64"));
    assert!(error(&["--prompts", "0"]).contains("--prompts is 0"));
    assert!(error(&["--prompts", "1000000000000"]).contains("expected 1 to 10000"));
    assert!(error(&["--traits", "tail,wings"]).contains("has none of the traits tail, wings"));
    assert!(error(&["--shapes", "shouted"]).contains("[possible values: commas, joined"));
    assert!(error(&["--qualities", "best"]).contains("expected draft, normal or better"));
}

#[test]
fn pictures_are_evaluated_beside_the_collections_own() {
    let dir = TempDir::new().unwrap();
    let (bundle, data, out) = (bundle(), dataset(dir.path()), dir.path().join("pictures.json"));
    let evaluate = |more: &[&str]| {
        let common = [
            "--model",
            utf8(&bundle),
            "--data",
            utf8(&data),
            "--out",
            utf8(&out),
        ];
        guise(&[&["evaluate", "pictures"], &common[..], more].concat())
    };
    let figures = |psi: &str| -> serde_json::Value {
        let output = evaluate(&["--count", "256", "--truncation-psi", psi]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
        serde_json::from_slice(&fs::read(&out).unwrap()).unwrap()
    };
    let varied = figures("1");
    let [model, collection] =
        ["kid256_clip", "kid256_clip_collection"].map(|name| varied[name].as_f64().unwrap());
    let [distance, least] =
        ["fid256_clip", "fid256_clip_collection"].map(|name| varied[name].as_f64().unwrap());
    assert!(distance > 2.0 * least && least > 0.0, "{varied}");
    for share in ["precision256_clip", "recall256_clip"] {
        let share = varied[share].as_f64().unwrap();
        assert!((0.0..0.9).contains(&share), "{varied}");
    }
    // The model knows nothing of these pictures, whose two halves differ by chance alone.
    assert!(model > 20.0 * collection.abs(), "{varied}");
    // The same avatar again and again resembles a collection less than different ones do.
    let alike = figures("0")["kid256_clip"].as_f64().unwrap();
    assert!(alike > model, "{alike} and {model}");

    let error = |more: &[&str]| {
        let output = evaluate(more);
        assert!(!output.status.success());
        String::from_utf8(output.stderr).unwrap()
    };
    assert!(
        error(&["--count", "300"])
            .contains("512 pictures, expected 600 for --count 300: ask for at most 256")
    );
    // A published CLIP's file is no Inception.
    let no_inception = fs::canonicalize("tests/fixtures/clip/resnet.safetensors").unwrap();
    assert!(error(&["--inception", utf8(&no_inception)]).contains("cannot use the Inception"));
    assert!(error(&["--count", "1"]).contains("1 is not in 2..=50000"));
    assert!(error(&["--truncation-psi", "3"]).contains("--truncation-psi is 3, expected 0 to 2"));
}
