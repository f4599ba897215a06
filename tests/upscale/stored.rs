//! `guise upscale` keeps pictures as they are stored: channels, 16 bits, profiles, the right way up, frames.

use super::{
    command::{failure, folder, guise},
    distance, fixture,
};
use guise::data::{Animation, Colors, PictureFile, PictureLimits};
use image::{
    AnimationDecoder, ColorType, Delay, DynamicImage, Frame, ImageDecoder, ImageEncoder, Rgba, RgbaImage,
    codecs::{gif::GifDecoder, gif::GifEncoder, gif::Repeat, png::PngDecoder},
};
use std::{fs, io::BufReader, path::Path, process::Output};

/// `guise upscale` in `folder`, with more `flags`.
pub fn upscale(folder: &Path, input: &str, output: &str, flags: &[&str]) -> Output {
    let path = |name: &str| folder.join(name).into_os_string();
    let mut arguments = vec!["upscale".into(), path(input), path(output)];
    arguments.extend(["--model".into(), path("sr.safetensors")]);
    arguments.extend(flags.iter().map(Into::into));
    guise(arguments)
}

/// What was said beside the result.
pub fn success(output: Output) -> String {
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{said}");
    said
}

fn picture() -> DynamicImage {
    image::open(fixture("picture.png")).unwrap()
}

fn open(path: &Path) -> DynamicImage {
    image::open(path).unwrap()
}

/// The profile in a PNG.
fn profile(path: &Path) -> Option<Vec<u8>> {
    let mut decoder = PngDecoder::new(BufReader::new(fs::File::open(path).unwrap())).unwrap();
    decoder.icc_profile().unwrap()
}

#[test]
fn channels_and_bits_stay() {
    let folder = folder();
    let path = |name: &str| folder.path().join(name);
    let picture = picture();
    let mut clear = picture.to_rgba8();
    clear.enumerate_pixels_mut().for_each(|(x, _, pixel)| {
        pixel[3] = if x < 20 { 255 } else { 0 };
    });
    let clear = DynamicImage::from(clear);
    for (name, stored) in [
        ("l8.png", DynamicImage::from(picture.to_luma8())),
        ("la8.png", clear.to_luma_alpha8().into()),
        ("rgb8.png", picture.to_rgb8().into()),
        ("rgba8.png", clear.clone()),
        ("l16.png", picture.to_luma16().into()),
        ("la16.png", clear.to_luma_alpha16().into()),
        ("rgb16.png", picture.to_rgb16().into()),
        ("rgba16.png", clear.to_rgba16().into()),
    ] {
        stored.save(path(name)).unwrap();
        let said = success(upscale(folder.path(), name, "large.png", &["--scale", "2"]));
        assert_eq!(said, "", "{name}");
        let large = open(&path("large.png"));
        assert_eq!((large.width(), large.height()), (80, 96), "{name}");
        assert_eq!(large.color(), stored.color(), "{name}");
        // Brought back, it is about the picture that it was.
        let back = large
            .resize_exact(40, 48, image::imageops::FilterType::Triangle)
            .to_rgba8();
        let mut apart = 0;
        for (a, b) in back
            .pixels()
            .zip(stored.to_rgba8().pixels())
            .filter(|(_, b)| b[3] > 0)
        {
            apart +=
                a.0.iter()
                    .zip(b.0)
                    .map(|(a, b)| u32::from(a.abs_diff(b)))
                    .sum::<u32>();
        }
        assert!(apart / (4 * 40 * 48) < 12, "{name}: {}", apart / (4 * 40 * 48));
    }
    // 16 bits are more than 8 shifted.
    let deep = open(&{
        success(upscale(folder.path(), "l16.png", "large.png", &[]));
        path("large.png")
    });
    let low: std::collections::HashSet<u16> = deep.to_luma16().pixels().map(|pixel| pixel[0] % 257).collect();
    assert!(low.len() > 100, "{} kinds of low bytes", low.len());

    let said = success(upscale(folder.path(), "rgb16.png", "large.webp", &[]));
    assert!(
        said.contains("rgb16.png: 16 bits a channel: reduced to 8"),
        "{said}"
    );
    assert_eq!(open(&path("large.webp")).color(), ColorType::Rgb8);
    success(upscale(
        folder.path(),
        "rgba8.png",
        "large.webp",
        &["--scale", "3"],
    ));
    assert_eq!(open(&path("large.webp")).color(), ColorType::Rgba8);
    success(upscale(
        folder.path(),
        "l8.png",
        "large.jpg",
        &["--format", "jpeg"],
    ));
    assert_eq!(open(&path("large.jpg")).color(), ColorType::L8);
    let said = failure(upscale(folder.path(), "rgba8.png", "none.jpg", &[]));
    assert!(
        said.contains("rgba8.png") && said.contains("which a JPEG cannot hold"),
        "{said}"
    );
    assert!(!path("none.jpg").exists());
}

