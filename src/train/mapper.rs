//! Training the mapper that drafts avatars, on nothing but the generator's own samples and sentences.
//!
//! First it learns to tell from the embedding of a sample which latent it was drawn from. Embeddings of
//! sentences lie elsewhere than those of pictures, so both are seen as directions around the mean of their
//! kind, and the pictures' directions are disturbed, because a sentence says less than a picture shows. Then
//! it is shown sentences, and learns through generator and image tower to have the pictures drawn for them
//! embedded where the sentences are.

use super::schedule::cosine_decay;
use crate::{
    networks::{
        NetworkConfig,
        encoders::collection_clip::ImageTower,
        generators::Generate,
        mapper::{Mapper, MapperConfig},
    },
    ops::{cholesky::upper_root, on_gray::on_gray, random, unit_length::unit_length},
    weights::manifest::MapperMetrics,
};
use burn::{
    module::{Module, Param},
    optim::{AdamWConfig, GradientsParams},
    tensor::{Int, Tensor, TensorData},
};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

/// How a mapper is trained.
#[derive(Debug, Clone, PartialEq)]
pub struct MapperSettings {
    /// Truncation of the samples, and so of the drafts.
    pub truncation_psi: f32,
    /// Samples to learn from.
    pub samples: usize,
    /// Samples, and as many sentences, that are kept for the report.
    pub held_out: usize,
    /// Steps on samples.
    pub steps: usize,
    /// Samples in a step.
    pub batch_size: usize,
    /// Steps that go on with samples and take sentences besides.
    pub text_steps: usize,
    /// Sentences in a step.
    pub text_batch_size: usize,
    /// AdamW's step size; it falls to zero along a cosine.
    pub learning_rate: f64,
    /// Directions of length one are disturbed by up to this length.
    pub noise: f64,
    /// Weight of the sentences' `1 - cosine` against the mean squared error of the samples' latents.
    pub text_weight: f64,
    /// Determines everything random.
    pub seed: u64,
}

impl MapperSettings {
    /// Enough samples for a good mapper.
    pub const SAMPLES: usize = 32_768;

    /// Settings for so many samples, with as many steps as go with them.
    pub fn of_samples(samples: usize) -> Self {
        Self {
            truncation_psi: 0.7,
            samples,
            held_out: 512.min(samples),
            steps: samples / 4,
            batch_size: 128,
            text_steps: samples / 14,
            text_batch_size: 16,
            learning_rate: 2e-3,
            noise: 1.5,
            text_weight: 4.0,
            seed: 0,
        }
    }
}

/// About how long a step takes, and each of its sentences, where drawing and looking at a picture of 32
/// pixels takes one: what progress counts, so that the time left can be told.
const STEP_WORK: usize = 4;
const SENTENCE_WORK: usize = 2;

/// Pictures that are drawn at once, without and with gradients.
const DRAW_BATCH: usize = 32;

