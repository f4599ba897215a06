//! `--background keep`: transparency as the collection has it.

use super::*;
use guise::data::Background;

fn kept(folders: &Folders, resolution: usize) -> PrepareSummary {
    let options = PrepareOptions {
        resolution: Some(resolution),
        background: Background::Keep,
        pixel_art: Default::default(),
        program: env!("CARGO_BIN_EXE_guise").into(),
    };
    prepare(&folders.art(), &folders.dataset(), &options, &|_| {}).unwrap()
}

/// A picture of the dataset as it was put into it, with `[red, green, blue, alpha]` for every pixel.
fn stored(folders: &Folders, index: usize) -> RgbaImage {
    let dataset = Dataset::open(&folders.dataset()).unwrap();
    assert_eq!(dataset.channels(), 4);
    let (planes, side) = (dataset.read(index).unwrap(), dataset.resolution());
    RgbaImage::from_fn(side as u32, side as u32, |x, y| {
        let at = y as usize * side + x as usize;
        Rgba([0, 1, 2, 3].map(|channel| planes[channel * side * side + at]))
    })
}

/// The color types of the dataset's files.
fn kinds(folders: &Folders) -> Vec<image::ColorType> {
    let folder = folders.dataset().join("00000");
    let mut names: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    names.sort();
    let kind = |path| image::open(path).unwrap().color();
    names.into_iter().map(kind).collect()
}

/// A soft disc on nothing, with many colors; what is invisible has the color `hidden`.
fn disc(side: u32, hidden: u8) -> RgbaImage {
    RgbaImage::from_fn(side, side, |x, y| {
        let from_center = |at: u32| (at as f32 + 0.5) / side as f32 - 0.5;
        let distance = from_center(x).hypot(from_center(y)) * side as f32;
        match ((0.3 * side as f32 - distance) * 255.0).clamp(0.0, 255.0) as u8 {
            0 => Rgba([hidden, hidden, hidden, 0]),
            alpha => Rgba([220, (x * 200 / side) as u8, (y * 200 / side) as u8, alpha]),
        }
    })
}

#[test]
fn alpha_is_kept_and_opaque_pictures_have_it_too() {
    let folders = Folders::new();
    let half = RgbaImage::from_fn(32, 32, |x, _| Rgba([40, 0, 90, if x < 16 { 0 } else { 128 }]));
    let svg = r##"<svg xmlns="http://www.w3.org/2000/svg" width="40" height="20">
        <circle cx="20" cy="10" r="5" fill="#c86432" fill-opacity="0.5"/></svg>"##;
    folders
        .put("a.png", encoded(half, ImageFormat::Png))
        .put("b.svg", svg)
        .put("c.png", png(&gradient(32, 32, 0)));
    let output = folders.guise(&["--resolution", "32", "--background", "keep"]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}");
    assert!(
        said.contains("2 of 3 pictures are transparent somewhere: all have alpha"),
        "{said}"
    );
    assert_eq!(kinds(&folders), [image::ColorType::Rgba8; 3]);
    // What is invisible has one color, whatever the file hid there.
    let png = stored(&folders, 0);
    assert_eq!((png[(3, 9)].0, png[(20, 9)].0), ([0; 4], [40, 0, 90, 128]));
    let svg = stored(&folders, 1);
    assert_eq!((svg[(0, 0)].0, svg[(6, 16)].0), ([0; 4], [0; 4]));
    let [red, green, blue, alpha] = svg[(16, 16)].0;
    assert_close([red, green, blue], [200, 100, 50], 1);
    assert_eq!(alpha, 128);
    assert!(stored(&folders, 2).pixels().all(|pixel| pixel[3] == 255));
}

