//! Projection: the latents that draw a given picture as nearly as the generator can (Karras et al. 2020,
//! appendix D, with pixels and fixed random features in the place of LPIPS, and the saved noise left as it
//! is).

use super::{Coordinates, Event, GuideSettings, Spaced, adam::Adam, as_shown, noisy, read, show};
use crate::{
    networks::{encoders::random::RandomFeatures, generators::Generate},
    pipeline::{Cancel, Error, sample::z_from_seeds},
};
use burn::tensor::Tensor;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// What the distance of the features counts beside that of the pixels.
const FEATURES: f64 = 0.1;
/// Random avatars that [`project`] draws at once when it looks for the nearest; no step takes more memory.
pub const BATCH: usize = 16;

/// A picture's latents, as they were found.
#[derive(Debug, Clone, PartialEq)]
pub struct Projection {
    /// `[layers width]`, row by row.
    pub latent: Vec<f32>,
    /// The distance of the avatar that the search began at.
    pub first_distance: f32,
    /// The distance of the avatar that was found: the mean square of the pixels' differences in `[-1, 1]`,
    /// and a tenth of that of their features.
    pub distance: f32,
}

/// How near pictures are to one.
struct Target {
    eyes: RandomFeatures,
    pixels: Tensor<4>,
    features: Tensor<2>,
}

impl Target {
    /// `image [1, 3, side, side]`.
    fn new(image: Tensor<4>) -> Self {
        let eyes = RandomFeatures::new(&image.device());
        Self {
            features: eyes.forward(image.clone()),
            pixels: image,
            eyes,
        }
    }

    /// Distances of `images [n, channels, side, side]`, `[n]`.
    fn distances(&self, images: Tensor<4>) -> Tensor<1> {
        let images = as_shown(images);
        let [n, ..] = images.dims();
        let features = self.eyes.forward(images.clone()) - self.features.clone().repeat_dim(0, n);
        let pixels = images - self.pixels.clone().repeat_dim(0, n);
        let pixels = pixels.square().mean_dims(&[1, 2, 3]).reshape([n]);
        pixels + features.square().mean_dim(1).reshape([n]) * FEATURES
    }
}

/// Looks for the latents that draw `image [1, 3, side, side]` in `[-1, 1]`, which is of the generator's side.
///
/// The search begins at the nearest of so many random avatars, `candidates`, at least one. Of the settings it
/// takes the space, which is not z, the steps, the learning rate, the pull toward the center, the noise and
/// the seed. Steps are told as [`Event::Step`], with the distance in the place of a score's loss; the start
/// and the result as [`Event::Picture`].
///
/// # Errors
///
/// [`Error::Request`] when settings, picture and generator do not go together, [`Error::Cancelled`] before
/// the next step once `cancel` was used, [`Error::NotFinite`] when the search diverges, [`Error::Device`]
/// when the device fails.
pub async fn project(
    generator: &dyn Generate,
    image: Tensor<4>,
    candidates: usize,
    settings: &GuideSettings,
    cancel: &Cancel,
    emit: &mut impl AsyncFnMut(Event),
) -> Result<Projection, Error> {
    settings.validate()?;
    let side = generator.resolution();
    if image.dims() != [1, 3, side, side] {
        let reason = format!(
            "the picture is {:?}, expected [1, 3, {side}, {side}]",
            image.dims()
        );
        return Err(Error::Request(reason));
    }
    if !(1..=100_000).contains(&candidates) {
        return Err(Error::Request(format!(
            "candidates is {candidates}, expected 1 to 100000"
        )));
    }
    let target = Target::new(image.without_autodiff());
    let start = nearest(generator, &target, candidates, settings, cancel).await?;
    let (space, mut u) = Spaced::around(generator, settings, start).await?;
    let mut adam = Adam::new(settings.optimizer);
    let mut rng = ChaCha8Rng::seed_from_u64(settings.seed);
    let mut first_distance = None;
    for step in 0..settings.steps {
        cancel.check()?;
        let leaf = Tensor::from_inner(u.clone()).require_grad();
        let seen = noisy(leaf.clone(), settings.noise(step), &mut rng);
        let images = generator.draw(space.latents(seen));
        let distance = target.distances(images.clone());
        let pull = leaf.clone().square().mean() * settings.center_pull;
        let mut gradients = (distance.clone() + pull).backward();
        let gradient = leaf
            .grad_remove(&mut gradients)
            .expect("the distance depends on the latents");
        u = adam.step(u, gradient, settings.rate(step));
        let distance = read(distance.without_autodiff()).await?[0];
        if !distance.is_finite() {
            return Err(Error::NotFinite { step });
        }
        if step == 0 {
            show(images.without_autodiff(), step, emit).await?;
        }
        first_distance.get_or_insert(distance);
        emit(Event::Step {
            done: step + 1,
            total: settings.steps,
            losses: vec![distance],
            scores: vec![],
        })
        .await;
    }
    cancel.check()?;
    let latents = space.latents(u).without_autodiff();
    let images = generator.draw(latents.clone());
    show(images.clone(), settings.steps, emit).await?;
    let distance = read(target.distances(images)).await?[0];
    let latent = read(latents).await?;
    if !distance.is_finite() || !latent.iter().all(|value| value.is_finite()) {
        return Err(Error::NotFinite { step: settings.steps });
    }
    Ok(Projection {
        latent,
        first_distance: first_distance.unwrap_or(distance),
        distance,
    })
}