/// Trains a mapper for `generator` and `tower` on its samples and on `texts [m, embed_dim]`, embeddings of
/// sentences.
///
/// All are without autodiff, on the device that is trained on. `progress` hears of work, in pictures drawn
/// and what takes as long: done, and in all.
///
/// # Panics
///
/// When there are no more sentences than are held out, or the tower sees pictures of another size than are
/// drawn.
pub fn train_mapper(
    generator: &dyn Generate,
    tower: &ImageTower,
    texts: Tensor<2>,
    settings: &MapperSettings,
    mut progress: impl FnMut(usize, usize),
) -> (Mapper, MapperMetrics) {
    let MapperSettings {
        samples,
        held_out,
        steps,
        text_steps,
        ..
    } = *settings;
    let [text_count, embed_dim] = texts.dims();
    assert!(
        text_count > held_out,
        "{text_count} sentences, {held_out} of them held out"
    );
    let device = texts.device();
    random::seed(settings.seed);
    let mut rng = ChaCha8Rng::seed_from_u64(settings.seed);
    let work = |taken: usize| {
        let told = taken.saturating_sub(steps) * settings.text_batch_size;
        samples + held_out + taken * STEP_WORK + told * SENTENCE_WORK
    };
    let total = work(steps + text_steps);

    let bank = Bank::draw(generator, tower, settings, &mut rng, &mut |done| {
        progress(done, total)
    });
    let [_, w_dim] = bank.ws.dims();
    let seen = bank.first(samples);
    let texts_seen = texts.clone().narrow(0, held_out, text_count - held_out);
    let mut mapper = MapperConfig::small(embed_dim, w_dim).init(&device);
    let w_mean = seen.ws.clone().mean_dim(0);
    let w_scale = (seen.ws.clone() - w_mean.clone())
        .square()
        .mean()
        .sqrt()
        .clamp_min(1e-6);
    mapper.w_mean = buffer(w_mean.reshape([w_dim]));
    mapper.w_scale = buffer(w_scale);
    mapper.image_mean = buffer(seen.embeddings.clone().mean_dim(0).reshape([embed_dim]));
    mapper.text_mean = buffer(texts_seen.clone().mean_dim(0).reshape([embed_dim]));

    let mut optimizer = AdamWConfig::new().with_weight_decay(1e-4).init();
    let mut trained = mapper.train();
    for step in 0..steps + text_steps {
        let rows = seen.rows(settings.batch_size, &mut rng);
        let directions = trained.directions_of_images(Tensor::from_inner(rows.embeddings));
        let directions = disturbed(directions, settings.noise, &mut rng);
        let error =
            (trained.mean(directions) - Tensor::from_inner(rows.ws)) / trained.w_scale.val().unsqueeze();
        let mut loss = error.square().mean();
        if step >= steps {
            if step == steps {
                trained = measure_spread(trained, &seen, settings, &mut rng);
            }
            let wishes = pick(&texts_seen, settings.text_batch_size, &mut rng);
            let drawn = draft(
                &trained,
                &trained.directions_of_texts(Tensor::from_inner(wishes.clone())),
                &mut rng,
            );
            let found = tower.forward(draw(generator, drawn));
            let distance = -(found * Tensor::from_inner(wishes)).sum_dim(1).mean() + 1.0;
            loss = loss + distance * settings.text_weight;
        }
        let gradients = GradientsParams::from_grads(loss.backward(), &trained);
        let wave = cosine_decay(step as f64 / (steps + text_steps) as f64);
        trained = optimizer.step(settings.learning_rate * wave, trained, gradients);
        progress(work(step + 1), total);
    }
    let mapper = measure_spread(trained, &seen, settings, &mut rng).valid();
    let texts = texts.narrow(0, 0, held_out);
    let report = report(&mapper, generator, tower, bank.last(held_out), texts, &mut rng);
    (mapper, report)
}

/// Latents and the embeddings of what is drawn from them.
struct Bank {
    /// `[n, w_dim]`.
    ws: Tensor<2>,
    /// `[n, embed_dim]`.
    embeddings: Tensor<2>,
}

impl Bank {
    fn draw(
        generator: &dyn Generate,
        tower: &ImageTower,
        settings: &MapperSettings,
        rng: &mut ChaCha8Rng,
        progress: &mut impl FnMut(usize),
    ) -> Self {
        let (z_dim, center) = (generator.z_dim(), generator.latent_center());
        let total = settings.samples + settings.held_out;
        let (mut ws, mut embeddings) = (vec![], vec![]);
        for first in (0..total).step_by(DRAW_BATCH) {
            let n = DRAW_BATCH.min(total - first);
            let z = normal([n, z_dim], rng, &center);
            let latents = generator.latents_from_z(z, settings.truncation_psi);
            let w = latents.narrow(1, 0, 1).squeeze_dim::<2>(1); // [n, width], as all layers are alike
            embeddings.push(tower.forward(draw(generator, w.clone())));
            ws.push(w);
            progress(first + n);
        }
        Self {
            ws: Tensor::cat(ws, 0),
            embeddings: Tensor::cat(embeddings, 0),
        }
    }

