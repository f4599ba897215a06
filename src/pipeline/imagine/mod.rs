//! Targets to avatars, at once and then better: a draft from the mapper, chosen among many, then guidance.

use super::{
    Cancel, Error, Event, Network,
    guide::{
        Avatar, GuideSettings, Modality, PlainTarget, Space, Targets, avatars, guide, is_unit, judge, spread,
    },
    sample::{latent_tensor, pictures_from_images, read},
};
use crate::{
    networks::{encoders::ImageEncoder, generators::Generate, mapper::Mapper},
    ops::unit_length::unit_length,
};
use burn::tensor::{Device, Int, Tensor, TensorData};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use serde::{Deserialize, Serialize};

/// How long an avatar may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Quality {
    /// The best of many guesses.
    Draft,
    /// A draft and 30 steps of guidance.
    #[default]
    Normal,
    /// A draft and 200 steps of guidance.
    Better,
}

impl Quality {
    /// The guidance that follows the draft.
    pub fn guidance(self) -> GuideSettings {
        let (steps, snapshots) = match self {
            Self::Draft => (0, 1),
            Self::Normal => (30, 7),
            Self::Better => (200, 21),
        };
        GuideSettings {
            steps,
            snapshots,
            ..GuideSettings::default()
        }
    }
}

/// The networks that imagining takes.
pub struct Imagination<'a, E: ?Sized> {
    /// Draws.
    pub generator: &'a dyn Generate,
    /// Judges by targets; nothing else needs one.
    pub encoder: Option<&'a E>,
    /// Guesses; without one, guesses are random avatars.
    pub mapper: Option<&'a Mapper>,
}

/// An avatar to start from instead of a guess.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Locked {
    /// `[layers width]`, from [`Avatar::latent`] or [`mix`](super::mix).
    pub latent: Vec<f32>,
    /// How far guesses go from it: 0 not at all, 1 as far as avatars differ from each other; at most 2.
    pub variation: f32,
}

/// Guesses for each avatar. More cost more, and fewer cost variety or what was asked for.
const GUESSES: usize = 64;

/// Avatars are chosen from one in so many guesses, those that score best, so that they differ from each
/// other.
const CHOSEN_SHARE: usize = 8;

/// Guesses lie apart at most so many times as far as the mapper learned.
const MOST_APART: f32 = 2.0;

/// What to imagine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ImagineRequest {
    /// Avatars to give, 1 to 64.
    pub count: usize,
    /// Guesses to choose them from, at most 1024; as many as `count` are made in any case.
    pub candidates: usize,
    /// Guesses that are drawn and judged at once, 1 to 1024; memory grows with it, and nothing else changes.
    pub batch_size: usize,
    /// Determines guesses, cutouts and noise.
    pub seed: u64,
    /// Variety of random guesses.
    pub truncation_psi: f32,
    /// Start here.
    pub locked: Option<Locked>,
    /// What follows the draft.
    pub guidance: GuideSettings,
}

impl ImagineRequest {
    /// `count` avatars of a quality, with the settings that serve most models.
    pub fn new(quality: Quality, count: usize, seed: u64) -> Self {
        Self {
            count,
            candidates: count.saturating_mul(GUESSES).clamp(1, 1024),
            batch_size: 8,
            seed,
            truncation_psi: 0.7,
            locked: None,
            guidance: GuideSettings {
                seed,
                ..quality.guidance()
            },
        }
    }

    /// The settings of the guidance that follows the draft.
    pub fn guide_settings(&self) -> GuideSettings {
        GuideSettings {
            truncation_psi: self.truncation_psi,
            ..self.guidance.clone()
        }
    }

    /// Checks every field.
    ///
    /// # Errors
    ///
    /// [`Error::Request`] that names the field.
    pub fn validate(&self) -> Result<(), Error> {
        let variation = self.locked.as_ref().map_or(0.0, |locked| locked.variation);
        let reason = if !(1..=64).contains(&self.count) {
            format!("{} avatars were asked for, expected 1 to 64", self.count)
        } else if self.candidates > 1024 {
            format!("there are {} candidates, expected at most 1024", self.candidates)
        } else if !(1..=1024).contains(&self.batch_size) {
            format!("the batch size is {}, expected 1 to 1024", self.batch_size)
        } else if !(0.0..=2.0).contains(&self.truncation_psi) {
            format!("truncation_psi is {}, expected 0 to 2", self.truncation_psi)
        } else if !(0.0..=2.0).contains(&variation) {
            format!("the variation is {variation}, expected 0 to 2")
        } else if self.locked.is_some() && self.guidance.space == Space::Z {
            "a locked avatar has no z: look for its variations in the space w or w+".into()
        } else {
            return self.guidance.validate();
        };
        Err(Error::Request(reason))
    }
}

