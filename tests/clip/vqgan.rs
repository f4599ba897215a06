//! `guise generate --prompt --clip FILE` of a VQGAN: codes with random weights are drawn closer to a sentence
//! too.

use super::guided::{path, vit, write_clip};
use guise::networks::encoders::clip::Tokenizer;
use std::{fs, path::Path, process::Command};

/// What was said, and whether it worked.
fn guise(args: &[&str]) -> (bool, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_guise"))
        .args(args)
        .output()
        .unwrap();
    let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert!(!said.contains("panicked"), "guise {args:?}:\n{said}");
    (output.status.success(), said)
}

#[track_caller]
fn succeeds(args: &[&str]) -> String {
    let (success, said) = guise(args);
    assert!(success, "guise {args:?}:\n{said}");
    said
}

/// The authors' network with random weights, as `guise import vqgan` writes it: 16 codes, one for 2 x 2
/// pixels, and pictures of 16 x 16.
fn write_vqgan(out: &Path) {
    let checkpoint = "tests/fixtures/vqgan/taming/last.ckpt";
    succeeds(&["import", "vqgan", checkpoint, "--out", path(out)]);
}

#[test]
fn codes_come_closer_to_a_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| folder.path().join(name);
    let [model, clip, out, strip, stats] = [
        "vqgan.safetensors",
        "clip.safetensors",
        "out.png",
        "strip.png",
        "stats.jsonl",
    ]
    .map(place);
    write_vqgan(&model);
    write_clip(&clip, vit(), Tokenizer::VOCAB_SIZE);
    let draw = |prompt: &str, more: &[&str]| {
        let asked = [
            "generate",
            "--model",
            path(&model),
            "--clip",
            path(&clip),
            "--prompt",
            prompt,
        ];
        let said = succeeds(&[&asked[..], &["--cutouts", "4", "--out", path(&out)], more].concat());
        (said, image::open(&out).unwrap().into_rgba8())
    };
    let prompt = "pink hair:1 | glasses:-0.5";
    let score = |said: &str| -> f32 {
        let (_, score) = said.split_once(", score ").unwrap_or_else(|| panic!("{said}"));
        score.trim().parse().unwrap()
    };
    let (before, begun) = draw(prompt, &["--steps", "0"]);
    let steps = ["--steps", "40"];
    let (after, drawn) = draw(prompt, &steps);
    assert!(score(&after) > score(&before) + 0.01, "{before}{after}");
    assert!(after.contains("an avatar of 16 x 16 pixels"), "{after}");
    assert_eq!(drawn.dimensions(), (16, 16));
    assert!(draw(prompt, &steps).1 == drawn && begun != drawn);
    assert!(draw("blue shirt", &steps).1 != drawn);
    assert!(draw(prompt, &["--steps", "40", "--seed", "1"]).1 != drawn);

    // Other shapes, a way to them, and what happened on it.
    let more = [
        "--size",
        "wide",
        "--count",
        "2",
        "--quality",
        "draft",
        "--steps",
        "6",
    ];
    let files = [
        "--strip",
        path(&strip),
        "--snapshots",
        "3",
        "--stats",
        path(&stats),
    ];
    let (said, sheet) = draw(prompt, &[&more[..], &files].concat());
    assert!(said.contains("2 avatars of 28 x 16 pixels, scores "), "{said}");
    assert_eq!(sheet.dimensions(), (56, 16));
    let strip = image::open(&strip).unwrap().into_rgba8();
    assert_eq!(strip.dimensions(), (3 * 28, 2 * 16));
    let end = |picture: &image::RgbaImage, x, y| image::imageops::crop_imm(picture, x, y, 28, 16).to_image();
    assert!(end(&strip, 56, 0) == end(&sheet, 0, 0) && end(&strip, 56, 16) == end(&sheet, 28, 0));
    let stats = fs::read_to_string(&stats).unwrap();
    assert_eq!(stats.lines().count(), 6);
    assert!(stats.lines().all(|line| line.contains("\"losses\":[")), "{stats}");

    // From a picture, of which a part is taken, and like one; and from noise.
    let photo = place("photo.png");
    let picture = image::RgbImage::from_fn(50, 40, |x, y| image::Rgb([(x * 5) as u8, (y * 6) as u8, 128]));
    picture.save(&photo).unwrap();
    let none = ["--steps", "0"];
    let starts = [path(&photo), "noise", "codes"].map(|start| {
        let (_, picture) = draw(prompt, &[&none[..], &["--start", start]].concat());
        picture
    });
    assert!(starts[0] != starts[1] && starts[1] != starts[2] && starts[2] == begun);
    // A kind begins otherwise and is told to the CLIP.
    let kind = |kind: &str, more: &[&str]| draw(prompt, &[&["--kind", kind], more].concat()).1;
    let painting = kind("painting", &none);
    assert!(starts.iter().all(|start| *start != painting));
    assert!(kind("painting", &["--steps", "0", "--start", "codes"]) == begun);
    assert!(kind("image", &steps) == drawn);
    assert!(kind("pixel-art", &["--steps", "40", "--start", "codes"]) != drawn);
    let like = [
        "generate",
        "--model",
        path(&model),
        "--clip",
        path(&clip),
        "--image",
        path(&photo),
    ];
    let folder = format!("{}/", place("like").display());
    succeeds(&[&like[..], &["--steps", "2", "--cutouts", "0", "--out", &folder]].concat());
    assert!(place("like/avatar0000.png").is_file());
}

