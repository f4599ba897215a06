//! Guidance over grids of codes.

use super::{super::codes::Grid, networks::vqgan, *};
use crate::networks::generators::vqgan::VqGan;
use image::{Rgba, RgbaImage};

fn request(start: CodeStart) -> CodeRequest {
    let usual = GuideSettings::of_codes(crate::pipeline::Quality::Normal);
    CodeRequest {
        count: 2,
        size: [16, 24],
        start,
        guidance: GuideSettings {
            steps: 12,
            cutouts: CutoutConfig {
                num_cutouts: 4,
                ..usual.cutouts.clone()
            },
            seed: 9,
            ..usual
        },
    }
}

fn picture() -> RgbaImage {
    RgbaImage::from_fn(20, 13, |x, y| {
        Rgba([(x * 12) as u8, (y * 19) as u8, 90, if x < 3 { 0 } else { 255 }])
    })
}

fn draw(network: &VqGan, request: &CodeRequest) -> Result<(Vec<Event>, Vec<Avatar>), Error> {
    let device = Device::flex();
    let mut events = vec![];
    let avatars = block_on(draw_codes(
        network,
        &RandomEncoder::new(&device),
        &targets(&device),
        request,
        &Cancel::default(),
        &mut async |event| events.push(event),
    ))?;
    Ok((events, avatars))
}

fn pictures(events: &[Event]) -> Vec<&RgbaImage> {
    let each = events.iter().filter_map(|event| match event {
        Event::Picture { image, .. } => Some(image),
        _ => None,
    });
    each.collect()
}

fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().iter::<f32>().collect()
}

#[test]
fn pictures_come_closer_to_the_words_from_every_start() {
    let network = vqgan(&Device::flex());
    let mut seen = vec![];
    for start in [
        CodeStart::Codes,
        CodeStart::Noise(1),
        CodeStart::Picture(picture()),
    ] {
        let mut request = request(start);
        request.guidance.steps = 60;
        let (events, avatars) = draw(&network, &request).unwrap();
        let losses = curve(&events);
        // Views are drawn anew in every step, so that a step alone says little.
        let mean = |steps: &[Vec<f32>]| steps.iter().flatten().sum::<f32>() / (2 * steps.len()) as f32;
        let [first, last] = [mean(&losses[..8]), mean(&losses[52..])];
        assert!(last < first - 0.1, "{:?}: {first} to {last}", request.start);
        let pictures = pictures(&events);
        assert!(pictures.iter().all(|picture| picture.dimensions() == (24, 16)));
        assert_eq!((pictures.len(), avatars.len()), (2, 2));
        seen.push(pictures[0].clone());
    }
    assert!(seen[0] != seen[1] && seen[1] != seen[2]);
}

/// Equation 3 of van den Oord et al.: what is drawn is the code, and its gradient is the vector's.
#[test]
fn the_gradient_of_a_vector_is_that_of_its_code() {
    let device = Device::flex();
    let network = vqgan(&device);
    let (encoder, targets) = (RandomEncoder::new(&device), targets(&device));
    let start: Tensor<3> = random(3, [1, 6 * 4, 3], 0.3, &device);
    let grid = block_on(Grid::around(&network, [6, 4], start)).unwrap();
    let loss = |images: Tensor<4>| targets.losses(judge(&encoder, images), Loss::Spherical).sum();

    let vectors = Tensor::from_inner(grid.start.clone()).require_grad();
    let images = grid.draw(grid.latents(vectors.clone()));
    let of_vectors = vectors.grad(&loss(images.clone()).backward()).unwrap();

    let rows: Tensor<2> = grid.latents(grid.start.clone()).reshape([24, 3]);
    let codes = network.codebook.val();
    let nearest = crate::networks::generators::vqgan::nearest(rows.clone(), codes.clone());
    let codes: Tensor<2> = codes.select(0, nearest);
    assert!(values(codes.clone()) != values(rows), "the vectors are no codes");
    let map = codes.reshape([1, 6, 4, 3]).permute([0, 3, 1, 2]);
    let map = Tensor::from_inner(map).require_grad();
    let direct = network.decode(map.clone());
    for (shown, direct) in values(images).iter().zip(values(direct.clone())) {
        assert!((shown - direct).abs() < 1e-4, "{shown}, not {direct}");
    }
    let of_codes = map.grad(&loss(direct).backward()).unwrap();
    // In units of the spread of the codes.
    let of_codes = of_codes.permute([0, 2, 3, 1]).reshape([1, 24, 3]) * grid.scale;
    let (found, expected) = (values(of_vectors), values(of_codes));
    let largest = expected.iter().fold(0f32, |most, value| most.max(value.abs()));
    assert!(largest > 1e-6, "{largest}");
    for (found, expected) in found.iter().zip(expected) {
        assert!(
            (found - expected).abs() < 1e-3 * largest,
            "{found}, not {expected}"
        );
    }
}