/// What guidance starts from, best first.
#[derive(Debug, Clone)]
pub struct Draft {
    /// `z [count, 1, z_dim]` in the space z and `[count, layers, width]` otherwise, as [`guide`] takes them.
    pub latents: Tensor<3>,
    /// The weighted mean of each avatar's cosines to the targets, `[count]`; zeros where there are none.
    pub scores: Vec<f32>,
}

/// Imagines `request.count` avatars for `targets`, best first as the draft has them.
///
/// First it is all as [`draft`] tells it, then as [`guide`] does, each picture by its avatar's place in the
/// result. Without targets nothing is judged or guided, and scores are zero: with a locked avatar its
/// variations, otherwise random ones.
///
/// # Errors
///
/// As [`guide`].
pub async fn imagine<E: ImageEncoder + ?Sized>(
    networks: &Imagination<'_, E>,
    targets: Option<&Targets>,
    request: &ImagineRequest,
    device: &Device,
    cancel: &Cancel,
    mut emit: impl AsyncFnMut(Event),
) -> Result<Vec<Avatar>, Error> {
    let Draft { latents, scores } = draft(networks, targets, request, device, cancel, &mut emit).await?;
    let generator = networks.generator;
    if let Some((targets, encoder)) = judged(networks, targets)? {
        let settings = request.guide_settings();
        return guide(generator, encoder, targets, latents, &settings, cancel, &mut emit).await;
    }
    let latents = to_draw(generator, request, latents);
    let images = generator.draw(latents.clone());
    for (index, image) in pictures_from_images(images).await?.into_iter().enumerate() {
        emit(Event::Picture { index, image }).await;
    }
    avatars(latents, scores, None).await
}

/// Guesses, and chooses those whose pictures score best: the first half of [`imagine`], for those who guide
/// the avatars themselves. It counts its guesses with [`Event::Progress`] and shows nothing.
///
/// # Errors
///
/// [`Error::Request`] when request, targets and networks do not go together, [`Error::Cancelled`] and
/// [`Error::Device`] as [`guide`], [`Error::NotNumbers`] when a network computes none.
pub async fn draft<E: ImageEncoder + ?Sized>(
    networks: &Imagination<'_, E>,
    targets: Option<&Targets>,
    request: &ImagineRequest,
    device: &Device,
    cancel: &Cancel,
    mut emit: impl AsyncFnMut(Event),
) -> Result<Draft, Error> {
    request.validate()?;
    let judged = judged(networks, targets)?;
    let guesses = Guesses::new(networks, targets, request, device).await?;
    let mut rng = ChaCha8Rng::seed_from_u64(request.seed);
    let total = match judged {
        Some(_) => request.candidates.max(request.count),
        None => request.count,
    };
    let (mut latents, mut scores, mut seen) = (vec![], vec![], vec![]);
    if let Some((targets, _)) = judged {
        targets.check().await?;
    }
    for first in (0..total).step_by(request.batch_size) {
        cancel.check()?;
        let batch = guesses.draw(first..total.min(first + request.batch_size), &mut rng);
        match judged {
            Some((targets, encoder)) => {
                let drawn = to_draw(networks.generator, request, batch.clone());
                let images = networks.generator.draw(drawn.clone());
                let embeddings = judge(encoder, images.clone());
                let [n, d] = embeddings.dims();
                let lengths = embeddings.clone().square().sum_dim(1).reshape([n]);
                let of_all = embeddings.clone().reshape([n * d]);
                let figures = vec![targets.scores(embeddings), lengths, of_all];
                let figures = read(Tensor::cat(figures, 0)).await?;
                let sound = figures[..n].iter().all(|score| score.is_finite());
                if !sound || !figures[n..2 * n].iter().all(|&length| is_unit(length)) {
                    let network = guesses.culprit(drawn, images).await?;
                    return Err(Error::NotNumbers { network });
                }
                scores.extend_from_slice(&figures[..n]);
                seen.extend(figures[2 * n..].chunks_exact(d).map(<[f32]>::to_vec));
            }
            None => scores.resize(scores.len() + batch.dims()[0], 0.0),
        }
        latents.push(batch);
        emit(Event::Progress {
            done: scores.len(),
            total,
        })
        .await;
    }
    let mut order: Vec<usize> = (0..total).collect();
    // Stable, so that equal scores keep the order of the guesses.
    order.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]));
    order.truncate((total / CHOSEN_SHARE).max(request.count));
    if let Some((targets, _)) = judged {
        without_targets(&mut seen, &targets.to_plain().await?);
    }
    let mut order = varied(&order, &seen, request.count);
    order.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]));
    let indices: Vec<i32> = order.iter().map(|&index| index as i32).collect();
    let indices = Tensor::<1, Int>::from_data(TensorData::new(indices, [request.count]), device);
    Ok(Draft {
        latents: Tensor::cat(latents, 0).select(0, indices),
        scores: order.into_iter().map(|index| scores[index]).collect(),
    })
}

