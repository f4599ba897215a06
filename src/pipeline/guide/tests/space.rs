//! The spaces that latents are optimized in.

use super::*;

#[test]
fn layers_that_differ_go_on_to_differ() {
    let device = Device::flex();
    let generator = tiny(&device);
    let ws: Tensor<3> = random(6, [2, 6, 8], 1.0, &device);
    for space in [Space::W, Space::Whitened, Space::WPlus] {
        let settings = GuideSettings { space, ..settings() };
        let (coordinates, u) = block_on(Spaced::around(&generator, &settings, ws.clone())).unwrap();
        let difference = (coordinates.latents(u) - ws.clone())
            .abs()
            .max()
            .into_scalar::<f32>();
        assert!(difference < 1e-5, "{space:?}: {difference}");
    }
}

/// In the whitened space seeds lie as far from the average in every direction.
#[test]
fn whitened_latents_are_unit_normal_and_pulled_back_to_their_start() {
    let device = Device::flex();
    let generator = tiny(&device);
    let space = Space::Whitened;
    let settings = GuideSettings { space, ..settings() };
    let z = crate::pipeline::sample::z_from_seeds(&generator, &(0..256).collect::<Vec<_>>(), &device);
    let start = generator.latents_from_z(z, 1.0);
    let (coordinates, seen) = block_on(Spaced::around(&generator, &settings, start)).unwrap();
    let u: Tensor<2> = seen.clone().squeeze_dim(1);
    let covariance = u.clone().transpose().matmul(u) / 256.0;
    let values: Vec<f32> = covariance.into_data().iter::<f32>().collect();
    // A little is added to the variance of every direction, which matters where there is hardly any.
    let own: f32 = values.iter().step_by(9).sum::<f32>() / 8.0;
    assert!((0.7..1.001).contains(&own), "{values:?}");
    for (place, value) in values.iter().enumerate() {
        let most = if place % 9 == 0 { 1.001 } else { 0.25 };
        assert!(value.abs() < most, "{place}: {value}");
    }
    // Every avatar is pulled back to its own start.
    let start: Vec<f32> = coordinates
        .pulled(seen.clone())
        .into_data()
        .iter::<f32>()
        .collect();
    assert!(start.iter().all(|&far| far == 0.0), "{start:?}");
    let moved: Vec<f32> = coordinates.pulled(seen + 0.5).into_data().iter::<f32>().collect();
    assert!(moved.iter().all(|far| (far - 0.25).abs() < 1e-4), "{moved:?}");
}
