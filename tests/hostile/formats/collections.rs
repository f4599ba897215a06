//! A collection with one token, whose picture or JSON is damaged, and datasets that were zipped.

use super::{Format, format};
use guise::data::{Colors, Dataset, PictureFile, PictureLimits, PrepareOptions, prepare};
use std::{
    fs,
    io::{Cursor, Write},
    time::Duration,
};
use tempfile::TempDir;
use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

pub fn formats() -> Vec<Format> {
    let picture = |kind: image::ImageFormat| {
        let picture = image::RgbImage::from_fn(24, 24, |x, y| image::Rgb([9 * x as u8, 9 * y as u8, 120]));
        let mut file = Cursor::new(vec![]);
        picture.write_to(&mut file, kind).unwrap();
        file.into_inner()
    };
    let svg = r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24"><defs><linearGradient id="g">
        <stop offset="0" stop-color="#f00"/><stop offset="1" stop-color="#00f"/></linearGradient></defs>
        <rect width="24" height="24" fill="url(#g)"/><g transform="rotate(9 12 12)"><circle cx="12" cy="12" r="7"/>
        <path d="M3 3 L9 9 C1 2 3 4 5 6 z" stroke="#0f0" stroke-width="2"/></g></svg>"##;
    let json = r#"{"name": "one", "image": "1.png", "attributes": [{"trait_type": "hair", "value": "long hair"},
        {"trait_type": "hair color", "value": "pink"}, {"trait_type": "level", "value": 5}]}"#;
    let array =
        r#"[{"image": "data:image/png;base64,iVBORw0KGgo=", "attributes": []}, {"image": "ipfs://x/1.png"}]"#;
    let sound = picture(image::ImageFormat::Png);
    let pictures = vec![
        picture(image::ImageFormat::Png),
        picture(image::ImageFormat::Jpeg),
        picture(image::ImageFormat::WebP),
        picture(image::ImageFormat::Gif),
    ];
    let mut formats = vec![
        format("picture", pictures, |contents| prepared(&[("1.png", contents)])),
        format("animation", animations(), played),
        format("svg", vec![svg.into()], |contents| {
            prepared(&[("1.svg", contents)])
        }),
        format("json", vec![json.into(), array.into()], move |contents| {
            prepared(&[("1.png", &sound[..]), ("1.json", contents)])
        }),
    ];
    for format in &mut formats {
        format.slowness = 10;
        // A picture may have 256 MiB as it is decoded, once more in another type of colors, and may be drawn
        // for 20 s.
        format.memory = 1 << 30;
        format.time = Duration::from_secs(30);
    }
    let zips = [CompressionMethod::Stored, CompressionMethod::Deflated].map(zipped_dataset);
    formats.push(format("dataset-zip", zips.into(), opened));
    formats
}

/// Three frames as GIF, PNG and WebP.
fn animations() -> Vec<Vec<u8>> {
    let frame = |number: u8| {
        let color = |x: u32, y: u32| image::Rgba([9 * x as u8, 9 * y as u8, 80 * number, 255]);
        image::RgbaImage::from_fn(16, 16, color)
    };
    let mut gif = vec![];
    image::codecs::gif::GifEncoder::new(&mut gif)
        .encode_frames((0..3).map(|number| image::Frame::new(frame(number))))
        .unwrap();
    let mut png = vec![];
    let mut encoder = png::Encoder::new(&mut png, 16, 16);
    encoder.set_color(png::ColorType::Rgba);
    encoder.set_animated(3, 0).unwrap();
    let mut writer = encoder.write_header().unwrap();
    (0..3).for_each(|number| writer.write_image_data(&frame(number)).unwrap());
    writer.finish().unwrap();
    vec![gif, png, super::bytes("upscale/moving.webp")]
}

/// Reads every frame, up to as many as a small file may well have.
fn played(contents: &[u8]) -> Result<(), String> {
    let limits = PictureLimits {
        file_bytes: 1 << 20,
        side: 4096,
        pixels: 1 << 20,
    };
    match PictureFile::decode(contents.to_vec(), &limits, Colors::Stored)? {
        PictureFile::Still(_) => Ok(()),
        PictureFile::Animation(mut frames) => frames.by_ref().take(100).try_for_each(|frame| frame.map(drop)),
    }
}

/// What NVIDIA's dataset tool writes, with our captions.
fn zipped_dataset(method: CompressionMethod) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(vec![]));
    let options = SimpleFileOptions::default().compression_method(method);
    let mut put = |name: &str, contents: &[u8]| {
        zip.start_file(name, options).unwrap();
        zip.write_all(contents).unwrap();
    };
    let labels = br#"{"labels": [["00000/img00000000.png", 1], ["00000/img00000001.png", 0]]}"#;
    put("dataset.json", labels);
    put(
        "metadata.jsonl",
        br#"{"file_name": "00000/img00000001.png", "text": "avatar"}"#,
    );
    put("collection.json", br#"{"name": "Pixels", "license": "CC0-1.0"}"#);
    for number in 0..2 {
        let mut file = Cursor::new(vec![]);
        let picture = image::RgbImage::from_fn(16, 16, |x, y| image::Rgb([9 * x as u8, 9 * y as u8, number]));
        picture.write_to(&mut file, image::ImageFormat::Png).unwrap();
        put(&format!("00000/img0000000{number}.png"), file.get_ref());
    }
    zip.finish().unwrap().into_inner()
}

/// Opens a zipped dataset, sorts it by its labels if it has any, and reads all of its pictures.
fn opened(contents: &[u8]) -> Result<(), String> {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("z.zip");
    fs::write(&path, contents).unwrap();
    let said = |error: guise::data::Error| error.to_string().replace(dir.path().to_str().unwrap(), "");
    let mut dataset = Dataset::open(&path).map_err(said)?;
    if let Some(note) = dataset.notes().first() {
        assert!(note.contains("--classes labels"), "{note}");
        dataset.classify("labels", 256).map_err(said)?;
    }
    for index in 0..dataset.len() {
        dataset.caption(index);
        dataset.read(index).map_err(said)?;
    }
    Ok(())
}

/// Prepares a collection of these files. What is skipped is no error, but what is said of it must be safe as
/// well.
fn prepared(files: &[(&str, &[u8])]) -> Result<(), String> {
    let dir = TempDir::new().unwrap();
    let (collection, dataset) = (dir.path().join("collection"), dir.path().join("dataset"));
    fs::create_dir(&collection).unwrap();
    for (name, contents) in files {
        fs::write(collection.join(name), contents).unwrap();
    }
    let options = PrepareOptions {
        resolution: Some(16),
        background: guise::data::Background::Color([255; 3]),
        pixel_art: Default::default(),
        program: env!("CARGO_BIN_EXE_guise").into(),
    };
    let place = dir.path().to_str().unwrap();
    match prepare(&collection, &dataset, &options, &|_| {}) {
        Ok(summary) if summary.pictures > 0 => Ok(()),
        Ok(_) => Err("everything is skipped".into()),
        // It lists what was skipped, a file a line.
        Err(error) => Err(error.to_string().replace(place, "").replace('\n', " ")),
    }
}
