//! What can be seen in pictures without any network.

use super::{
    Features,
    variety::{colors, edges},
};

/// Cells on a side of the grid in which edges are counted.
const CELLS: usize = 8;

/// Colors and shapes of `pictures`, each `[3, side, side]` in `[-1, 1]`: the averages of the channels in 4 x 4
/// cells, and the share of pixels at an edge in 8 x 8 cells.
///
/// They are always the same numbers for a picture and take no time, and they tell a blurred or a wrong set of
/// pictures from a right one. How natural a single picture looks they do not see: distances of such features
/// are for comparing trainings of one collection with each other, and for nothing else.
///
/// # Panics
///
/// When there are fewer than two pictures, or they are not all of that size.
pub fn plain_features(pictures: &[Vec<f32>], side: usize) -> Features {
    let mut values = vec![];
    let mut dimensions = 0;
    for picture in pictures {
        assert_eq!(
            picture.len(),
            3 * side * side,
            "three planes of {side} x {side} pixels"
        );
        let before = values.len();
        values.extend(colors(picture, side));
        let mut counts = [(0.0, 0.0); CELLS * CELLS];
        for (place, is_edge) in edges(picture, side).into_iter().enumerate() {
            let [x, y] = [place % side, place / side].map(|pixel| pixel * CELLS / side);
            let (edges, pixels) = &mut counts[y * CELLS + x];
            *edges += f32::from(u8::from(is_edge));
            *pixels += 1.0;
        }
        values.extend(counts.map(|(edges, pixels): (f32, f32)| edges / pixels.max(1.0)));
        dimensions = values.len() - before;
    }
    Features::new(values, dimensions)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::kid;
    use burn::tensor::Device;

    const SIDE: usize = 16;

    /// Bright squares of `size` pixels in places that `salt` chooses, on a gray ground.
    fn squares(count: usize, size: usize, salt: usize) -> Vec<Vec<f32>> {
        let corner = |i: usize, prime: usize| (i * prime + salt) % (SIDE - size);
        let picture = |i: usize| {
            let inside = |p: usize, corner: usize| (corner..corner + size).contains(&p);
            let pixel = |place: usize| {
                let (x, y) = (place % SIDE, place / SIDE % SIDE);
                inside(x, corner(i, 7)) && inside(y, corner(i, 5))
            };
            (0..3 * SIDE * SIDE)
                .map(|place| if pixel(place) { 1.0 } else { -0.2 })
                .collect()
        };
        (0..count).map(picture).collect()
    }

    #[test]
    fn the_same_kind_of_picture_is_near_and_another_is_not() {
        let device = Device::flex();
        let distance = |other: &[Vec<f32>]| {
            let [a, b] = [&squares(60, 5, 0), other].map(|pictures| plain_features(pictures, SIDE));
            kid(&a, &b, &device)
        };
        let alike = distance(&squares(60, 5, 3));
        let larger = distance(&squares(60, 9, 3));
        let blurred = distance(&vec![vec![0.1; 3 * SIDE * SIDE]; 60]);
        let one = distance(&vec![squares(1, 5, 3).remove(0); 60]);
        assert!(larger > 4.0 * alike.abs(), "{larger}, {alike}");
        assert!(blurred > 4.0 * alike.abs(), "{blurred}, {alike}");
        assert!(one > 4.0 * alike.abs(), "{one}, {alike}");
    }
}
