use super::*;
use crate::{
    networks::{generators::vqgan::tests::parameters, layers::drawn},
    ops::random,
};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

const CODES: usize = 7;
const GRID: usize = 4;

fn config() -> PriorConfig {
    let class = |name: &str, pictures| Class {
        name: name.into(),
        pictures,
    };
    PriorConfig {
        codebook_size: CODES,
        grid: GRID,
        classes: vec![class("a", 3), class("b", 1)],
        width: 8,
        layers: 2,
        heads: 2,
    }
}

fn prior() -> CodePrior {
    random::seed(3);
    let config = config();
    config.validate().unwrap();
    let mut prior = drawn(config.init(&Device::flex()));
    // Far from indifferent.
    prior.head = prior.head.map(|head| head * 100.0);
    prior.tok_emb = prior.tok_emb.map(|table| table * 50.0);
    prior.pos_emb = prior.pos_emb.map(|table| table * 50.0);
    prior
}

fn rows(logits: Tensor<3>) -> Vec<f32> {
    logits.into_data().iter::<f32>().collect()
}

fn wanted(seeds: &[u64]) -> Vec<Wanted<ChaCha8Rng>> {
    let each = seeds.iter().map(|&seed| Wanted {
        class: seed as usize % 2,
        rng: ChaCha8Rng::seed_from_u64(seed),
    });
    each.collect()
}

fn draw(prior: &CodePrior, seeds: &[u64], size: [usize; 2], drawing: Drawing) -> Vec<u16> {
    let mut heard = vec![];
    let codes = prior
        .draw(&mut wanted(seeds), size, drawing, |done| heard.push(done))
        .unwrap();
    assert!(heard.into_iter().eq(1..=size[0] * size[1]));
    assert_eq!(codes.dims(), [seeds.len(), size[0], size[1]]);
    codes.into_data().iter::<i64>().map(|code| code as u16).collect()
}

#[test]
fn a_code_sees_its_class_and_those_before_it_only() {
    let prior = prior();
    let codes = [1, 2, 3, 4, 5, 6, 0, 1, 2];
    let mut other = codes;
    other[4] = 0;
    let [whole, changed, class] =
        [(0, codes), (0, other), (1, codes)].map(|(class, codes)| rows(prior.forward(&[class], &codes)));
    assert_eq!(whole[..5 * CODES], changed[..5 * CODES]);
    assert_ne!(whole[5 * CODES..6 * CODES], changed[5 * CODES..6 * CODES]);
    assert_ne!(whole[..CODES], class[..CODES]);
}

/// However the tokens are cut into pieces.
#[test]
fn what_is_kept_gives_the_logits_of_a_whole_pass() {
    let prior = prior();
    let codes: Vec<u16> = (0..2 * 16).map(|i| (i * i % CODES) as u16).collect();
    let whole = rows(prior.forward(&[0, 1], &codes));
    let token = |picture: usize, index: usize| match index {
        0 => (CODES + picture) as i64,
        _ => i64::from(codes[picture * 16 + index - 1]),
    };
    for pieces in [vec![1; 16], vec![5, 1, 7, 3], vec![16]] {
        let mut seen = Seen::default();
        for length in pieces {
            let first = seen.length();
            let tokens =
                [0, 1].map(|picture| (first..first + length).map(move |index| token(picture, index)));
            let x = prior.embed(tokens.into_iter().flatten().collect(), [2, length], first);
            let found = rows(prior.logits(prior.transformer.follow(x, &mut seen)));
            for (picture, found) in found.chunks_exact(length * CODES).enumerate() {
                let expected = &whole[(picture * 16 + first) * CODES..][..length * CODES];
                for (found, expected) in found.iter().zip(expected) {
                    assert!((found - expected).abs() < 1e-4, "{found} is not {expected}");
                }
            }
        }
        assert_eq!(seen.length(), 16);
    }
}

/// Each code is the one that its random number draws by what a pass over its window alone expects there,
/// whether the picture has a grid's size or is larger, by less than a window or by more.
#[test]
fn codes_are_those_that_each_window_gives_by_itself() {
    let prior = prior();
    let drawing = Drawing {
        temperature: 1.5,
        top_k: 5,
    };
    let seeds = [5, 8];
    for size in [[GRID, GRID], [5, 6], [GRID, 9], [11, GRID], [10, 10]] {
        let [height, width] = size;
        let codes = draw(&prior, &seeds, size, drawing);
        for (wanted, codes) in wanted(&seeds).iter_mut().zip(codes.chunks_exact(height * width)) {
            for (place, &code) in codes.iter().enumerate() {
                let (y, x) = (place / width, place % width);
                // The middle of a window has as many codes before it as a half, and edges hold it.
                let first = |at: usize, side: usize| match at {
                    _ if at < GRID / 2 => 0,
                    _ if at - GRID / 2 > side - GRID => side - GRID,
                    _ => at - GRID / 2,
                };
                let (top, left) = (first(y, height), first(x, width));
                let window: Vec<u16> = (0..GRID * GRID)
                    .map(|cell| codes[(top + cell / GRID) * width + left + cell % GRID])
                    .collect();
                let logits = rows(prior.forward(&[wanted.class], &window));
                let here = (y - top) * GRID + x - left;
                let expected = drawing.pick(&logits[here * CODES..][..CODES], wanted.rng.random());
                assert_eq!(Some(usize::from(code)), expected, "{size:?}: {y}, {x}");
            }
        }
        assert!(codes.iter().any(|code| *code != codes[0]), "{codes:?}");
    }
}

