mod codes;
mod networks;
mod space;

use super::*;
use crate::{
    networks::generators::stylegan2::Generator, ops::unit_length::unit_length,
    pipeline::sample::image_from_picture,
};
use burn::tensor::Device;
use futures::executor::block_on;
use networks::tiny_of;
pub use networks::{RandomEncoder, random, tiny};

pub fn targets(device: &Device) -> Targets {
    let embeddings = random(4, [2, 6], 1.0, device);
    Targets::new(vec![(embeddings, vec![1.0, -0.5], Modality::Text)]).unwrap()
}

fn start(generator: &Generator, space: Space, n: usize, device: &Device) -> Tensor<3> {
    let z = random(5, [n, 8], 1.0, device);
    match space {
        Space::Z => z.unsqueeze_dim(1),
        Space::W | Space::Whitened | Space::WPlus => generator.latents_from_z(z, 0.7),
    }
}

fn settings() -> GuideSettings {
    GuideSettings {
        steps: 12,
        learning_rate: 0.1,
        center_pull: 0.02,
        snapshots: 3,
        seed: 9,
        ..GuideSettings::default()
    }
}

/// Everything that a job told, and what it gave.
fn run(settings: &GuideSettings, n: usize) -> (Vec<Event>, Vec<Avatar>) {
    run_on(&tiny(&Device::flex()), settings, n)
}

fn run_on(generator: &Generator, settings: &GuideSettings, n: usize) -> (Vec<Event>, Vec<Avatar>) {
    let device = Device::flex();
    let start = start(generator, settings.space, n, &device);
    let mut events = vec![];
    let avatars = block_on(guide(
        generator,
        &RandomEncoder::new(&device),
        &targets(&device),
        start,
        settings,
        &Cancel::default(),
        &mut async |event| events.push(event),
    ));
    (events, avatars.unwrap())
}

fn curve(events: &[Event]) -> Vec<Vec<f32>> {
    let losses = |event: &Event| match event {
        Event::Step { losses, .. } => Some(losses.clone()),
        _ => None,
    };
    events.iter().filter_map(losses).collect()
}

/// On middle gray, as far as their alpha shows them.
#[test]
fn transparent_pictures_are_judged_as_they_are_shown() {
    let device = Device::flex();
    let generator = tiny_of(4, &device);
    let (events, avatars) = run_on(&generator, &settings(), 3);
    let losses = curve(&events);
    let sum = |losses: Option<&Vec<f32>>| losses.unwrap().iter().sum::<f32>();
    assert!(sum(losses.last()) < sum(losses.first()) - 0.1, "{losses:?}");
    for (index, avatar) in avatars.iter().enumerate() {
        let mut shown = events.iter().filter_map(|event| match event {
            Event::Picture { index: of, image } if *of == index => Some(image),
            _ => None,
        });
        let picture = shown.next_back().unwrap();
        assert!(picture.pixels().any(|pixel| (1..255).contains(&pixel[3])));
        let image = image_from_picture(picture, 16, ground(4), &device);
        let scores = targets(&device).scores(judge(&RandomEncoder::new(&device), image));
        let score = block_on(read(scores)).unwrap()[0];
        assert!((score - avatar.score).abs() < 0.01, "{score}, {}", avatar.score);
    }
}

#[test]
fn the_gradient_is_that_of_finite_differences() {
    let device = Device::flex();
    let generator = tiny(&device);
    let encoder = RandomEncoder::new(&device);
    let targets = targets(&device);
    for (space, loss) in [
        (Space::Z, Loss::Cosine),
        (Space::W, Loss::Spherical),
        (Space::Whitened, Loss::Cosine),
        (Space::WPlus, Loss::L2),
        (Space::WPlus, Loss::L1),
    ] {
        let settings = GuideSettings { space, ..settings() };
        let start = start(&generator, space, 2, &device);
        let (coordinates, u) = block_on(Spaced::around(&generator, &settings, start)).unwrap();
        let total = |u: Tensor<3>| {
            let images = generator.draw(coordinates.latents(u));
            // The same generator gives the same cutouts.
            let config = CutoutConfig {
                num_cutouts: 2,
                ..CutoutConfig::default()
            };
            let embeddings = embed(&encoder, images, &config, &mut ChaCha8Rng::seed_from_u64(1));
            targets.losses(embeddings, loss).sum()
        };
        let leaf = Tensor::from_inner(u.clone()).require_grad();
        let gradient = leaf.grad(&total(leaf.clone()).backward()).unwrap();
        assert_eq!(gradient.dims(), u.dims());
        // Along random directions, as single coordinates change the loss by less than its rounding.
        let mut slopes = vec![];
        for seed in 0..4 {
            let direction: Tensor<3> = random(20 + seed, u.dims(), 1.0, &device);
            let slope = (gradient.clone() * direction.clone()).sum().into_scalar::<f32>();
            let at = |by: f64| f64::from(total(u.clone() + direction.clone() * by).into_scalar::<f32>());
            let difference = |h: f64| (at(h) - at(-h)) / (2.0 * h);
            slopes.push((f64::from(slope), [1e-3, 3e-4, 1e-4, 3e-5].map(difference)));
        }
        // Networks of rectifiers have kinks, which a large step crosses, and a small one drowns in rounding:
        // what is left of both was seen to be up to 3.6 % of the slopes' size. A term that is missing would
        // show in all of them.
        let size = (slopes.iter().map(|(slope, _)| slope * slope).sum::<f64>() / 4.0).sqrt();
        for (slope, differences) in slopes {
            let closest = differences
                .iter()
                .map(|it| (slope - it).abs())
                .fold(f64::INFINITY, f64::min);
            assert!(
                closest < 0.04 * size,
                "{space:?}, {loss:?}: the slope is {slope}, not {differences:?}"
            );
        }
    }
}