    fn part(&self, first: usize, count: usize) -> Self {
        let part = |tensor: &Tensor<2>| tensor.clone().narrow(0, first, count);
        Self {
            ws: part(&self.ws),
            embeddings: part(&self.embeddings),
        }
    }

    fn first(&self, count: usize) -> Self {
        self.part(0, count)
    }

    fn last(&self, count: usize) -> Self {
        self.part(self.ws.dims()[0] - count, count)
    }

    fn rows(&self, count: usize, rng: &mut ChaCha8Rng) -> Self {
        let rows = rows(self.ws.dims()[0], count, rng, &self.ws);
        Self {
            ws: self.ws.clone().select(0, rows.clone()),
            embeddings: self.embeddings.clone().select(0, rows),
        }
    }
}

fn buffer<const D: usize>(value: Tensor<D>) -> Param<Tensor<D>> {
    Param::from_tensor(value.detach()).set_require_grad(false)
}

/// Unit normal values beside `like`.
fn normal<const D: usize, const E: usize>(
    shape: [usize; D],
    rng: &mut ChaCha8Rng,
    like: &Tensor<E>,
) -> Tensor<D> {
    let values: Vec<f32> = StandardNormal
        .sample_iter(rng)
        .take(shape.iter().product())
        .collect();
    Tensor::from_data(TensorData::new(values, shape), &like.device().without_autodiff())
}

/// `count` random indices of `n`, beside `like`.
fn rows(n: usize, count: usize, rng: &mut ChaCha8Rng, like: &Tensor<2>) -> Tensor<1, Int> {
    let rows: Vec<i32> = (0..count).map(|_| rng.random_range(0..n as i32)).collect();
    Tensor::from_data(TensorData::new(rows, [count]), &like.device())
}

fn pick(tensor: &Tensor<2>, count: usize, rng: &mut ChaCha8Rng) -> Tensor<2> {
    tensor
        .clone()
        .select(0, rows(tensor.dims()[0], count, rng, tensor))
}

/// Pictures of `w [n, w_dim]`.
fn draw(generator: &dyn Generate, w: Tensor<2>) -> Tensor<4> {
    on_gray(generator.draw(generator.broadcast(w)))
}

/// One draft for each of `directions [n, embed_dim]`.
fn draft(mapper: &Mapper, directions: &Tensor<2>, rng: &mut ChaCha8Rng) -> Tensor<2> {
    let [n, _] = directions.dims();
    let noise = normal([n, mapper.w_mean.dims()[0]], rng, directions);
    mapper.mean(directions.clone()) + mapper.open(noise)
}

/// `directions [n, d]` with noise of a length from nothing to `most`.
fn disturbed(directions: Tensor<2>, most: f64, rng: &mut ChaCha8Rng) -> Tensor<2> {
    let [n, d] = directions.dims();
    let lengths: Vec<f32> = (0..n)
        .map(|_| rng.random::<f32>() * most as f32 / (d as f32).sqrt())
        .collect();
    let device = directions.device().without_autodiff();
    let lengths = Tensor::<2>::from_data(TensorData::new(lengths, [n, 1]), &device);
    let noise = normal([n, d], rng, &directions) * lengths;
    unit_length(directions + noise)
}

/// Sets the spread to a root of the covariance of what disturbed directions leave open.
fn measure_spread(
    mut mapper: Mapper,
    bank: &Bank,
    settings: &MapperSettings,
    rng: &mut ChaCha8Rng,
) -> Mapper {
    let valid = mapper.valid();
    let directions = valid.directions_of_images(bank.embeddings.clone());
    let directions = disturbed(directions, settings.noise, rng);
    let error = (bank.ws.clone() - valid.mean(directions)) / valid.w_scale.val().unsqueeze();
    let [n, w_dim] = error.dims();
    let covariance = error.clone().transpose().matmul(error) / n as f64;
    let covariance: Vec<f64> = covariance.into_data().iter::<f64>().collect();
    let root: Vec<f32> = upper_root(&covariance, w_dim)
        .iter()
        .map(|&value| value as f32)
        .collect();
    let device = bank.ws.device();
    let spread = Tensor::<2>::from_data(TensorData::new(root, [w_dim, w_dim]), &device);
    mapper.spread = buffer(Tensor::from_inner(spread));
    mapper
}

