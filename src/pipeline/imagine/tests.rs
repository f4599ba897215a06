use super::*;
use crate::networks::{NetworkConfig, mapper::MapperConfig};
use crate::pipeline::guide::tests::{RandomEncoder, random, targets, tiny};
use futures::executor::block_on;

/// A mapper whose mean is a random linear map, and which leaves a little open.
fn mapper(device: &Device) -> Mapper {
    let mut mapper = MapperConfig::small(6, 8).init(device);
    // burn's own random numbers are shared by all tests that run.
    for (seed, layer) in mapper.layers.iter_mut().enumerate() {
        let weight = layer.weight.clone();
        layer.weight = weight.map(|weight| random(40 + seed as u64, weight.dims(), 0.5, device));
    }
    mapper.output.weight = mapper
        .output
        .weight
        .map(|weight| random(30, weight.dims(), 0.1, device));
    mapper.spread = mapper.spread.map(|spread| random(31, spread.dims(), 0.3, device));
    mapper
}

fn run(
    request: &ImagineRequest,
    with_mapper: bool,
    with_targets: bool,
) -> Result<(Vec<Event>, Vec<Avatar>), Error> {
    let device = Device::flex();
    let (generator, encoder, mapper) = (tiny(&device), RandomEncoder::new(&device), mapper(&device));
    let networks = Imagination {
        generator: &generator,
        encoder: Some(&encoder),
        mapper: with_mapper.then_some(&mapper),
    };
    let targets = with_targets.then(|| targets(&device));
    let mut events = vec![];
    let avatars = block_on(imagine(
        &networks,
        targets.as_ref(),
        request,
        &device,
        &Cancel::default(),
        async |event| events.push(event),
    ))?;
    Ok((events, avatars))
}

fn pictures(events: &[Event]) -> Vec<usize> {
    let picture = |event: &Event| match event {
        Event::Picture { index, .. } => Some(*index),
        _ => None,
    };
    events.iter().filter_map(picture).collect()
}

#[test]
fn a_draft_is_the_best_of_its_guesses() {
    let few = ImagineRequest {
        candidates: 1,
        ..ImagineRequest::new(Quality::Draft, 2, 5)
    };
    let many = ImagineRequest {
        candidates: 40,
        ..few.clone()
    };
    for with_mapper in [true, false] {
        let (events, chosen) = run(&many, with_mapper, true).unwrap();
        assert_eq!(pictures(&events), [0, 1]);
        assert_eq!(events[4], Event::Progress { done: 40, total: 40 });
        assert!(chosen[0].score >= chosen[1].score);
        // The first guesses are the same, so more of them cannot make it worse.
        let (_, first) = run(&few, with_mapper, true).unwrap();
        assert!(
            chosen[1].score > first[1].score,
            "{} {}",
            chosen[1].score,
            first[1].score
        );
    }
}

#[test]
fn those_that_are_chosen_differ() {
    // Four pictures, the second almost the first, in order of their scores.
    let seen = [[1.0, 0.0], [0.99, 0.14], [0.0, 1.0], [0.8, 0.6]].map(Vec::from);
    assert_eq!(varied(&[0, 1, 2, 3], &seen, 2), [0, 2]);
    assert_eq!(varied(&[0, 1, 2, 3], &seen, 3), [0, 2, 3]);
    assert_eq!(varied(&[1, 3], &seen, 4), [1, 3], "there are no more");
    // Where nothing was judged, it is the first.
    assert_eq!(varied(&[0, 1, 2], &[], 2), [0, 1]);
    // What is asked for is no difference.
    let asked = |embedding: [f32; 3]| PlainTarget {
        embedding: embedding.into(),
        weight: 1.0,
        modality: Modality::Text,
    };
    let mut seen = [[0.8, 0.6, 0.0], [0.0, 1.0, 0.0], [0.6, 0.0, 0.8]].map(Vec::from);
    without_targets(&mut seen, &[asked([1.0, 0.0, 0.0]), asked([1.0, 0.0, 0.0])]);
    assert_eq!(
        seen,
        [[0.0, 1.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]].map(Vec::from)
    );
    // What is chosen for its difference is still among the best eighth.
    let request = ImagineRequest::new(Quality::Draft, 2, 5);
    assert_eq!(request.candidates, 128);
    let all = ImagineRequest {
        count: 64,
        candidates: 64,
        ..request.clone()
    };
    let (_, chosen) = run(
        &ImagineRequest {
            candidates: 64,
            ..request
        },
        true,
        true,
    )
    .unwrap();
    let (_, all) = run(&all, true, true).unwrap();
    assert!((chosen[0].score - all[0].score).abs() < 1e-5, "the best is there");
    assert!(
        chosen[1].score >= all[7].score - 1e-5,
        "{} of the best eight",
        chosen[1].score
    );
}