#[test]
fn what_a_vqgan_cannot_draw_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| folder.path().join(name);
    let [model, clip, out] = ["vqgan.safetensors", "clip.safetensors", "out.png"].map(place);
    write_vqgan(&model);
    write_clip(&clip, vit(), Tokenizer::VOCAB_SIZE);
    let fails = |more: &[&str], expected: &str| {
        let (success, said) =
            guise(&[&["generate", "--model", path(&model), "--out", path(&out)], more].concat());
        assert!(
            !success && said.contains(expected) && !out.exists(),
            "{more:?}, expected {expected:?}:\n{said}"
        );
    };
    fails(
        &[],
        "is a VQGAN, which draws nothing from seeds: describe a picture with --prompt",
    );
    fails(
        &["--prompt", "a hat"],
        "understands no words by itself: name a CLIP with --clip",
    );
    let words = ["--prompt", "a hat", "--clip", path(&clip)];
    for (more, expected) in [
        (
            &["--size", "17x20"][..],
            "--size is 17x20, expected sides of 2 to 4096 pixels that are multiples of 2, such as 18x20",
        ),
        (&["--size", "tall"], "square, wide or portrait"),
        (
            &["--size", "4096x4096", "--memory", "2G"],
            "ask for fewer with --count or --cutouts, or for a smaller --size",
        ),
        (&["--space", "w"], "--space is for models that draw from latents"),
        (&["--candidates", "9"], "--candidates is for models"),
        (&["--truncation-psi", "1"], "--truncation-psi is for models"),
        (&["--class", "a"], "--class is for models"),
        (&["--batch-size", "2"], "--batch-size is for models"),
        (
            &["--top-k", "2"],
            "--top-k is for runs of `guise train transformer`",
        ),
        (&["--temperature", "2"], "--temperature is for runs of"),
        (&["--snapshot", "latest"], "is no run: --snapshot is for runs"),
        (&["--lr", "0"], "the learning rate is 0"),
        (&["--cutouts", "129"], "num_cutouts is 129"),
        (&["--count", "65"], "65 avatars were asked for"),
        (&["--start", "nowhere.png"], "nowhere.png"),
        (
            &["--start", ""],
            "expected codes, noise, or the path of a picture",
        ),
    ] {
        fails(&[&words[..], more].concat(), expected);
    }
    fails(
        &["--prompt", " | ", "--clip", path(&clip)],
        "the prompt asks for nothing",
    );
    fails(
        &["--prompt", "a hat", "--clip", path(&model)],
        "cannot use the CLIP",
    );
    let whole = fs::read(&model).unwrap();
    fs::write(&model, &whole[..whole.len() / 2]).unwrap();
    fails(&words, "cannot use ");
    // Other models say what they are not.
    let tiny = [
        "generate",
        "--model",
        "tests/fixtures/bundle-tiny",
        "--out",
        path(&out),
    ];
    for (more, expected) in [
        (
            ["--size", "wide"],
            "--size is for runs of `guise train transformer` and VQGANs, and tests",
        ),
        (["--kind", "painting"], "--kind is for VQGANs, and tests"),
        (["--start", "noise"], "--start is for VQGANs, and tests"),
    ] {
        let (success, said) = guise(&[&tiny[..], &more].concat());
        assert!(!success && said.contains(expected), "{said}");
    }
}
