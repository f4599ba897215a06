//! `guise compare-sr`.

use super::{
    command::{failure, folder, guise},
    fixture,
    stored::success,
};
use std::{ffi::OsString, fs, path::Path, process::Output};

fn compare(folder: &Path, pictures: &[&str], flags: &[&str]) -> Output {
    let path = |name: &str| folder.join(name).into_os_string();
    let mut arguments: Vec<OsString> = vec!["compare-sr".into()];
    arguments.extend(pictures.iter().map(|name| path(name)));
    arguments.extend([
        "--models".into(),
        path("sr.safetensors"),
        "--out".into(),
        path("sheet.png"),
    ]);
    arguments.extend(flags.iter().map(Into::into));
    guise(arguments)
}

#[test]
fn rows_are_measured_against_originals_that_are_large_enough() {
    let folder = folder();
    let path = |name: &str| folder.path().join(name);
    let picture = image::open(fixture("picture.png")).unwrap();
    picture.save(path("a.png")).unwrap();
    let large = picture.resize_exact(80, 96, image::imageops::FilterType::Lanczos3);
    large.save(path("b.png")).unwrap();
    success(compare(folder.path(), &["a.png", "b.png"], &["--from", "12,24"]));
    let figures: serde_json::Value = serde_json::from_slice(&fs::read(path("sheet.json")).unwrap()).unwrap();
    assert_eq!(figures["scale"], 4);
    let rows = figures["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 4);
    for (row, (from, to, has_original)) in rows.iter().zip([
        ([10, 12], [40, 48], true),
        ([20, 24], [80, 96], false),
        ([10, 12], [40, 48], true),
        ([20, 24], [80, 96], true),
    ]) {
        assert_eq!(row["from"], serde_json::json!(from));
        assert_eq!(row["to"], serde_json::json!(to));
        let names: Vec<_> = row["enlarged"]
            .as_array()
            .unwrap()
            .iter()
            .map(|it| &it["name"])
            .collect();
        assert_eq!(names, ["nearest", "Lanczos", "sr"]);
        for way in row["enlarged"].as_array().unwrap() {
            assert_eq!(way["psnr"].is_f64(), has_original, "{row}");
            assert_eq!(way["ssim"].is_f64(), has_original, "{row}");
            assert!(way["seconds"].as_f64().unwrap() > 0.0);
        }
    }
    // Of a picture that Lanczos' filter made, Lanczos' filter is nearer than blocks are.
    let psnr = |way: usize| rows[3]["enlarged"][way]["psnr"].as_f64().unwrap();
    assert!(
        psnr(1) > psnr(0) + 1.0 && psnr(0) > 10.0,
        "{} and {}",
        psnr(1),
        psnr(0)
    );
    // Four columns of 170 pixels, the first row of 40 x 48 shown four times larger.
    let sheet = image::open(path("sheet.png")).unwrap().to_rgba8();
    assert_eq!(sheet.width(), 8 + 4 * 178);
    let [near, original] = [8 + 3, 8 + 3 * 178 + 3].map(|x| *sheet.get_pixel(x, 60 + 3));
    let small = image::open(path("a.png")).unwrap().to_rgba8();
    assert_eq!(original, *small.get_pixel(0, 0));
    assert!(near.0.iter().zip(original.0).all(|(a, b)| a.abs_diff(b) < 40));

    success(compare(
        folder.path(),
        &["a.png"],
        &["--figures", path("f.md").to_str().unwrap(), "--scale", "2"],
    ));
    let text = fs::read_to_string(path("f.md")).unwrap();
    assert!(
        text.starts_with("| picture | from | to | nearest | Lanczos | sr |\n|---|"),
        "{text}"
    );
    assert!(text.contains("a.png | 40 x 48 | 80 x 96 |"), "{text}");
}

#[test]
fn what_cannot_be_compared_is_refused() {
    let folder = folder();
    let path = |name: &str| folder.path().join(name);
    fs::copy(fixture("picture.png"), path("a.png")).unwrap();
    fs::write(path("text.png"), "words").unwrap();
    let refused = |pictures: &[&str], flags: &[&str], reason: &str| {
        let said = failure(compare(folder.path(), pictures, flags));
        assert!(said.contains(reason), "{said}");
    };
    refused(
        &["a.png"],
        &["--from", "64"],
        "a.png has 40 x 48 pixels, fewer than the 64 of --from",
    );
    refused(&["a.png"], &["--scale", "17"], "--scale is 17, expected 1 to 16");
    refused(&["a.png"], &["--from", "0"], "0 is not in 1..=4096");
    refused(&["text.png"], &[], "text.png");
    refused(&["missing.png"], &[], "missing.png");
    refused(&["a.png"], &["--figures", "f.csv"], "--figures is f.csv");
    let bundle = concat!(env!("CARGO_MANIFEST_DIR"), "/models/nouns");
    refused(
        &["a.png"],
        &["--models", bundle],
        "draws pixel art, which no network enlarges",
    );
    refused(
        &["a.png"],
        &["--models", "none.gguf"],
        "cannot use the model none.gguf",
    );
    assert!(!path("sheet.png").exists() && !path("sheet.json").exists());
}
