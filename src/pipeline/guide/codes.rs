//! VQGAN+CLIP (Crowson et al., "VQGAN-CLIP: Open Domain Image Generation and Editing with Natural Language
//! Guidance", 2022): what guidance moves is a grid of vectors, and each is drawn as the code that is nearest
//! to it. The gradient of that code goes straight through to the vector.

use super::{Avatar, Coordinates, GuideSettings, Loss, Optimizer, Targets, is_unit, judge, optimize, read};
use crate::{
    networks::{encoders::ImageEncoder, generators::vqgan::VqGan},
    ops::cutouts::CutoutConfig,
    pipeline::{Cancel, Error, Event, Network, Quality, sample::image_of_size},
};
use burn::tensor::{Device, Int, Tensor, TensorData};
use image::RgbaImage;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// The random numbers of the start are not those of cutouts and noise.
const START_STREAM: u64 = 1;

/// Where a grid begins.
#[derive(Debug, Clone, PartialEq)]
pub enum CodeStart {
    /// Codes that are drawn at random, one for each place.
    Codes,
    /// The codes of a picture of random colors, in squares of so many pixels on a side, at least one.
    Noise(usize),
    /// The codes of this picture: its largest centered part of the size that was asked for.
    Picture(RgbaImage),
}

/// What to draw by the codes of a VQGAN.
#[derive(Debug, Clone, PartialEq)]
pub struct CodeRequest {
    /// Pictures to give, 1 to 64.
    pub count: usize,
    /// Height and width in pixels, multiples of the network's factor.
    pub size: [usize; 2],
    /// Where they begin.
    pub start: CodeStart,
    /// How the grids are optimized. Space and truncation mean nothing to codes, and crops may be as small as
    /// the pictures that the encoder takes.
    pub guidance: GuideSettings,
}

impl GuideSettings {
    /// Those that serve grids of codes: after Crowson et al., who have many views of a picture please the
    /// encoder, because a decoder alone keeps it no avatar.
    pub fn of_codes(quality: Quality) -> Self {
        Self {
            loss: Loss::Spherical,
            steps: match quality {
                Quality::Draft => 100,
                Quality::Normal => 400,
                Quality::Better => 1000,
            },
            learning_rate: 0.5,
            optimizer: Optimizer::AdamW,
            center_pull: 0.0,
            cutouts: CutoutConfig {
                num_cutouts: 30,
                aspect: 0.2,
                // 30 degrees.
                rotation: std::f32::consts::FRAC_PI_6,
                flip: 0.5,
                ..CutoutConfig::default()
            },
            snapshots: 1,
            ..Self::default()
        }
    }
}

/// Grids of vectors in units of the spread of the codes, around their mean.
pub(super) struct Grid<'a> {
    network: &'a VqGan,
    /// Rows and columns.
    grid: [usize; 2],
    /// The mean of the codes, `[1, 1, codebook_dim]`.
    center: Tensor<3>,
    pub(super) scale: f32,
    /// The least and the largest coordinate of any code in each channel, `[1, 1, codebook_dim]`.
    range: [Tensor<3>; 2],
    /// What the grids are pulled back to, `[n, places, codebook_dim]`.
    pub(super) start: Tensor<3>,
}

impl<'a> Grid<'a> {
    /// The coordinates of `start [n, rows columns, codebook_dim]`, as near as codes can be.
    pub(super) async fn around(
        network: &'a VqGan,
        grid: [usize; 2],
        start: Tensor<3>,
    ) -> Result<Self, Error> {
        let codebook = network.codebook.val().without_autodiff();
        let center = codebook.clone().mean_dim(0);
        let scale = read((codebook.clone() - center.clone()).square().mean().sqrt()).await?[0];
        if !scale.is_finite() {
            return Err(Error::NotNumbers {
                network: Network::Generator,
            });
        }
        // All codes may be the same.
        let scale = if scale > 1e-12 { scale } else { 1.0 };
        let range = [codebook.clone().min_dim(0), codebook.max_dim(0)];
        let range = range.map(|end| ((end - center.clone()) / scale).unsqueeze());
        let center: Tensor<3> = center.unsqueeze();
        Ok(Self {
            network,
            grid,
            scale,
            range,
            start: (start - center.clone()) / scale,
            center,
        })
    }
}

impl Coordinates for Grid<'_> {
    fn latents(&self, u: Tensor<3>) -> Tensor<3> {
        u * self.scale + self.center.clone()
    }

    fn draw(&self, latents: Tensor<3>) -> Tensor<4> {
        let ([n, _, d], [rows, columns]) = (latents.dims(), self.grid);
        let map = latents.reshape([n, rows, columns, d]).permute([0, 3, 1, 2]);
        self.network.decode(self.network.quantize(map).z_q)
    }

    fn pulled(&self, u: Tensor<3>) -> Tensor<3> {
        (u - self.start.clone()).square().mean_dim(2).mean_dim(1)
    }

    /// Beyond the outermost codes a vector would be drawn as the same code for many steps.
    fn within(&self, u: Tensor<3>) -> Tensor<3> {
        let shape = u.dims();
        let [least, largest] = self.range.each_ref().map(|end| end.clone().expand(shape));
        u.max_pair(least).min_pair(largest)
    }
}

