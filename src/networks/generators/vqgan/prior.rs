//! The prior over codes: a transformer that continues a grid of codes, one after another and row by row
//! (section 3.2 of the paper). It is the decoder of GPT-2 (Radford et al. 2019) with learned positions, as in
//! minGPT.
//!
//! What a picture is to be stands in front of its codes as a token of its own: its class, or the same token
//! for all where there are no classes. The authors take the number of a class for that of a code.

use crate::networks::{
    NetworkConfig,
    generators::Class,
    layers::{
        ConfigError, LayerNorm, lazy_normal,
        transformer::{Activation, Seen, Transformer, TransformerConfig, causal_mask},
    },
};
use burn::{
    module::{Module, Param},
    tensor::{Device, Int, Tensor, TensorData, module::embedding},
};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

/// Deviation of the first embeddings, as in GPT-2.
const INIT_DEVIATION: f64 = 0.02;

/// The shape of a [`CodePrior`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PriorConfig {
    /// How many codes there are.
    pub codebook_size: usize,
    /// Codes on the side of a picture, and of the window that sees larger ones.
    pub grid: usize,
    /// What it can be asked for; none, or two at least.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub classes: Vec<Class>,
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
            classes: vec![],
            width: 128,
            layers: 6,
            heads: 4,
        }
    }

    /// Codes of a picture.
    pub fn length(&self) -> usize {
        self.grid * self.grid
    }

    /// How many numbers there are at once, at most, while a picture of `size` codes is drawn: keys and values
    /// that are kept, with the copies that are made of a block's, and the scores of a window that is read
    /// again.
    pub fn numbers_at_once(&self, size: [usize; 2]) -> u64 {
        let [length, width, heads, layers, codes] = [
            self.length(),
            self.width,
            self.heads,
            self.layers,
            self.codebook_size,
        ]
        .map(|size| size as u64);
        let kept = 2 * (layers + 2) * length * width;
        let again = match size == [self.grid; 2] {
            true => 0,
            false => 4 * heads * length * length + 16 * length * width,
        };
        kept + again + codes
    }

    /// The class that a random number from 0 to 1 draws: each as often as the dataset has it. It is the first
    /// where there are no classes.
    pub fn class_at(&self, random: f64) -> usize {
        let total: u64 = self.classes.iter().map(|class| class.pictures).sum();
        let mut left = random * total as f64;
        let passed = self.classes.iter().take_while(|class| {
            left -= class.pictures as f64;
            left >= 0.0
        });
        passed.count().min(self.classes.len().saturating_sub(1))
    }

    /// The picture of this seed, which is always the same: of this class, or of one that the seed draws.
    pub fn wanted(&self, seed: u64, class: Option<usize>) -> Wanted<ChaCha8Rng> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        // It is drawn in any case, so that a class that is asked for gives the picture that a seed draws of
        // it.
        let drawn = self.class_at(rng.random());
        Wanted {
            class: class.unwrap_or(drawn),
            rng,
        }
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

    /// Codes, and what may stand in front of the first one.
    fn tokens(&self) -> usize {
        self.codebook_size + self.classes.len().max(1)
    }
}

impl NetworkConfig for PriorConfig {
    type Network = CodePrior;

    fn validate(&self) -> Result<(), ConfigError> {
        ConfigError::check("codebook_size", self.codebook_size, 2, 1 << 16)?;
        // Attention takes the square of the number of codes.
        ConfigError::check("grid", self.grid, 2, 64)?;
        Class::check(&self.classes)?;
        ConfigError::check("layers", self.layers, 1, 64)?;
        ConfigError::check("heads", self.heads, 1, 64)?;
        ConfigError::check_multiple("width", self.width, [1, 2048], self.heads)
    }

    /// Weights are drawn when they are first read.
    fn init(&self, device: &Device) -> CodePrior {
        CodePrior {
            tok_emb: lazy_normal([self.tokens(), self.width], INIT_DEVIATION, device),
            pos_emb: lazy_normal([self.length(), self.width], INIT_DEVIATION, device),
            transformer: self.transformer().init(device),
            ln_f: LayerNorm::lazy(self.width, device),
            head: lazy_normal([self.codebook_size, self.width], INIT_DEVIATION, device),
            grid: self.grid,
        }
    }

