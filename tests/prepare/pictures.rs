//! Colors, depth, frames and blocks: what becomes of what a file holds besides plain pixels.

use super::*;
use image::ImageEncoder;
use moxcms::ColorProfile;

/// A picture of two colors, the first on the left.
fn halves(left: [u8; 3], right: [u8; 3]) -> RgbImage {
    RgbImage::from_fn(64, 64, |x, _| Rgb(if x < 32 { left } else { right }))
}

/// A PNG with these chunks in front of its pixels.
fn with_chunks(picture: &RgbImage, chunks: &[(&[u8; 4], &[u8])]) -> Vec<u8> {
    let mut bytes = vec![];
    let mut encoder = png::Encoder::new(&mut bytes, picture.width(), picture.height());
    encoder.set_color(png::ColorType::Rgb);
    let mut writer = encoder.write_header().unwrap();
    for (name, data) in chunks {
        writer.write_chunk(png::chunk::ChunkType(**name), data).unwrap();
    }
    writer.write_image_data(picture).unwrap();
    drop(writer);
    bytes
}

fn with_profile(picture: &RgbImage, profile: &[u8], format: ImageFormat) -> Vec<u8> {
    let (mut bytes, profile) = (vec![], profile.to_vec());
    let (width, height) = picture.dimensions();
    let color = image::ExtendedColorType::Rgb8;
    match format {
        ImageFormat::Jpeg => {
            let mut encoder = image::codecs::jpeg::JpegEncoder::new_with_quality(&mut bytes, 100);
            encoder.set_icc_profile(profile).unwrap();
            encoder.write_image(picture, width, height, color).unwrap();
        }
        ImageFormat::WebP => {
            let mut encoder = image::codecs::webp::WebPEncoder::new_lossless(&mut bytes);
            encoder.set_icc_profile(profile).unwrap();
            encoder.write_image(picture, width, height, color).unwrap();
        }
        _ => {
            let mut encoder = image::codecs::png::PngEncoder::new(&mut bytes);
            encoder.set_icc_profile(profile).unwrap();
            encoder.write_image(picture, width, height, color).unwrap();
        }
    }
    bytes
}

/// What the left and the right half become, and what is said about it.
fn prepared(name: &str, bytes: Vec<u8>) -> ([[u8; 3]; 2], Vec<String>) {
    let folders = Folders::new();
    folders.put(name, bytes);
    let summary = folders.prepare(32).unwrap();
    let planes = Dataset::open(&folders.dataset()).unwrap().read(0).unwrap();
    let notes = summary.notes.into_iter().map(|note| note.reason).collect();
    ([pixel(&planes, 32, 6, 16), pixel(&planes, 32, 26, 16)], notes)
}

/// Display P3 and what it is in sRGB, by the matrices and curves of both in double precision. Pillow 13's
/// ImageCms says 0, 225, 0 and 252, 0, 5: its numbers are too short for the dark end of the curve.
const P3: [[u8; 3]; 2] = [[60, 220, 60], [230, 40, 40]];
const SRGB: [[u8; 3]; 2] = [[0, 224, 0], [251, 0, 18]];

#[test]
fn colors_become_srgb() {
    let p3 = ColorProfile::new_display_p3().encode().unwrap();
    let picture = halves(P3[0], P3[1]);
    for (name, format) in [
        ("a.png", ImageFormat::Png),
        ("a.jpg", ImageFormat::Jpeg),
        ("a.webp", ImageFormat::WebP),
    ] {
        let (found, notes) = prepared(name, with_profile(&picture, &p3, format));
        assert_close(found[0], SRGB[0], 3);
        assert_close(found[1], SRGB[1], 3);
        assert!(notes.is_empty(), "{name}: {notes:?}");
    }
    // Display P3 by its numbers in H.273, which count more than a profile.
    let (found, _) = prepared("a.png", with_chunks(&picture, &[(b"cICP", &[12, 13, 0, 1])]));
    assert_close(found[0], SRGB[0], 3);
    assert_close(found[1], SRGB[1], 3);
    // Linear light: half of it is 188.
    let linear = 100_000u32.to_be_bytes();
    let gray = halves([128; 3], [0; 3]);
    let (found, _) = prepared("a.png", with_chunks(&gray, &[(b"gAMA", &linear)]));
    assert_close(found[0], [188; 3], 2);
    let (found, _) = prepared(
        "a.png",
        with_chunks(&gray, &[(b"sRGB", &[0]), (b"gAMA", &linear)]),
    );
    assert_eq!(found[0], [128; 3]);
}

