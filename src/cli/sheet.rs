//! Sheets of many avatars, and PNG files.

use super::{files::write_whole, memory::Memory};
use anyhow::{Context, ensure};
use image::{ImageFormat, RgbaImage, imageops};
use std::{io::Cursor, path::Path};

/// The longest side of a sheet in pixels; such a sheet takes 256 MiB.
const MAX_SIDE: usize = 8192;

/// Pictures of the same size, row by row; what is left of the last row stays transparent.
pub(super) struct Sheet {
    image: RgbaImage,
    columns: usize,
    /// Width and height of a picture.
    size: [usize; 2],
}

impl Sheet {
    /// A sheet of about as many rows as columns for `count` pictures of this width and height, empty as yet.
    pub(super) fn new(count: usize, size: [usize; 2]) -> anyhow::Result<Self> {
        let columns = (count as f64).sqrt().ceil().max(1.0) as usize;
        Self::with_columns(count, columns, size)
    }

    /// A sheet for `count` pictures of this width and height in rows of `columns`, empty as yet.
    pub(super) fn with_columns(count: usize, columns: usize, size: [usize; 2]) -> anyhow::Result<Self> {
        let [width, height] = size;
        let sides = [columns * width, count.div_ceil(columns) * height];
        let longest = sides[0].max(sides[1]);
        ensure!(
            longest <= MAX_SIDE,
            "a sheet of {count} pictures of {width} x {height} pixels would be {} x {} pixels, expected at most \
             {MAX_SIDE} on a side: name a folder with --out, ending in a slash, for a file each",
            sides[0],
            sides[1]
        );
        // As colors, and as the file that they become.
        let bytes = 2 * 4 * (sides[0] * sides[1]) as u64;
        let what = format!("a sheet of {count} pictures of {width} x {height} pixels");
        Memory::LEFT.ensure(
            bytes,
            &what,
            "name a folder with --out, ending in a slash, for a file each",
        )?;
        let [wide, high] = sides.map(|side| side as u32);
        Ok(Self {
            image: RgbaImage::new(wide, high),
            columns,
            size,
        })
    }

    /// Puts `picture` at its place.
    pub(super) fn place(&mut self, index: usize, picture: &RgbaImage) {
        let place = [index % self.columns, index / self.columns];
        let [x, y] = [0, 1].map(|axis| (place[axis] * self.size[axis]) as i64);
        imageops::replace(&mut self.image, picture, x, y);
    }

    /// The sheet with everything that was placed on it.
    pub(super) fn into_image(self) -> RgbaImage {
        self.image
    }
}

/// Writes `picture` as PNG, whole or not at all.
pub(super) fn write_png(path: &Path, picture: &RgbaImage) -> anyhow::Result<()> {
    write_whole(path, &encode_png(picture)?)
}

/// The PNG file of `picture`.
pub(super) fn encode_png(picture: &RgbaImage) -> anyhow::Result<Vec<u8>> {
    let mut png = Cursor::new(vec![]);
    picture
        .write_to(&mut png, ImageFormat::Png)
        .context("cannot encode a PNG")?;
    Ok(png.into_inner())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sheets_are_as_square_as_they_can_be() {
        let size = |count, side| Sheet::new(count, [side; 2]).unwrap().into_image().dimensions();
        assert_eq!(size(64, 64), (512, 512));
        assert_eq!(size(10, 4), (16, 12));
        assert_eq!(size(1, 1024), (1024, 1024));
        let error = Sheet::new(1000, [1024; 2]).err().unwrap().to_string();
        assert!(
            error.contains("would be 32768 x 32768 pixels, expected at most 8192"),
            "{error}"
        );
    }

    #[test]
    fn pictures_stand_row_by_row() {
        let mut sheet = Sheet::new(5, [2, 3]).unwrap();
        for i in 0..5 {
            sheet.place(i, &RgbaImage::from_pixel(2, 3, image::Rgba([i as u8, 0, 0, 255])));
        }
        let image = sheet.into_image();
        assert_eq!(image.dimensions(), (6, 6));
        assert_eq!(image[(5, 1)].0, [2, 0, 0, 255]);
        assert_eq!(image[(2, 3)].0, [4, 0, 0, 255]);
        assert_eq!(image[(4, 4)].0, [0; 4], "nothing stands here");
    }
}
