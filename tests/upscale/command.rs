//! `guise import` and `guise upscale` as a person runs them.

use super::{bytes, fixture};
use std::{
    ffi::OsStr,
    fs,
    path::Path,
    process::{Command, Output},
};
use tempfile::TempDir;

pub fn guise<I: AsRef<OsStr>>(arguments: impl IntoIterator<Item = I>) -> Output {
    Command::new(env!("CARGO_BIN_EXE_guise"))
        .args(arguments)
        .output()
        .unwrap()
}

/// The error that a run must end with.
pub fn failure(output: Output) -> String {
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success(), "the command succeeded");
    assert!(!error.contains("panicked"), "{error}");
    error
}

fn import(folder: &Path) -> Output {
    let out = folder.join("sr.safetensors");
    guise([
        "import".as_ref(),
        "realesrgan-ncnn".as_ref(),
        fixture("realesr-animevideov3-x4.param").as_os_str(),
        "--out".as_ref(),
        out.as_os_str(),
    ])
}

fn upscale(folder: &Path, input: &str, output: &str) -> Output {
    guise([
        "upscale".as_ref(),
        folder.join(input).as_os_str(),
        folder.join(output).as_os_str(),
        "--model".as_ref(),
        folder.join("sr.safetensors").as_os_str(),
    ])
}

