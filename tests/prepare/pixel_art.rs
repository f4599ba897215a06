//! Pixel art: its grid and its palette are found, and its pixels stay what they are.

use super::*;
use guise::art::Color;
use guise::data::PixelArtChoice;
use image::imageops::{self, FilterType};

/// Another drawing of five colors for each number, on a grid of so many pixels.
fn drawing(side: u32, number: u32) -> RgbImage {
    const COLORS: [[u8; 3]; 5] = [
        [20, 20, 30],
        [240, 200, 160],
        [200, 30, 60],
        [255; 3],
        [40, 90, 200],
    ];
    RgbImage::from_fn(side, side, |x, y| {
        Rgb(COLORS[((x * (number + 1) + 2 * y + x * y / (7 + number)) % 5) as usize])
    })
}

fn shown_at(art: &RgbImage, side: u32) -> RgbImage {
    imageops::resize(art, side, side, FilterType::Nearest)
}

/// The picture of this place in the dataset.
fn read(dataset: &Dataset, index: usize) -> RgbImage {
    let (planes, side) = (dataset.read(index).unwrap(), dataset.resolution());
    RgbImage::from_fn(side as u32, side as u32, |x, y| {
        Rgb(pixel(&planes, side, x as usize, y as usize))
    })
}

fn said(output: &Output) -> String {
    let both = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes));
    assert!(output.status.success(), "{}", both.concat());
    both.concat()
}

#[test]
fn a_collection_becomes_its_own_pixels() {
    let folders = Folders::new();
    for number in 0..4 {
        folders.put(
            &format!("{number}.png"),
            png(&shown_at(&drawing(24, number), 480)),
        );
    }
    let first = said(&folders.guise(&[]));
    assert!(first.contains("4 pictures of 24x24"), "{first}");
    let found = "pixel art on a grid of 24 x 24 pixels, with a palette of 5 colors\n";
    assert!(first.contains(found), "{first}");
    let dataset = Dataset::open(&folders.dataset()).unwrap();
    for number in 0..4 {
        assert_eq!(read(&dataset, number), drawing(24, number as u32), "{number}");
    }
    let art = dataset.pixel_art().unwrap();
    assert_eq!(art.pixel_grid, 24);
    let mut colors: Vec<Color> = drawing(24, 0).pixels().map(|pixel| Color(pixel.0)).collect();
    colors.sort_unstable();
    colors.dedup();
    assert_eq!(art.palette, colors);

    // A second run draws nothing again and knows the same; another size draws all.
    let again = said(&folders.guise(&[]));
    assert!(
        again.contains("(4 from an earlier run)") && again.contains(found),
        "{again}"
    );
    let twice = said(&folders.guise(&["--resolution", "48"]));
    assert!(
        twice.contains("4 pictures of 48x48") && twice.contains("(0 from an"),
        "{twice}"
    );
    assert!(
        twice.contains("each 2 x 2 here, with a palette of 5 colors"),
        "{twice}"
    );
    let dataset = Dataset::open(&folders.dataset()).unwrap();
    assert_eq!(read(&dataset, 1), shown_at(&drawing(24, 1), 48));
    assert_eq!(dataset.pixel_art().unwrap().pixel_grid, 24);

    // A size that the grid does not divide has none, and it is said which have.
    let lost = said(&folders.guise(&["--resolution", "32"]));
    assert!(
        lost.contains(
            "which 32 is no multiple of, so it is lost here: --resolution 24 or 48 or 96 keeps it exact"
        ),
        "{lost}"
    );
    assert_eq!(Dataset::open(&folders.dataset()).unwrap().pixel_art(), None);
}

#[test]
fn grids_too_small_to_train_on_are_doubled_and_odd_ones_are_told() {
    for (grid, side) in [(16, 16), (12, 24), (10, 20), (32, 32), (18, 64), (72, 128)] {
        let folders = Folders::new();
        for number in 0..3 {
            let art = shown_at(&drawing(grid, number), grid * 7);
            folders.put(&format!("{number}.png"), png(&art));
        }
        let said = said(&folders.guise(&[]));
        assert!(
            said.contains(&format!("3 pictures of {side}x{side}")),
            "{grid}: {said}"
        );
        let dataset = Dataset::open(&folders.dataset()).unwrap();
        match side % grid {
            0 => assert_eq!(read(&dataset, 0), shown_at(&drawing(grid, 0), side)),
            _ => assert!(said.contains("no resolution that can be trained on"), "{said}"),
        }
        let kept = dataset.pixel_art().map(|art| art.pixel_grid as u32);
        assert_eq!(kept, (side % grid == 0).then_some(grid));
    }
}

#[test]
fn sizes_that_are_no_multiple_of_the_grid_lose_nothing() {
    let folders = Folders::new();
    for number in 0..3 {
        // 21 or 22 pixels for each of the art's.
        folders.put(
            &format!("{number}.png"),
            png(&shown_at(&drawing(24, number), 512)),
        );
    }
    let said = said(&folders.guise(&[]));
    assert!(said.contains("3 pictures of 24x24"), "{said}");
    let dataset = Dataset::open(&folders.dataset()).unwrap();
    for number in 0..3 {
        assert_eq!(read(&dataset, number), drawing(24, number as u32));
    }
}

