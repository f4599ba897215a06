//! `guise prepare` on real files of every kind that a collection may hold, good and hostile.

use std::collections::HashMap;
use std::fs;
use std::io::Cursor;
use std::path::Path;
use std::process::{Command, Output};

use guise::data::{Dataset, Error, PrepareOptions, PrepareSummary, prepare};
use image::{DynamicImage, ImageFormat, Rgb, RgbImage, Rgba, RgbaImage};

mod drawings;
mod hostile;
mod pictures;
mod pixel_art;
mod rerun;
mod several;
mod traits;
mod transparency;

const CRISP: &str = r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16" shape-rendering="crispEdges">
    <rect width="16" height="16" fill="white"/><rect x="5" y="6" width="1" height="1" fill="red"/></svg>"#;

/// A collection and the dataset made of it.
struct Folders {
    dir: tempfile::TempDir,
}

impl Folders {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("art")).unwrap();
        Self { dir }
    }

    fn art(&self) -> std::path::PathBuf {
        self.dir.path().join("art")
    }

    fn dataset(&self) -> std::path::PathBuf {
        self.dir.path().join("dataset")
    }

    fn put(&self, name: &str, bytes: impl AsRef<[u8]>) -> &Self {
        let path = self.art().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
        self
    }

    fn prepare(&self, resolution: usize) -> Result<PrepareSummary, Error> {
        let options = PrepareOptions {
            resolution: Some(resolution),
            background: guise::data::Background::Color([255; 3]),
            pixel_art: Default::default(),
            program: env!("CARGO_BIN_EXE_guise").into(),
        };
        prepare(&self.art(), &self.dataset(), &options, &|_| {})
    }

    /// Prepares together with one good picture, and returns the reason of every skipped file.
    fn reasons(&self) -> HashMap<String, String> {
        self.put("good.png", png(&gradient(32, 32, 0)));
        let summary = self.prepare(32).unwrap();
        assert_eq!(summary.pictures, 1, "{:?}", summary.skipped);
        assert_eq!(Dataset::open(&self.dataset()).unwrap().len(), 1);
        summary
            .skipped
            .into_iter()
            .map(|skipped| (skipped.source, skipped.reason))
            .collect()
    }

    fn guise(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_guise"));
        command
            .arg("prepare")
            .arg(self.art())
            .arg("--out")
            .arg(self.dataset())
            .args(arguments)
            .output()
            .unwrap()
    }
}

fn encoded(picture: impl Into<DynamicImage>, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(vec![]);
    picture.into().write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

fn png(picture: &RgbImage) -> Vec<u8> {
    encoded(picture.clone(), ImageFormat::Png)
}

/// A smooth picture: more colors than pixel art has, different for every `seed`.
fn gradient(width: u32, height: u32, seed: u8) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| {
        Rgb([(x * 255 / width) as u8, (y * 255 / height) as u8, seed])
    })
}

/// A GIF that shows the picture first and black afterwards.
fn animation(picture: RgbImage) -> Vec<u8> {
    let black = RgbaImage::from_pixel(picture.width(), picture.height(), Rgba([0, 0, 0, 255]));
    let frames = [DynamicImage::from(picture).into_rgba8(), black].map(image::Frame::new);
    let mut bytes = vec![];
    image::codecs::gif::GifEncoder::new(&mut bytes)
        .encode_frames(frames)
        .unwrap();
    bytes
}

/// The pixel of a picture that `Dataset::read` returned.
fn pixel(planes: &[u8], side: usize, x: usize, y: usize) -> [u8; 3] {
    [0, 1, 2].map(|channel| planes[channel * side * side + y * side + x])
}

fn assert_close(found: [u8; 3], expected: [u8; 3], tolerance: u8) {
    let far = found
        .iter()
        .zip(expected)
        .any(|(found, expected)| found.abs_diff(expected) > tolerance);
    assert!(!far, "found {found:?}, expected {expected:?} within {tolerance}");
}

