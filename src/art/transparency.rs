//! How pictures with transparency are computed with.
//!
//! Networks see such a picture as it lies on middle gray, which is zero, with its alpha as a fourth channel.
//! So one color stands beneath everything that is wholly transparent, and it is the one that a network draws
//! by itself; where pictures are resampled, moved or averaged, no invisible color gets into visible ones; and
//! whatever looks at colors alone takes the first three channels.

/// A pixel of a file, as red, green, blue and alpha from 0 to 255, as networks see it: four values in `[-1,
/// 1]`, of which the colors lie on middle gray.
pub fn values_from_pixel([red, green, blue, alpha]: [u8; 4]) -> [f32; 4] {
    let share = f32::from(alpha) / 255.0;
    let color = |byte: u8| (f32::from(byte) / 127.5 - 1.0) * share;
    [
        color(red),
        color(green),
        color(blue),
        f32::from(alpha) / 127.5 - 1.0,
    ]
}

/// The pixel that these values are nearest to. Values beyond their ends are taken for these, also colors that
/// are stronger than their alpha lets them be; what is wholly transparent is black beneath.
///
/// -1 becomes 0 and 1 becomes 255, as `x * 127.5 + 128` without its fraction.
pub fn pixel_from_values([red, green, blue, alpha]: [f32; 4]) -> [u8; 4] {
    // A float becomes an integer by dropping its fraction and stopping at both ends.
    let byte = |x: f32| (x * 127.5 + 128.0) as u8;
    match byte(alpha) {
        0 => [0; 4],
        255 => [byte(red), byte(green), byte(blue), 255],
        // By the alpha that is written, as that is what will be seen.
        alpha => {
            let share = f32::from(alpha) / 255.0;
            [byte(red / share), byte(green / share), byte(blue / share), alpha]
        }
    }
}

/// The value of middle gray in files.
pub const GRAY: u8 = 128;

/// The value of the ground that a picture from elsewhere is laid on for a model whose pictures have so many
/// channels: middle gray with alpha, as its networks saw its collection, and white without.
pub fn ground(channels: usize) -> u8 {
    match channels {
        4 => GRAY,
        _ => 255,
    }
}

/// A pixel of a file on a ground of this color, as a browser lays it: channels are blended as they are
/// stored.
pub fn laid_on(ground: [u8; 3], [red, green, blue, alpha]: [u8; 4]) -> [u8; 3] {
    let blend = |over: u8, under: u8| {
        let [over, under, alpha] = [over, under, alpha].map(u32::from);
        ((over * alpha + under * (255 - alpha) + 127) / 255) as u8
    };
    [
        blend(red, ground[0]),
        blend(green, ground[1]),
        blend(blue, ground[2]),
    ]
}

/// A pixel of a file on middle gray, for what looks at colors alone.
pub fn on_gray(pixel: [u8; 4]) -> [u8; 3] {
    laid_on([GRAY; 3], pixel)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_visible_pixel_comes_back_as_it_was() {
        for alpha in 1..=255 {
            for color in 0..=255 {
                let pixel = [color, 255 - color, color / 2, alpha];
                assert_eq!(pixel_from_values(values_from_pixel(pixel)), pixel);
            }
        }
        assert_eq!(pixel_from_values(values_from_pixel([9, 8, 7, 0])), [0; 4]);
    }

    #[test]
    fn what_is_transparent_lies_on_gray() {
        assert_eq!(values_from_pixel([255, 0, 9, 0]), [0.0, 0.0, 0.0, -1.0]);
        let [red, green, _, alpha] = values_from_pixel([255, 0, 9, 51]);
        assert!((red - 0.2).abs() < 1e-6 && (green + 0.2).abs() < 1e-6 && (alpha + 0.6).abs() < 1e-6);
        assert_eq!(on_gray([255, 0, 9, 0]), [128; 3]);
        assert_eq!(on_gray([255, 0, 9, 255]), [255, 0, 9]);
        // To the nearest whole number.
        assert_eq!(on_gray([255, 0, 9, 51]), [153, 102, 104]);
        assert_eq!(laid_on([ground(3); 3], [255, 0, 9, 0]), [255; 3]);
        assert_eq!(laid_on([ground(4); 3], [255, 0, 9, 0]), [128; 3]);
    }

    #[test]
    fn values_beyond_their_ends_are_taken_for_these() {
        assert_eq!(pixel_from_values([2.0, -2.0, 0.0, 7.0]), [255, 0, 128, 255]);
        assert_eq!(pixel_from_values([0.9, -0.9, 0.0, -0.5]), [255, 0, 128, 64]);
        assert_eq!(pixel_from_values([0.9, -0.9, 0.0, -3.0]), [0; 4]);
    }
}
