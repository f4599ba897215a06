//! The sheet: names above the columns, a title above each row, figures below each picture.

use crate::cli::{
    drawing::{drawn, text_width},
    memory::Memory,
};
use anyhow::ensure;
use image::{
    RgbaImage,
    imageops::{self, FilterType},
};

/// The longest side, as of other sheets.
const MAX_SIDE: u32 = 8192;
/// Between columns and around everything.
const GAP: u32 = 8;
/// The height of a line of text, and that of its letters.
const LINE: u32 = 22;
const LETTERS: f64 = 13.0;
/// The least width of a column, so that figures fit below a picture.
const LEAST_COLUMN: u32 = 170;

/// A sheet that is filled row by row.
pub(super) struct Sheet {
    image: RgbaImage,
    /// The width of a column.
    column: u32,
    /// The height of the pictures of each row.
    heights: Vec<u32>,
    row: usize,
    /// Where the current row begins.
    top: u32,
}

impl Sheet {
    /// A sheet with columns of these `names`, and rows of pictures of these `sizes`.
    pub fn new(names: &[&str], sizes: &[[u32; 2]], memory: Memory) -> anyhow::Result<Self> {
        let columns = names.len() as u32;
        let widest = sizes.iter().map(|size| size[0]).max().unwrap_or(1);
        // Larger pictures are shown smaller.
        let room = (MAX_SIDE - GAP) / columns.max(1);
        ensure!(
            room > LEAST_COLUMN + GAP,
            "{columns} columns do not fit on a sheet of {MAX_SIDE} pixels: name fewer models"
        );
        let column = widest.max(LEAST_COLUMN).min(room - GAP);
        let heights: Vec<u32> = sizes.iter().map(|&size| shown(size, column)[1]).collect();
        let width = columns * (column + GAP) + GAP;
        let rows: u64 = heights
            .iter()
            .map(|&height| u64::from(height + 2 * LINE + GAP))
            .sum();
        let height = rows + u64::from(LINE + 2 * GAP);
        ensure!(
            height <= u64::from(MAX_SIDE),
            "the sheet would be {height} pixels high, expected at most {MAX_SIDE}: name fewer pictures, or fewer or \
             smaller sizes with --from"
        );
        memory.ensure(
            3 * 4 * u64::from(width) * height,
            &format!("a sheet of {width} x {height} pixels"),
            "name fewer pictures or models",
        )?;
        let mut sheet = Self {
            image: RgbaImage::from_pixel(width, height as u32, super::PAPER),
            column,
            heights,
            row: 0,
            top: 2 * GAP + LINE,
        };
        for (number, name) in names.iter().enumerate() {
            sheet.write(name, sheet.left(number), GAP, column)?;
        }
        Ok(sheet)
    }

    /// Says what the current row shows.
    pub fn title(&mut self, text: &str) -> anyhow::Result<()> {
        self.write(text, GAP, self.top, self.image.width() - 2 * GAP)
    }

    /// Puts a picture into a column of the current row, and a `caption` below it.
    pub fn place(&mut self, column: usize, picture: &RgbaImage, caption: &str) -> anyhow::Result<()> {
        let left = self.left(column);
        let size = picture.dimensions().into();
        let [width, height] = shown(size, self.column);
        let top = i64::from(self.top + LINE);
        match [width, height] == size {
            true => imageops::replace(&mut self.image, picture, left.into(), top),
            false => {
                let filter = if width > size[0] {
                    FilterType::Nearest
                } else {
                    FilterType::Lanczos3
                };
                let picture = imageops::resize(picture, width, height, filter);
                imageops::replace(&mut self.image, &picture, left.into(), top);
            }
        }
        self.write(
            caption,
            left,
            self.top + LINE + self.heights[self.row],
            self.column,
        )
    }

    /// Goes on to the next row.
    pub fn next_row(&mut self) {
        self.top += self.heights[self.row] + 2 * LINE + GAP;
        self.row += 1;
    }

    pub fn into_image(self) -> RgbaImage {
        self.image
    }

    fn left(&self, column: usize) -> u32 {
        GAP + column as u32 * (self.column + GAP)
    }