#[test]
fn a_picture_is_the_same_whichever_are_drawn_with_it() {
    let prior = prior();
    let plain = Drawing::plain(CODES);
    let all = draw(&prior, &[1, 2, 3, 4, 5], [5, 5], plain);
    assert_eq!(all[2 * 25..3 * 25], draw(&prior, &[3], [5, 5], plain));
    assert_ne!(all[..25], all[2 * 25..3 * 25]);
}

#[test]
fn codes_are_drawn_as_often_as_they_are_likely() {
    let drawing = |temperature, top_k| Drawing { temperature, top_k };
    let logits: Vec<f32> = [0.2f32, 0.5, 0.3].iter().map(|share| share.ln()).collect();
    let counts = |drawing: Drawing| {
        let mut counts = [0; 3];
        for number in 0..1000 {
            counts[drawing.pick(&logits, (f64::from(number) + 0.5) / 1000.0).unwrap()] += 1;
        }
        counts
    };
    assert_eq!(counts(drawing(1.0, 3)), [200, 500, 300]);
    assert_eq!(counts(drawing(1.0, 2)), [0, 625, 375]);
    assert_eq!(counts(drawing(1.0, 1)), [0, 1000, 0]);
    assert_eq!(counts(drawing(0.001, 3)), [0, 1000, 0]);
    // Shares squared: 4, 25 and 9 of 38.
    assert_eq!(counts(drawing(0.5, 3)), [105, 658, 237]);
    for odd in [f32::NAN, f32::INFINITY] {
        assert_eq!(drawing(1.0, 2).pick(&[0.0, odd], 0.5), None);
    }
    for (drawing, said) in [
        (drawing(0.0, 1), "temperature is 0, expected a number above 0"),
        (drawing(-1.0, 1), "temperature is -1"),
        (drawing(f64::NAN, 1), "temperature is NaN"),
        (drawing(f64::INFINITY, 1), "temperature is inf"),
        (
            drawing(1.0, 0),
            "top_k is 0, expected 1 to 7, the number of codes",
        ),
        (drawing(1.0, 8), "top_k is 8"),
    ] {
        let error = drawing.validate(CODES).unwrap_err();
        assert!(error.starts_with(said), "{error}");
    }
    Drawing::plain(CODES).validate(CODES).unwrap();
}

#[test]
fn classes_are_drawn_as_often_as_the_dataset_has_them() {
    let drawn = |config: &PriorConfig| [0.0, 0.74, 0.76, 1.0].map(|random| config.class_at(random));
    assert_eq!(drawn(&config()), [0, 0, 1, 1]);
    assert_eq!(drawn(&PriorConfig::small(8, 4)), [0; 4]);
}

#[test]
fn weights_are_counted_and_every_field_is_checked() {
    for (config, all) in [(PriorConfig::small(512, 16), 1_353_856), (config(), 2_016)] {
        config.validate().unwrap();
        let counted = parameters(&config.init(&Device::flex()));
        assert_eq!(counted, [all, config.weights()]);
    }
    let sound = serde_json::to_value(config()).unwrap();
    for (pointer, value, said) in [
        ("/codebook_size", 1, "codebook_size is 1, expected 2 to 65536"),
        ("/codebook_size", 65_537, "codebook_size is 65537"),
        ("/grid", 1, "grid is 1, expected 2 to 64"),
        ("/grid", 65, "grid is 65"),
        ("/classes/1/pictures", 0, "classes[1].pictures is 0"),
        ("/layers", 0, "layers is 0"),
        ("/heads", 0, "heads is 0"),
        ("/width", 9, "width is 9, expected 1 to 2048, a multiple of 2"),
        ("/width", 4096, "width is 4096"),
    ] {
        let mut edited = sound.clone();
        *edited.pointer_mut(pointer).unwrap() = value.into();
        let config: PriorConfig = serde_json::from_value(edited).unwrap();
        let error = config.validate().unwrap_err().to_string();
        assert!(error.starts_with(said), "{error}");
    }
}
