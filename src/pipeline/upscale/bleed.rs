//! Colors for pixels that cannot be seen.

use super::{Depth, Pixels};
use image::Pixel;
use std::borrow::Cow;

/// How far the colors of visible pixels are spread into invisible ones, in pixels of the input.
const BLEED_RADIUS: usize = 8;

/// Gives wholly transparent pixels near visible ones the mean color of their visible neighbors.
///
/// Their own color means nothing and is often black, but the network sees it, and would draw a dark
/// line along the outline of whatever is visible.
pub(super) fn bleed<D: Depth>(image: Cow<'_, Pixels<D>>) -> Cow<'_, Pixels<D>> {
    let (width, height) = image.dimensions();
    let hidden = D::DEFAULT_MIN_VALUE;
    let mut known: Vec<bool> = image.pixels().map(|pixel| pixel.channels()[3] > hidden).collect();
    if known.iter().all(|&known| known) {
        return image;
    }
    let most: f32 = D::DEFAULT_MAX_VALUE.into();
    let mut image = image.into_owned();
    let index = |x: u32, y: u32| y as usize * width as usize + x as usize;
    for _ in 0..BLEED_RADIUS {
        let mut found = vec![];
        for y in 0..height {
            for x in (0..width).filter(|&x| !known[index(x, y)]) {
                let (mut sum, mut count) = ([0u32; 3], 0u32);
                for near_y in y.saturating_sub(1)..=(y + 1).min(height - 1) {
                    for near_x in x.saturating_sub(1)..=(x + 1).min(width - 1) {
                        if known[index(near_x, near_y)] {
                            let pixel = image.get_pixel(near_x, near_y);
                            for (sum, &value) in sum.iter_mut().zip(pixel.channels()) {
                                *sum += Into::<u32>::into(value);
                            }
                            count += 1;
                        }
                    }
                }
                if count > 0 {
                    found.push((x, y, sum.map(|sum| D::of(sum as f32 / count as f32 / most))));
                }
            }
        }
        for (x, y, [r, g, b]) in found {
            known[index(x, y)] = true;
            image.put_pixel(x, y, *D::Rgba::from_slice(&[r, g, b, hidden]));
        }
    }
    Cow::Owned(image)
}
