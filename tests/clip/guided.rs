//! `guise generate --prompt --clip FILE`: a CLIP with random weights has an opinion as well, and avatars come
//! closer to it.

use burn::tensor::Device;
use futures::executor::block_on;
use guise::{
    networks::encoders::clip::{
        ClipConfig, ModifiedResNetConfig, TextConfig, Tokenizer, TransformerConfig, VisualConfig, VitConfig,
    },
    weights::{collect, foreign::ClipModel},
};
use std::{
    path::Path,
    process::{Command, Output},
};

fn transformer(width: usize) -> TransformerConfig {
    TransformerConfig {
        heads: 2,
        ..TransformerConfig::openai(width, 2)
    }
}

pub(crate) fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A small image tower.
pub(crate) fn vit() -> VisualConfig {
    VisualConfig::Vit(VitConfig {
        resolution: 32,
        patch_size: 8,
        transformer: transformer(16),
    })
}

/// A small CLIP that reads OpenAI's vocabulary.
pub(crate) fn write_clip(path: &Path, visual: VisualConfig, vocab_size: usize) {
    let config = ClipConfig {
        embed_dim: 12,
        visual,
        text: TextConfig {
            context_length: 16,
            vocab_size,
            transformer: transformer(8),
        },
    };
    let device = Device::flex();
    guise::ops::random::seed(8);
    let model = ClipModel {
        tensors: block_on(collect(&config.init(&device))).unwrap(),
        config,
        license: "CC0-1.0".into(),
        source: "a test".into(),
    };
    std::fs::write(path, model.to_safetensors().unwrap()).unwrap();
}

fn generate(clip: &Path, out: &Path, flags: &[&str]) -> Output {
    let model = [
        "generate",
        "--model",
        "tests/fixtures/bundle-tiny",
        "--count",
        "2",
        "--candidates",
        "4",
    ];
    Command::new(env!("CARGO_BIN_EXE_guise"))
        .args(model)
        .arg("--clip")
        .arg(clip)
        .arg("--out")
        .arg(out)
        .args(flags)
        .output()
        .unwrap()
}

/// The scores that a run tells.
fn scores(output: &Output) -> Vec<f32> {
    let said = String::from_utf8(output.stderr.clone()).unwrap();
    assert!(output.status.success(), "{said}");
    let (_, numbers) = said.split_once("scores ").unwrap_or_else(|| panic!("{said}"));
    numbers
        .split_whitespace()
        .map(|number| number.parse().unwrap())
        .collect()
}

#[test]
fn avatars_come_closer_to_a_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let [clip, out] = ["clip.safetensors", "sheet.png"].map(|name| folder.path().join(name));
    let resnet = ModifiedResNetConfig {
        resolution: 32,
        width: 4,
        layers: [1, 1, 1, 1],
        heads: 2,
    };
    for visual in [vit(), VisualConfig::ResNet(resnet)] {
        write_clip(&clip, visual, Tokenizer::VOCAB_SIZE);
        let run = |prompt: &str, steps: &str| {
            let scores = scores(&generate(
                &clip,
                &out,
                &[
                    "--prompt",
                    prompt,
                    "--steps",
                    steps,
                    "--cutouts",
                    "2",
                    "--space",
                    "w",
                ],
            ));
            assert_eq!(scores.len(), 2);
            (scores, std::fs::read(&out).unwrap())
        };
        let prompt = "pink hair:1 | glasses:-0.5";
        let (before, _) = run(prompt, "0");
        let (after, pictures) = run(prompt, "40");
        for (before, after) in before.iter().zip(&after) {
            assert!(after > &(before + 0.01), "{before} to {after}");
        }
        // The same words give the same avatars, and other words others.
        assert!(run(prompt, "40").1 == pictures);
        assert!(run("blue shirt", "40").1 != pictures);
    }
}

#[test]
fn what_cannot_guide_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let [clip, out] = ["clip.safetensors", "sheet.png"].map(|name| folder.path().join(name));
    let failure = |flags: &[&str]| {
        let output = generate(&clip, &out, flags);
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && !error.contains("panicked"), "{error}");
        assert!(!out.exists());
        error
    };
    let error = failure(&["--prompt", "pink hair"]);
    assert!(error.contains("clip.safetensors is no CLIP run"), "{error}");
    write_clip(&clip, vit(), 100);
    let error = failure(&["--prompt", "pink hair"]);
    assert!(
        error.contains("it knows 100 tokens and reads 16 at a time"),
        "{error}"
    );
    write_clip(&clip, vit(), Tokenizer::VOCAB_SIZE);
    assert!(failure(&["--prompt", " | "]).contains("prompt"));
    assert!(failure(&["--prompt", "pink hair", "--cutouts", "1000"]).contains("num_cutouts is 1000"));
    let whole = std::fs::read(&clip).unwrap();
    std::fs::write(&clip, &whole[..whole.len() / 2]).unwrap();
    assert!(failure(&["--prompt", "pink hair"]).contains("damaged"));
}