#[test]
fn drawings_have_a_grid_too() {
    let folders = Folders::new();
    let svg = |number: u32| {
        let rects: String = (0..16)
            .map(|row| {
                let (x, width) = ((row * (number + 3)) % 11, 1 + row % 3);
                format!(r#"<rect x="{x}" y="{row}" width="{width}" height="1" fill="red"/>"#)
            })
            .collect();
        format!(
            r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><rect width="16" height="16" fill="blue"/>{rects}</svg>"#
        )
    };
    for number in 0..3 {
        folders.put(&format!("{number}.svg"), svg(number));
    }
    let said = said(&folders.guise(&[]));
    assert!(said.contains("3 pictures of 16x16"), "{said}");
    assert!(
        said.contains("on a grid of 16 x 16 pixels, with a palette of 2 colors"),
        "{said}"
    );
}

#[test]
fn what_is_not_on_the_grid_is_left_out_or_taken_without_one() {
    let folders = Folders::new();
    for number in 0..30 {
        folders.put(
            &format!("{number}.png"),
            png(&shown_at(&drawing(24, number), 240)),
        );
    }
    folders.put("banner.png", png(&gradient(240, 240, 7)));
    let summary = folders.prepare(24).unwrap();
    assert_eq!(summary.pixel_art.unwrap().palette.len(), 5);
    let [skipped] = &*summary.skipped else {
        panic!("{:?}", summary.skipped)
    };
    assert_eq!(skipped.source, "banner.png");
    assert!(
        skipped.reason.contains("the grid of 24 x 24 pixels") && skipped.reason.contains("--pixel-art off"),
        "{}",
        skipped.reason
    );

    let off = said(&folders.guise(&["--pixel-art", "off", "--resolution", "32"]));
    assert!(
        off.contains("31 pictures of 32x32") && !off.contains("grid"),
        "{off}"
    );
    let dataset = Dataset::open(&folders.dataset()).unwrap();
    assert_eq!(dataset.pixel_art(), None);
    assert!(!folders.dataset().join(Dataset::PIXEL_ART_FILE_NAME).exists());
}

#[test]
fn a_grid_that_is_named_is_taken_where_none_can_be_found() {
    let folders = Folders::new();
    for number in 0..3 {
        // JPEG blurs the blocks, and their middles remain.
        let jpeg = encoded(shown_at(&drawing(24, number), 360), ImageFormat::Jpeg);
        folders.put(&format!("{number}.jpg"), jpeg);
    }
    let nothing = said(&folders.guise(&[]));
    assert!(
        nothing.contains("3 pictures of 64x64") && !nothing.contains("grid"),
        "{nothing}"
    );
    let options = PrepareOptions {
        resolution: None,
        background: guise::data::Background::Color([255; 3]),
        pixel_art: PixelArtChoice::Grid(24),
        program: env!("CARGO_BIN_EXE_guise").into(),
    };
    let summary = prepare(&folders.art(), &folders.dataset(), &options, &|_| {}).unwrap();
    assert_eq!((summary.resolution, summary.grid), (24, Some(24)));
    let dataset = Dataset::open(&folders.dataset()).unwrap();
    for (x, y, color) in drawing(24, 0).enumerate_pixels() {
        assert_close(read(&dataset, 0).get_pixel(x, y).0, color.0, 40);
    }
}

#[test]
fn rare_colors_are_no_part_of_the_palette() {
    let folders = Folders::new();
    for number in 0..3 {
        let mut drawn = RgbImage::from_fn(32, 32, |x, y| {
            let gray = ((x + 32 * y) % 256) as u8;
            Rgb([gray, gray, 7 * (y % 2) as u8])
        });
        drawn.put_pixel(5, 5, Rgb([200, 0, number]));
        folders.put(&format!("{number}.png"), png(&shown_at(&drawn, 256)));
    }
    let said = said(&folders.guise(&[]));
    assert!(
        said.contains("with a palette of 256 colors, which 99.9 % of the pixels have"),
        "{said}"
    );
    let dataset = Dataset::open(&folders.dataset()).unwrap();
    let palette = &dataset.pixel_art().unwrap().palette;
    assert!(palette.iter().all(|color| color.0[0] == color.0[1]));
}

#[test]
fn many_colors_are_a_grid_without_a_palette() {
    let folders = Folders::new();
    for number in 0..3 {
        let shaded = RgbImage::from_fn(32, 32, |x, y| Rgb([(8 * x) as u8, (8 * y) as u8, number]));
        folders.put(&format!("{number}.png"), png(&shown_at(&shaded, 256)));
    }
    let said = said(&folders.guise(&[]));
    assert!(
        said.contains("on a grid of 32 x 32 pixels, with more colors than a palette holds"),
        "{said}"
    );
    let dataset = Dataset::open(&folders.dataset()).unwrap();
    let art = dataset.pixel_art().unwrap();
    assert_eq!((art.pixel_grid, art.palette.len()), (32, 0));
}