/// A folder with the model `sr.safetensors`.
pub fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let output = import(folder.path());
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    folder
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn pictures_of_any_kind_are_enlarged() {
    let folder = folder();
    let path = |name: &str| folder.path().join(name);
    let picture = image::open(fixture("picture.png")).unwrap();
    picture.to_luma16().save(path("grey16.png")).unwrap();
    picture.to_luma_alpha8().save(path("greyalpha.png")).unwrap();
    picture.to_rgb8().save(path("rgb.jpg")).unwrap();
    picture.to_rgba8().save(path("rgba.webp")).unwrap();
    picture.to_rgba8().save(path("rgba.gif")).unwrap();
    for name in ["grey16.png", "greyalpha.png", "rgb.jpg", "rgba.webp", "rgba.gif"] {
        let output = upscale(folder.path(), name, "large.png");
        assert!(
            output.status.success(),
            "{name}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        let large = image::open(path("large.png")).unwrap();
        assert_eq!((large.width(), large.height()), (160, 192), "{name}");
        if name.starts_with("grey") {
            // The network may tint a grey picture here and there, but not make it a colorful one.
            let tint = |pixel: &image::Rgb<u8>| {
                u64::from(pixel.0.iter().max().unwrap() - pixel.0.iter().min().unwrap())
            };
            let mean = large.to_rgb8().pixels().map(tint).sum::<u64>() / (160 * 192);
            assert!(mean < 8, "{name}: {mean}");
        }
    }
    // The file that a command reads may be the one that it writes.
    fs::copy(fixture("picture.png"), path("same.png")).unwrap();
    assert!(upscale(folder.path(), "same.png", "same.png").status.success());
    assert_eq!(image::image_dimensions(path("same.png")).unwrap(), (160, 192));
    let ncnn = image::open(fixture("picture-x4.png")).unwrap().into_rgba8();
    assert!(super::distance(&image::open(path("same.png")).unwrap().into_rgba8(), &ncnn) <= 1);
}

#[test]
fn what_is_no_picture_is_refused_and_leaves_nothing_behind() {
    let folder = folder();
    let write = |name: &str, bytes: &[u8]| fs::write(folder.path().join(name), bytes).unwrap();
    let png = bytes("picture.png");
    write("empty.png", &[]);
    write("text.png", b"this is no picture");
    write("truncated.png", &png[..png.len() / 2]);
    let mut jpeg = std::io::Cursor::new(vec![]);
    let picture = image::open(fixture("picture.png")).unwrap().into_rgb8();
    picture.write_to(&mut jpeg, image::ImageFormat::Jpeg).unwrap();
    let mut jpeg = jpeg.into_inner();
    let half = jpeg.len() / 2;
    write("truncated.jpg", &jpeg[..half]);
    jpeg[half..].fill(0);
    write("zeros.jpg", &jpeg);
    #[cfg(unix)]
    assert!(
        Command::new("mkfifo")
            .arg(folder.path().join("pipe.png"))
            .status()
            .unwrap()
            .success()
    );
    // Its header promises 60,000 x 60,000 pixels.
    let mut bomb = vec![];
    let mut encoder = png::Encoder::new(&mut bomb, 60_000, 60_000)
        .write_header()
        .unwrap();
    encoder.write_chunk(png::chunk::IDAT, &[]).unwrap();
    drop(encoder);
    write("bomb.png", &bomb);
    fs::copy(fixture("picture.png"), folder.path().join("good.png")).unwrap();
    fs::write(folder.path().join("old.png"), "an older result").unwrap();
    let before = names(folder.path());
    for (name, reason) in [
        ("missing.png", "missing.png"),
        ("empty.png", "cannot read the picture"),
        ("text.png", "cannot read the picture"),
        ("truncated.png", "cannot read the picture"),
        (
            "bomb.png",
            "60000x60000, expected at most 65535 pixels a side and 100000000",
        ),
        ("truncated.jpg", "truncated JPEG"),
        ("zeros.jpg", "truncated JPEG"),
        #[cfg(unix)]
        ("pipe.png", "not a regular file"),
    ] {
        let error = failure(upscale(folder.path(), name, "old.png"));
        assert!(error.contains(reason) && error.contains(name), "{error}");
    }
    let error = failure(upscale(folder.path(), "good.png", "large.tiff"));
    assert!(error.contains("large.tiff does not end in .png"), "{error}");
    let error = failure(upscale(folder.path(), "good.png", "no/such/folder/large.png"));
    assert!(error.contains("no/such/folder/large.png"), "{error}");
    write("sr.safetensors", b"this is no model");
    let error = failure(upscale(folder.path(), "good.png", "large.png"));
    assert!(
        error.contains("cannot use the model") && error.contains("sr.safetensors"),
        "{error}"
    );
    assert_eq!(names(folder.path()), before);
    assert_eq!(
        fs::read_to_string(folder.path().join("old.png")).unwrap(),
        "an older result"
    );
}

#[test]
fn what_is_no_model_is_refused_and_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let import = |param: &str| {
        let out = path("out.safetensors");
        failure(guise([
            "import".as_ref(),
            "realesrgan-ncnn".as_ref(),
            path(param).as_os_str(),
            "--out".as_ref(),
            out.as_os_str(),
        ]))
    };
    fs::copy(fixture("realesr-animevideov3-x4.param"), path("alone.param")).unwrap();
    fs::copy(fixture("realesr-animevideov3-x4.param"), path("cut.param")).unwrap();
    fs::write(path("cut.bin"), &bytes("realesr-animevideov3-x4.bin")[..1000]).unwrap();
    fs::write(path("huge.param"), vec![b'7'; (1 << 20) + 1]).unwrap();
    let before = names(folder.path());
    assert!(import("missing.param").contains("missing.param"));
    assert!(import("alone.param").contains("alone.bin"));
    assert!(import("cut.bin").contains("does not end in .param"));
    assert!(import("huge.param").contains("larger than 1048576 bytes"));
    let error = import("cut.param");
    assert!(
        error.contains("cut.bin") && error.contains("end within the layer Conv_0"),
        "{error}"
    );
    assert_eq!(names(folder.path()), before);
}

