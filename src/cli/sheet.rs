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
    side: usize,
}

impl Sheet {
    /// The squarest sheet for `count` pictures of `side` pixels, empty as yet.
    pub(super) fn new(count: usize, side: usize) -> anyhow::Result<Self> {
        let columns = (count as f64).sqrt().ceil().max(1.0) as usize;
        Self::with_columns(count, columns, side)
    }

    /// A sheet for `count` pictures of `side` pixels in rows of `columns`, empty as yet.
    pub(super) fn with_columns(count: usize, columns: usize, side: usize) -> anyhow::Result<Self> {
        let rows = count.div_ceil(columns);
        let longest = columns.max(rows) * side;
        ensure!(
            longest <= MAX_SIDE,
            "a sheet of {count} pictures of {side} pixels would be {longest} pixels wide, expected at most {MAX_SIDE}: \
             name a folder with --out, ending in a slash, for a file each"
        );
        // As colors, and as the file that they become.
        let bytes = 2 * 4 * (columns * rows * side * side) as u64;
        let what = format!("a sheet of {count} pictures of {side} pixels");
        Memory::LEFT.ensure(
            bytes,
            &what,
            "name a folder with --out, ending in a slash, for a file each",
        )?;
        Ok(Self {
            image: RgbaImage::new((columns * side) as u32, (rows * side) as u32),
            columns,
            side,
        })
    }

    /// Puts `picture` at its place.
    pub(super) fn place(&mut self, index: usize, picture: &RgbaImage) {
        let [x, y] = [index % self.columns, index / self.columns].map(|at| (at * self.side) as i64);
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
        let size = |count, side| Sheet::new(count, side).unwrap().into_image().dimensions();
        assert_eq!(size(64, 64), (512, 512));
        assert_eq!(size(10, 4), (16, 12));
        assert_eq!(size(1, 1024), (1024, 1024));
        let error = Sheet::new(1000, 1024).err().unwrap().to_string();
        assert!(
            error.contains("32768 pixels wide, expected at most 8192"),
            "{error}"
        );
    }

    #[test]
    fn pictures_stand_row_by_row() {
        let mut sheet = Sheet::new(5, 2).unwrap();
        for i in 0..5 {
            sheet.place(i, &RgbaImage::from_pixel(2, 2, image::Rgba([i as u8, 0, 0, 255])));
        }
        let image = sheet.into_image();
        assert_eq!(image.dimensions(), (6, 4));
        assert_eq!(image[(5, 1)].0, [2, 0, 0, 255]);
        assert_eq!(image[(2, 2)].0, [4, 0, 0, 255]);
        assert_eq!(image[(4, 3)].0, [0; 4], "nothing stands here");
    }
}
