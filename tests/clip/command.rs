//! `guise import clip` as a person runs it.

use super::{bytes, fixture};
use guise::weights::foreign::ClipModel;
use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

fn import(file: &Path, out: &Path, flags: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_guise"))
        .args(["import", "clip"])
        .arg(file)
        .arg("--out")
        .arg(out)
        .args(flags)
        .output()
        .unwrap()
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn every_format_is_converted() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("clip.safetensors");
    for (name, gelu, tower) in [
        (
            "openai.pt",
            "quick",
            "2 layers of 32 in 4 heads, patches of 4 x 4",
        ),
        (
            "script.pt",
            "quick",
            "2 layers of 32 in 4 heads, patches of 4 x 4",
        ),
        (
            "checkpoint.pt",
            "quick",
            "2 layers of 32 in 4 heads, patches of 4 x 4",
        ),
        (
            "hugging_face.safetensors",
            "quick",
            "2 layers of 32 in 4 heads, patches of 4 x 4",
        ),
        (
            "open_clip.safetensors",
            "exact",
            "2 layers of 32 in 4 heads, patches of 8 x 8",
        ),
        (
            "resnet.safetensors",
            "quick",
            "modified ResNet, [1, 2, 1, 1] blocks of 2 channels, 4 heads",
        ),
    ] {
        let flags = [
            "--gelu",
            gelu,
            "--image-heads",
            "4",
            "--text-heads",
            "3",
            "--licence",
            "CC0-1.0",
        ];
        let output = import(&fixture(name), &out, &flags);
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(
            output.status.success(),
            "{name}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        assert!(
            said.contains(tower) && said.contains(&format!("{gelu} GELU")),
            "{said}"
        );
        let model = ClipModel::from_safetensors(&fs::read(&out).unwrap()).unwrap();
        assert_eq!(model.tensors, super::model(name).tensors, "{name}");
        assert_eq!(model.config, super::model(name).config, "{name}");
        assert_eq!(model.license, "CC0-1.0");
        assert!(model.source.contains(name), "{}", model.source);
    }
}

#[test]
fn what_is_no_clip_is_refused_and_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("empty.pt"), []).unwrap();
    fs::write(path("cut.safetensors"), &bytes("open_clip.safetensors")[..60_000]).unwrap();
    fs::write(path("cut.pt"), &bytes("openai.pt")[..60_000]).unwrap();
    fs::write(path("old.safetensors"), "an older result").unwrap();
    let before = names(folder.path());
    for (name, expected) in [
        ("missing.pt", "cannot read"),
        ("empty.pt", "damaged"),
        ("cut.safetensors", "damaged"),
        ("cut.pt", "truncated"),
    ] {
        let output = import(
            &path(name),
            &path("old.safetensors"),
            &["--image-heads", "4", "--text-heads", "3"],
        );
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && !error.contains("panicked"), "{error}");
        assert!(error.contains(name) && error.contains(expected), "{error}");
    }
    // OpenAI's rule of 64 features for each head gives none here, and the error names the field.
    let output = import(&fixture("openai.pt"), &path("old.safetensors"), &[]);
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(
        error.contains("openai.pt") && error.contains("heads is 0, expected 1 to 256"),
        "{error}"
    );
    assert_eq!(names(folder.path()), before);
    assert_eq!(
        fs::read_to_string(path("old.safetensors")).unwrap(),
        "an older result"
    );
}
