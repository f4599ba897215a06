//! What is measured while a generator is trained, and what the best snapshot is good for.

use super::{dataset, done, guise, only_run, path, refused, text, train};
use serde_json::{Map, Value};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// The lines of the statistics without the times, which are never the same.
fn lines(run: &Path) -> Vec<Map<String, Value>> {
    let text = fs::read_to_string(run.join("stats.jsonl")).unwrap();
    let line = |line: &str| {
        let mut fields: Map<String, Value> = serde_json::from_str(line).unwrap();
        fields.retain(|name, _| !name.contains("secs"));
        fields
    };
    text.lines().map(line).collect()
}

/// The kimg and the value of every line that has this measure.
fn measured(run: &Path, name: &str) -> Vec<(f64, f64)> {
    let number = |line: &Map<String, Value>, name: &str| line.get(name).and_then(Value::as_f64);
    lines(run)
        .iter()
        .filter_map(|line| Some((number(line, "kimg")?, number(line, name)?)))
        .collect()
}

#[test]
fn a_resumed_run_measures_what_it_would_have_measured() {
    let dir = tempfile::tempdir().unwrap();
    let data = dataset(dir.path());
    let (whole, halves) = (dir.path().join("whole"), dir.path().join("halves"));
    let all = ["--metrics", "fid,kid,pr", "--metrics-count", "12"];
    // Every second checkpoint.
    let often = ["--metrics-kimg", "0.08", "--snapshot-kimg", "0.04"];
    let more = [&all[..], &often].concat();
    done(train(&data, &whole, "0.24", &more));
    done(train(&data, &halves, "0.12", &more));
    let run = only_run(&halves);
    done(guise(&["train", "--resume", path(&run), "--kimg", "0.24"]));
    let whole = only_run(&whole);
    assert_eq!(lines(&run), lines(&whole));
    for name in [
        "fid12_random",
        "kid12_random",
        "precision12_random",
        "recall12_random",
    ] {
        let kimg: Vec<f64> = measured(&run, name).iter().map(|(kimg, _)| *kimg).collect();
        assert_eq!(kimg, [0.08, 0.16, 0.24], "{name}");
    }
    let values = measured(&run, "kid12_random");
    assert!(values[0].1 != values[2].1 && values[0].1 > 0.0, "{values:?}");

    // TensorBoard and the plot are told as well.
    let events = fs::read(run.join("events.out.tfevents.guise")).unwrap();
    let tag = b"metrics/kid12_random";
    assert!(events.windows(tag.len()).any(|bytes| bytes == tag));
    let plot = dir.path().join("plot.svg");
    let both = [path(&run), path(&whole)];
    done(guise(
        &[&["plot"], &both[..], &["--over", "hours", "--out", path(&plot)]].concat(),
    ));
    assert!(fs::read_to_string(&plot).unwrap().contains("kid12_random"));
}

#[test]
fn nothing_is_measured_before_its_time_or_unasked() {
    let dir = tempfile::tempdir().unwrap();
    let data = dataset(dir.path());
    for (name, more) in [
        ("usual", &[][..]),
        ("none", &["--metrics", "none", "--metrics-kimg", "0.004"]),
    ] {
        let out = dir.path().join(name);
        done(train(&data, &out, "0.04", more));
        let run = only_run(&out);
        let names = lines(&run).into_iter().flatten().map(|(name, _)| name);
        let measures: Vec<String> = names.filter(|name| name.contains("_random")).collect();
        assert_eq!(measures, [""; 0], "{name}");
        // It is the newest that is drawn from, and the best is not known.
        let sheet = dir.path().join("sheet.png");
        let draw = [
            "generate",
            "--model",
            path(&run),
            "--seeds",
            "0-3",
            "--out",
            path(&sheet),
        ];
        let said = done(guise(&draw));
        assert!(
            said.contains("the snapshot after 0 kimg, which is the newest"),
            "{said}"
        );
        let said = refused(guise(&[&draw[..], &["--snapshot", "best"]].concat()));
        assert!(said.contains("--metrics"), "{said}");
    }
}

/// A run of three snapshots whose newest is the worst, as after a collapse.
fn collapsed(dir: &Path) -> (PathBuf, u64) {
    let out = dir.join("runs");
    let often = [
        "--metrics-kimg",
        "1",
        "--snapshot-kimg",
        "1",
        "--metrics-count",
        "16",
    ];
    let data = dataset(dir);
    done(train(
        &data,
        &out,
        "3",
        &[&often[..], &["--batch-size", "16"]].concat(),
    ));
    let run = only_run(&out);
    let values = measured(&run, "kid16_random");
    assert_eq!(values.len(), 3, "{values:?}");
    let stats = run.join("stats.jsonl");
    let text = fs::read_to_string(&stats).unwrap();
    let (before, last) = text.trim_end().rsplit_once('\n').unwrap();
    let mut last: Map<String, Value> = serde_json::from_str(last).unwrap();
    last["kid16_random"] = 1e6.into();
    fs::write(&stats, format!("{before}\n{}\n", Value::Object(last))).unwrap();
    let best = if values[0].1 <= values[1].1 { 1 } else { 2 };
    (run, best)
}

