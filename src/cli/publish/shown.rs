//! How a model's pictures are shown: pixel art as pixel art, and many on a sheet.

use crate::{
    art::{PixelArt, on_gray},
    cli::{model::snap, sheet::Sheet},
    data::Dataset,
    pipeline::Snap,
    train::RunFacts,
};
use anyhow::ensure;
use image::{Rgba, RgbaImage};

/// The sheet is at most this many pixels wide, so that a model card opens quickly.
const SHEET_MAX_SIDE: usize = 4096;

/// The grid and the palette of the art, with what snaps pictures to them, if the run's pictures are pixel
/// art. It is what the run says, or for runs of before that was kept, what its dataset says if that is still
/// there and the same.
pub(super) fn pixel_art(
    facts: &RunFacts,
    has_upscaler: bool,
) -> anyhow::Result<(Option<PixelArt>, Option<Snap>)> {
    let trained_on = &facts.dataset;
    let now = || {
        let dataset = Dataset::open(&trained_on.data).ok()?;
        let same = dataset.digest() == trained_on.dataset_digest;
        dataset.pixel_art().filter(|_| same).cloned()
    };
    let art = trained_on.pixel_art.clone().or_else(now);
    ensure!(
        art.is_none() || !has_upscaler,
        "this model draws pixel art, which is enlarged exactly and by no network: leave --sr out"
    );
    let snap = snap(art.as_ref(), facts.generator.resolution())?;
    Ok((art, snap))
}

/// Pictures as they are compared: colors on middle gray, and after those of each picture that is transparent
/// anywhere its alpha, as a gray picture. The colors of what is hardly there are no more than noise.
pub(super) fn judged(pictures: &[RgbaImage]) -> Vec<RgbaImage> {
    let drawn_as = |picture: &RgbaImage, f: fn([u8; 4]) -> [u8; 3]| {
        RgbaImage::from_fn(picture.width(), picture.height(), |x, y| {
            let [red, green, blue] = f(picture.get_pixel(x, y).0);
            Rgba([red, green, blue, 255])
        })
    };
    let each = pictures.iter().flat_map(|picture| {
        let alpha = |pixel: [u8; 4]| [pixel[3]; 3];
        let transparent = picture.pixels().any(|pixel| pixel[3] < 255);
        [
            Some(drawn_as(picture, on_gray)),
            transparent.then(|| drawn_as(picture, alpha)),
        ]
    });
    each.flatten().collect()
}

/// A sheet of the first pictures as people see them, snapped by `snap`; of very large ones it shows fewer.
pub(super) fn sheet(mut pictures: Vec<RgbaImage>, snap: Option<&Snap>) -> anyhow::Result<RgbaImage> {
    if let Some(snap) = snap {
        pictures.iter_mut().for_each(|picture| snap.apply(picture));
    }
    let side = pictures[0].width() as usize;
    let shown = (SHEET_MAX_SIDE / side).clamp(1, 8).pow(2);
    let mut sheet = Sheet::new(shown, [side; 2])?;
    for (index, picture) in pictures[..shown].iter().enumerate() {
        sheet.place(index, picture);
    }
    Ok(sheet.into_image())
}