#[test]
fn without_transparency_three_channels_suffice_until_there_is_some() {
    let folders = Folders::new();
    folders.put("a.png", png(&gradient(32, 32, 0)));
    // Alpha of which nothing is used.
    let opaque = DynamicImage::from(gradient(32, 32, 9)).into_rgba8();
    folders.put("b.png", encoded(opaque, ImageFormat::Png));
    let output = folders.guise(&["--resolution", "32", "--background", "keep"]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        said.contains("no picture is transparent") && said.contains("three channels suffice"),
        "{said}"
    );
    assert_eq!(kinds(&folders), [image::ColorType::Rgb8; 2]);
    assert_eq!(Dataset::open(&folders.dataset()).unwrap().channels(), 3);

    // One transparent picture gives alpha to all, and nothing is drawn again for that; and back.
    folders.put("c.png", encoded(disc(32, 0), ImageFormat::Png));
    let summary = kept(&folders, 32);
    assert_eq!((summary.transparent, summary.kept), (Some(1), 2));
    assert_eq!(kinds(&folders), [image::ColorType::Rgba8; 3]);
    let first = stored(&folders, 0);
    assert_eq!(DynamicImage::from(first).into_rgb8(), gradient(32, 32, 0));
    fs::remove_file(folders.art().join("c.png")).unwrap();
    let summary = kept(&folders, 32);
    assert_eq!((summary.transparent, summary.kept), (Some(0), 2));
    assert_eq!(kinds(&folders), [image::ColorType::Rgb8; 2]);

    // On a color they are other pictures, and have no alpha.
    folders.put("c.png", encoded(disc(32, 0), ImageFormat::Png));
    let summary = folders.prepare(32).unwrap();
    assert_eq!((summary.transparent, summary.kept), (None, 0));
    assert_eq!(kinds(&folders), [image::ColorType::Rgb8; 3]);
}

#[test]
fn hidden_colors_neither_show_nor_tell_pictures_apart() {
    let folders = Folders::new();
    folders
        .put("black.png", encoded(disc(200, 0), ImageFormat::Png))
        .put("white.png", encoded(disc(200, 255), ImageFormat::Png));
    let summary = kept(&folders, 64);
    assert_eq!((summary.pictures, summary.duplicates.len()), (1, 1));
    // Along the edge nothing is darker or lighter than the disc: its red is the same everywhere.
    let picture = stored(&folders, 0);
    let mut seen = 0;
    for pixel in picture.pixels().filter(|pixel| pixel[3] > 24) {
        assert!(pixel[0].abs_diff(220) < 12, "{pixel:?}");
        seen += usize::from(pixel[3] < 240);
    }
    assert!(seen > 20, "it has an edge: {seen}");
    assert_eq!(picture[(0, 0)].0, [0; 4]);
}

#[test]
fn pixel_art_keeps_its_palette_unless_it_has_glass() {
    let art = |glass: u8| {
        let pixel = |x: u32, y: u32| match (x / 20 + y / 20) % 4 {
            0 => Rgba([9, 9, 9, 0]),
            1 => Rgba([200, 30, 30, 255]),
            2 => Rgba([30, 30, 160, 255]),
            _ => Rgba([240, 240, 10, if x / 20 == 5 { glass } else { 255 }]),
        };
        encoded(RgbaImage::from_fn(320, 320, pixel), ImageFormat::Png)
    };
    for (glass, colors) in [(255, 3), (90, 0)] {
        let folders = Folders::new();
        folders.put("a.png", art(glass));
        let output = folders.guise(&["--background", "keep"]);
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(said.contains("pixel art on a grid of 16 x 16 pixels"), "{said}");
        assert_eq!(said.contains("a palette of 3 colors"), colors == 3, "{said}");
        let dataset = Dataset::open(&folders.dataset()).unwrap();
        assert_eq!(dataset.pixel_art().unwrap().palette.len(), colors);
        assert_eq!((dataset.resolution(), dataset.channels()), (16, 4));
        assert_eq!(stored(&folders, 0)[(0, 0)].0, [0; 4]);
    }
}
