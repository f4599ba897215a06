//! The prior over codes: a transformer that continues a grid of codes, one after another and row by row (section
//! 3.2 of the paper). It is the decoder of GPT-2 (Radford et al. 2019) with learned positions.

use crate::networks::{
    NetworkConfig,
    layers::{
        ConfigError, LayerNorm, lazy_normal,
        transformer::{Activation, Seen, Transformer, TransformerConfig, causal_mask},
    },
};
use burn::{
    module::{Module, Param},
    tensor::{Device, Int, Tensor, TensorData, module::embedding},
};
use rand::Rng;
use serde::{Deserialize, Serialize};

/// Deviation of first weights, as in GPT-2.
const INIT_DEVIATION: f64 = 0.02;

/// The shape of a [`CodePrior`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PriorConfig {
    /// How many codes there are.
    pub codebook_size: usize,
    /// Codes on the side of a picture.
    pub grid: usize,
    /// Features of a code.
    pub width: usize,
    /// Blocks.
    pub layers: usize,
    /// Attention heads, which divide the width.
    pub heads: usize,
}

impl PriorConfig {
    /// A small one, for grids of 16 x 16 on a CPU.
    pub fn small(codebook_size: usize, grid: usize) -> Self {
        Self {
            codebook_size,
            grid,
            width: 128,
            layers: 6,
            heads: 4,
        }
    }

    /// Codes of a picture.
    pub fn length(&self) -> usize {
        self.grid * self.grid
    }

    fn transformer(&self) -> TransformerConfig {
        TransformerConfig {
            width: self.width,
            layers: self.layers,
            heads: self.heads,
            mlp_width: 4 * self.width,
            activation: Activation::Gelu,
        }
    }
}

impl NetworkConfig for PriorConfig {
    type Network = CodePrior;

    fn validate(&self) -> Result<(), ConfigError> {
        ConfigError::check("codebook_size", self.codebook_size, 2, 1 << 16)?;
        // Attention takes the square of the number of codes.
        ConfigError::check("grid", self.grid, 1, 64)?;
        ConfigError::check("layers", self.layers, 1, 64)?;
        ConfigError::check("heads", self.heads, 1, 64)?;
        ConfigError::check_multiple("width", self.width, [1, 2048], self.heads)
    }

    /// Weights are drawn when they are first read.
    fn init(&self, device: &Device) -> CodePrior {
        CodePrior {
            tok_emb: lazy_normal([self.codebook_size + 1, self.width], INIT_DEVIATION, device),
            pos_emb: lazy_normal([self.length(), self.width], INIT_DEVIATION, device),
            transformer: self.transformer().init(device),
            ln_f: LayerNorm::lazy(self.width, device),
            head: lazy_normal([self.codebook_size, self.width], INIT_DEVIATION, device),
            grid: self.grid,
        }
    }

    fn weights(&self) -> u64 {
        let [codes, length, width] = [self.codebook_size, self.length(), self.width].map(|size| size as u64);
        (2 * codes + 1 + length) * width + 12 * width * width * self.layers as u64
    }
}

/// Codes to the codes that follow; [`PriorConfig`] makes it.
#[derive(Module, Debug)]
pub struct CodePrior {
    /// `[codebook_size + 1, width]`, the last of which stands before the first code.
    pub tok_emb: Param<Tensor<2>>,
    /// `[length, width]`.
    pub pos_emb: Param<Tensor<2>>,
    /// Every code sees those before it.
    pub transformer: Transformer,
    /// In front of the last layer.
    pub ln_f: LayerNorm,
    /// `[codebook_size, width]`.
    pub head: Param<Tensor<2>>,
    grid: usize,
}

/// How codes are drawn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Drawing {
    /// What logits are divided by: less than one for likelier codes.
    pub temperature: f64,
    /// Only so many of the likeliest codes are drawn.
    pub top_k: usize,
}

impl CodePrior {
    /// Codes on the side of a picture.
    pub fn grid(&self) -> usize {
        self.grid
    }

    /// What it expects at each place, given the codes in front of it: `codes [n, length] -> logits [n, length,
    /// codebook_size]`.
    pub fn forward(&self, codes: Tensor<2, Int>) -> Tensor<3> {
        let [n, length] = codes.dims();
        let device = codes.device();
        let [first, _] = self.head.dims();
        let start = Tensor::<2, Int>::full([n, 1], first as i64, &device);
        let before = Tensor::cat(vec![start, codes.narrow(1, 0, length - 1)], 1);
        let positions = self.pos_emb.val().narrow(0, 0, length).unsqueeze();
        let x = embedding(self.tok_emb.val(), before) + positions;
        let x = self.transformer.forward(x, Some(causal_mask(length, &device)));
        self.logits(x)
    }

    /// Draws grids of codes, `[n, grid, grid]`, from random numbers of `rng`.
    ///
    /// What the transformer knows of earlier codes is kept, so that each code takes one pass for itself only.
    pub fn draw(&self, n: usize, drawing: Drawing, rng: &mut impl Rng) -> Tensor<3, Int> {
        let [codes, _] = self.head.dims();
        let [length, width] = self.pos_emb.dims();
        let device = self.head.val().device();
        let mut seen: Vec<Seen> = self
            .transformer
            .resblocks
            .iter()
            .map(|_| Seen::default())
            .collect();
        let mut last = vec![codes as i64; n];
        let mut drawn = vec![0i64; n * length];
        for place in 0..length {
            let indices = Tensor::<1, Int>::from_data(TensorData::new(last.clone(), [n]), &device);
            let position = self.pos_emb.val().narrow(0, place, 1);
            let x = (self.tok_emb.val().select(0, indices) + position).reshape([n, 1, width]);
            let logits = self.logits(self.transformer.follow(x, &mut seen)).into_data();
            let logits: Vec<f32> = logits.iter::<f32>().collect();
            for (picture, logits) in logits.chunks_exact(codes).enumerate() {
                let code = pick(logits, drawing, rng.random()) as i64;
                drawn[picture * length + place] = code;
                last[picture] = code;
            }
        }
        Tensor::from_data(TensorData::new(drawn, [n, self.grid, self.grid]), &device)
    }

