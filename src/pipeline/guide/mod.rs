//! Guidance: the latents of avatars are optimized until an image encoder finds the pictures close to the
//! targets (Patashnik et al., "StyleCLIP", 2021, section 4, for the latents of StyleGAN2 and pictures of any
//! CLIP), and so are grids of codes (Crowson et al., "VQGAN-CLIP", 2022).

mod adam;
mod codes;
mod density;
mod project;
mod space;
mod targets;

pub use adam::{Optimizer, WEIGHT_DECAY};
pub use codes::{CodeRequest, CodeStart, draw_codes};
use density::Density;
pub use project::{BATCH, Projection, project};
pub use space::Space;
pub(super) use space::spread;
pub(super) use targets::is_unit;
pub use targets::{Loss, Modality, PlainTarget, TargetGroup, Targets, image_target, text_targets};

pub use crate::art::ground;

use super::{
    Cancel, Error, Event,
    sample::{pictures_from_images, read},
};
use crate::{
    networks::{encoders::ImageEncoder, generators::Generate},
    ops::{
        cutouts::{CutoutConfig, Cutouts, resize},
        on_gray::on_gray,
    },
};
use adam::Adam;
use burn::tensor::{Tensor, TensorData};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use serde::{Deserialize, Serialize};
use space::Spaced;

/// How latents are optimized.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GuideSettings {
    /// How far pictures are from the targets.
    pub loss: Loss,
    /// Steps of the optimizer, 0 to 10,000; none only judges and shows the start.
    pub steps: usize,
    /// The largest step, in units of the latents' own spread. It grows over the first twentieth of the steps
    /// and falls as half a cosine wave.
    pub learning_rate: f64,
    /// Which rule turns gradients into steps.
    pub optimizer: Optimizer,
    /// What is optimized.
    pub space: Space,
    /// Truncation of the mapping, in the space z only.
    pub truncation_psi: f32,
    /// Weight of the mean squared distance from the center (`w_avg`; zero in the space z), in units of the
    /// latents' spread. It keeps avatars typical of the model, where the networks can be trusted. In the
    /// whitened space it is the distance from the start.
    pub center_pull: f64,
    /// Standard deviation of the noise on the latents in the first step; it falls to none in three quarters
    /// of the steps (Karras et al., 2020, appendix D).
    pub latent_noise: f64,
    /// The views in which pictures are judged; without cutouts it is the whole picture.
    pub cutouts: CutoutConfig,
    /// How often every avatar is shown, the start and the result included; at least once.
    pub snapshots: usize,
    /// Determines cutouts and noise.
    pub seed: u64,
}

impl Default for GuideSettings {
    fn default() -> Self {
        let space = Space::default();
        let (learning_rate, center_pull) = space.usual();
        Self {
            loss: Loss::Cosine,
            steps: 200,
            learning_rate,
            optimizer: Optimizer::Adam,
            space,
            truncation_psi: 0.7,
            center_pull,
            latent_noise: 0.0,
            cutouts: CutoutConfig::default(),
            snapshots: 2,
            seed: 0,
        }
    }
}

impl GuideSettings {
    /// The most steps.
    pub const MAX_STEPS: usize = 10_000;

    /// Checks every field.
    ///
    /// # Errors
    ///
    /// [`Error::Request`] that names the field.
    pub fn validate(&self) -> Result<(), Error> {
        let Self {
            steps,
            learning_rate,
            truncation_psi,
            center_pull,
            latent_noise,
            ref cutouts,
            snapshots,
            ..
        } = *self;
        let most = Self::MAX_STEPS;
        let reason = if steps > most {
            format!("steps is {steps}, expected 0 to {most}")
        } else if !(learning_rate > 0.0 && learning_rate <= 10.0) {
            format!("the learning rate is {learning_rate}, expected more than 0, at most 10")
        } else if !(0.0..=2.0).contains(&truncation_psi) {
            format!("truncation_psi is {truncation_psi}, expected 0 to 2")
        } else if !(0.0..=100.0).contains(&center_pull) {
            format!("center_pull is {center_pull}, expected 0 to 100")
        } else if !(0.0..=10.0).contains(&latent_noise) {
            format!("latent_noise is {latent_noise}, expected 0 to 10")
        } else if !(1..=most).contains(&snapshots) {
            format!("snapshots is {snapshots}, expected 1 to {most}")
        } else {
            return cutouts.validate().map_err(Error::Request);
        };
        Err(Error::Request(reason))
    }

    /// Whether avatars that are optimized in parts are those that are optimized together: the loss is a sum
    /// over avatars and Adam works number by number, so that all they would share are the random numbers of
    /// noise and cutouts. Sums of other lengths may be rounded differently.
    pub fn is_separable(&self) -> bool {
        self.latent_noise == 0.0 && self.cutouts.num_cutouts == 0
    }