    fn weights(&self) -> u64 {
        let rows = self.tokens() + self.codebook_size + self.length();
        let [rows, width] = [rows, self.width].map(|size| size as u64);
        rows * width + 12 * width * width * self.layers as u64
    }
}

/// Codes to the codes that follow; [`PriorConfig`] makes it.
#[derive(Module, Debug)]
pub struct CodePrior {
    /// `[codebook_size + classes, width]`, one row at least for what stands in front of the first code.
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

impl Drawing {
    /// Each code as often as it is likely, of so many.
    pub fn plain(codebook_size: usize) -> Self {
        Self {
            temperature: 1.0,
            top_k: codebook_size,
        }
    }

    /// Whether so many codes can be drawn so.
    ///
    /// # Errors
    /// In words.
    pub fn validate(&self, codebook_size: usize) -> Result<(), String> {
        let Self { temperature, top_k } = self;
        if !temperature.is_finite() || *temperature <= 0.0 {
            return Err(format!("temperature is {temperature}, expected a number above 0"));
        }
        match (1..=codebook_size).contains(top_k) {
            true => Ok(()),
            false => Err(format!(
                "top_k is {top_k}, expected 1 to {codebook_size}, the number of codes"
            )),
        }
    }

    /// The code that a random number from 0 to 1 draws by `logits`, if those are numbers.
    fn pick(self, logits: &[f32], random: f64) -> Option<usize> {
        if !logits.iter().all(|logit| logit.is_finite()) {
            return None;
        }
        let mut order: Vec<usize> = (0..logits.len()).collect();
        // The order of those that are as likely stays the same.
        order.sort_by(|&a, &b| logits[b].total_cmp(&logits[a]));
        order.truncate(self.top_k);
        let most = f64::from(logits[*order.first()?]);
        let share = |code: usize| ((f64::from(logits[code]) - most) / self.temperature).exp();
        let mut left = random * order.iter().map(|&code| share(code)).sum::<f64>();
        for &code in &order {
            left -= share(code);
            if left < 0.0 {
                return Some(code);
            }
        }
        order.last().copied()
    }
}

/// A picture that is to be drawn: its class, and the random numbers that draw it.
#[derive(Debug)]
pub struct Wanted<R> {
    /// Zero where there are no classes.
    pub class: usize,
    /// One number is taken for each code.
    pub rng: R,
}

impl CodePrior {
    /// What it expects at each place, given the codes in front of it: for pictures of these `classes`, all
    /// zero where there are none, and their `codes` one after another, `[n, length, codebook_size]`. Pictures
    /// may end before their last code.
    ///
    /// # Panics
    /// When pictures have no codes, more than a grid has, or not all as many.
    pub fn forward(&self, classes: &[usize], codes: &[u16]) -> Tensor<3> {
        let (n, [most, _]) = (classes.len(), self.pos_emb.dims());
        let length = codes.len() / n;
        assert!(
            n * length == codes.len() && (1..=most).contains(&length),
            "{} codes of {n} pictures, expected 1 to {most} of each",
            codes.len()
        );
        let of_pictures = classes.iter().zip(codes.chunks_exact(length));
        let tokens = of_pictures.flat_map(|(&class, codes)| {
            let codes = codes[..length - 1].iter().map(|&code| i64::from(code));
            std::iter::once(self.first_token(class)).chain(codes)
        });
        let x = self.embed(tokens.collect(), [n, length], 0);
        let mask = causal_mask([length; 2], &x.device());
        self.logits(self.transformer.forward(x, Some(mask)))
    }

