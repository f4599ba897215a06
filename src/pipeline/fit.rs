//! How well a picture fits each clause of a wish, as people count: among a collection's own pictures.
//!
//! A cosine around zero says nothing to people. That of the collection's pictures 96 % fit "pink hair" less
//! does. The pictures stand in the bundle as embeddings, so any clause can be asked about.

use super::{Error, Prompt, sample::read};
use crate::{
    networks::{
        encoders::{
            collection_clip::{TextTower, clauses},
            minilm::Tokenizer,
        },
        population::Population,
    },
    weights::shortened,
};
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

/// A wish is told about in so many clauses.
const MAX_CLAUSES: usize = 8;

/// A clause is shown up to so many characters.
const SHOWN_CHARS: usize = 40;

/// The clauses of a wish, and how the collection's pictures fit each.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Yardstick(Vec<Mark>);

/// A clause.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Mark {
    /// As it is asked for.
    clause: String,
    /// `[embed_dim]`, of unit length; turned around where the clause is asked against.
    embedding: Vec<f32>,
    /// The cosines that 1, 2, ... 99 % of the collection's pictures stay below, ascending.
    percentiles: Vec<f32>,
}

/// How well a picture fits a clause.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fit {
    /// As it is asked for: "pink hair", or "no hat" where a hat is asked against.
    pub clause: String,
    /// The share of the collection's pictures that fit it less, in percent, 0 to 99.
    pub percent: u8,
}

impl Yardstick {
    /// The first clauses of `prompts`, held against `population`, which the text tower's image tower saw.
    ///
    /// # Errors
    ///
    /// [`Error::Request`] when the two are not of the same width, [`Error::Device`] when the device fails.
    pub async fn new(
        population: &Population,
        tower: &TextTower,
        tokenizer: &Tokenizer,
        prompts: &[Prompt],
    ) -> Result<Self, Error> {
        let asked: Vec<(String, bool)> = prompts
            .iter()
            .filter(|prompt| prompt.weight != 0.0)
            .flat_map(|prompt| {
                let against = prompt.weight < 0.0;
                clauses(&prompt.text)
                    .into_iter()
                    .map(move |clause| (clause, against))
            })
            .filter(|(clause, _)| !clause.is_empty())
            .take(MAX_CLAUSES)
            .collect();
        if asked.is_empty() {
            return Ok(Self(vec![]));
        }
        let embed = |(clause, _): &(String, bool)| tower.embed(tokenizer, clause);
        let embeddings = Tensor::cat(asked.iter().map(embed).collect(), 0); // [k, d]
        let pictures = population.embeddings.val();
        let ([k, d], [n, width]) = (embeddings.dims(), pictures.dims());
        if d != width {
            return Err(Error::Request(format!(
                "the population's embeddings are {width} wide and the sentences' {d}: it belongs to another encoder"
            )));
        }
        let cosines = read(embeddings.clone().matmul(pictures.transpose())).await?;
        let embeddings = read(embeddings).await?;
        let mark = |index: usize| {
            let (clause, against) = &asked[index];
            let (clause, sign) = match against {
                true => match clause.strip_prefix("no ") {
                    Some(denied) => (denied.to_owned(), -1.0),
                    None => (format!("no {clause}"), -1.0),
                },
                false => (clause.clone(), 1.0),
            };
            let turned = |values: &[f32]| values.iter().map(|value| value * sign).collect();
            let mut cosines: Vec<f32> = turned(&cosines[index * n..][..n]);
            cosines.sort_by(f32::total_cmp);
            Mark {
                clause: shortened(&clause, SHOWN_CHARS),
                embedding: turned(&embeddings[index * d..][..d]),
                percentiles: (1..100).map(|percent| cosines[percent * n / 100]).collect(),
            }
        };
        Ok(Self((0..k).map(mark).collect()))
    }

    /// How well the picture with this embedding `[embed_dim]` fits each clause.
    pub fn fits(&self, embedding: &[f32]) -> Vec<Fit> {
        let fit = |mark: &Mark| {
            let cosine: f32 = mark.embedding.iter().zip(embedding).map(|(a, b)| a * b).sum();
            Fit {
                clause: mark.clause.clone(),
                percent: mark.percentiles.iter().filter(|&&least| least <= cosine).count() as u8,
            }
        };
        self.0.iter().map(fit).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        networks::{
            NetworkConfig,
            encoders::{collection_clip::TextTowerConfig, minilm::MiniLmConfig},
            population::PopulationConfig,
        },
        ops::{random, unit_length::unit_length},
        pipeline::guide::tests::random as values,
    };
    use burn::{module::Param, tensor::Device};
    use futures::executor::block_on;