/// Variety works for words as it does for seeds: none makes avatars alike, more makes them differ.
#[test]
fn truncation_says_how_far_guesses_for_words_lie_apart() {
    let apart = |truncation_psi: f32| {
        let request = ImagineRequest {
            truncation_psi,
            ..ImagineRequest::new(Quality::Draft, 4, 5)
        };
        let (_, avatars) = run(&request, true, true).unwrap();
        let [first, second] = [0, 1].map(|index: usize| avatars[index].latent.clone());
        let squares = first.iter().zip(second).map(|(a, b)| (a - b).powi(2));
        squares.sum::<f32>().sqrt()
    };
    let [none, little, much] = [0.0, 0.1, 0.8].map(apart);
    assert_eq!(none, 0.0);
    assert!(little > 0.0 && much > 2.0 * little, "{little} and {much}");
}

#[test]
fn guidance_goes_on_from_the_draft_in_every_space() {
    for space in [Space::Z, Space::W, Space::Whitened, Space::WPlus] {
        let mut request = ImagineRequest::new(Quality::Normal, 2, 5);
        request.guidance.space = space;
        // The pull toward the average may cost an avatar some of its score.
        request.guidance.center_pull = 0.0;
        let mut draft = request.clone();
        draft.guidance.steps = 0;
        let (events, better) = run(&request, true, true).unwrap();
        let (_, draft) = run(&draft, true, true).unwrap();
        assert_eq!(pictures(&events).len(), 14);
        for (better, draft) in better.iter().zip(&draft) {
            assert!(
                better.score > draft.score,
                "{space:?}: {} after {}",
                better.score,
                draft.score
            );
        }
    }
}

#[test]
fn a_draft_refined_in_parts_is_the_one_refined_at_once() {
    let device = Device::flex();
    let (generator, encoder, mapper) = (tiny(&device), RandomEncoder::new(&device), mapper(&device));
    let networks = Imagination {
        generator: &generator,
        encoder: Some(&encoder),
        mapper: Some(&mapper),
    };
    let (targets, cancel) = (targets(&device), Cancel::default());
    let request = ImagineRequest::new(Quality::Normal, 3, 5);
    let settings = request.guide_settings();
    assert!(settings.is_separable());
    let mut events = vec![];
    let draft = block_on(draft(
        &networks,
        Some(&targets),
        &request,
        &device,
        &cancel,
        async |event| events.push(event),
    ))
    .unwrap();
    assert!(pictures(&events).is_empty() && events.len() == 24, "{events:?}");
    let (told, whole) = run(&request, true, true).unwrap();
    let first_scores = told.iter().find_map(|event| match event {
        Event::Step { scores, .. } => Some(scores),
        _ => None,
    });
    let close = |a: &[f32], b: &[f32], tolerance: f32| {
        assert_eq!(a.len(), b.len());
        assert!(
            a.iter().zip(b).all(|(a, b)| (a - b).abs() < tolerance),
            "{a:?} {b:?}"
        );
    };
    close(&draft.scores, first_scores.unwrap(), 1e-5);
    let part = |range: std::ops::Range<usize>| {
        let start = draft.latents.clone().narrow(0, range.start, range.len());
        let emit = &mut async |_| {};
        block_on(guide(
            &generator, &encoder, &targets, start, &settings, &cancel, emit,
        ))
        .unwrap()
    };
    let parts = [part(0..1), part(1..3)].concat();
    for (part, whole) in parts.iter().zip(&whole) {
        close(&[part.score], &[whole.score], 1e-4);
        close(&part.latent, &whole.latent, 1e-3);
    }
}