#[test]
fn every_format_becomes_a_square_of_the_asked_for_size() {
    let folders = Folders::new();
    let picture = gradient(128, 96, 7);
    folders.put("a.png", encoded(picture.clone(), ImageFormat::Png));
    folders.put("b.jpg", encoded(gradient(128, 96, 60), ImageFormat::Jpeg));
    folders.put("c.webp", encoded(gradient(128, 96, 120), ImageFormat::WebP));
    folders.put("d.gif", animation(gradient(128, 96, 200)));
    folders.put("deep/e.SVG", CRISP);
    folders.put(
        "f.png",
        encoded(
            DynamicImage::from(gradient(64, 64, 9)).into_luma16(),
            ImageFormat::Png,
        ),
    );
    let summary = folders.prepare(32).unwrap();
    assert_eq!(
        (summary.pictures, summary.duplicates.len(), summary.skipped.len()),
        (6, 0, 0),
        "{summary:?}"
    );

    let dataset = Dataset::open(&folders.dataset()).unwrap();
    assert_eq!((dataset.len(), dataset.resolution()), (6, 32));
    for (index, blue) in [7, 60, 120, 200].into_iter().enumerate() {
        let planes = dataset.read(index).unwrap();
        // The middle 96x96 remain: the left edge is at 16/128 of the red ramp. GIF has 256 colors only.
        let tolerance = if index == 3 { 20 } else { 8 };
        assert_close(pixel(&planes, 32, 0, 16), [36, 130, blue], tolerance);
        assert_close(pixel(&planes, 32, 16, 16), [130, 130, blue], tolerance);
        assert_close(pixel(&planes, 32, 31, 0), [220, 4, blue], tolerance);
    }
    assert_eq!(
        fs::read_to_string(folders.dataset().join("dataset.json")).unwrap(),
        "{\"labels\":null}\n"
    );
    assert!(folders.dataset().join("00000/img00000000.png").is_file());
}

#[test]
fn pixel_art_stays_crisp_and_photographs_are_smoothed() {
    let folders = Folders::new();
    let checkers = RgbImage::from_fn(16, 16, |x, y| Rgb([if (x + y) % 2 == 0 { 0 } else { 255 }; 3]));
    folders
        .put("a.svg", CRISP)
        .put("b.png", png(&checkers))
        .put("c.png", png(&gradient(16, 16, 5)));
    folders.prepare(64).unwrap();
    let dataset = Dataset::open(&folders.dataset()).unwrap();
    let svg = dataset.read(0).unwrap();
    for (x, y) in (0..64).flat_map(|y| (0..64).map(move |x| (x, y))) {
        let red = (20..24).contains(&x) && (24..28).contains(&y);
        assert_eq!(
            pixel(&svg, 64, x, y),
            if red { [255, 0, 0] } else { [255; 3] },
            "{x}, {y}"
        );
        let black = (x / 4 + y / 4) % 2 == 0;
        assert_eq!(
            pixel(&dataset.read(1).unwrap(), 64, x, y),
            if black { [0; 3] } else { [255; 3] }
        );
    }
    let smooth = dataset.read(2).unwrap();
    let row: Vec<u8> = (8..56).map(|x| pixel(&smooth, 64, x, 32)[0]).collect();
    assert!(row.windows(2).all(|pair| pair[0] < pair[1]), "{row:?}");
}