#[test]
fn numbers_that_are_srgb_stay_as_they_are() {
    let srgb = ColorProfile::new_srgb().encode().unwrap();
    let picture = RgbImage::from_fn(32, 32, |x, y| {
        Rgb([(x * 8) as u8, (y * 8) as u8, (x * y % 256) as u8])
    });
    for bytes in [
        with_profile(&picture, &srgb, ImageFormat::Png),
        with_chunks(&picture, &[(b"gAMA", &45_455u32.to_be_bytes())]),
    ] {
        let folders = Folders::new();
        folders.put("a.png", bytes);
        folders.prepare(32).unwrap();
        let planes = Dataset::open(&folders.dataset()).unwrap().read(0).unwrap();
        for (x, y, color) in picture.enumerate_pixels() {
            assert_eq!(pixel(&planes, 32, x as usize, y as usize), color.0, "{x}, {y}");
        }
    }
}

#[test]
fn what_is_lost_is_said() {
    let picture = halves(P3[0], P3[1]);
    let broken = with_profile(
        &picture,
        b"no profile at all, but long enough to be looked at",
        ImageFormat::Png,
    );
    let (found, notes) = prepared("a.png", broken);
    assert_eq!(found, P3);
    assert!(notes[0].contains("color profile is damaged"), "{notes:?}");

    let deep = encoded(DynamicImage::from(picture.clone()).into_rgb16(), ImageFormat::Png);
    assert_eq!(
        prepared("a.png", deep),
        (P3, vec!["16 bits a channel: reduced to 8".into()])
    );

    let (_, notes) = prepared("a.gif", animation(picture.clone()));
    assert_eq!(notes, ["an animation: only the first of 2 frames is used"]);
    // One frame is a picture like any other.
    let (_, notes) = prepared(
        "a.gif",
        encoded(DynamicImage::from(picture.clone()).into_rgba8(), ImageFormat::Gif),
    );
    assert!(notes.is_empty(), "{notes:?}");

    let (found, notes) = prepared("a.png", apng(&picture, true));
    assert_eq!(
        (found, &*notes[0]),
        (P3, "an animation: only the first of 2 frames is used")
    );
    let (found, notes) = prepared("a.png", apng(&picture, false));
    assert_eq!(
        (found, &*notes[0]),
        (P3, "an animation: only its still picture is used")
    );

    let folders = Folders::new();
    for seed in 0..3 {
        folders.put(&format!("{seed}.gif"), animation(gradient(32, 32, 80 * seed)));
    }
    let said = String::from_utf8(folders.guise(&[]).stderr).unwrap();
    assert_eq!(
        said,
        "note: 0.gif and 2 more: an animation: only the first of 2 frames is used\n"
    );
}

/// An animated PNG of two frames, with or without the still picture as its first one.
fn apng(picture: &RgbImage, still_is_a_frame: bool) -> Vec<u8> {
    let mut bytes = vec![];
    let mut encoder = png::Encoder::new(&mut bytes, picture.width(), picture.height());
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_animated(2, 0).unwrap();
    encoder.set_sep_def_img(!still_is_a_frame).unwrap();
    let mut writer = encoder.write_header().unwrap();
    for _ in 0..if still_is_a_frame { 2 } else { 3 } {
        writer.write_image_data(picture).unwrap();
    }
    writer.finish().unwrap();
    bytes
}