#[test]
fn profiles_stay_or_say_what_chunks_said() {
    let folder = folder();
    let path = |name: &str| folder.path().join(name);
    let write = |name: &str, picture: &DynamicImage, profile: Vec<u8>| {
        let mut encoder = image::codecs::png::PngEncoder::new(fs::File::create(path(name)).unwrap());
        encoder.set_icc_profile(profile).unwrap();
        let (width, height) = (picture.width(), picture.height());
        encoder
            .write_image(picture.as_bytes(), width, height, picture.color().into())
            .unwrap();
    };
    let [gray, wide] = [
        moxcms::ColorProfile::new_gray_with_gamma(1.5),
        moxcms::ColorProfile::new_display_p3(),
    ]
    .map(|profile| profile.encode().unwrap());
    write("gray.png", &picture().to_luma8().into(), gray.clone());
    write("wide.png", &picture().to_luma16().into(), wide.clone());
    success(upscale(folder.path(), "gray.png", "large.png", &[]));
    assert_eq!(profile(&path("large.png")), Some(gray.clone()));
    assert_eq!(open(&path("large.png")).color(), ColorType::L8);
    // A gray picture with a profile for colors keeps it, as one of colors.
    success(upscale(folder.path(), "wide.png", "large.png", &[]));
    assert_eq!(profile(&path("large.png")), Some(wide.clone()));
    assert_eq!(open(&path("large.png")).color(), ColorType::Rgb16);
    for ending in ["jpg", "webp"] {
        let name = format!("large.{ending}");
        success(upscale(folder.path(), "wide.png", &name, &[]));
        let reader = image::ImageReader::open(path(&name)).unwrap();
        assert_eq!(
            reader.into_decoder().unwrap().icc_profile().unwrap(),
            Some(wide.clone())
        );
    }
    // A profile that cannot be that of the picture is no reason to refuse it.
    write("wrong.png", &picture().to_rgb8().into(), gray);
    let said = success(upscale(folder.path(), "wrong.png", "large.png", &[]));
    assert!(said.contains("one for gray pictures"), "{said}");
    assert_eq!(profile(&path("large.png")), None);

    let mut file = vec![];
    let mut encoder = png::Encoder::new(&mut file, 40, 48);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_source_gamma(png::ScaledFloat::new(1.0));
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(&picture().to_rgb8()).unwrap();
    writer.finish().unwrap();
    fs::write(path("linear.png"), file).unwrap();
    success(upscale(
        folder.path(),
        "linear.png",
        "large.png",
        &["--scale", "1"],
    ));
    let limits = PictureLimits {
        file_bytes: 1 << 20,
        side: 1000,
        pixels: 1 << 20,
    };
    let [before, after] = ["linear.png", "large.png"].map(|name| {
        let seen = guise::data::Picture::open(&path(name), &limits, Colors::Srgb).unwrap();
        assert_eq!(seen.notes, Vec::<String>::new());
        let pixels = seen.pixels.to_rgb8();
        pixels.iter().map(|&value| f64::from(value)).sum::<f64>() / pixels.len() as f64
    });
    assert!((before - after).abs() < 4.0, "{before} became {after}");
    assert!(profile(&path("large.png")).is_some());
}

#[test]
fn jpegs_stand_upright_and_cmyk_is_read() {
    let folder = folder();
    let path = |name: &str| folder.path().join(name);
    let mut file = vec![];
    let mut encoder = image::codecs::jpeg::JpegEncoder::new_with_quality(&mut file, 98);
    // Little-endian TIFF with one entry: the orientation is 6, a quarter turn clockwise.
    let exif = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0";
    encoder.set_exif_metadata(exif.to_vec()).unwrap();
    let upright = picture().to_rgb8();
    let turned = image::imageops::rotate270(&upright);
    encoder.encode_image(&turned).unwrap();
    fs::write(path("turned.jpg"), file).unwrap();
    fs::copy(fixture("cmyk.jpg"), path("cmyk.jpg")).unwrap();
    for name in ["turned.jpg", "cmyk.jpg"] {
        success(upscale(folder.path(), name, "large.png", &["--scale", "1"]));
        let large = open(&path("large.png"));
        assert_eq!((large.width(), large.height()), (40, 48), "{name}");
        let apart = guise::metrics::psnr(&[large.to_rgba8()], &[picture().to_rgba8()]);
        assert!(apart > 20.0, "{name}: {apart} dB");
    }
}

/// Three frames, of which the second is partly transparent.
fn frames() -> Vec<RgbaImage> {
    let frame = |number: u32| {
        RgbaImage::from_fn(12, 10, |x, y| match (number, x + y) {
            (1, 0..8) => Rgba([0; 4]),
            _ => Rgba([if x > 5 { 200 } else { 40 }, 80 * number as u8, 150, 255]),
        })
    };
    (0..3).map(frame).collect()
}