    /// Writes a line of text, cut where there is no more room.
    fn write(&mut self, text: &str, left: u32, top: u32, width: u32) -> anyhow::Result<()> {
        let text = cut(text, width);
        let escaped = text
            .replace('&', "&amp;")
            .replace('<', "&lt;")
            .replace('>', "&gt;");
        let baseline = f64::from(LINE) - 7.0;
        let svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{LINE}\">\
             <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\
             <text x=\"0\" y=\"{baseline}\" font-family=\"sans-serif\" font-size=\"{LETTERS}\" \
             fill=\"#2d3038\">{escaped}</text></svg>"
        );
        let line = drawn(&svg, 1.0)?;
        imageops::replace(&mut self.image, &line, left.into(), top.into());
        Ok(())
    }
}

/// Width and height of a picture on the sheet: by a whole number larger where it is small, and smaller where
/// it is wider than the column.
fn shown([width, height]: [u32; 2], column: u32) -> [u32; 2] {
    match column / width {
        0 => {
            let height = u64::from(height) * u64::from(column) / u64::from(width);
            [column, (height as u32).max(1)]
        }
        times => [width * times, height * times],
    }
}

/// The text, or as much of it as there is room for, without what no XML may hold.
fn cut(text: &str, width: u32) -> String {
    let is_none = |c: char| c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}');
    let text: String = text.chars().map(|c| if is_none(c) { ' ' } else { c }).collect();
    let room = f64::from(width);
    if text_width(&text, LETTERS) <= room {
        return text;
    }
    // The end of a path says more than its beginning.
    let count = (room / text_width("m", LETTERS)) as usize;
    let skipped = text.chars().count().saturating_sub(count.saturating_sub(1));
    format!("…{}", text.chars().skip(skipped).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_fill_their_column() {
        assert_eq!(shown([128, 64], 512), [512, 256]);
        assert_eq!(shown([200, 100], 512), [400, 200]);
        assert_eq!(shown([1024, 1], 512), [512, 1]);
    }

    #[test]
    fn long_names_are_cut_at_their_beginning() {
        assert_eq!(cut("a<b\u{7}c\u{ffff}", 400), "a<b c ");
        let text = cut(&format!("{}end.png", "x".repeat(100)), 170);
        assert!(text.starts_with('…') && text.ends_with("end.png"), "{text}");
        assert!(text_width(&text, LETTERS) <= 170.0);
    }

    #[test]
    fn everything_has_its_place() {
        let mut sheet = Sheet::new(&["one", "<two>"], &[[200, 50], [50, 25]], Memory::LEFT).unwrap();
        let red = |width, height| RgbaImage::from_pixel(width, height, image::Rgba([255, 0, 0, 255]));
        for size in [[200, 50], [50, 25]] {
            sheet.title("a row").unwrap();
            for column in 0..2 {
                sheet.place(column, &red(size[0], size[1]), "1 dB").unwrap();
            }
            sheet.next_row();
        }
        let image = sheet.into_image();
        assert_eq!(image.dimensions(), (8 + 2 * 208, 38 + (50 + 52) + (100 + 52)));
        let is_red = |x, y| image.get_pixel(x, y).0 == [255, 0, 0, 255];
        for (x, y) in [(8, 60), (207, 109), (216, 60), (8, 162), (207, 261)] {
            assert!(is_red(x, y), "{x}, {y}");
        }
        for (x, y) in [(7, 60), (208, 60), (8, 59), (8, 110), (8, 262)] {
            assert!(!is_red(x, y), "{x}, {y}");
        }
        let has_letters = |left: u32, top: u32| {
            let mut pixels = (left..left + 60).flat_map(|x| (top..top + 22).map(move |y| (x, y)));
            pixels.any(|(x, y)| image.get_pixel(x, y)[0] < 128)
        };
        for (left, top) in [(8, 8), (216, 8), (8, 38), (8, 110), (216, 110)] {
            assert!(has_letters(left, top), "{left}, {top}");
        }
        let error = Sheet::new(&["one"], &[[10, 9000]], Memory::LEFT)
            .err()
            .unwrap()
            .to_string();
        assert!(error.contains("expected at most 8192"), "{error}");
    }
}
