//! How varied a set of pictures is, to notice a generator that draws the same one again and again.

/// Cells on a side of the grid that colors are averaged over.
const CELLS: usize = 4;
/// A step in brightness between neighbors, of the two that black and white are apart, that makes an edge.
const EDGE: f32 = 0.2;

/// How much pictures differ from each other, each as the mean over all pairs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Variety {
    /// In shape: the share of edges that only one of the two has, from 0 to 1.
    pub shapes: f64,
    /// In color: the distance between the averages of 4 x 4 cells, by root mean square.
    pub colors: f64,
}

impl Variety {
    /// Of `pictures`, each `[3, side, side]` in `[-1, 1]`.
    ///
    /// Shapes are compared by where brightness changes, whatever the colors are: a collapsed generator often
    /// goes on to vary these.
    ///
    /// # Panics
    ///
    /// When there are fewer than two pictures, or they are not all of that size.
    pub fn of(pictures: &[Vec<f32>], side: usize) -> Self {
        assert!(pictures.len() >= 2, "variety is between pictures");
        let all_sized = pictures.iter().all(|picture| picture.len() == 3 * side * side);
        assert!(all_sized, "three planes of {side} x {side} pixels");
        let edges: Vec<Vec<bool>> = pictures.iter().map(|picture| edges(picture, side)).collect();
        let colors: Vec<Vec<f32>> = pictures.iter().map(|picture| colors(picture, side)).collect();
        Self {
            shapes: mean_of_pairs(&edges, |a, b| {
                let count = |test: fn(bool, bool) -> bool| {
                    a.iter().zip(b).filter(|&(&a, &b)| test(a, b)).count() as f64
                };
                count(|a, b| a != b) / count(|a, b| a || b).max(1.0)
            }),
            colors: mean_of_pairs(&colors, |a, b| {
                let squares = a.iter().zip(b).map(|(a, b)| f64::from(a - b).powi(2));
                (squares.sum::<f64>() / a.len() as f64).sqrt()
            }),
        }
    }
}

fn mean_of_pairs<T>(all: &[T], distance: impl Fn(&T, &T) -> f64) -> f64 {
    let pairs = (0..all.len()).flat_map(|i| (0..i).map(move |j| (i, j)));
    let sum: f64 = pairs.map(|(i, j)| distance(&all[i], &all[j])).sum();
    sum / (all.len() * (all.len() - 1) / 2) as f64
}

/// Whether each pixel is much brighter or darker than its right or its lower neighbor.
fn edges(picture: &[f32], side: usize) -> Vec<bool> {
    let plane = side * side;
    let brightness = |x: usize, y: usize| -> f32 {
        let place = y * side + x;
        (0..3)
            .map(|channel| picture[channel * plane + place])
            .sum::<f32>()
            / 3.0
    };
    let pixels = (0..side).flat_map(|y| (0..side).map(move |x| (x, y)));
    pixels
        .map(|(x, y)| {
            let here = brightness(x, y);
            let right = brightness((x + 1).min(side - 1), y);
            let below = brightness(x, (y + 1).min(side - 1));
            (here - right).abs().max((here - below).abs()) > EDGE * 2.0
        })
        .collect()
}

/// The average of each channel in each cell.
fn colors(picture: &[f32], side: usize) -> Vec<f32> {
    let mut sums = vec![(0.0, 0); 3 * CELLS * CELLS];
    for (place, value) in picture.iter().enumerate() {
        let (channel, y, x) = (place / (side * side), place / side % side, place % side);
        let cell = (channel * CELLS + y * CELLS / side) * CELLS + x * CELLS / side;
        sums[cell].0 += value;
        sums[cell].1 += 1;
    }
    sums.into_iter()
        .map(|(sum, count)| sum / count.max(1) as f32)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIDE: usize = 16;

    /// A bright square whose upper left corner is `corner`, on `ground`.
    fn square(corner: [usize; 2], ground: f32) -> Vec<f32> {
        let inside = |x: usize, y: usize| [x, y].iter().zip(corner).all(|(&p, c)| (c..c + 6).contains(&p));
        let pixel = |place: usize| inside(place % SIDE, place / SIDE % SIDE);
        (0..3 * SIDE * SIDE)
            .map(|place| if pixel(place) { 1.0 } else { ground })
            .collect()
    }

    #[test]
    fn equal_pictures_have_none() {
        let pictures = vec![square([3, 4], -1.0); 3];
        let none = Variety {
            shapes: 0.0,
            colors: 0.0,
        };
        assert_eq!(Variety::of(&pictures, SIDE), none);
    }

    #[test]
    fn another_ground_is_another_color_and_the_same_shape() {
        let variety = Variety::of(&[square([3, 4], -1.0), square([3, 4], 0.0)], SIDE);
        assert_eq!(variety.shapes, 0.0);
        assert!(variety.colors > 0.5, "{variety:?}");
    }

    #[test]
    fn another_place_is_another_shape() {
        let variety = Variety::of(&[square([1, 1], -1.0), square([9, 9], -1.0)], SIDE);
        assert_eq!(variety.shapes, 1.0);
        // Moved by one pixel, most of the upper and lower edges are still in both.
        let near = Variety::of(&[square([3, 4], -1.0), square([4, 4], -1.0)], SIDE);
        assert!((0.1..0.9).contains(&near.shapes), "{near:?}");
    }
}