    /// Draws pictures of `size` codes, rows first: `[n, rows, columns]`. `progress` hears how many codes of
    /// each are drawn.
    ///
    /// A code of a picture that is larger than a grid sees the window of a grid's size in whose middle it is,
    /// or as near to the middle as the edges let it (section 3.3 of the paper). What is known of earlier
    /// codes is kept while the window stays where it is: in pictures of a grid's size each code takes a pass
    /// for itself only. There are no pictures where what is expected is no number.
    ///
    /// # Panics
    /// When a side has fewer codes than a grid, or there is no picture.
    pub fn draw<R: Rng>(
        &self,
        wanted: &mut [Wanted<R>],
        size: [usize; 2],
        drawing: Drawing,
        mut progress: impl FnMut(usize),
    ) -> Option<Tensor<3, Int>> {
        let (n, [rows, columns], grid) = (wanted.len(), size, self.grid);
        assert!(
            n > 0 && rows.min(columns) >= grid,
            "{n} pictures of {rows} x {columns} codes, expected one at least, of {grid} x {grid} at least"
        );
        let [codes, _] = self.head.dims();
        let mut drawn = vec![0u16; n * rows * columns];
        let (mut window, mut seen) = ([0; 2], Seen::default());
        for place in 0..rows * columns {
            let at = [place / columns, place % columns];
            let here = window_at(at, size, grid);
            if here != window {
                (window, seen) = (here, Seen::default());
            }
            let last = (at[0] - window[0]) * grid + at[1] - window[1];
            let new = seen.length()..last + 1;
            // The code that stands in front of this one in the window.
            let token = |picture: usize, index: usize| {
                let Some(before) = index.checked_sub(1) else {
                    return self.first_token(wanted[picture].class);
                };
                let (row, column) = (window[0] + before / grid, window[1] + before % grid);
                i64::from(drawn[(picture * rows + row) * columns + column])
            };
            let tokens = (0..n).flat_map(|picture| new.clone().map(move |index| (picture, index)));
            let tokens = tokens.map(|(picture, index)| token(picture, index)).collect();
            let x = self.embed(tokens, [n, new.len()], new.start);
            let x = self.transformer.follow(x, &mut seen);
            let logits = self.logits(x.slice_dim(1, new.len() - 1..new.len())).into_data();
            let logits: Vec<f32> = logits.iter::<f32>().collect();
            for (picture, logits) in logits.chunks_exact(codes).enumerate() {
                let random = wanted[picture].rng.random();
                // There are at most 65,536 codes.
                drawn[picture * rows * columns + place] = drawing.pick(logits, random)? as u16;
            }
            progress(place + 1);
        }
        let drawn: Vec<i64> = drawn.into_iter().map(i64::from).collect();
        let data = TensorData::new(drawn, [n, rows, columns]);
        Some(Tensor::from_data(data, &self.head.val().device()))
    }

    /// What stands in front of a picture's codes.
    fn first_token(&self, class: usize) -> i64 {
        let [codes, _] = self.head.dims();
        (codes + class) as i64
    }

    /// `tokens [n, length]` from this position on, `[n, length, width]`.
    fn embed(&self, tokens: Vec<i64>, [n, length]: [usize; 2], position: usize) -> Tensor<3> {
        let positions = self.pos_emb.val().slice_dim(0, position..position + length);
        let tokens = Tensor::<2, Int>::from_data(TensorData::new(tokens, [n, length]), &positions.device());
        embedding(self.tok_emb.val(), tokens) + positions.unsqueeze()
    }

    fn logits(&self, x: Tensor<3>) -> Tensor<3> {
        let [n, length, width] = x.dims();
        let [codes, _] = self.head.dims();
        let rows = self.ln_f.forward(x).reshape([n * length, width]);
        crate::ops::linear::product(rows, self.head.val()).reshape([n, length, codes])
    }
}

/// The first row and the first column of the window of `grid` x `grid` codes through which the code `at` is
/// seen in a picture of this size.
fn window_at(at: [usize; 2], size: [usize; 2], grid: usize) -> [usize; 2] {
    [0, 1].map(|axis| at[axis].saturating_sub(grid / 2).min(size[axis] - grid))
}

#[cfg(test)]
mod tests;