fn write_gif(path: &Path) {
    let mut encoder = GifEncoder::new_with_speed(fs::File::create(path).unwrap(), 1);
    encoder.set_repeat(Repeat::Finite(3)).unwrap();
    for (number, frame) in frames().into_iter().enumerate() {
        let delay = Delay::from_numer_denom_ms(70 + 10 * number as u32, 1);
        encoder
            .encode_frame(Frame::from_parts(frame, 0, 0, delay))
            .unwrap();
    }
}

fn animation(path: &Path) -> Animation {
    let limits = PictureLimits {
        file_bytes: 1 << 20,
        side: 1000,
        pixels: 1 << 20,
    };
    match PictureFile::open(path, &limits, Colors::Stored).unwrap() {
        PictureFile::Animation(animation) => animation,
        PictureFile::Still(_) => panic!("{} does not move", path.display()),
    }
}

#[test]
fn animations_are_enlarged_frame_by_frame() {
    let folder = folder();
    let path = |name: &str| folder.path().join(name);
    write_gif(&path("a.gif"));
    fs::copy(fixture("moving.webp"), path("a.webp")).unwrap();
    success(upscale(folder.path(), "a.gif", "b.apng", &["--scale", "3"]));
    let moving = animation(&path("b.apng"));
    assert_eq!((moving.size, moving.frames, moving.plays), ([36, 30], 3, 3));
    for (number, (large, small)) in moving.zip(frames()).enumerate() {
        let (large, delay) = large.unwrap();
        assert_eq!(
            std::time::Duration::from(delay).as_millis(),
            70 + 10 * number as u128
        );
        // Each is what it would be alone.
        small.save(path("one.png")).unwrap();
        success(upscale(folder.path(), "one.png", "alone.png", &["--scale", "3"]));
        let alone = open(&path("alone.png")).to_rgba8();
        assert!(
            distance(&large, &alone) <= 2,
            "frame {number}: {}",
            distance(&large, &alone)
        );
    }
    // From what was written, and back to what holds fewer colors.
    success(upscale(folder.path(), "b.apng", "c.gif", &["--scale", "1"]));
    let gif = GifDecoder::new(BufReader::new(fs::File::open(path("c.gif")).unwrap())).unwrap();
    let gif = gif.into_frames().collect_frames().unwrap();
    assert_eq!(gif.len(), 3);
    assert_eq!(gif[1].buffer()[(1, 1)][3], 0);
    assert!(gif[1].buffer()[(30, 25)][3] == 255);
    success(upscale(folder.path(), "a.webp", "d.png", &["--scale", "2"]));
    let moving = animation(&path("d.png"));
    assert_eq!((moving.size, moving.frames, moving.plays), ([32, 24], 3, 3));
    let delays: Vec<_> = moving
        .map(|frame| std::time::Duration::from(frame.unwrap().1).as_millis())
        .collect();
    assert_eq!(delays, [40, 50, 60]);

    for name in ["no.jpg", "no.webp"] {
        let said = failure(upscale(folder.path(), "a.gif", name, &[]));
        assert!(
            said.contains("a.gif") && said.contains("an animation of 3 frames"),
            "{said}"
        );
    }
    let whole = fs::read(path("b.apng")).unwrap();
    fs::write(path("cut.png"), &whole[..whole.len() * 2 / 3]).unwrap();
    let said = failure(upscale(folder.path(), "cut.png", "no.png", &[]));
    assert!(said.contains("cut.png: frame "), "{said}");
    let whole_gif = fs::read(path("a.gif")).unwrap();
    fs::write(path("cut.gif"), &whole_gif[..whole_gif.len() - 9]).unwrap();
    let said = failure(upscale(folder.path(), "cut.gif", "no.png", &[]));
    assert!(said.contains("cut.gif: "), "{said}");
    let mut less = whole.clone();
    let place = whole.windows(4).position(|name| name == b"acTL").unwrap();
    less[place + 7] = 5;
    fs::write(path("more.png"), with_sum(less, place)).unwrap();
    let said = failure(upscale(folder.path(), "more.png", "no.png", &[]));
    assert!(said.contains("more.png"), "{said}");
    assert!(
        !["no.jpg", "no.webp", "no.png"]
            .iter()
            .any(|name| path(name).exists())
    );
}

/// The PNG with the checksum of its chunk `acTL` at `place` put right.
fn with_sum(mut file: Vec<u8>, place: usize) -> Vec<u8> {
    let mut sum = u32::MAX;
    for &byte in &file[place..place + 12] {
        sum ^= u32::from(byte);
        for _ in 0..8 {
            sum = if sum & 1 == 1 {
                sum >> 1 ^ 0xedb8_8320
            } else {
                sum >> 1
            };
        }
    }
    file[place + 12..place + 16].copy_from_slice(&(!sum).to_be_bytes());
    file
}