/// Leaves of what was `seen` of pictures, each `[d]`, only what `targets` do not ask for, of unit length:
/// avatars are to differ in nothing else.
fn without_targets(seen: &mut [Vec<f32>], targets: &[PlainTarget]) {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
    let subtract = |from: &mut [f32], direction: &[f32]| {
        let along = dot(from, direction);
        from.iter_mut()
            .zip(direction)
            .for_each(|(value, part)| *value -= along * part);
    };
    let normalize = |values: &mut [f32]| {
        let length = dot(values, values).sqrt().max(1e-6);
        values.iter_mut().for_each(|value| *value /= length);
    };
    // An orthonormal basis of the targets, by Gram and Schmidt.
    let mut basis: Vec<Vec<f32>> = vec![];
    for target in targets {
        let mut direction = target.embedding.clone();
        basis.iter().for_each(|other| subtract(&mut direction, other));
        if dot(&direction, &direction) > 1e-4 {
            normalize(&mut direction);
            basis.push(direction);
        }
    }
    for picture in seen {
        basis.iter().for_each(|direction| subtract(picture, direction));
        normalize(picture);
    }
}

/// `count` of `places`, which are in order of how well they score: the first, and then in turn the one that
/// is least like any that was chosen before, as the encoder has `seen` them.
fn varied(places: &[usize], seen: &[Vec<f32>], count: usize) -> Vec<usize> {
    let mut chosen = vec![];
    // How much the place of this number is like the most similar of the chosen.
    let mut likeness = vec![f32::MIN; places.len()];
    while chosen.len() < count.min(places.len()) {
        let mut next = 0;
        for (number, value) in likeness.iter().enumerate() {
            if *value < likeness[next] {
                next = number;
            }
        }
        likeness[next] = f32::INFINITY;
        chosen.push(places[next]);
        let Some(last) = seen.get(places[next]) else {
            continue;
        };
        for (number, value) in likeness.iter_mut().enumerate() {
            let cosine: f32 = seen[places[number]].iter().zip(last).map(|(a, b)| a * b).sum();
            *value = value.max(cosine);
        }
    }
    chosen
}

/// The targets with what pictures are judged by, if there are targets.
fn judged<'a, E: ?Sized>(
    networks: &Imagination<'a, E>,
    targets: Option<&'a Targets>,
) -> Result<Option<(&'a Targets, &'a E)>, Error> {
    match (targets, networks.encoder) {
        (Some(targets), Some(encoder)) => Ok(Some((targets, encoder))),
        (Some(_), None) => Err(Error::Request("there is no network to judge pictures by".into())),
        (None, _) => Ok(None),
    }
}

/// The `[n, layers, width]` that pictures are drawn from, of the latents that `request` starts from.
fn to_draw(generator: &dyn Generate, request: &ImagineRequest, latents: Tensor<3>) -> Tensor<3> {
    match request.guidance.space {
        Space::Z => generator.latents_from_z(latents.squeeze_dim(1), request.truncation_psi),
        Space::W | Space::Whitened | Space::WPlus => latents,
    }
}

/// Where guesses come from. A request has one, so its size does not matter.
#[allow(clippy::large_enum_variant)]
enum Source<'a> {
    /// Latents of the space z.
    Z,
    /// Random avatars.
    Random,
    /// What a mapper makes of a direction `[1, embed_dim]`, and how far its guesses lie apart, where one is
    /// as far as it learned.
    Mapped(&'a Mapper, Tensor<2>, f32),
    /// Others like `[1, layers, width]`.
    Locked(Tensor<3>, f32),
    /// `[1, layers, width]`, changed by what a mapper makes of a direction `[1, embed_dim]`.
    Changed(Tensor<3>, f32, &'a Mapper, Tensor<2>),
}

struct Guesses<'a> {
    generator: &'a dyn Generate,
    source: Source<'a>,
    truncation_psi: f32,
    device: &'a Device,
}

