//! Weights that are numbers, and make none: `guise generate` says whose they are and writes no black picture.

use burn::tensor::TensorData;
use guise::weights::{Manifest, Quantization, gguf, manifest::File};
use std::{fs, path::Path, process::Command};
use tempfile::TempDir;

/// A copy of the tiny bundle in which the tensors of `file` whose names end in `name` are as large as numbers
/// can be.
fn damaged(dir: &Path, file: &str, name: &str) {
    let tiny = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/bundle-tiny");
    for entry in fs::read_dir(&tiny).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, dir.join(path.file_name().unwrap())).unwrap();
    }
    let mut tensors = gguf::read(&fs::read(tiny.join(file)).unwrap()).unwrap();
    let mut found = 0;
    for (_, tensor) in tensors.iter_mut().filter(|(tensor, _)| tensor.ends_with(name)) {
        let shape = tensor.shape().to_vec();
        *tensor = TensorData::new(vec![3e38f32; tensor.num_elements()], shape);
        found += 1;
    }
    assert!(found > 0, "{file} has no {name}");
    let contents = gguf::write(&tensors, Quantization::Q8_0, "test").unwrap();
    fs::write(dir.join(file), &contents).unwrap();
    let mut manifest = Manifest::parse(&fs::read(dir.join("model.json")).unwrap()).unwrap();
    let described = File::describe(file, &contents);
    let parts = &mut manifest.parts;
    match file {
        "generator.gguf" => parts.generator.file = described,
        "image_tower.gguf" => parts.image_tower.as_mut().unwrap().file = described,
        _ => parts.text_tower.as_mut().unwrap().file = described,
    }
    fs::write(dir.join("model.json"), serde_json::to_vec(&manifest).unwrap()).unwrap();
}

#[test]
fn results_that_are_no_numbers_are_an_error_that_names_the_file() {
    let prompt = ["--prompt", "a hat", "--quality", "draft"];
    for (file, tensor, args) in [
        ("generator.gguf", "to_rgb.bias", &["--seeds", "0-3"][..]),
        ("generator.gguf", "to_rgb.bias", &prompt),
        ("image_tower.gguf", "head.bias", &prompt),
        ("text_tower.gguf", "projection.output.bias", &prompt),
    ] {
        let dir = TempDir::new().unwrap();
        damaged(dir.path(), file, tensor);
        let out = dir.path().join("out.png");
        let output = Command::new(env!("CARGO_BIN_EXE_guise"))
            .args([
                "generate",
                "--model",
                dir.path().to_str().unwrap(),
                "--out",
                out.to_str().unwrap(),
            ])
            .args(args)
            // What an earlier build trusted is remembered outside of the bundle, and is not this test's
            // business.
            .env("XDG_CACHE_HOME", dir.path())
            .output()
            .unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success(), "{file}: {said}");
        let path = dir.path().join(file);
        // A tower that judges nothing shows itself in the guided step, before it is used.
        let (what, why) = match file {
            "image_tower.gguf" => (dir.path().display().to_string(), "a guided step scores"),
            _ => (format!("cannot use {}", path.display()), "is no number"),
        };
        assert!(said.contains(&what) && said.contains(why), "{file}: {said}");
        assert!(!out.exists());
    }
}
