//! The sides that pictures may have.

/// The least side of pictures that are trained on, in pixels.
pub const LEAST_SIDE: usize = 16;

/// The largest side of pictures, in pixels.
pub const LARGEST_SIDE: usize = 1024;

/// The sides that [`is_side`] takes, as messages say it.
pub const SIDES: &str = "3, 4, 5 or 7 times a power of two (such as 24, 32, 40, 48, 56, 64)";

/// The side of the smallest maps of a network for pictures of this side: half of it, and half of that, as
/// long as that is a whole number and at least three. 32 comes to 4, 24 to 3, 40 to 5.
///
/// Nothing for sides that end elsewhere than at 3 to 7, such as 36, which ends at 9: their maps could not be
/// halved often enough.
pub fn base_side(side: usize) -> Option<usize> {
    let mut base = side;
    // 4 stays: powers of two begin with four pixels, as in the papers.
    while base > 4 && base.is_multiple_of(2) {
        base /= 2;
    }
    (3..=7).contains(&base).then_some(base)
}

/// Whether pictures of this side can be prepared and trained on.
pub fn is_side(side: usize) -> bool {
    (LEAST_SIDE..=LARGEST_SIDE).contains(&side) && base_side(side).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_side_has_one_base() {
        for (side, base) in [
            (16, 4),
            (32, 4),
            (64, 4),
            (1024, 4),
            (24, 3),
            (48, 3),
            (96, 3),
            (12, 3),
        ] {
            assert_eq!(base_side(side), Some(base), "{side}");
        }
        for (side, base) in [(20, 5), (40, 5), (28, 7), (56, 7), (6, 3), (7, 7)] {
            assert_eq!(base_side(side), Some(base), "{side}");
        }
        for side in [0, 1, 2, 9, 11, 18, 22, 26, 30, 36, 50, 60, 100, 1000] {
            assert_eq!(base_side(side), None, "{side}");
        }
        let allowed: Vec<usize> = (0..=70).filter(|&side| is_side(side)).collect();
        assert_eq!(allowed, [16, 20, 24, 28, 32, 40, 48, 56, 64]);
        assert!(!is_side(12) && !is_side(2048) && is_side(1024));
    }
}
