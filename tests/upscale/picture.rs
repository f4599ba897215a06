//! What comes out of the network.

use super::{distance, enlarged, fixture, network};
use burn::tensor::{Device, TensorData};
use futures::executor::block_on;
use guise::{
    metrics::psnr,
    networks::{
        NetworkConfig,
        super_resolution::{UpscalerConfig, srvgg::SrvggNetCompactConfig},
    },
    pipeline::{Cancel, Error, Event, upscale, upscale::Upscale},
    weights::{Tensors, apply},
};
use image::{Rgba, RgbaImage};

fn open(name: &str) -> RgbaImage {
    image::open(fixture(name)).unwrap().into_rgba8()
}

/// A disc that fades out over its rim, on pixels of the color `hidden` that cannot be seen.
fn disc(hidden: u8) -> RgbaImage {
    RgbaImage::from_fn(40, 40, |x, y| {
        let distance = (f32::from(x as u8) - 20.0).hypot(f32::from(y as u8) - 20.0);
        match ((14.0 - distance) / 2.0 * 255.0).clamp(0.0, 255.0) as u8 {
            0 => Rgba([hidden, hidden, hidden, 0]),
            alpha => Rgba([230, 90 + y as u8, 150, alpha]),
        }
    })
}

/// Both sides round to 8 bits, which alone is 59 dB; the rest is the order of additions in f32.
#[test]
fn pictures_are_those_of_the_ncnn_runtime() {
    for scale in [2, 3, 4] {
        let ours = enlarged(&network(scale), &open("picture.png"), 1024);
        let ncnn = open(&format!("picture-x{scale}.png"));
        assert_eq!(ours.dimensions(), ncnn.dimensions());
        let psnr = psnr(std::slice::from_ref(&ours), std::slice::from_ref(&ncnn));
        println!(
            "x{scale}: PSNR {psnr:.1} dB, largest difference {}",
            distance(&ours, &ncnn)
        );
        assert!(psnr >= 45.0, "x{scale}: PSNR is {psnr} dB");
        assert!(
            distance(&ours, &ncnn) <= 1,
            "x{scale}: {} of 255",
            distance(&ours, &ncnn)
        );
    }
}

#[test]
fn tiles_leave_no_seams() {
    // Neither side is a multiple of the tile, and the smallest tile is less than the network's reach.
    let opaque = open("picture.png");
    for scale in [2, 3, 4] {
        let network = network(scale);
        for image in [&opaque, &disc(255)] {
            let whole = enlarged(&network, image, 1024);
            for tile in [16, 27] {
                assert!(
                    distance(&whole, &enlarged(&network, image, tile)) <= 1,
                    "x{scale}, tile {tile}"
                );
            }
        }
    }
}

/// The network's real weights hardly look at the edge of what they could see, so this network looks nowhere
/// else: each convolution moves the picture by one pixel, and the sum shows it 18 pixels from where it was.
#[test]
fn tiles_see_as_far_as_the_network() {
    let config = UpscalerConfig::Srvgg(SrvggNetCompactConfig {
        num_feat: 3,
        num_conv: 16,
        upscale: 1,
        outscale: 1,
    });
    for corner in [0, 2, 6, 8] {
        let mut tensors = Tensors::new();
        for layer in 0..18 {
            let mut weight = vec![0.0; 3 * 3 * 9];
            (0..3).for_each(|channel| weight[channel * (3 * 9 + 9) + corner] = 1.0);
            tensors.insert(
                format!("body.{layer}.weight"),
                TensorData::new(weight, [3, 3, 3, 3]),
            );
            tensors.insert(format!("body.{layer}.bias"), TensorData::zeros::<f32, _>([3]));
            if layer < 17 {
                tensors.insert(format!("body.{layer}.slope"), TensorData::ones::<f32, _>([3]));
            }
        }
        let network = apply(config.init(&Device::flex()), &tensors).unwrap();
        let image = RgbaImage::from_fn(60, 50, |x, y| {
            Rgba([(x * 2) as u8, (y * 2) as u8, (x * y % 101) as u8, 255])
        });
        let whole = enlarged(&network, &image, 1024);
        let moved = |at: u32, low: bool| if low { at.checked_sub(18) } else { Some(at + 18) };
        for (x, y, pixel) in whole.enumerate_pixels() {
            let from = moved(x, corner % 3 == 0).zip(moved(y, corner < 3));
            let seen = from
                .and_then(|(x, y)| image.get_pixel_checked(x, y))
                .map_or([0; 4], |seen| seen.0);
            for channel in 0..3 {
                let expected = image.get_pixel(x, y)[channel] + seen[channel];
                assert!(
                    pixel[channel].abs_diff(expected) <= 1,
                    "corner {corner}, at {x}, {y}"
                );
            }
        }
        assert!(
            distance(&whole, &enlarged(&network, &image, 16)) <= 1,
            "corner {corner}"
        );
    }
}

