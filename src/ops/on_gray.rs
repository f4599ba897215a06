//! Pictures with alpha, as whatever knows only colors sees them.

use burn::tensor::Tensor;

/// `images [n, 4, h, w]`, whose colors lie on middle gray as `art` has them, to
/// `[n, 3, h, w]`; pictures without alpha stay as they are.
///
/// A color that is stronger than its alpha lets it be is seen as strong as that, because no file can hold
/// more. The gradient of what is beyond goes on to the color, so that it can come back, and to the alpha,
/// which would show it.
pub fn on_gray(images: Tensor<4>) -> Tensor<4> {
    let [_, channels, _, _] = images.dims();
    if channels != 4 {
        return images;
    }
    let colors = images.clone().narrow(1, 0, 3);
    let share = (images.narrow(1, 3, 1) + 1.0) * 0.5; // [n, 1, h, w]
    let share = share.repeat_dim(1, 3);
    let most = share.clone().without_autodiff().clamp(0.0, 1.0);
    let drawn = colors.clone().without_autodiff();
    let beyond = drawn.clone() - drawn.min_pair(most.clone()).max_pair(-most);
    let revealed = share.clone() - share.without_autodiff();
    colors - beyond.clone() + revealed * beyond.sign()
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::{Device, TensorData};

    fn pixel(values: [f32; 4], device: &Device) -> Tensor<4> {
        Tensor::from_data(TensorData::new(values.to_vec(), [1, 4, 1, 1]), device)
    }

    fn numbers(tensor: Tensor<4>) -> Vec<f32> {
        tensor.into_data().iter::<f32>().collect()
    }

    #[test]
    fn colors_are_seen_as_strong_as_alpha_lets_them_be() {
        let device = Device::flex();
        for (drawn, seen) in [
            ([0.5, -0.25, 0.0, 1.0], [0.5, -0.25, 0.0]),
            ([0.5, -0.75, 0.1, -0.5], [0.25, -0.25, 0.1]),
            ([0.5, -0.75, 0.1, -1.0], [0.0; 3]),
            ([0.5, -0.75, 0.1, -3.0], [0.0; 3]),
            ([1.5, -1.75, 0.1, 2.0], [1.0, -1.0, 0.1]),
        ] {
            assert_eq!(numbers(on_gray(pixel(drawn, &device))), seen, "{drawn:?}");
        }
        let opaque = Tensor::<4>::ones([2, 3, 1, 1], &device) * 3.0;
        assert_eq!(numbers(on_gray(opaque.clone())), numbers(opaque));
    }

    #[test]
    fn it_is_what_a_file_with_the_pixel_looks_like() {
        let device = Device::flex();
        for alpha in [0, 1, 90, 254, 255] {
            let values = values([250, 30, 128, alpha]);
            let seen = numbers(on_gray(pixel(values, &device)));
            for (seen, value) in seen.iter().zip(values) {
                assert!((seen - value).abs() < 1e-6, "{alpha}: {seen}, {value}");
            }
        }
    }

    /// As `art` has it, which knows nothing of tensors as `ops` knows nothing of files.
    fn values([red, green, blue, alpha]: [u8; 4]) -> [f32; 4] {
        let color = |byte: u8| (f32::from(byte) / 127.5 - 1.0) * f32::from(alpha) / 255.0;
        [
            color(red),
            color(green),
            color(blue),
            f32::from(alpha) / 127.5 - 1.0,
        ]
    }

    #[test]
    fn what_is_hidden_can_be_shown_and_toned_down() {
        let device = Device::flex().autodiff();
        let gradient = |drawn: [f32; 4]| {
            let pixel = pixel(drawn, &device).require_grad();
            let weights =
                Tensor::from_data(TensorData::new(vec![1.0f32, 10.0, 100.0], [1, 3, 1, 1]), &device);
            let gradients = (on_gray(pixel.clone()) * weights).sum().backward();
            numbers(pixel.grad(&gradients).unwrap())
        };
        // Nothing is beyond: alpha changes nothing.
        assert_eq!(gradient([0.1, -0.1, 0.0, 0.0]), [1.0, 10.0, 100.0, 0.0]);
        // More alpha makes the first brighter and the second darker, by half of what it grows.
        assert_eq!(gradient([0.9, -0.9, 0.0, 0.0]), [1.0, 10.0, 100.0, 0.5 - 5.0]);
        assert_eq!(gradient([0.9, 0.0, 0.0, -2.0]), [1.0, 10.0, 100.0, 0.5]);
    }
}
