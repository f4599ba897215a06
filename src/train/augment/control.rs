//! How the probability of the augmentation follows the discriminator: section 3.1 of the paper.

use crate::train::{Error, Visitor};

/// The probability `augment_p`, and what was seen since it last moved.
///
/// It is kept as whole numbers of pictures, so that a checkpoint gives back exactly what it was given.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct AdaptiveP {
    /// Pictures by which it has risen; it is one after `ada_kimg` thousands of them.
    risen: i64,
    /// Real pictures that the discriminator took for real, less those that it did not.
    signs: i64,
    /// Real pictures that it was shown.
    seen: i64,
}

impl AdaptiveP {
    /// Steps after which it moves.
    pub const ADA_INTERVAL: u64 = 4;
    /// More pictures than any training shows.
    const MOST: i64 = 1 << 50;

    /// The probability, where it takes `ada_kimg` thousands of pictures to rise from zero to one.
    pub fn augment_p(&self, ada_kimg: f64) -> f64 {
        (self.risen as f64 / (ada_kimg * 1000.0)).clamp(0.0, 1.0)
    }

    /// Takes note of a step, counted from zero, in which the signs of the logits of `shown` real pictures
    /// came to a sum of `signs`. Now and then it moves: up where their mean, the paper's `r_t`, is above
    /// `ada_target`, down where it is below.
    pub fn observe(&mut self, step: u64, signs: i64, shown: usize, ada_target: f64, ada_kimg: f64) {
        self.signs += signs;
        self.seen += shown as i64;
        if (step + 1).is_multiple_of(Self::ADA_INTERVAL) {
            let r_t = self.signs as f64 / self.seen as f64;
            let moved = match r_t.partial_cmp(&ada_target) {
                Some(std::cmp::Ordering::Greater) => self.risen + self.seen,
                Some(std::cmp::Ordering::Less) => self.risen - self.seen,
                _ => self.risen,
            };
            let most = (ada_kimg * 1000.0).ceil() as i64;
            *self = Self {
                risen: moved.clamp(0, most.min(Self::MOST)),
                signs: 0,
                seen: 0,
            };
        }
    }

    /// Shows its numbers to a checkpoint; one of before there were any leaves them at zero.
    pub(in crate::train) fn visit(&mut self, visitor: &mut Visitor) -> Result<(), Error> {
        visitor.number("augment_risen", &mut self.risen, 0..=Self::MOST)?;
        visitor.number("augment_signs", &mut self.signs, -Self::MOST..=Self::MOST)?;
        visitor.number("augment_seen", &mut self.seen, 0..=Self::MOST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// So many steps of 16 pictures, of which the discriminator takes `real` for real.
    fn after(p: &mut AdaptiveP, steps: std::ops::Range<u64>, real: i64) -> f64 {
        for step in steps {
            p.observe(step, real - (16 - real), 16, 0.6, 0.64);
        }
        p.augment_p(0.64)
    }

    #[test]
    fn it_moves_towards_the_target_every_few_steps() {
        let mut p = AdaptiveP::default();
        assert_eq!(p.augment_p(0.64), 0.0);
        assert_eq!(after(&mut p, 0..3, 16), 0.0, "not before four steps are over");
        // 4 steps of 16 pictures are a tenth of 640.
        assert_eq!(after(&mut p, 3..4, 16), 0.1);
        assert_eq!(after(&mut p, 4..8, 13), 0.2, "13 - 3 of 16 is 0.625");
        assert_eq!(after(&mut p, 8..12, 12), 0.1, "12 - 4 of 16 is 0.5");
        // The mean of the four steps counts, which is 0.59375 here, not the last of them.
        after(&mut p, 12..15, 12);
        assert_eq!(after(&mut p, 15..16, 15), 0.0);
    }

    #[test]
    fn it_stays_between_zero_and_one_and_comes_back_at_once() {
        let mut p = AdaptiveP::default();
        assert_eq!(after(&mut p, 0..400, 0), 0.0);
        assert_eq!(after(&mut p, 400..404, 16), 0.1);
        assert_eq!(after(&mut p, 404..800, 16), 1.0);
        assert_eq!(after(&mut p, 800..804, 0), 0.9);
    }

    #[test]
    fn on_the_target_it_stays() {
        let mut p = AdaptiveP::default();
        for step in 0..8 {
            p.observe(step, 8, 16, 0.5, 1.0);
        }
        assert_eq!(p.augment_p(1.0), 0.0);
        p.observe(8, 16, 16, 0.5, 1.0);
        (9..12).for_each(|step| p.observe(step, 8, 16, 0.5, 1.0));
        assert!(p.augment_p(1.0) > 0.0);
    }
}
