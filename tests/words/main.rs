//! `guise generate --prompt` and `guise evaluate` as their user runs them, on the tiny bundle with random
//! weights.

mod evaluate;

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};
use tempfile::TempDir;

fn bundle() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/bundle-tiny")
}

fn guise(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_guise"))
        .args(args)
        .output()
        .unwrap()
}

fn utf8(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Draws for a wish to `out`; gives what was said.
fn generate(out: &Path, args: &[&str]) -> Result<String, String> {
    let bundle = bundle();
    let model = ["generate", "--model", utf8(&bundle), "--out", utf8(out)];
    let output = guise(&[&model[..], args].concat());
    let text = String::from_utf8(output.stderr).unwrap();
    if output.status.success() {
        Ok(text)
    } else {
        Err(text)
    }
}

#[test]
fn a_sentence_becomes_avatars() {
    let dir = TempDir::new().unwrap();
    let [sheet, strip, again] = ["sheet.png", "strip.png", "again.png"].map(|name| dir.path().join(name));
    let wish = [
        "--prompt",
        "pink hair:1 | glasses:-0.5",
        "--steps",
        "6",
        "--count",
        "2",
        "--snapshots",
        "3",
        "--seed",
        "3",
        "--cutouts",
        "2",
        "--strip",
        utf8(&strip),
    ];
    let said = generate(&sheet, &wish).unwrap();
    assert!(said.contains("2 avatars of 16 x 16 pixels, scores "), "{said}");
    let size = |path: &Path| image::image_dimensions(path).unwrap();
    assert_eq!((size(&sheet), size(&strip)), ((32, 16), (48, 32)));
    // The strip ends with what the sheet shows.
    let [sheet_picture, strip_picture] = [&sheet, &strip].map(|path| image::open(path).unwrap().into_rgb8());
    for (avatar, (x, y)) in [(32, 0), (32, 16)].into_iter().enumerate() {
        let shown = image::imageops::crop_imm(&sheet_picture, 16 * avatar as u32, 0, 16, 16).to_image();
        let last = image::imageops::crop_imm(&strip_picture, x, y, 16, 16).to_image();
        assert_eq!(shown, last, "avatar {avatar}");
    }
    generate(&again, &wish).unwrap();
    assert_eq!(
        fs::read(&again).unwrap(),
        fs::read(&sheet).unwrap(),
        "the same seed"
    );

    let folder = dir.path().join("avatars");
    fs::create_dir(&folder).unwrap();
    for (quality, space, loss) in [("draft", "z", "l1"), ("normal", "w+", "spherical")] {
        let kind = [
            "--prompt",
            "שיער 👩🏽‍🎤",
            "--quality",
            quality,
            "--space",
            space,
            "--loss",
            loss,
            "--optimizer",
            "adamw",
        ];
        generate(&folder, &kind).unwrap();
    }
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 4);
}

#[test]
fn a_picture_can_be_the_wish() {
    let dir = TempDir::new().unwrap();
    let [out, target] = ["out.png", "target.png"].map(|name| dir.path().join(name));
    image::RgbaImage::from_fn(40, 30, |x, y| image::Rgba([x as u8 * 6, y as u8 * 8, 99, 200]))
        .save(&target)
        .unwrap();
    let wish = ["--image", utf8(&target), "--steps", "3", "--count", "1"];
    generate(&out, &wish).unwrap();
    generate(&out, &[&wish[..], &["--prompt", "red"]].concat()).unwrap();
    fs::remove_file(&out).unwrap();

    let whole = fs::read(&target).unwrap();
    fs::write(&target, &whole[..whole.len() / 2]).unwrap();
    let error = generate(&out, &wish).unwrap_err();
    assert!(error.contains("cannot read the picture"), "{error}");
    fs::write(&target, "no picture").unwrap();
    let error = generate(&out, &wish).unwrap_err();
    assert!(error.contains("cannot read the picture"), "{error}");
    // A header that promises 20,000 x 20,000 pixels.
    let mut huge = whole[..33].to_vec();
    huge[16..24].copy_from_slice(&[0, 0, 0x4e, 0x20, 0, 0, 0x4e, 0x20]);
    let crc = png_crc(&huge[12..29]);
    huge[29..33].copy_from_slice(&crc.to_be_bytes());
    huge.extend(&whole[33..]);
    fs::write(&target, huge).unwrap();
    let error = generate(&out, &wish).unwrap_err();
    assert!(
        error.contains("too big: 20000x20000, expected at most")
            && error.contains("100000000 pixels altogether"),
        "{error}"
    );
    assert!(!out.exists());
}

/// The checksum of a chunk, bit by bit.
fn png_crc(bytes: &[u8]) -> u32 {
    let step = |crc: u32, _| {
        if crc & 1 == 1 {
            crc >> 1 ^ 0xedb8_8320
        } else {
            crc >> 1
        }
    };
    !bytes
        .iter()
        .fold(!0, |crc: u32, &byte| (0..8).fold(crc ^ u32::from(byte), step))
}