    fn rate(&self, step: usize) -> f64 {
        let steps = self.steps as f64;
        let ramp = (step as f64 + 1.0) / (0.05 * steps).max(1.0);
        let wave = 0.5 + 0.5 * (std::f64::consts::PI * step as f64 / steps).cos();
        self.learning_rate * ramp.min(1.0) * wave
    }

    fn noise(&self, step: usize) -> f64 {
        let left = 1.0 - step as f64 / (0.75 * self.steps as f64);
        self.latent_noise * left.max(0.0).powi(2)
    }

    /// How many pictures of every avatar are shown.
    pub fn pictures(&self) -> usize {
        let intervals = self.snapshots.saturating_sub(1);
        // Where there are more snapshots than steps, each step is shown.
        intervals.min(self.steps) + 1
    }

    /// Whether the pictures of the latents before this step are shown; those after the last are shown anyway.
    fn shows(&self, step: usize) -> bool {
        // The snapshots divide the steps evenly: number k stands before step k steps / (snapshots - 1).
        let intervals = self.snapshots - 1;
        (0..intervals).any(|k| k * self.steps / intervals == step)
    }
}

/// An avatar that was drawn for targets.
#[derive(Debug, Clone, PartialEq)]
pub struct Avatar {
    /// `[layers width]`, row by row: what it is drawn from, to be locked, varied or mixed.
    pub latent: Vec<f32>,
    /// The weighted mean of its cosines to the targets.
    pub score: f32,
    /// What the encoder sees in its picture, of unit length; empty where nothing was judged.
    pub embedding: Vec<f32>,
}

/// What guidance moves: coordinates `u [n, layers, width]` in units of their own spread, and how pictures
/// come of them, differentiably.
trait Coordinates {
    /// Coordinates to `latents [n, layers, width]`.
    fn latents(&self, u: Tensor<3>) -> Tensor<3>;

    /// `latents -> images [n, channels, h, w]`.
    fn draw(&self, latents: Tensor<3>) -> Tensor<4>;

    /// The mean square of how far each of `u [n, layers, width]` is from where it is pulled, `[n, 1, 1]`.
    fn pulled(&self, u: Tensor<3>) -> Tensor<3>;

    /// The coordinates nearest to `u` that may be drawn from, after every step.
    fn within(&self, u: Tensor<3>) -> Tensor<3> {
        u
    }
}

/// Optimises `n` avatars at once, each from its own row of `start`, and gives them as they were at the end.
///
/// `start` is `z [n, 1, z_dim]` in the space z and `latents [n, layers, width]` otherwise. Every step is told
/// as [`Event::Step`], snapshots as [`Event::Picture`]; `emit` is awaited, so that a request to cancel can
/// arrive. The networks are not changed and get no gradients. Memory does not depend on the number of steps.
///
/// # Errors
///
/// [`Error::Request`] when settings, start and networks do not go together, [`Error::Cancelled`] before the
/// next step once `cancel` was used, [`Error::NotFinite`] when the optimization diverges, [`Error::Device`]
/// when the device fails.
pub async fn guide<E: ImageEncoder + ?Sized>(
    generator: &dyn Generate,
    encoder: &E,
    targets: &Targets,
    start: Tensor<3>,
    settings: &GuideSettings,
    cancel: &Cancel,
    emit: &mut impl AsyncFnMut(Event),
) -> Result<Vec<Avatar>, Error> {
    settings.validate()?;
    let (space, u) = Spaced::around(generator, settings, start.without_autodiff()).await?;
    optimize(&space, u, (encoder, targets), settings, cancel, emit).await
}