#[test]
fn a_published_bundle_is_a_model() {
    let folder = tempfile::tempdir().unwrap();
    let bundle = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/pixel-art");
    let enlarge = |model: &Path, name: &str| {
        guise([
            "upscale".as_ref(),
            fixture("picture.png").as_os_str(),
            folder.path().join(name).as_os_str(),
            "--model".as_ref(),
            model.as_os_str(),
        ])
    };
    for (model, name) in [(bundle.clone(), "a.png"), (bundle.join("upscaler.gguf"), "b.png")] {
        let output = enlarge(&model, name);
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    let [a, b] = ["a.png", "b.png"].map(|name| image::open(folder.path().join(name)).unwrap().into_rgba8());
    assert_eq!(a, b);
    // The bundle holds the same network as the fixture, in 8 bits.
    let ncnn = image::open(fixture("picture-x4.png")).unwrap().into_rgba8();
    assert!(super::distance(&a, &ncnn) <= 16, "{}", super::distance(&a, &ncnn));

    let error = failure(enlarge(&bundle.join("generator.gguf"), "c.png"));
    assert!(
        error.contains("generator.gguf") && error.contains("no upscaler of the bundle"),
        "{error}"
    );
    fs::copy(bundle.join("upscaler.gguf"), folder.path().join("upscaler.gguf")).unwrap();
    let error = failure(enlarge(&folder.path().join("upscaler.gguf"), "c.png"));
    assert!(error.contains("model.json"), "{error}");
}

#[test]
fn a_color_profile_is_kept() {
    use image::{ImageDecoder, ImageEncoder};

    let folder = folder();
    let picture = image::open(fixture("picture.png")).unwrap().into_rgb8();
    let profile = moxcms::ColorProfile::new_display_p3().encode().unwrap();
    let mut encoder =
        image::codecs::png::PngEncoder::new(fs::File::create(folder.path().join("p3.png")).unwrap());
    encoder.set_icc_profile(profile.clone()).unwrap();
    let (width, height) = picture.dimensions();
    encoder
        .write_image(&picture, width, height, image::ExtendedColorType::Rgb8)
        .unwrap();
    let output = upscale(folder.path(), "p3.png", "large.png");
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    let reader = std::io::BufReader::new(fs::File::open(folder.path().join("large.png")).unwrap());
    let mut large = image::codecs::png::PngDecoder::new(reader).unwrap();
    assert_eq!(large.icc_profile().unwrap(), Some(profile));
    // The numbers are those of the picture without a profile.
    let large = image::DynamicImage::from_decoder(large).unwrap().into_rgba8();
    let ncnn = image::open(fixture("picture-x4.png")).unwrap().into_rgba8();
    assert!(super::distance(&large, &ncnn) <= 1);
}

/// A few megabytes of zeros that a PNG calls a profile, and that swell to a gigabyte.
#[cfg(target_os = "linux")]
#[test]
fn a_swollen_profile_takes_no_memory() {
    let folder = folder();
    let mut profile = b"swollen\0\0\x78\x01".to_vec();
    profile.extend(deflated_zeros(1 << 30));
    let mut bytes = vec![];
    let mut writer = png::Encoder::new(&mut bytes, 2, 2).write_header().unwrap();
    writer.write_chunk(png::chunk::iCCP, &profile).unwrap();
    writer.write_image_data(&[0, 255, 255, 0]).unwrap();
    drop(writer);
    fs::write(folder.path().join("swollen.png"), bytes).unwrap();
    let command = format!(
        "ulimit -d 700000; exec {guise} upscale {dir}/swollen.png {dir}/large.png --model {dir}/sr.safetensors",
        guise = env!("CARGO_BIN_EXE_guise"),
        dir = folder.path().display()
    );
    let output = Command::new("sh").args(["-c", &command]).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{said}");
    assert!(said.contains("color profile is damaged or too large"), "{said}");
}

/// `count` zeros or a few more in one block of fixed codes: a zero, then matches of 258 bytes.
#[cfg(target_os = "linux")]
fn deflated_zeros(count: usize) -> Vec<u8> {
    // The last block, fixed codes, and the literal 0, in the order of their bits.
    let mut bits = vec![
        true, true, false, false, false, true, true, false, false, false, false,
    ];
    for _ in 0..count.div_ceil(258) {
        bits.extend([true, true, false, false, false, true, false, true]);
        bits.extend([false; 5]);
    }
    bits.extend([false; 7]);
    bits.chunks(8)
        .map(|byte| byte.iter().rev().fold(0, |byte, bit| byte << 1 | u8::from(*bit)))
        .collect()
}