#[test]
fn alpha_is_kept() {
    let network = network(4);
    let image = disc(0);
    let large = enlarged(&network, &image, 64);
    assert_eq!(large.dimensions(), (160, 160));
    for (x, y, pixel) in large.enumerate_pixels() {
        let distance = (f64::from(x) / 4.0 - 20.0).hypot(f64::from(y) / 4.0 - 20.0);
        // The rim is two pixels wide, and Lanczos' filter reaches three further.
        if distance < 8.5 {
            assert_eq!(pixel[3], 255, "at {x}, {y}");
        } else if distance > 17.5 {
            assert_eq!(pixel[3], 0, "at {x}, {y}");
        }
    }
    let rim = (0..160)
        .map(|x| large.get_pixel(x, 80)[3])
        .filter(|alpha| (1..255).contains(alpha))
        .count();
    assert!(
        rim >= 8,
        "the rim has only {rim} shades: alpha was not enlarged smoothly"
    );
    assert!(
        enlarged(&network, &open("picture.png"), 64)
            .pixels()
            .all(|pixel| pixel[3] == 255)
    );
}

#[test]
fn hidden_colors_do_not_show() {
    let network = network(4);
    let [black, white] = [0, 255].map(|hidden| enlarged(&network, &disc(hidden), 64));
    let visible = black
        .pixels()
        .zip(white.pixels())
        .filter(|(pixel, _)| pixel[3] > 0);
    let difference = visible
        .flat_map(|(a, b)| a.0.into_iter().zip(b.0))
        .map(|(a, b)| a.abs_diff(b))
        .max();
    assert!(
        difference.unwrap() <= 2,
        "hidden colors change visible ones by {difference:?}"
    );
}

#[test]
fn small_and_thin_pictures_can_be_enlarged_again_and_again() {
    let network = network(4);
    for (width, height) in [(1, 1), (1, 37), (33, 2)] {
        let image = RgbaImage::from_fn(width, height, |x, y| {
            Rgba([200, (x * 7) as u8, (y * 6) as u8, 255])
        });
        let large = enlarged(&network, &image, 16);
        assert_eq!(large.dimensions(), (4 * width, 4 * height));
        assert!(
            large.pixels().any(|pixel| pixel[0] > 100),
            "{width} x {height}: the picture is lost"
        );
    }
    let image = image::imageops::resize(
        &open("picture.png"),
        10,
        12,
        image::imageops::FilterType::Lanczos3,
    );
    let twice = enlarged(&network, &enlarged(&network, &image, 64), 64);
    assert_eq!(twice.dimensions(), (160, 192));
    let back = image::imageops::resize(&twice, 10, 12, image::imageops::FilterType::Triangle);
    assert!(
        distance(&image, &back) < 64,
        "the picture drifts away: {}",
        distance(&image, &back)
    );
}

#[test]
fn every_tile_is_reported_and_a_job_stops_when_asked() {
    let network = network(4);
    let image = open("picture.png"); // 40 x 48: 3 x 3 tiles of 16
    let mut seen = vec![];
    block_on(upscale(&network, &image, 16, &Cancel::default(), async |event| {
        seen.push(event)
    }))
    .unwrap();
    let expected: Vec<_> = (1..=9).map(|done| Event::Progress { done, total: 9 }).collect();
    assert_eq!(seen, expected);

    let cancel = Cancel::default();
    let mut tiles = 0;
    let result = block_on(upscale(&network, &image, 16, &cancel, async |_| {
        tiles += 1;
        if tiles == 4 {
            cancel.cancel();
        }
    }));
    assert!(matches!(result, Err(Error::Cancelled)));
    assert_eq!(tiles, 4);
}

#[test]
fn impossible_requests_are_refused() {
    let network = network(4);
    let refusal = |image: &RgbaImage, tile| Upscale::new(&network, image, tile).unwrap_err().to_string();
    assert!(refusal(&RgbaImage::new(0, 5), 64).contains("0 x 5"));
    assert!(refusal(&RgbaImage::new(5, 5), 15).contains("expected 16 to 1024"));
    assert!(refusal(&RgbaImage::new(5, 5), 1025).contains("expected 16 to 1024"));
}