#[test]
fn vectors_stay_among_the_codes() {
    let network = vqgan(&Device::flex());
    let mut request = request(CodeStart::Codes);
    request.guidance.learning_rate = 10.0;
    let (_, avatars) = draw(&network, &request).unwrap();
    let codes = network.codebook.val();
    let [least, most] = [codes.clone().min_dim(0), codes.max_dim(0)].map(values);
    let mut at_the_ends = 0;
    for vector in avatars.iter().flat_map(|avatar| avatar.latent.chunks_exact(3)) {
        for (channel, value) in vector.iter().enumerate() {
            let far = (value - least[channel]).min(most[channel] - value);
            assert!(far > -1e-5, "{vector:?}, of {least:?} to {most:?}");
            at_the_ends += usize::from(far < 1e-5);
        }
    }
    assert!(at_the_ends > 10, "steps as large as these go to the ends");
}

#[test]
fn a_picture_begins_as_its_codes_are_drawn() {
    let device = Device::flex();
    let network = vqgan(&device);
    let mut request = request(CodeStart::Picture(picture()));
    (request.count, request.guidance.steps) = (1, 0);
    // The largest part as wide for its height, which is the whole width here.
    request.size = [12, 20];
    let (events, _) = draw(&network, &request).unwrap();
    let part = image::imageops::crop_imm(&picture(), 0, 0, 20, 12).to_image();
    let image = crate::pipeline::sample::image_of_size(&part, [12, 20], 255, &device);
    let expected = block_on(pictures_from_images(network.reconstruct(image))).unwrap();
    assert_eq!(pictures(&events), expected.iter().collect::<Vec<_>>());
}

#[test]
fn a_seed_gives_one_picture() {
    let network = vqgan(&Device::flex());
    for start in [CodeStart::Codes, CodeStart::Noise(1), CodeStart::Noise(5)] {
        let mut request = request(start);
        request.guidance.latent_noise = 0.1;
        let first = draw(&network, &request).unwrap();
        assert!(first == draw(&network, &request).unwrap());
        let shown = pictures(&first.0);
        assert!(shown[0] != shown[1], "two begin as others");
        request.guidance.seed += 1;
        let other = draw(&network, &request).unwrap();
        assert!(pictures(&other.0)[0] != shown[0]);
    }
}

#[test]
fn what_does_not_go_together_is_said() {
    let network = vqgan(&Device::flex());
    let error = |change: &dyn Fn(&mut CodeRequest)| {
        let mut request = request(CodeStart::Codes);
        change(&mut request);
        draw(&network, &request).unwrap_err().to_string()
    };
    assert_eq!(
        error(&|request| request.size = [16, 15]),
        "pictures of 15 x 16 pixels were asked for, expected multiples of 2"
    );
    assert!(error(&|request| request.size = [0, 16]).contains("16 x 0 pixels"));
    assert_eq!(
        error(&|request| request.count = 65),
        "65 pictures were asked for, expected 1 to 64"
    );
    assert!(error(&|request| request.guidance.cutouts.num_cutouts = 999).contains("num_cutouts is 999"));
    // Networks whose numbers are none are named, before a step could be blamed.
    for damaged in ["codebook", "decoder.conv_out.bias"] {
        let network = networks::vqgan_with(&Device::flex(), damaged, f32::NAN);
        let error = draw(&network, &request(CodeStart::Codes)).unwrap_err();
        assert!(
            error
                .to_string()
                .contains("what the generator computes is no number"),
            "{error}"
        );
    }
}