#[test]
fn transparency_shows_the_background() {
    let folders = Folders::new();
    let half = RgbaImage::from_fn(32, 32, |x, _| Rgba([0, 0, 0, if x < 16 { 0 } else { 128 }]));
    folders.put("a.png", encoded(half, ImageFormat::Png));
    let svg = r#"<svg xmlns="http://www.w3.org/2000/svg" width="40" height="20"><circle cx="20" cy="10" r="5"/></svg>"#;
    folders.put("b.svg", svg);
    let output = folders.guise(&["--resolution", "32", "--background", "#ff8000"]);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let dataset = Dataset::open(&folders.dataset()).unwrap();
    let png = dataset.read(0).unwrap();
    assert_eq!(pixel(&png, 32, 2, 5), [255, 128, 0]);
    assert_close(pixel(&png, 32, 28, 5), [127, 64, 0], 1);
    // The middle square of the drawing remains.
    let svg = dataset.read(1).unwrap();
    assert_eq!(
        (pixel(&svg, 32, 0, 0), pixel(&svg, 32, 16, 16)),
        ([255, 128, 0], [0; 3])
    );
    assert_eq!(
        (pixel(&svg, 32, 6, 16), pixel(&svg, 32, 9, 16)),
        ([255, 128, 0], [0; 3])
    );
}

#[test]
fn the_camera_held_sideways_is_turned() {
    let folders = Folders::new();
    let mut bytes = encoded(
        RgbImage::from_fn(64, 64, |x, _| Rgb(if x < 32 { [255, 0, 0] } else { [0, 0, 255] })),
        ImageFormat::Jpeg,
    );
    // EXIF after the start marker: one entry, orientation 6 (turn a quarter clockwise).
    let exif = b"\xff\xe1\x00\x22Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";
    bytes.splice(2..2, exif.iter().copied());
    folders.put("a.jpg", bytes);
    folders.prepare(32).unwrap();
    let planes = Dataset::open(&folders.dataset()).unwrap().read(0).unwrap();
    assert_close(pixel(&planes, 32, 4, 4), [255, 0, 0], 12);
    assert_close(pixel(&planes, 32, 28, 4), [255, 0, 0], 12);
    assert_close(pixel(&planes, 32, 4, 28), [0, 0, 255], 12);
}

#[test]
fn json_finds_its_picture_by_field_name_or_data_uri() {
    let folders = Folders::new();
    let picture = |seed| png(&gradient(32, 32, seed));
    let token = |image: &str, hair: &str| {
        format!(r#"{{"image": {image:?}, "attributes": [{{"trait_type": "hair", "value": {hair:?}}}]}}"#)
    };
    folders.put("a.png", picture(1)).put(
        "a.json",
        r#"{"attributes": [{"trait_type": "hair", "value": "pink"}]}"#,
    );
    folders
        .put("b.png", picture(2))
        .put("meta/first.json", token("../b.png", "red"));
    folders
        .put("c.png", picture(3))
        .put("second.json", token("./c.png", "blue"));
    folders
        .put("d.png", picture(4))
        .put("meta/d", token("ipfs://Qm/d.png", "green"));
    folders.put("e.json", token("data:image/svg+xml;utf8,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 9 9'%3E%3Crect width='5' height='9'/%3E%3C/svg%3E", "white"));
    use base64::Engine;
    let base64 = base64::engine::general_purpose::STANDARD.encode(picture(5));
    folders.put(
        "f.json",
        token(&format!("data:image/png;base64,{base64}"), "gray"),
    );
    folders.put("g.png", picture(6));
    folders.put("collection.json", r#"{"name": "Test", "license": "CC0-1.0"}"#);
    let summary = folders.prepare(32).unwrap();
    assert!(summary.skipped.is_empty(), "{:?}", summary.skipped);

    let dataset = Dataset::open(&folders.dataset()).unwrap();
    let captions: Vec<&str> = (0..dataset.len()).map(|index| dataset.caption(index)).collect();
    let hair = |color: &str| format!("avatar with {color} hair");
    let expected = ["pink", "red", "blue", "green", "white", "gray"].map(hair);
    assert_eq!(captions[..6], expected);
    assert_eq!(captions[6..], ["avatar"]);
    assert_eq!(
        (
            dataset.provenance().name.as_str(),
            dataset.provenance().license.as_str()
        ),
        ("Test", "CC0-1.0")
    );
    assert_eq!(
        (
            dataset.traits(0)[0].trait_type.as_str(),
            dataset.traits(0)[0].value.as_str()
        ),
        ("hair", "pink")
    );
}