impl<'a> Guesses<'a> {
    async fn new<E: ?Sized>(
        networks: &Imagination<'a, E>,
        targets: Option<&Targets>,
        request: &ImagineRequest,
        device: &'a Device,
    ) -> Result<Self, Error> {
        let generator = networks.generator;
        request.guidance.space.check(generator)?;
        let source = match (&request.locked, targets, networks.mapper) {
            (Some(locked), Some(targets), Some(mapper)) => Source::Changed(
                latent_tensor(generator, &locked.latent, device)?,
                locked.variation,
                mapper,
                direction(mapper, targets)?,
            ),
            (Some(locked), ..) => Source::Locked(
                latent_tensor(generator, &locked.latent, device)?,
                locked.variation,
            ),
            _ if request.guidance.space == Space::Z => Source::Z,
            (None, Some(targets), Some(mapper)) => {
                // It learned of latents with a truncation that shows in their spread.
                let learned = read(mapper.w_scale.val()).await?[0];
                let asked = request.truncation_psi * spread(generator, device).await?;
                let apart = (asked / learned).clamp(0.0, MOST_APART);
                Source::Mapped(mapper, direction(mapper, targets)?, apart)
            }
            _ => Source::Random,
        };
        Ok(Self {
            generator,
            source,
            truncation_psi: request.truncation_psi,
            device,
        })
    }

    /// Which network computed no numbers, where those that judge the `images` of `latents` are none.
    async fn culprit(&self, latents: Tensor<3>, images: Tensor<4>) -> Result<Network, Error> {
        let is_mapped = matches!(self.source, Source::Mapped(..) | Source::Changed(..));
        let finite = |values: Vec<f32>| values.iter().all(|value| value.is_finite());
        Ok(if is_mapped && !finite(read(latents).await?) {
            Network::Mapper
        } else if !finite(read(images).await?) {
            Network::Generator
        } else {
            Network::ImageEncoder
        })
    }

    /// The guesses of these numbers as latents that [`guide`] starts from.
    fn draw(&self, numbers: std::ops::Range<usize>, rng: &mut ChaCha8Rng) -> Tensor<3> {
        let n = numbers.len();
        let mut normal = |width: usize| {
            let values: Vec<f32> = StandardNormal.sample_iter(&mut *rng).take(n * width).collect();
            Tensor::<2>::from_data(TensorData::new(values, [n, width]), self.device)
        };
        let generator = self.generator;
        match &self.source {
            Source::Z => normal(generator.z_dim()).unsqueeze_dim(1),
            Source::Random => generator.latents_from_z(normal(generator.z_dim()), self.truncation_psi),
            Source::Mapped(mapper, direction, apart) => {
                let [w_dim] = mapper.w_mean.dims();
                let open = mapper.open(normal(w_dim) * *apart);
                generator.broadcast(mapper.mean(direction.clone()) + open)
            }
            Source::Locked(latent, variation) => {
                let others = generator.latents_from_z(normal(generator.z_dim()), 1.0);
                let difference = others - generator.latent_center().unsqueeze();
                latent.clone() + difference * *variation
            }
            Source::Changed(latent, variation, mapper, direction) => {
                let [w_dim] = mapper.w_mean.dims();
                let mapped = mapper.mean(direction.clone()) + mapper.open(normal(w_dim) * *variation);
                let change = mapped - mapper.w_mean.val().unsqueeze();
                latent.clone() + generator.broadcast(change)
            }
        }
    }
}

/// What all targets together ask for, `[1, embed_dim]`.
fn direction(mapper: &Mapper, targets: &Targets) -> Result<Tensor<2>, Error> {
    let [width] = mapper.image_mean.dims();
    if targets.width() != width {
        return Err(Error::Request(format!(
            "the embeddings are {} wide, the mapper takes {width}: it belongs to another encoder",
            targets.width()
        )));
    }
    let each = targets.iter().map(|(embedding, weight, modality)| {
        let direction = match modality {
            Modality::Text => mapper.directions_of_texts(embedding),
            Modality::Image => mapper.directions_of_images(embedding),
        };
        direction * weight
    });
    let sum = each
        .reduce(|sum, direction| sum + direction)
        .expect("targets are never none");
    Ok(unit_length(sum))
}

#[cfg(test)]
mod tests;