#[test]
fn locked_avatars_vary_as_far_as_they_may() {
    let ws: Vec<f32> = crate::pipeline::z_from_seed(8, 48);
    let distance = |variation: f32| {
        let request = ImagineRequest {
            locked: Some(Locked {
                latent: ws.clone(),
                variation,
            }),
            ..ImagineRequest::new(Quality::Draft, 3, 5)
        };
        let (events, avatars) = run(&request, true, false).unwrap();
        assert_eq!(pictures(&events), [0, 1, 2]);
        let far = |avatar: &Avatar| {
            avatar
                .latent
                .iter()
                .zip(&ws)
                .map(|(a, b)| (a - b).powi(2))
                .sum::<f32>()
                .sqrt()
        };
        avatars.iter().map(far).sum::<f32>()
    };
    let [none, little, much] = [0.0, 0.25, 1.0].map(distance);
    assert_eq!(none, 0.0);
    assert!((much / little - 4.0).abs() < 1e-3, "{little} and {much}");
}

#[test]
fn words_move_a_locked_avatar_where_they_point_and_not_by_chance_alone() {
    let ws: Vec<f32> = crate::pipeline::z_from_seed(8, 48);
    let request = ImagineRequest {
        locked: Some(Locked {
            latent: ws.clone(),
            variation: 0.0,
        }),
        ..ImagineRequest::new(Quality::Draft, 2, 5)
    };
    let change = |with_mapper: bool| {
        let (_, avatars) = run(&request, with_mapper, true).unwrap();
        assert_eq!(avatars[0].latent, avatars[1].latent, "no variation");
        let change = avatars[0].latent.iter().zip(&ws).map(|(a, b)| a - b);
        change.collect::<Vec<f32>>()
    };
    let close = |a: &[f32], b: &[f32]| {
        let near = a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-4);
        assert!(near, "{a:?}, not {b:?}");
    };
    // All layers go the same way, so that what they differ by stays.
    let moved = change(true);
    for layer in moved.chunks_exact(8) {
        close(layer, &moved[..8]);
    }
    let device = Device::flex();
    let mapper = mapper(&device);
    let mapped =
        mapper.mean(direction(&mapper, &targets(&device)).unwrap()) - mapper.w_mean.val().unsqueeze();
    close(&moved[..8], &block_on(read(mapped)).unwrap());
    // Where nothing says where words point, there is only chance.
    close(&change(false), &[0.0; 48]);
}

#[test]
fn what_makes_no_sense_is_said() {
    let error = |change: &dyn Fn(&mut ImagineRequest)| {
        let mut request = ImagineRequest::new(Quality::Draft, 1, 0);
        change(&mut request);
        run(&request, true, true).unwrap_err().to_string()
    };
    assert_eq!(
        error(&|request| request.count = 65),
        "65 avatars were asked for, expected 1 to 64"
    );
    let lock = |latent: Vec<f32>, variation: f32| Some(Locked { latent, variation });
    assert!(
        error(&|request| request.locked = lock(vec![0.0; 47], 0.5)).contains("47 numbers, expected 6 x 8")
    );
    assert!(error(&|request| request.locked = lock(vec![f32::NAN; 48], 0.5)).contains("finite"));
    assert!(error(&|request| request.locked = lock(vec![0.0; 48], 2.5)).contains("variation is 2.5"));
    assert!(
        error(&|request| {
            request.locked = lock(vec![0.0; 48], 0.5);
            request.guidance.space = Space::Z;
        })
        .contains("has no z")
    );
}
