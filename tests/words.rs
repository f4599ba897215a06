//! `guise generate --prompt` and `guise evaluate` as their user runs them, on the tiny bundle with random
//! weights.

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

/// Pictures of 16 pixels: hair above, clothes below, and glasses on every other.
fn dataset(dir: &Path) -> PathBuf {
    const COLOURS: [(&str, [u8; 3]); 4] = [
        ("pink", [240, 120, 180]),
        ("blue", [40, 60, 220]),
        ("red", [220, 30, 30]),
        ("green", [30, 160, 60]),
    ];
    let data = dir.join("data");
    fs::create_dir_all(data.join("00000")).unwrap();
    let mut lines = String::new();
    for i in 0..512usize {
        let (hair, clothes, glasses) = (COLOURS[i % 4], COLOURS[i / 4 % 4], i / 16 % 2 == 0);
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
        let share = figures[kind]["colours"].as_f64().unwrap();
        assert!((0.0..=1.0).contains(&share), "{kind}: {share}");
        assert!(figures[kind]["everything asked for"].is_f64());
    }
    assert!(figures.get("better").is_none(), "it was not asked for");
    // These pictures leave no doubt.
    for name in ["hair color", "clothes color", "glasses"] {
        assert_eq!(figures["judge"][name]["accuracy"], 1.0, "{name}");
    }

    let error = |more: &[&str]| {
        let output = guise(&[&args[..], more].concat());
        assert!(!output.status.success());
        String::from_utf8(output.stderr).unwrap()
    };
    assert!(error(&["--prompts", "0"]).contains("--prompts is 0"));
    assert!(error(&["--prompts", "1000000000000"]).contains("expected 1 to 10000"));
    assert!(error(&["--traits", "tail,wings"]).contains("has none of the traits tail, wings"));
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