    fn logits(&self, x: Tensor<3>) -> Tensor<3> {
        let [n, length, width] = x.dims();
        let [codes, _] = self.head.dims();
        let rows = self.ln_f.forward(x).reshape([n * length, width]);
        crate::ops::linear::product(rows, self.head.val()).reshape([n, length, codes])
    }
}

/// The code that a random number from 0 to 1 draws by `logits`. Where some are no numbers it is the first.
fn pick(logits: &[f32], drawing: Drawing, random: f64) -> usize {
    let mut order: Vec<usize> = (0..logits.len())
        .filter(|&code| logits[code].is_finite())
        .collect();
    order.sort_by(|&a, &b| logits[b].total_cmp(&logits[a]));
    order.truncate(drawing.top_k.max(1));
    let Some(&likeliest) = order.first() else {
        return 0;
    };
    let most = f64::from(logits[likeliest]);
    let share = |code: usize| ((f64::from(logits[code]) - most) / drawing.temperature.max(1e-6)).exp();
    let mut left = random * order.iter().map(|&code| share(code)).sum::<f64>();
    for &code in &order {
        left -= share(code);
        if left <= 0.0 {
            return code;
        }
    }
    order[order.len() - 1]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{networks::layers::drawn, ops::random};
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    fn prior() -> CodePrior {
        random::seed(3);
        let config = PriorConfig {
            codebook_size: 7,
            grid: 3,
            width: 8,
            layers: 2,
            heads: 2,
        };
        config.validate().unwrap();
        let mut prior = drawn(config.init(&Device::flex()));
        // Far from indifferent.
        prior.head = prior.head.map(|head| head * 100.0);
        prior.tok_emb = prior.tok_emb.map(|table| table * 50.0);
        prior
    }

    fn rows(logits: Tensor<3>) -> Vec<f32> {
        logits.into_data().iter::<f32>().collect()
    }

    #[test]
    fn a_code_sees_those_before_it_only() {
        let prior = prior();
        let codes = Tensor::<2, Int>::from_data([[1, 2, 3, 4, 5, 6, 0, 1, 2]], &Device::flex());
        let other = Tensor::<2, Int>::from_data([[1, 2, 3, 4, 0, 6, 0, 1, 2]], &Device::flex());
        let [whole, other] = [codes, other].map(|codes| rows(prior.forward(codes)));
        assert_eq!(whole[..5 * 7], other[..5 * 7]);
        assert_ne!(whole[5 * 7..6 * 7], other[5 * 7..6 * 7]);
    }

    /// With one code to choose from, each drawn code is the likeliest that the whole pass expects.
    #[test]
    fn codes_that_are_drawn_one_by_one_are_those_of_a_whole_pass() {
        let prior = prior();
        let greedy = Drawing {
            temperature: 1.0,
            top_k: 1,
        };
        let drawn = prior.draw(2, greedy, &mut ChaCha8Rng::seed_from_u64(1));
        let codes: Vec<i64> = drawn.to_data().iter::<i64>().collect();
        let logits = rows(prior.forward(drawn.reshape([2, 9])));
        for (&code, logits) in codes.iter().zip(logits.chunks_exact(7)) {
            let most = logits.iter().fold(f32::MIN, |most, &logit| most.max(logit));
            assert!(logits[code as usize] >= most - 1e-3, "{code}: {logits:?}");
        }
        assert!(codes.iter().any(|code| *code != codes[0]), "{codes:?}");
    }

    #[test]
    fn codes_are_drawn_as_often_as_they_are_likely() {
        let drawing = |temperature, top_k| Drawing { temperature, top_k };
        let logits: Vec<f32> = [0.5f32, 0.3, 0.2].iter().map(|share| share.ln()).collect();
        let counts = |drawing| {
            let mut counts = [0; 3];
            for number in 0..1000 {
                counts[pick(&logits, drawing, (f64::from(number) + 0.5) / 1000.0)] += 1;
            }
            counts
        };
        assert_eq!(counts(drawing(1.0, 3)), [500, 300, 200]);
        assert_eq!(counts(drawing(1.0, 2)), [625, 375, 0]);
        assert_eq!(counts(drawing(1.0, 1)), [1000, 0, 0]);
        assert_eq!(counts(drawing(0.001, 3)), [1000, 0, 0]);
        assert_eq!(pick(&[f32::NAN, 0.0], drawing(1.0, 2), 0.5), 1);
        assert_eq!(pick(&[f32::NAN; 2], drawing(1.0, 2), 0.5), 0);
    }

    #[test]
    fn weights_are_counted() {
        let config = PriorConfig::small(512, 16);
        config.validate().unwrap();
        let shapes = crate::networks::generators::vqgan::tests::parameters(&config.init(&Device::flex()));
        assert_eq!(shapes[1], config.weights());
    }
}