fn report(
    mapper: &Mapper,
    generator: &dyn Generate,
    tower: &ImageTower,
    samples: Bank,
    texts: Tensor<2>,
    rng: &mut ChaCha8Rng,
) -> MapperMetrics {
    let directions = mapper.directions_of_images(samples.embeddings);
    let error = (samples.ws.clone() - mapper.mean(directions.clone()))
        .square()
        .mean();
    let variance = (samples.ws - mapper.w_mean.val().unsqueeze()).square().mean();
    let mut embedded = |directions: &Tensor<2>| {
        let drafts = draft(mapper, directions, rng).split(DRAW_BATCH, 0);
        let embeddings = drafts.into_iter().map(|w| tower.forward(draw(generator, w)));
        Tensor::cat(embeddings.collect(), 0)
    };
    let drawn = mapper.directions_of_images(embedded(&directions));
    let drawn_for_texts = embedded(&mapper.directions_of_texts(texts.clone()));
    let cosine = |a: Tensor<2>, b: &Tensor<2>| scalar((a * b.clone()).sum_dim(1).mean());
    // Each beside its neighbor's.
    let others = |a: &Tensor<2>| a.clone().roll_dim(1, 0);
    MapperMetrics {
        unexplained: scalar(error) / scalar(variance),
        image_cosine: cosine(directions.clone(), &drawn),
        image_chance: cosine(others(&directions), &drawn),
        text_cosine: cosine(texts.clone(), &drawn_for_texts),
        text_chance: cosine(others(&texts), &drawn_for_texts),
    }
}

fn scalar(value: Tensor<1>) -> f64 {
    f64::from(value.into_scalar::<f32>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::networks::{
        encoders::collection_clip::ImageTowerConfig, generators::stylegan2::StyleGan2Config,
    };
    use burn::tensor::Device;

    /// Even random networks have something to learn: which latent a picture's embedding comes from.
    #[test]
    fn it_learns_to_draw_what_is_asked_for() {
        let device = Device::flex();
        random::seed(1);
        let config = StyleGan2Config {
            z_dim: 8,
            w_dim: 8,
            num_mapping_layers: 2,
            resolution: 16,
            img_channels: 3,
            channel_base: 128,
            channel_max: 8,
            classes: vec![],
        };
        let generator = config.init_generator(&device);
        let tower = ImageTowerConfig {
            resolution: 16,
            channel_base: 128,
            channel_max: 8,
            embed_dim: 16,
        };
        let tower = tower.init(&device);
        let settings = MapperSettings {
            truncation_psi: 1.0,
            samples: 512,
            held_out: 64,
            steps: 300,
            batch_size: 64,
            text_steps: 40,
            ..MapperSettings::of_samples(512)
        };
        // Sentences stand where pictures do, moved aside.
        let mut rng = ChaCha8Rng::seed_from_u64(2);
        let aside = normal([1, 16], &mut rng, &Tensor::<1>::zeros([1], &device)) * 0.3;
        let bank = Bank::draw(&generator, &tower, &settings, &mut rng, &mut |_| {});
        let texts = unit_length(bank.embeddings + aside);

        let mut told = vec![];
        let (mapper, report) = train_mapper(&generator, &tower, texts, &settings, |done, total| {
            told.push((done, total));
        });
        assert_eq!(told.last(), Some(&(3216, 3216)));
        assert!(told.is_sorted());
        // A step with sentences takes longer than one without, and counts as much more.
        let by = |step: usize| told[step + 1].0 - told[step].0;
        let steps = told.len() - 340;
        assert_eq!([by(steps), by(told.len() - 2)], [4, 36]);
        assert!(report.unexplained < 0.5, "{report:?}");
        assert!(report.image_cosine > report.image_chance + 0.3, "{report:?}");
        assert!(report.text_cosine > report.text_chance + 0.02, "{report:?}");
        assert!(mapper.spread.val().abs().max().into_scalar::<f32>() > 0.0);
    }
}
