//! What is drawn for a picture: plain numbers, by the distributions of appendix B of the paper.

use super::{
    matrices::{Square, around_gray, diagonal, hue, identity, product, quarter_turns, rotation, translation},
    pipe::{AugPipe, Kind},
    wavelets::BANDS,
};
use rand::Rng;
use rand_distr::StandardNormal;
use std::f64::consts::PI;

/// The share of a picture's power in each band, of a spectrum that falls as one over the frequency.
const EXPECTED_POWER: [f64; BANDS] = [10.0 / 13.0, 1.0 / 13.0, 1.0 / 13.0, 1.0 / 13.0];

/// What happens to one picture.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct View {
    /// From the pixels of the result to those of the picture, both counted in columns and rows from the
    /// center: the inverse of all that moves pixels. Every entry is whole unless an operation that mixes
    /// pixels was drawn.
    pub placement: Square<3>,
    /// From the colors of the picture to those of the result.
    pub color: Square<4>,
    /// What the amplitude of each band of frequencies is multiplied by.
    pub gains: [f64; BANDS],
    /// The standard deviation of the noise, of pictures in `[-1, 1]`, and its seed.
    pub noise: (f64, u64),
    /// The center of the box that is erased, from the left and from the top, as shares of the side.
    pub cutout: Option<[f64; 2]>,
}

impl View {
    /// What leaves a picture as it is.
    pub fn unchanged() -> Self {
        Self {
            placement: identity(),
            color: identity(),
            gains: [1.0; BANDS],
            noise: (0.0, 0),
            cutout: None,
        }
    }

    /// Draws what happens to a picture of this side, each operation of `pipe` with the probability `p`.
    ///
    /// Every number is drawn whatever `pipe` and `p` are, so that they change none of the others.
    pub fn draw(pipe: AugPipe, p: f64, side: usize, rng: &mut impl Rng) -> Self {
        let p = |kind: Kind| if pipe.kinds().contains(&kind) { p } else { 0.0 };
        let mut draws = Draws(rng);
        Self {
            placement: draws.placement(p(Kind::Blit), p(Kind::Geom), side as f64),
            color: draws.color(p(Kind::Color)),
            gains: draws.gains(p(Kind::Filter)),
            noise: draws.noise(p(Kind::Noise)),
            cutout: draws.cutout(p(Kind::Cutout)),
        }
    }
}

struct Draws<'a, R>(&'a mut R);

impl<R: Rng> Draws<'_, R> {
    fn happens(&mut self, p: f64) -> bool {
        self.0.random::<f64>() < p
    }

    /// Uniform between `-reach` and `reach`.
    fn uniform(&mut self, reach: f64) -> f64 {
        (2.0 * self.0.random::<f64>() - 1.0) * reach
    }

    fn normal(&mut self, deviation: f64) -> f64 {
        let value: f64 = self.0.sample(StandardNormal);
        value * deviation
    }

    /// A factor as often above one as below, whose logarithm to the base of two has this deviation.
    fn factor(&mut self, deviation: f64) -> f64 {
        self.normal(deviation).exp2()
    }

    /// The inverses of all steps, in the order of the steps, so that the last step's is applied first. Each
    /// number is distributed as that of its inverse, so the inverses are drawn at once.
    fn placement(&mut self, blit: f64, geom: f64, side: f64) -> Square<3> {
        // The two rotations together happen with the probability p.
        let rotate = 1.0 - (1.0 - geom).sqrt();
        let mirror = [1.0, -1.0][self.0.random_range(0..2)];
        let whole = |shift: f64| (shift * side).round();
        let scale = self.factor(0.2);
        let stretch = self.factor(0.2);
        let steps = [
            (self.happens(blit), diagonal([mirror, 1.0, 1.0])),
            (self.happens(blit), quarter_turns(self.0.random_range(0..4))),
            (
                self.happens(blit),
                translation(&[whole(self.uniform(0.125)), whole(self.uniform(0.125))]),
            ),
            (self.happens(geom), diagonal([scale, scale, 1.0])),
            (self.happens(rotate), rotation(self.uniform(PI))),
            (self.happens(geom), diagonal([stretch, 1.0 / stretch, 1.0])),
            (self.happens(rotate), rotation(self.uniform(PI))),
            (
                self.happens(geom),
                translation(&[self.normal(0.125) * side, self.normal(0.125) * side]),
            ),
        ];
        happened(&steps).fold(identity(), |all, step| product(&all, step))
    }

    fn color(&mut self, p: f64) -> Square<4> {
        let contrast = self.factor(0.5);
        let lightness = [1.0, -1.0][self.0.random_range(0..2)];
        let steps = [
            (self.happens(p), translation(&[self.normal(0.2); 3])),
            (self.happens(p), around_gray(contrast, contrast)),
            (self.happens(p), around_gray(1.0, lightness)),
            (self.happens(p), hue(self.uniform(PI))),
            (self.happens(p), around_gray(self.factor(1.0), 1.0)),
        ];
        happened(&steps).fold(identity(), |all, step| product(step, &all))
    }

    /// Each band in turn is made louder or quieter, and all together then as loud as before by the expected
    /// power.
    fn gains(&mut self, p: f64) -> [f64; BANDS] {
        let mut gains = [1.0; BANDS];
        for band in 0..BANDS {
            let (happens, factor) = (self.happens(p), self.factor(1.0));
            if happens {
                let change = |other: usize| if other == band { factor } else { 1.0 };
                let power: f64 = (0..BANDS).map(|i| EXPECTED_POWER[i] * change(i).powi(2)).sum();
                gains = std::array::from_fn(|i| gains[i] * change(i) / power.sqrt());
            }
        }
        gains
    }

    fn noise(&mut self, p: f64) -> (f64, u64) {
        let (happens, deviation) = (self.happens(p), self.normal(0.1).abs());
        (if happens { deviation } else { 0.0 }, self.0.random())
    }

    fn cutout(&mut self, p: f64) -> Option<[f64; 2]> {
        let happens = self.happens(p);
        let center = [self.0.random(), self.0.random()];
        happens.then_some(center)
    }
}

fn happened<const N: usize>(steps: &[(bool, Square<N>)]) -> impl Iterator<Item = &Square<N>> {
    steps.iter().filter(|(happens, _)| *happens).map(|(_, step)| step)
}