#[test]
fn what_is_too_bright_can_still_get_darker() {
    let device = Device::flex().autodiff();
    let images = Tensor::<4>::from_data([[[[0.5, 1.7, -3.0]]]], &device).require_grad();
    let shown = as_shown(images.clone());
    let values = |tensor: Tensor<4>| tensor.into_data().iter::<f32>().collect::<Vec<_>>();
    assert_eq!(values(shown.clone()), [0.5, 1.0, -1.0]);
    assert_eq!(values(images.grad(&shown.sum().backward()).unwrap()), [1.0; 3]);
}

#[test]
fn pictures_come_closer_to_the_targets() {
    for (space, optimizer, loss) in [
        (Space::Z, Optimizer::Adam, Loss::Cosine),
        (Space::W, Optimizer::AdamW, Loss::Spherical),
        (Space::WPlus, Optimizer::Adam, Loss::L2),
        (Space::WPlus, Optimizer::Adam, Loss::L1),
    ] {
        let settings = GuideSettings {
            space,
            optimizer,
            loss,
            steps: 30,
            ..settings()
        };
        let (events, avatars) = run(&settings, 2);
        let curve = curve(&events);
        for (index, avatar) in avatars.iter().enumerate() {
            let Event::Step { scores, .. } = events
                .iter()
                .find(|event| matches!(event, Event::Step { .. }))
                .unwrap()
            else {
                unreachable!()
            };
            assert!(
                curve[29][index] < curve[0][index] && avatar.score > scores[index] + 0.02,
                "{space:?}, {loss:?}: from {} to {}, score from {} to {}",
                curve[0][index],
                curve[29][index],
                scores[index],
                avatar.score
            );
        }
    }
}

#[test]
fn avatars_do_not_depend_on_their_company() {
    let settings = GuideSettings {
        cutouts: CutoutConfig::default(),
        ..settings()
    };
    let (together, alone) = (run(&settings, 2).1, run(&settings, 1).1);
    let difference = together[0].latent.iter().zip(&alone[0].latent);
    let largest = difference.fold(0f32, |largest, (a, b)| largest.max((a - b).abs()));
    assert!(largest < 1e-3, "{largest}");
}

#[test]
fn settings_say_whether_avatars_share_random_numbers() {
    assert!(settings().is_separable());
    let mut noisy = settings();
    noisy.latent_noise = 0.1;
    let mut cut = settings();
    cut.cutouts.num_cutouts = 1;
    for shared in [noisy, cut] {
        assert!(!shared.is_separable());
        // They do: what an avatar becomes depends on how many others there are.
        assert_ne!(run(&shared, 2).1[0].score, run(&shared, 1).1[0].score);
    }
}

#[test]
fn a_seed_gives_one_curve() {
    let settings = GuideSettings {
        cutouts: CutoutConfig {
            num_cutouts: 2,
            ..CutoutConfig::default()
        },
        latent_noise: 0.1,
        ..settings()
    };
    assert_eq!(run(&settings, 1), run(&settings, 1));
    let other = GuideSettings {
        seed: 10,
        ..settings.clone()
    };
    assert_ne!(curve(&run(&settings, 1).0), curve(&run(&other, 1).0));
}

#[test]
fn snapshots_are_spread_evenly() {
    let shown = |steps: usize, snapshots: usize| {
        let settings = GuideSettings {
            steps,
            snapshots,
            ..settings()
        };
        let (mut seen, mut done) = (vec![], 0);
        for event in run(&settings, 2).0 {
            match event {
                Event::Step { done: now, .. } => done = now,
                Event::Picture { index, .. } => seen.push((index, done)),
                Event::Progress { .. } => panic!("steps are the only progress"),
            }
        }
        seen
    };
    assert_eq!(shown(4, 3), [(0, 0), (1, 0), (0, 2), (1, 2), (0, 4), (1, 4)]);
    assert_eq!(shown(3, 1), [(0, 3), (1, 3)]);
    assert_eq!(shown(0, 4), [(0, 0), (1, 0)]);
    // More snapshots than steps show every step.
    assert_eq!(shown(1, 9), [(0, 0), (1, 0), (0, 1), (1, 1)]);
}

