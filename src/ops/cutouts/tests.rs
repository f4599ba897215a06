use super::*;
use burn::tensor::Device;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

const SIZE: [usize; 2] = [7, 9];

fn config() -> CutoutConfig {
    CutoutConfig {
        num_cutouts: 3,
        min_size: 0.4,
        cut_power: 0.7,
        aspect: 0.2,
        rotation: 0.3,
        flip: 0.5,
        color_jitter: 0.3,
    }
}

fn rng() -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(5)
}

fn images(n: usize, device: &Device) -> Tensor<4> {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let [h, w] = SIZE;
    let values: Vec<f32> = (0..n * 3 * h * w).map(|_| rng.random_range(-1.0..1.0)).collect();
    Tensor::from_data(TensorData::new(values, [n, 3, h, w]), device)
}

fn values(tensor: Tensor<4>) -> Vec<f32> {
    tensor.into_data().iter::<f32>().collect()
}

/// The sample of a line at `center` under a tent of half the width `width`, straight from the definition.
fn tent(line: &dyn Fn(usize) -> f64, len: usize, center: f64, width: f64) -> f64 {
    let (mut sum, mut total) = (0.0, 0.0);
    for j in (center - width).floor() as i32..=(center + width).ceil() as i32 {
        let weight = (1.0 - (f64::from(j) - center).abs() / width).max(0.0);
        sum += weight * line(j.clamp(0, len as i32 - 1) as usize);
        total += weight;
    }
    sum / total
}

/// [`Cutouts::apply`] for one view of one picture `[3, h, w]`, pixel by pixel.
fn reference(view: &View, image: &[f32], side: usize) -> Vec<f32> {
    let [h, w] = SIZE;
    let pixel = |c: usize, y: usize, x: usize| f64::from(image[(c * h + y) * w + x]);
    let sheared_x = |c: usize, y: usize, x: usize| {
        let offset = f64::from(view.shear_x) * (y as f64 - (h as f64 - 1.0) / 2.0);
        tent(&|j| pixel(c, y, j), w, x as f64 + offset, 1.0)
    };
    let sheared = |c: usize, y: usize, x: usize| {
        let offset = f64::from(view.shear_y) * (x as f64 - (w as f64 - 1.0) / 2.0);
        tent(&|j| sheared_x(c, j, x), h, y as f64 + offset, 1.0)
    };
    let place = |span: Span, i: usize| {
        let step = f64::from(span.length) / side as f64;
        (
            f64::from(span.start) + (i as f64 + 0.5) * step - 0.5,
            step.abs().max(1.0),
        )
    };
    let cropped = |c: usize, v: usize, u: usize| {
        let ((y, height), (x, width)) = (place(view.rows, v), place(view.columns, u));
        tent(&|i| tent(&|j| sheared(c, i, j), w, x, width), h, y, height)
    };
    let mut result = vec![];
    for to in 0..3 {
        for v in 0..side {
            for u in 0..side {
                let mixed: f64 = (0..3)
                    .map(|from| f64::from(view.color[to][from]) * cropped(from, v, u))
                    .sum();
                result.push((mixed + f64::from(view.brightness)) as f32);
            }
        }
    }
    result
}

#[test]
fn views_are_those_of_the_definition() {
    let device = Device::flex();
    for side in [5, 12] {
        let cutouts = Cutouts::draw(&config(), 2, SIZE, side, &mut rng());
        assert!(
            cutouts.views.iter().any(|view| view.columns.length < 0.0),
            "one is mirrored"
        );
        let images = images(2, &device);
        let found = values(cutouts.apply(images.clone()));
        let images = values(images);
        for (index, view) in cutouts.views.iter().enumerate() {
            let image = &images[index / 3 * 189..][..189];
            let expected = reference(view, image, side);
            for (found, expected) in found[index * 3 * side * side..].iter().zip(&expected) {
                assert!(
                    (found - expected).abs() < 1e-5,
                    "view {index}: {found}, not {expected}"
                );
            }
        }
    }
}

