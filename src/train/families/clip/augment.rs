//! Small flaws for the pictures, because the tower will judge what a generator draws, which has them.

use rand::Rng;

/// The shape of one picture, planes first.
pub(super) const CHANNELS: usize = 3;

/// A picture `[3, side, side]` in `[-1, 1]` from its bytes, moved by up to a pixel, blurred a little, its
/// colors off by a little, with a little noise.
///
/// All of it stays well below the differences between the colors that captions tell apart.
pub(in crate::train) fn flawed(pixels: &[u8], side: usize, rng: &mut impl Rng) -> Vec<f32> {
    let plain = rng.random_bool(0.25);
    let [dx, dy] = [0; 2].map(|_: i32| rng.random_range(-1i32..=1));
    let blur = if rng.random_bool(0.5) {
        rng.random_range(0.0..0.6f32)
    } else {
        0.0
    };
    let noise = rng.random_range(0.0..0.05f32);
    let mut values = vec![0f32; CHANNELS * side * side];
    for (plane, (from, to)) in pixels
        .chunks_exact(side * side)
        .zip(values.chunks_exact_mut(side * side))
        .enumerate()
    {
        debug_assert!(plane < CHANNELS);
        if plain {
            to.iter_mut().zip(from).for_each(|(to, &byte)| *to = scaled(byte));
            continue;
        }
        let gain = rng.random_range(0.96..1.04f32);
        let offset = rng.random_range(-0.04..0.04f32);
        // Where the picture has moved away, its edge goes on.
        let at = |x: i32, y: i32| {
            let inside = |at: i32| at.clamp(0, side as i32 - 1) as usize;
            scaled(from[inside(y) * side + inside(x)])
        };
        for (index, to) in to.iter_mut().enumerate() {
            let (x, y) = ((index % side) as i32 - dx, (index / side) as i32 - dy);
            let mut value = at(x, y);
            if blur > 0.0 {
                let mean = 0.25 * (at(x - 1, y) + at(x + 1, y) + at(x, y - 1) + at(x, y + 1));
                value += blur * (mean - value);
            }
            let value = value * gain + offset + noise * rng.random_range(-1.0..1.0f32);
            *to = value.clamp(-1.0, 1.0);
        }
    }
    values
}

/// A byte as the networks see it, in `[-1, 1]`.
pub(in crate::train) fn scaled(byte: u8) -> f32 {
    f32::from(byte) / 127.5 - 1.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::streams::stream;

    #[test]
    fn flaws_are_small_and_stay_in_range() {
        let pixels: Vec<u8> = (0..3 * 8 * 8).map(|i| if i < 64 { 250 } else { 20 }).collect();
        let mut different = 0;
        for step in 0..50 {
            let values = flawed(&pixels, 8, &mut stream(1, "step", step));
            assert_eq!(values.len(), pixels.len());
            different += usize::from(values != pixels.iter().copied().map(scaled).collect::<Vec<_>>());
            for (value, &byte) in values.iter().zip(&pixels) {
                assert!((-1.0..=1.0).contains(value));
                assert!((value - scaled(byte)).abs() < 0.15, "{value} for {byte}");
            }
        }
        assert!((20..50).contains(&different), "{different} of 50 differ");
    }
}