/// The loop of [`guide`], from `u [n, layers, width]` on, for whatever has coordinates.
async fn optimize<E: ImageEncoder + ?Sized>(
    space: &impl Coordinates,
    mut u: Tensor<3>,
    (encoder, targets): (&E, &Targets),
    settings: &GuideSettings,
    cancel: &Cancel,
    emit: &mut impl AsyncFnMut(Event),
) -> Result<Vec<Avatar>, Error> {
    let [n, ..] = u.dims();
    let mut adam = Adam::new(settings.optimizer);
    let mut rng = ChaCha8Rng::seed_from_u64(settings.seed);
    for step in 0..settings.steps {
        cancel.check()?;
        let leaf = Tensor::from_inner(u.clone()).require_grad();
        let seen = noisy(leaf.clone(), settings.noise(step), &mut rng);
        let images = space.draw(space.latents(seen));
        let embeddings = embed(encoder, images.clone(), &settings.cutouts, &mut rng);
        // Views of a picture follow each other; every view counts as much.
        let views = settings.cutouts.num_cutouts.max(1);
        let mean = |values: Tensor<1>| values.reshape([n, views]).mean_dim(1).reshape([n]);
        let losses = mean(targets.losses(embeddings.clone(), settings.loss));
        let scores = mean(targets.scores(embeddings.without_autodiff()));
        let pull = space.pulled(leaf.clone()).sum() * settings.center_pull;
        let mut gradients = (losses.clone().sum() + pull).backward();
        let gradient = leaf
            .grad_remove(&mut gradients)
            .expect("the loss depends on the latents");
        u = space.within(adam.step(u, gradient, settings.rate(step)));

        let figures = read(Tensor::cat(vec![losses.without_autodiff(), scores], 0)).await?;
        if !figures.iter().all(|figure| figure.is_finite()) {
            return Err(Error::NotFinite { step });
        }
        if settings.shows(step) {
            show(images.without_autodiff(), step, emit).await?;
        }
        emit(Event::Step {
            done: step + 1,
            total: settings.steps,
            losses: figures[..n].to_vec(),
            scores: figures[n..].to_vec(),
        })
        .await;
    }
    cancel.check()?;
    let latents = space.latents(u).without_autodiff();
    let images = space.draw(latents.clone());
    show(images.clone(), settings.steps, emit).await?;
    let embeddings = judge(encoder, images);
    let scores = read(targets.scores(embeddings.clone())).await?;
    if !scores.iter().all(|score| score.is_finite()) {
        return Err(Error::NotFinite { step: settings.steps });
    }
    avatars(latents, scores, Some(embeddings)).await
}

/// Coordinates with normal noise of this deviation.
fn noisy(u: Tensor<3>, deviation: f64, rng: &mut ChaCha8Rng) -> Tensor<3> {
    if deviation == 0.0 {
        return u;
    }
    let noise = (0..u.dims().iter().product())
        .map(|_| -> f32 { StandardNormal.sample(rng) })
        .collect();
    let device = u.device().without_autodiff();
    let noise = Tensor::<3>::from_data(TensorData::new(noise, u.dims()), &device);
    u + Tensor::from_inner(noise * deviation)
}

/// The embeddings of whole pictures `images [n, channels, h, w]`, `[n, d]`, on gray where they are
/// transparent.
pub fn judge<E: ImageEncoder + ?Sized>(encoder: &E, images: Tensor<4>) -> Tensor<2> {
    encoder.embed(resize(as_shown(images), encoder.resolution()))
}

/// The embeddings of all views of `images [n, channels, h, w]`, `[n views, d]`.
fn embed<E: ImageEncoder + ?Sized>(
    encoder: &E,
    images: Tensor<4>,
    config: &CutoutConfig,
    rng: &mut ChaCha8Rng,
) -> Tensor<2> {
    if config.num_cutouts == 0 {
        return judge(encoder, images);
    }
    let [n, _, h, w] = images.dims();
    let cutouts = Cutouts::draw(config, n, [h, w], encoder.resolution(), rng);
    encoder.embed(cutouts.apply(as_shown(images)))
}

/// The colors of pictures as they are shown, on gray where they are transparent and within `[-1, 1]`, with
/// the gradient of what was drawn: one that was lost where a picture is white could not make it darker.
fn as_shown(images: Tensor<4>) -> Tensor<4> {
    let images = on_gray(images);
    let excess = images.clone().without_autodiff();
    let excess = excess.clone() - excess.clamp(-1.0, 1.0);
    images - excess
}

/// Shows every picture of a batch, as it is after `step` steps.
async fn show(images: Tensor<4>, step: usize, emit: &mut impl AsyncFnMut(Event)) -> Result<(), Error> {
    let pictures = pictures_from_images(images).await.map_err(|error| match error {
        // The start was looked at before: it is the steps that went astray.
        Error::NotNumbers { .. } if step > 0 => Error::NotFinite { step },
        other => other,
    })?;
    for (index, image) in pictures.into_iter().enumerate() {
        emit(Event::Picture { index, image }).await;
    }
    Ok(())
}

/// Avatars of `latents [n, layers, width]`, whose pictures were judged by `embeddings [n, d]` if they were.
pub(super) async fn avatars(
    latents: Tensor<3>,
    scores: Vec<f32>,
    embeddings: Option<Tensor<2>>,
) -> Result<Vec<Avatar>, Error> {
    let [n, layers, width] = latents.dims();
    let latents = read(latents).await?;
    let embeddings = match embeddings {
        Some(embeddings) => read(embeddings).await?,
        None => vec![],
    };
    let d = embeddings.len() / n;
    let each = latents.chunks_exact(layers * width).zip(scores).enumerate();
    Ok(each
        .map(|(index, (latent, score))| Avatar {
            latent: latent.to_vec(),
            score,
            embedding: embeddings[index * d..][..d].to_vec(),
        })
        .collect())
}

#[cfg(test)]
pub(super) mod tests;
