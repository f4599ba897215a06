//! The pictures of a site that are not the page's: the card that a link to it is shown with, and icons.

use super::accent::WALLS;
use crate::{
    cli::{
        bundle,
        device::DeviceChoice,
        memory::Memory,
        model::{draw, snap},
        progress,
        sheet::encode_png,
        trust::Purpose,
    },
    pipeline::{SampleRequest, memory::to_draw},
};
use image::{
    Rgba, RgbaImage,
    imageops::{self, FilterType},
};
use std::path::Path;

/// Width and height of the card in pixels, the shape that previews of links have room for.
pub(super) const CARD: [u32; 2] = [1200, 630];

/// Columns and rows of avatars on the card.
const GRID: [u32; 2] = [6, 3];

/// How much of a cell an avatar takes.
const TILE: u32 = 192;

/// Sides in pixels of the icons: what iOS asks for, and the two that installable pages are to have.
pub(super) const ICONS: [u32; 3] = [180, 192, 512];

/// PNG files of a model's avatars, by the seeds from 0 on.
pub(super) struct Pictures {
    /// The card.
    pub card: Vec<u8>,
    /// An icon for each of [`ICONS`].
    pub icons: Vec<Vec<u8>>,
}

impl Pictures {
    /// Has the bundle in `dir` draw them, on the processor.
    pub fn draw(dir: &Path) -> anyhow::Result<Self> {
        let device = DeviceChoice::Cpu;
        let open = bundle::open(dir, Purpose::Draw, &device.open()?, Memory::LEFT)?;
        let count = GRID[0] * GRID[1];
        let request = SampleRequest {
            seeds: (0..count.into()).collect(),
            truncation_psi: open.manifest.truncation_psi,
            batch_size: Memory::LEFT.batch(None, 8, |n| to_draw(&open.generator, n))?,
        };
        let art = open.manifest.pixel_art();
        let snap = snap(art.as_ref(), open.manifest.parts.generator.config.resolution())?;
        let bar = progress::bar(count.into(), "samples");
        let mut card = RgbaImage::from_pixel(CARD[0], CARD[1], wall());
        let mut first = None;
        draw(
            &open.generator,
            &request,
            &open.device,
            &bar,
            |index, mut picture| {
                if let Some(snap) = &snap {
                    snap.apply(&mut picture);
                }
                let [column, row] = [index as u32 % GRID[0], index as u32 / GRID[0]];
                let cell = [CARD[0] / GRID[0], CARD[1] / GRID[1]];
                put(&mut card, &picture, [column * cell[0], row * cell[1]], cell, TILE);
                first.get_or_insert(picture);
                Ok(())
            },
        )
        .map_err(|error| bundle::blame(error, (dir, Some(&open.manifest)), None, device))?;
        bar.finish_and_clear();
        let first = first.unwrap_or_default();
        let icon = |side: &u32| {
            let mut icon = RgbaImage::from_pixel(*side, *side, wall());
            put(&mut icon, &first, [0, 0], [*side; 2], *side);
            encode_png(&icon)
        };
        Ok(Self {
            card: encode_png(&card)?,
            icons: ICONS.iter().map(icon).collect::<anyhow::Result<_>>()?,
        })
    }
}

/// The color behind avatars.
fn wall() -> Rgba<u8> {
    let [r, g, b] = WALLS[0].0;
    Rgba([r, g, b, 255])
}

/// Puts `picture` in the middle of a cell, at most `side` pixels wide. Small pictures are enlarged by whole
/// numbers, so that every drawn pixel stays a square.
fn put(onto: &mut RgbaImage, picture: &RgbaImage, at: [u32; 2], cell: [u32; 2], side: u32) {
    let own = picture.width().max(1);
    let (side, filter) = match side / own {
        0 => (side, FilterType::Triangle),
        times => (own * times, FilterType::Nearest),
    };
    // On the wall first: what is invisible has no color that may be mixed with visible ones.
    let mut laid = RgbaImage::from_pixel(picture.width(), picture.height(), wall());
    imageops::overlay(&mut laid, picture, 0, 0);
    let fitted = imageops::resize(&laid, side, side, filter);
    let [x, y] = [0, 1].map(|i| i64::from(at[i] + (cell[i] - side) / 2));
    imageops::replace(onto, &fitted, x, y);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_stand_in_the_middle_of_their_cells() {
        for (own, shown) in [(64, 192), (50, 150), (512, 192)] {
            let red = Rgba([200, 0, 0, 255]);
            let mut sheet = RgbaImage::from_pixel(400, 210, wall());
            put(
                &mut sheet,
                &RgbaImage::from_pixel(own, own, red),
                [200, 0],
                [200, 210],
                TILE,
            );
            let painted = sheet.pixels().filter(|pixel| **pixel == red).count() as u32;
            assert_eq!(painted, shown * shown, "{own}");
            assert_eq!(sheet[(300, 105)], red);
            assert_eq!(sheet[(100, 105)], wall());
        }
    }
}