    const WIDTH: usize = 6;

    fn population(pictures: Tensor<2>) -> Population {
        let [pictures_count, embed_dim] = pictures.dims();
        let config = PopulationConfig {
            pictures: pictures_count,
            embed_dim,
        };
        let mut population = config.init(&pictures.device());
        population.embeddings = Param::from_tensor(pictures);
        population
    }

    fn tower(device: &Device) -> (TextTower, Tokenizer) {
        const WORDS: &str = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\npink\nhair\nhat\nno\nblue";
        random::seed(3);
        let config = TextTowerConfig {
            minilm: MiniLmConfig {
                vocab_size: WORDS.lines().count(),
                hidden_size: 8,
                num_hidden_layers: 1,
                num_attention_heads: 2,
                intermediate_size: 8,
                max_position_embeddings: 16,
            },
            hidden_dim: 8,
            embed_dim: WIDTH,
        };
        let mut tower = config.init(device);
        // A network that is to be filled with published weights begins with none.
        let words = values(13, [WORDS.lines().count(), 8], 1.0, device);
        tower.minilm.word_embeddings = Param::from_tensor(words);
        (tower, Tokenizer::from_vocabulary(WORDS).unwrap())
    }

    fn prompt(text: &str, weight: f32) -> Prompt {
        Prompt {
            text: text.into(),
            weight,
        }
    }

    #[test]
    fn a_picture_is_told_how_many_of_the_collection_fit_less() {
        let device = Device::flex();
        let (tower, tokenizer) = tower(&device);
        let pictures: Tensor<2> = unit_length(values(11, [200, WIDTH], 1.0, &device));
        let prompts = [
            prompt("pink hair, no hat", 1.0),
            prompt("hat", -0.5),
            prompt("no hat", -1.0),
            prompt("blue", 0.0),
        ];
        let yardstick = block_on(Yardstick::new(
            &population(pictures.clone()),
            &tower,
            &tokenizer,
            &prompts,
        ))
        .unwrap();
        let all = block_on(read(pictures)).unwrap();
        let asked = [
            ("pink hair", 1.0),
            ("no hat", 1.0),
            ("hat", -1.0),
            ("no hat", -1.0),
        ];
        let shown = ["pink hair", "no hat", "no hat", "hat"];
        for picture in all.chunks_exact(WIDTH).take(20) {
            let fits = yardstick.fits(picture);
            let clauses: Vec<&str> = fits.iter().map(|fit| &*fit.clause).collect();
            assert_eq!(clauses, shown);
            for ((text, sign), fit) in asked.iter().zip(&fits) {
                let text = block_on(read(tower.embed(&tokenizer, text))).unwrap();
                let cosine = |picture: &[f32]| {
                    let products = picture.iter().zip(&text).map(|(a, b)| a * b);
                    products.sum::<f32>() * sign
                };
                let own = cosine(picture);
                let below = all
                    .chunks_exact(WIDTH)
                    .filter(|other| cosine(other) < own)
                    .count();
                let expected = (below * 100 / 200) as u8;
                let found = fit.percent;
                // Rounding may put a picture on either side of itself.
                assert!(
                    found.abs_diff(expected) <= 1,
                    "{found} %, not {expected} %: {fit:?}"
                );
            }
        }
        // What fits best of all fits better than 99 in a hundred, and its opposite than none.
        let best = block_on(read(tower.embed(&tokenizer, "pink hair"))).unwrap();
        let worst: Vec<f32> = best.iter().map(|value| -value).collect();
        assert_eq!(yardstick.fits(&best)[0].percent, 99);
        assert_eq!(yardstick.fits(&worst)[0].percent, 0);
    }

    #[test]
    fn populations_of_other_encoders_are_refused_and_wishes_without_clauses_are_not() {
        let device = Device::flex();
        let (tower, tokenizer) = tower(&device);
        let of = |width: usize, prompts: &[Prompt]| {
            let pictures = population(unit_length(values(12, [1, width], 1.0, &device)));
            block_on(Yardstick::new(&pictures, &tower, &tokenizer, prompts))
        };
        let error = of(WIDTH + 1, &[prompt("hat", 1.0)]).unwrap_err().to_string();
        assert!(error.contains("are 7 wide and the sentences' 6"), "{error}");
        assert_eq!(of(WIDTH, &[prompt(", ,", 1.0)]).unwrap().fits(&[0.0; WIDTH]), []);
        let many = prompt(&"hat, ".repeat(30), 1.0);
        assert_eq!(of(WIDTH, &[many]).unwrap().fits(&[0.0; WIDTH]).len(), MAX_CLAUSES);
    }
}