#[test]
fn the_best_snapshot_is_drawn_from_and_published_although_the_run_collapsed_later() {
    let dir = tempfile::tempdir().unwrap();
    let (run, best) = collapsed(dir.path());
    let draw = |name: &str, more: &[&str]| {
        let sheet = dir.path().join(name);
        let args = [
            "generate",
            "--model",
            path(&run),
            "--seeds",
            "0-3",
            "--out",
            path(&sheet),
        ];
        let said = done(guise(&[&args[..], more].concat()));
        (fs::read(&sheet).unwrap(), said)
    };
    let (usual, said) = draw("usual.png", &[]);
    let expected = format!("the snapshot after {best} kimg, the best of 3 by kid16_random (");
    assert!(
        said.contains(&expected) && said.contains("the newest is after 3"),
        "{said}"
    );
    assert_eq!(draw("best.png", &["--snapshot", "best"]).0, usual);
    assert_eq!(draw("kimg.png", &["--snapshot", &best.to_string()]).0, usual);
    let (latest, said) = draw("latest.png", &["--snapshot", "latest"]);
    assert_ne!(latest, usual);
    assert!(
        said.contains("the snapshot after 3 kimg, which is the newest"),
        "{said}"
    );
    let sheet = dir.path().join("none.png");
    let args = [
        "generate",
        "--model",
        path(&run),
        "--out",
        path(&sheet),
        "--snapshot",
    ];
    let said = refused(guise(&[&args[..], &["7"]].concat()));
    assert!(
        said.contains("none after 7 kimg; the newest is after 3"),
        "{said}"
    );
    let said = refused(guise(&[&args[..], &["oldest"]].concat()));
    assert!(said.contains("expected best, latest"), "{said}");

    let bundle = dir.path().join("bundle");
    let publish = [
        "publish",
        path(&run),
        "--out",
        path(&bundle),
        "--license",
        "CC0-1.0",
    ];
    let said = done(guise(
        &[&publish[..], &["--name", "Stripes", "--quantization", "f16"]].concat(),
    ));
    assert!(said.contains(&expected), "{said}");
    let card = fs::read_to_string(bundle.join("README.md")).unwrap();
    let sentence = "the best of 3 snapshots of its run by kid16\\_random";
    assert!(
        card.contains(sentence) && card.contains("the newest was after 3 kimg"),
        "{card}"
    );
    let manifest: Value = serde_json::from_slice(&fs::read(bundle.join("model.json")).unwrap()).unwrap();
    assert_eq!(
        manifest["training"]["total_kimg"].as_f64().unwrap().floor(),
        best as f64
    );
    assert_eq!(manifest["training"]["selected"]["snapshots"], 3);
    let said = refused(guise(&[
        "generate",
        "--model",
        path(&bundle),
        "--out",
        path(&sheet),
        "--snapshot",
        "best",
    ]));
    assert!(said.contains("which has no snapshots"), "{said}");
}

#[test]
fn a_clip_measures_where_there_is_one() {
    let dir = tempfile::tempdir().unwrap();
    let data = dataset(dir.path());
    let out = dir.path().join("runs");
    let foreign = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/clip/hugging_face.safetensors");
    let clip = dir.path().join("clip.safetensors");
    let import = [
        "import",
        "clip",
        path(&foreign),
        "--out",
        path(&clip),
        "--license",
        "CC0-1.0",
    ];
    let heads = ["--gelu", "quick", "--image-heads", "4", "--text-heads", "3"];
    done(guise(&[&import[..], &heads].concat()));
    let often = ["--metrics-kimg", "0.02", "--metrics-count", "8", "--clip"];
    done(train(&data, &out, "0.02", &[&often[..], &[path(&clip)]].concat()));
    let values = measured(&only_run(&out), "kid8_clip");
    assert!(values.len() == 1 && values[0].1.is_finite(), "{values:?}");
}

#[test]
fn what_cannot_be_measured_says_why_and_leaves_no_folder() {
    let dir = tempfile::tempdir().unwrap();
    let data = dataset(dir.path());
    let out = dir.path().join("runs");
    let other = data.join("dataset.json");
    for (more, expected) in [
        (
            &["--clip", "missing.safetensors"][..],
            "cannot read missing.safetensors",
        ),
        (&["--inception", path(&other)], "cannot use the Inception"),
        (&["--clip", path(&data)], "training_options.json"),
        (&["--clip", "a", "--inception", "b"], "cannot be used with"),
        (&["--metrics", "none,kid"], "a list with none among others"),
        (&["--metrics", "lpips"], "possible values: none, fid, kid, pr"),
        (
            &["--metrics-kimg", "0"],
            "metrics_kimg is 0, expected more than 0",
        ),
        (
            &["--metrics-count", "1"],
            "metrics_count is 1, expected at least 2",
        ),
    ] {
        let output = train(&data, &out, "1", more);
        assert!(
            !output.status.success() && text(&output).contains(expected),
            "{}",
            text(&output)
        );
        let left = fs::read_dir(&out).map_or(0, |entries| entries.count());
        assert_eq!(left, 0, "{more:?}");
    }
}