#[test]
fn gradients_are_those_of_finite_differences() {
    let device = Device::flex().autodiff();
    let cutouts = Cutouts::draw(&config(), 1, SIZE, 6, &mut rng());
    let probe = images(4, &device).slice([0..3, 0..3, 0..6, 0..6]);
    let loss = |images: Tensor<4>| (cutouts.apply(images).square() * probe.clone()).sum();
    let x = images(1, &device).require_grad();
    let gradient = values(x.grad(&loss(x.clone()).backward()).unwrap());
    let at = values(x);
    for index in (0..189).step_by(17) {
        let shifted = |by: f32| {
            let mut at = at.clone();
            at[index] += by;
            let x = Tensor::from_data(TensorData::new(at, [1, 3, 7, 9]), &device);
            f64::from(loss(x).into_scalar::<f32>())
        };
        let difference = (shifted(0.05) - shifted(-0.05)) / 0.1;
        let found = f64::from(gradient[index]);
        // The loss is a square, so central differences are exact up to rounding.
        assert!(
            (found - difference).abs() < 2e-3,
            "pixel {index}: {found}, not {difference}"
        );
    }
}

#[test]
fn the_whole_picture_stays_itself() {
    let device = Device::flex();
    let whole = CutoutConfig {
        num_cutouts: 1,
        min_size: 1.0,
        cut_power: 1.0,
        aspect: 0.0,
        rotation: 0.0,
        flip: 0.0,
        color_jitter: 0.0,
    };
    let square = images(2, &device).slice([0..2, 0..3, 0..7, 0..7]);
    let cutouts = Cutouts::draw(&whole, 2, [7, 7], 7, &mut rng());
    let difference = (cutouts.apply(square.clone()) - square.clone())
        .abs()
        .max()
        .into_scalar::<f32>();
    assert!(difference < 1e-6, "{difference}");
    // Resizing is the same view.
    let cutouts = Cutouts::draw(&whole, 2, [7, 7], 5, &mut rng());
    let difference = (cutouts.apply(square.clone()) - resize(square, 5)).abs().max();
    assert!(difference.into_scalar::<f32>() < 1e-6);
}

#[test]
fn of_wide_pictures_squares_are_seen() {
    let whole = CutoutConfig {
        min_size: 1.0,
        aspect: 0.0,
        ..config()
    };
    let mut rng = rng();
    let mut starts = vec![];
    for [h, w] in [[4, 40], [40, 4]] {
        for _ in 0..50 {
            let view = View::draw(&whole, [h, w], &mut rng);
            let spans = [view.rows, view.columns];
            assert_eq!(spans.map(|span| span.length.abs()), [4.0; 2]);
            let [rows, columns] = spans.map(|span| span.start.min(span.start + span.length));
            let (short, long) = if h < w { (rows, columns) } else { (columns, rows) };
            assert!(short == 0.0 && (-1e-4..36.001).contains(&long), "{view:?}");
            starts.push(long);
        }
    }
    let seen = |from: f32, to: f32| starts.iter().any(|start| (from..to).contains(start));
    assert!(seen(-1.0, 5.0) && seen(31.0, 37.0));
}

#[test]
fn small_shears_turn_the_picture() {
    // A bar to the right of the center goes down when the view turns counter-clockwise around the center.
    let view = View::draw(&config(), SIZE, &mut rng());
    let angle = -view.shear_x.atan();
    assert!((view.shear_y - angle.sin() * angle.cos()).abs() < 1e-6 && angle != 0.0);
    // Shear by x after shear by y is [1 - ab, b; -a, 1] with a = tan, b = sin cos: for a small angle a
    // rotation.
    let [[a, b], [c, d]] = [
        [1.0 + view.shear_x * view.shear_y, view.shear_x],
        [view.shear_y, 1.0],
    ];
    let rotation = [[angle.cos(), -angle.sin()], [angle.sin(), angle.cos()]];
    for (found, expected) in [a, b, c, d].into_iter().zip(rotation.into_iter().flatten()) {
        assert!(
            (found - expected).abs() < 0.06,
            "{found}, not {expected} at {angle}"
        );
    }
}

#[test]
fn settings_out_of_bounds_are_named() {
    let error = |change: &dyn Fn(&mut CutoutConfig)| {
        let mut config = config();
        change(&mut config);
        config.validate().unwrap_err()
    };
    assert_eq!(config().validate(), Ok(()));
    assert_eq!(
        error(&|config| config.num_cutouts = 129),
        "num_cutouts is 129, expected 0 to 128"
    );
    assert_eq!(
        error(&|config| config.flip = f32::NAN),
        "flip is NaN, expected 0 to 1"
    );
    assert_eq!(
        error(&|config| config.min_size = 0.0),
        "min_size is 0, expected 0.01 to 1"
    );
}