/// `cells` enlarged to blocks of `block` x `block` pixels.
fn blocks(cells: &RgbImage, block: u32) -> RgbImage {
    RgbImage::from_fn(cells.width() * block, cells.height() * block, |x, y| {
        *cells.get_pixel(x / block, y / block)
    })
}

/// A drawing of five colors in which no two neighbors are alike.
fn cells(width: u32, height: u32) -> RgbImage {
    const COLORS: [[u8; 3]; 5] = [
        [20, 20, 30],
        [240, 200, 160],
        [200, 30, 60],
        [255; 3],
        [40, 90, 200],
    ];
    RgbImage::from_fn(width, height, |x, y| {
        Rgb(COLORS[((x + 2 * y + x * y / 7) % 5) as usize])
    })
}

#[test]
fn blocks_become_pixels_again() {
    let shown = |picture: &RgbImage, side: usize| {
        let folders = Folders::new();
        folders.put("a.png", png(picture));
        folders.prepare(side).unwrap();
        let planes = Dataset::open(&folders.dataset()).unwrap().read(0).unwrap();
        RgbImage::from_fn(side as u32, side as u32, |x, y| {
            Rgb(pixel(&planes, side, x as usize, y as usize))
        })
    };
    let art = cells(16, 16);
    assert_eq!(shown(&blocks(&art, 32), 16), art);
    assert_eq!(shown(&blocks(&art, 30), 32), blocks(&art, 2));
    // A grid that does not divide the size: every pixel is one of the drawing's.
    let odd = shown(&blocks(&cells(24, 24), 20), 64);
    for (x, y, color) in odd.enumerate_pixels() {
        let (column, row) = ((2 * x + 1) * 24 / 128, (2 * y + 1) * 24 / 128);
        assert_eq!(color, cells(24, 24).get_pixel(column, row), "{x}, {y}");
    }
    // Cropped by whole blocks.
    let wide = cells(21, 16);
    let middle = image::imageops::crop_imm(&wide, 2, 0, 16, 16).to_image();
    assert_eq!(shown(&blocks(&wide, 9), 16), middle);
    // Twice the size: each pixel is the mean of four.
    let large = cells(32, 32);
    let half = shown(&blocks(&large, 5), 16);
    for (x, y, color) in half.enumerate_pixels() {
        let mean = [0, 1, 2].map(|channel| {
            let part = |dx, dy| u32::from(large.get_pixel(2 * x + dx, 2 * y + dy)[channel]);
            ((part(0, 0) + part(1, 0) + part(0, 1) + part(1, 1) + 2) / 4) as u8
        });
        assert_eq!(color.0, mean, "{x}, {y}");
    }
}

#[test]
fn unusual_layouts_are_read() {
    // A palette with a transparent color, under a name that says something else.
    let mut bytes = vec![];
    let mut encoder = png::Encoder::new(&mut bytes, 64, 64);
    encoder.set_color(png::ColorType::Indexed);
    encoder.set_palette(vec![255, 0, 0, 0, 0, 255]);
    encoder.set_trns(vec![0, 255]);
    let indices: Vec<u8> = (0..64 * 64).map(|at| u8::from(at % 64 >= 32)).collect();
    encoder
        .write_header()
        .unwrap()
        .write_image_data(&indices)
        .unwrap();
    assert_eq!(prepared("a.jpg", bytes), ([[255; 3], [0, 0, 255]], vec![]));

    let gray = DynamicImage::from(halves([90; 3], [0; 3]));
    let (found, notes) = prepared("a.gif", encoded(gray.to_luma_alpha8(), ImageFormat::Png));
    assert_eq!((found, notes.len()), ([[90; 3], [0; 3]], 0));
    let (found, notes) = prepared("a.png", encoded(gray.to_luma_alpha16(), ImageFormat::Png));
    assert_eq!((found, notes.len()), ([[90; 3], [0; 3]], 1));
    let (found, _) = prepared("a.png", png(&RgbImage::from_pixel(1, 1, Rgb([1, 2, 3]))));
    assert_eq!(found, [[1, 2, 3]; 2]);
}