/// Draws pictures for `targets` by optimizing the codes of `network`, and tells it as [`guide`](super::guide)
/// does. Latents of the result are `[places codebook_dim]`, row by row.
///
/// # Errors
///
/// [`Error::Request`] when request and network do not go together, [`Error::NotNumbers`] when a network
/// computes none, and what [`guide`](super::guide) gives.
pub async fn draw_codes<E: ImageEncoder + ?Sized>(
    network: &VqGan,
    encoder: &E,
    targets: &Targets,
    request: &CodeRequest,
    cancel: &Cancel,
    emit: &mut impl AsyncFnMut(Event),
) -> Result<Vec<Avatar>, Error> {
    let (settings, factor) = (&request.guidance, network.factor());
    settings.validate()?;
    let [height, width] = request.size;
    let wrong = |reason: String| Err(Error::Request(reason));
    if !(1..=64).contains(&request.count) {
        return wrong(format!(
            "{} pictures were asked for, expected 1 to 64",
            request.count
        ));
    }
    if [height, width]
        .iter()
        .any(|&side| side == 0 || !side.is_multiple_of(factor))
    {
        return wrong(format!(
            "pictures of {width} x {height} pixels were asked for, expected multiples of {factor}"
        ));
    }
    targets.check().await?;
    let device = network.codebook.val().without_autodiff().device();
    let start = start(network, request, &device);
    let grid = Grid::around(network, request.size.map(|side| side / factor), start).await?;
    check(&grid, encoder).await?;
    let mut settings = settings.clone();
    let smallest = encoder.resolution() as f32 / height.min(width) as f32;
    settings.cutouts.min_size = settings.cutouts.min_size.min(smallest);
    let u = grid.start.clone();
    optimize(&grid, u, (encoder, targets), &settings, cancel, emit).await
}

/// What the grids begin as, `[count, places, codebook_dim]`.
fn start(network: &VqGan, request: &CodeRequest, device: &Device) -> Tensor<3> {
    let CodeRequest { count, size, .. } = *request;
    let [height, width] = size;
    let codebook = network.codebook.val().without_autodiff();
    let [codes, d] = codebook.dims();
    let mut rng = ChaCha8Rng::seed_from_u64(request.guidance.seed);
    rng.set_stream(START_STREAM);
    let images = match &request.start {
        CodeStart::Codes => {
            let places = (height / network.factor()) * (width / network.factor());
            let drawn = (0..count * places).map(|_| rng.random_range(0..codes) as i32);
            let drawn = TensorData::new(drawn.collect(), [count * places]);
            let drawn = Tensor::<1, Int>::from_data(drawn, device);
            return codebook.select(0, drawn).reshape([count, places, d]);
        }
        CodeStart::Noise(side) => {
            let side = (*side).max(1);
            let [rows, columns] = size.map(|length| length.div_ceil(side));
            let squares = [count, 3, rows, 1, columns, 1];
            let noise = (0..squares.iter().product()).map(|_| rng.random_range(-1.0f32..1.0));
            let squares = Tensor::<6>::from_data(TensorData::new(noise.collect(), squares), device);
            let large = squares.expand([count, 3, rows, side, columns, side]);
            let large = large.reshape([count, 3, rows * side, columns * side]);
            large.narrow(2, 0, height).narrow(3, 0, width)
        }
        CodeStart::Picture(picture) => {
            image_of_size(picture, size, super::ground(3), device).repeat_dim(0, count)
        }
    };
    // As the authors of VQGAN have it, from the codes themselves.
    let map = network.quantize(network.encode(images)).z_q.without_autodiff();
    let [n, d, rows, columns] = map.dims();
    map.permute([0, 2, 3, 1]).reshape([n, rows * columns, d])
}

/// Makes sure that the start is drawn and seen as numbers, so that it is not the steps that are blamed.
async fn check<E: ImageEncoder + ?Sized>(grid: &Grid<'_>, encoder: &E) -> Result<(), Error> {
    let images = grid.draw(grid.latents(grid.start.clone().narrow(0, 0, 1)));
    let drawn = read(images.clone().abs().max()).await?;
    let not_numbers = |network| Err(Error::NotNumbers { network });
    if !drawn[0].is_finite() {
        return not_numbers(Network::Generator);
    }
    let lengths = read(judge(encoder, images).square().sum_dim(1).reshape([1])).await?;
    match is_unit(lengths[0]) {
        true => Ok(()),
        false => not_numbers(Network::ImageEncoder),
    }
}