/// The latents `[1, layers, width]` of the random avatar that is nearest.
async fn nearest(
    generator: &dyn Generate,
    target: &Target,
    candidates: usize,
    settings: &GuideSettings,
    cancel: &Cancel,
) -> Result<Tensor<3>, Error> {
    let device = generator.latent_center().without_autodiff().device();
    let mut best: Option<(f32, Tensor<3>)> = None;
    let seeds: Vec<u64> = (0..candidates as u64)
        .map(|index| settings.seed.wrapping_add(index))
        .collect();
    for seeds in seeds.chunks(BATCH) {
        cancel.check()?;
        let z = z_from_seeds(generator, seeds, &device);
        let latents = generator
            .latents_from_z(z, settings.truncation_psi)
            .without_autodiff();
        let distances = read(target.distances(generator.draw(latents.clone()))).await?;
        for (index, distance) in distances.into_iter().enumerate() {
            // A distance that is no number is never the least.
            if distance.is_finite() && best.as_ref().is_none_or(|(least, _)| distance < *least) {
                best = Some((distance, latents.clone().narrow(0, index, 1)));
            }
        }
    }
    best.map(|(_, latents)| latents).ok_or(Error::NotNumbers {
        network: crate::pipeline::Network::Generator,
    })
}

#[cfg(test)]
mod tests {
    use super::{super::tests::tiny, *};
    use crate::pipeline::{
        guide::Space,
        sample::{draw_latent, image_from_picture, latents_from_seeds},
    };
    use burn::tensor::Device;
    use futures::executor::block_on;

    fn settings(space: Space, steps: usize) -> GuideSettings {
        GuideSettings {
            space,
            steps,
            learning_rate: 0.1,
            center_pull: 0.0,
            ..GuideSettings::default()
        }
    }

    /// What is found for the avatar of a seed that is not among the candidates.
    fn found(settings: &GuideSettings, candidates: usize) -> (Projection, Vec<Event>) {
        let device = Device::flex();
        let generator = tiny(&device);
        let picture = block_on(async {
            let latents = latents_from_seeds(&generator, &[77], 1.0, &device).await.unwrap();
            draw_latent(&generator, &latents[0], &device).await.unwrap()
        });
        let image = image_from_picture(&picture, 16, 255, &device);
        let mut events = vec![];
        let projection = block_on(project(
            &generator,
            image,
            candidates,
            settings,
            &Cancel::default(),
            &mut async |event| events.push(event),
        ));
        (projection.unwrap(), events)
    }

    #[test]
    fn the_avatar_of_a_picture_is_found() {
        for space in [Space::W, Space::WPlus] {
            let (found, events) = found(&settings(space, 150), 8);
            assert!(
                found.distance < 0.1 * found.first_distance,
                "{space:?}: {} of {}",
                found.distance,
                found.first_distance
            );
            let layers: Vec<&[f32]> = found.latent.chunks_exact(8).collect();
            let are_alike = layers
                .iter()
                .all(|layer| layer.iter().zip(layers[0]).all(|(a, b)| (a - b).abs() < 1e-5));
            assert_eq!(are_alike, space == Space::W);
            let pictures = events
                .iter()
                .filter(|event| matches!(event, Event::Picture { .. }));
            assert_eq!((pictures.count(), events.len()), (2, 152));
        }
    }

    #[test]
    fn more_candidates_begin_nearer_and_the_picture_itself_is_found_among_them() {
        let first = |candidates| found(&settings(Space::W, 0), candidates).0;
        let [few, many] = [1, 32].map(first);
        assert!(many.distance < few.distance && many.first_distance == many.distance);
        let at_once = found(
            &GuideSettings {
                seed: 70,
                truncation_psi: 1.0,
                ..settings(Space::W, 0)
            },
            20,
        );
        // What is left is the rounding of colors.
        assert!(at_once.0.distance < 1e-4, "{}", at_once.0.distance);
    }

    #[test]
    fn what_does_not_go_together_is_refused() {
        let device = Device::flex();
        let generator = tiny(&device);
        let refused = |side: usize, candidates, settings: GuideSettings| {
            let image = Tensor::zeros([1, 3, side, side], &device);
            let cancel = Cancel::default();
            block_on(project(
                &generator,
                image,
                candidates,
                &settings,
                &cancel,
                &mut async |_| (),
            ))
            .unwrap_err()
            .to_string()
        };
        assert!(refused(8, 1, settings(Space::W, 1)).contains("expected [1, 3, 16, 16]"));
        assert!(refused(16, 0, settings(Space::W, 1)).contains("candidates is 0"));
        assert!(refused(16, 1, settings(Space::W, 20_000)).contains("steps is 20000"));
        assert!(refused(16, 1, settings(Space::Z, 1)).contains("the latents to start from"));
    }
}