#[test]
fn what_makes_no_sense_is_said() {
    let dir = TempDir::new().unwrap();
    let out = dir.path().join("out.png");
    let long = "x".repeat(10_001);
    for (args, expected) in [
        (&["--prompt", ""][..], "the prompt asks for nothing"),
        (
            &["--prompt", &long],
            "the prompt has 10001 characters, expected at most 10000",
        ),
        (&["--prompt", "a:101"], "the weight of \"a\" is 101"),
        (
            &["--prompt", "a", "--count", "65"],
            "65 avatars were asked for, expected 1 to 64",
        ),
        (
            &["--prompt", "a", "--count", "18446744073709551615"],
            "18446744073709551615 avatars were asked for, expected 1 to 64",
        ),
        (
            &["--prompt", "a", "--count", "1000000000000", "--candidates", "3"],
            "1000000000000 avatars were asked for",
        ),
        (&["--prompt", "a", "--lr", "0"], "the learning rate is 0"),
        (
            &["--prompt", "a", "--steps", "10001"],
            "steps is 10001, expected 0 to 10000",
        ),
        (&["--prompt", "a", "--cutouts", "129"], "num_cutouts is 129"),
        (
            &["--prompt", "a", "--loss", "l3"],
            "[possible values: cosine, spherical, l2, l1]",
        ),
        (
            &["--prompt", "a", "--strip", "no/such/folder.png"],
            "its folder does not exist",
        ),
        (
            &["--prompt", "a", "--stats", "no/such/stats.jsonl"],
            "its folder does not exist",
        ),
        (&["--prompt", "a", "--stats", "/"], "it is a folder"),
        (&["--prompt", "a", "--seeds", "1"], "cannot be used with"),
        (
            &["--prompt", "a", "--clip", "/nowhere"],
            "/nowhere is no CLIP run",
        ),
        (
            &["--image", "/nowhere.png"],
            "cannot read the picture /nowhere.png",
        ),
    ] {
        let error = generate(&out, args).unwrap_err();
        assert!(error.contains(expected), "{args:?}: {error}");
    }
    assert!(!out.exists());
    // The longest text is only cut.
    generate(
        &out,
        &["--prompt", &long[1..], "--quality", "draft", "--count", "1"],
    )
    .unwrap();
}

#[test]
fn what_is_denied_is_not_asked_for() {
    let dir = TempDir::new().unwrap();
    let draw = |text: &str| {
        let out = dir.path().join("out.png");
        generate(&out, &["--prompt", text, "--quality", "draft", "--count", "2"]).unwrap();
        fs::read(&out).unwrap()
    };
    let denied = draw("no glasses");
    assert_ne!(denied, draw("glasses"));
    for text in [
        "not wearing glasses",
        "isn't wearing glasses",
        "never with glasses",
        "w/o glasses",
    ] {
        assert!(draw(text) == denied, "{text}");
    }
    // A time is no weight: as one, thirty of it would ask for the same as one.
    assert_eq!(draw("clock 12:30"), draw("clock 12:30:1"));
    assert_ne!(draw("clock 12:30"), draw("clock 12"));
}

#[test]
fn what_is_not_read_is_said() {
    let dir = TempDir::new().unwrap();
    let out = dir.path().join("out.png");
    let said =
        |text: &str| generate(&out, &["--prompt", text, "--quality", "draft", "--count", "1"]).unwrap();
    // The tiny tower has 32 positions, two of which enclose a sentence.
    let long = said(&"pink hair ".repeat(40));
    assert!(
        long.contains("only the first 30 pieces of words are read of \"pink hair pink hair"),
        "{long}"
    );
    let many: String = (0..30).map(|i| format!("hat {i}, ")).collect();
    let many = said(&many);
    assert!(many.contains("nothing from \"hat 24\" on is read"), "{many}");
    assert!(!said("pink hair, a hat").contains(" read"));
    // Names of files are safe to print, whatever they are.
    let name = dir.path().join("a\u{1b}[31m\u{202e}.png");
    let said = generate(&name, &["--prompt", "a", "--quality", "draft"]).unwrap();
    assert!(
        said.contains("a\\u{1b}[31m\\u{202e}.png") && !said.contains('\u{1b}'),
        "{said:?}"
    );
    let error = generate(&dir.path().join("\u{1b}[31m/out.png"), &["--prompt", "a"]).unwrap_err();
    assert!(
        error.contains("\\u{1b}[31m/out.png") && !error.contains('\u{1b}'),
        "{error:?}"
    );
}

#[test]
fn what_a_model_knows_nothing_of_is_said() {
    let dir = TempDir::new().unwrap();
    let (model, out) = (dir.path().join("model"), dir.path().join("out.png"));
    fs::create_dir(&model).unwrap();
    for file in fs::read_dir(bundle()).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), model.join(file.file_name())).unwrap();
    }
    let json = model.join("model.json");
    let mut manifest: serde_json::Value = serde_json::from_slice(&fs::read(&json).unwrap()).unwrap();
    manifest["traits"] = serde_json::json!([
        {"name": "hair", "noun": "hair", "colors": ["pink", "blue"]},
        {"name": "glasses", "noun": "glasses", "kinds": ["round glasses"], "optional": true},
    ]);
    fs::write(&json, manifest.to_string()).unwrap();
    let draw = |text: &str| {
        let args = ["--prompt", text, "--quality", "draft", "--count", "1"];
        let model = ["generate", "--model", utf8(&model), "--out", utf8(&out)];
        let output = guise(&[&model[..], &args].concat());
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        (String::from_utf8(output.stderr).unwrap(), fs::read(&out).unwrap())
    };
    let (said, plain) = draw("pink hair, no glasses");
    assert!(!said.contains("note:"), "{said}");
    for text in [
        "a girl whose HAIR is pnik, without glasses",
        "pelo rosa sin gafas",
        "#f7b hair w/o specs",
    ] {
        let (said, drawn) = draw(text);
        assert!(drawn == plain && !said.contains("note:"), "{text}: {said}");
    }
    let (said, _) = draw("Elvis Presley with pink hair");
    let expected =
        "note: this model knows hair and glasses, and nothing about \"Elvis Presley\": try words such as \"";
    assert!(said.contains(expected), "{said}");
    // A model that keeps no words reads as it was typed.
    let said = generate(&out, &["--prompt", "Elvis Presley", "--quality", "draft"]).unwrap();
    assert!(!said.contains("note:"), "{said}");
}