#[test]
fn it_stops_when_asked() {
    let device = Device::flex();
    let generator = tiny(&device);
    let cancel = Cancel::default();
    let mut steps = 0;
    let result = block_on(guide(
        &generator,
        &RandomEncoder::new(&device),
        &targets(&device),
        start(&generator, Space::W, 1, &device),
        &settings(),
        &cancel,
        &mut async |event| {
            if let Event::Step { done, .. } = event {
                steps = done;
                if done == 2 {
                    cancel.cancel();
                }
            }
        },
    ));
    assert!(matches!(result, Err(Error::Cancelled)), "{result:?}");
    assert_eq!(steps, 2);
}

#[test]
fn what_makes_no_sense_is_said() {
    let device = Device::flex();
    let generator = tiny(&device);
    let error = |settings: &GuideSettings, start: Tensor<3>| {
        block_on(guide(
            &generator,
            &RandomEncoder::new(&device),
            &targets(&device),
            start,
            settings,
            &Cancel::default(),
            &mut async |_| {},
        ))
        .unwrap_err()
        .to_string()
    };
    let ws = start(&generator, Space::W, 1, &device);
    let steps = GuideSettings {
        steps: 10_001,
        ..settings()
    };
    assert_eq!(error(&steps, ws.clone()), "steps is 10001, expected 0 to 10000");
    let rate = GuideSettings {
        learning_rate: f64::NAN,
        ..settings()
    };
    assert_eq!(
        error(&rate, ws.clone()),
        "the learning rate is NaN, expected more than 0, at most 10"
    );
    assert!(error(&settings(), ws.narrow(1, 0, 2)).contains("[1, 2, 8], this model takes [n, 6, 8]"));
    // A latent that is no number is noticed at once.
    let nowhere = Tensor::full([1, 6, 8], f32::NAN, &device);
    assert_eq!(
        error(&settings(), nowhere),
        "the loss is no longer a number after 0 steps: take a smaller learning rate"
    );

    let of =
        |weights: Vec<f32>| Targets::new(vec![(random(4, [2, 6], 1.0, &device), weights, Modality::Text)]);
    assert!(
        of(vec![0.0, 0.0])
            .unwrap_err()
            .to_string()
            .contains("not all zero")
    );
    assert!(
        of(vec![1.0])
            .unwrap_err()
            .to_string()
            .contains("[2, 6] with 1 weights")
    );
    assert!(
        Targets::new(vec![])
            .unwrap_err()
            .to_string()
            .contains("give a prompt or a picture")
    );
}

#[test]
fn losses_are_those_of_the_definitions() {
    let device = Device::flex();
    let (a, b) = (
        unit_length(random(1, [1, 6], 1.0, &device)),
        unit_length(random(2, [1, 6], 1.0, &device)),
    );
    let c = f64::from((a.clone() * b.clone()).sum().into_scalar::<f32>());
    let l1 = f64::from((a.clone() - b.clone()).abs().sum().into_scalar::<f32>()) / 6f64.sqrt();
    let targets = Targets::new(vec![(b.clone() * 3.0, vec![2.0], Modality::Image)]).unwrap();
    for (loss, expected, nothing) in [
        (Loss::Cosine, 1.0 - c, 0.0),
        (Loss::Spherical, c.acos().powi(2), 2e-5),
        (Loss::L2, (2.0 - 2.0 * c).sqrt(), 5e-3),
        (Loss::L1, l1, 0.0),
    ] {
        let found = f64::from(targets.losses(a.clone(), loss).into_scalar::<f32>());
        assert!(
            (found - expected).abs() < 1e-5,
            "{loss:?}: {found}, not {expected}"
        );
        // At the target itself the loss is nothing, or what keeps its slope finite, and so is the gradient.
        let leaf = Tensor::from_inner(b.clone()).require_grad();
        let at = targets.losses(leaf.clone(), loss);
        assert!(
            f64::from(at.clone().into_scalar::<f32>()) <= nothing + 1e-6,
            "{loss:?}"
        );
        let gradient = leaf.grad(&at.sum().backward()).unwrap();
        assert!(
            gradient.into_data().iter::<f32>().all(|value| value.is_finite()),
            "{loss:?}"
        );
    }
    // One for and one against cancel out.
    let both = Tensor::cat(vec![b.clone(), b], 0);
    let targets = Targets::new(vec![(both, vec![1.0, -1.0], Modality::Text)]).unwrap();
    assert!(targets.scores(a).into_scalar::<f32>().abs() < 1e-6);
}
