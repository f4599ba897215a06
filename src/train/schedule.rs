//! How long a training takes, and what happens when.

use super::bounds;

/// The lengths of a run, in pictures.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Schedule {
    /// Pictures in a step.
    pub batch_size: usize,
    /// Thousands of pictures to show in all.
    pub total_kimg: f64,
    /// A checkpoint is written every so many thousand pictures.
    pub snapshot_kimg: f64,
    /// A line of statistics is written every so many pictures.
    pub tick_images: u64,
    /// How it begins, where that is with batches of another size.
    pub opening: Option<Opening>,
}

/// The steps that a run begins with.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Opening {
    /// How many.
    pub steps: u64,
    /// Pictures in each.
    pub batch_size: usize,
}

impl Opening {
    fn images(&self) -> u64 {
        self.steps.saturating_mul(self.batch_size as u64)
    }
}

impl Schedule {
    /// Checks what a hand may have edited.
    ///
    /// # Errors
    /// In words.
    pub fn validate(&self) -> Result<(), String> {
        bounds::within("batch_size", self.batch_size, 1, 1 << 20)?;
        bounds::more_than_zero("total_kimg", self.total_kimg)?;
        bounds::more_than_zero("snapshot_kimg", self.snapshot_kimg)
    }

    /// Pictures to show in all.
    pub fn total_images(&self) -> u64 {
        (self.total_kimg * 1000.0).round() as u64
    }

    /// Pictures that so many steps have shown.
    pub fn images_after(&self, steps: u64) -> u64 {
        let opening = self.opening.map_or(0, |opening| opening.steps.min(steps));
        let first = self.opening.map_or(0, |opening| opening.batch_size as u64);
        opening * first + (steps - opening) * self.batch_size as u64
    }

    /// Pictures in the step of this number, counted from zero.
    pub fn batch_at(&self, step: u64) -> usize {
        match self.opening {
            Some(opening) if step < opening.steps => opening.batch_size,
            _ => self.batch_size,
        }
    }

    /// Whether the step that ended after `images_seen` pictures is one after which a line of statistics is
    /// due.
    pub(super) fn ticks(&self, images_seen: u64) -> bool {
        self.crosses(images_seen, self.tick_images)
    }

    /// Whether it is one after which a checkpoint is due. The last step is followed by one anyway.
    pub(super) fn saves(&self, images_seen: u64) -> bool {
        self.is_regular(images_seen) && images_seen < self.total_images()
    }

    /// Whether the checkpoint after `images_seen` pictures is the first after a multiple of so many `kimg`.
    pub(super) fn measures(&self, images_seen: u64, kimg: f64) -> bool {
        let interval = ((kimg * 1000.0) as u64).max(1);
        images_seen / interval > images_seen.saturating_sub(self.save_images()) / interval
    }

    /// Whether a checkpoint after `images_seen` pictures is one that every run writes which goes on for long
    /// enough, wherever it was stopped in between.
    pub(super) fn is_regular(&self, images_seen: u64) -> bool {
        images_seen > 0 && self.crosses(images_seen, self.save_images())
    }

    /// Pictures between two checkpoints.
    fn save_images(&self) -> u64 {
        ((self.snapshot_kimg * 1000.0) as u64).max(self.batch_size as u64)
    }

    fn crosses(&self, images_seen: u64, interval: u64) -> bool {
        let last = match self.opening {
            Some(opening) if images_seen <= opening.images() => opening.batch_size,
            _ => self.batch_size,
        };
        images_seen / interval > (images_seen - last as u64) / interval
    }
}

/// From one to zero along half a cosine, as `done` goes from zero to one.
pub(super) fn cosine_decay(done: f64) -> f64 {
    0.5 + 0.5 * (std::f64::consts::PI * done.min(1.0)).cos()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn things_are_due_when_their_interval_is_over() {
        let schedule = Schedule {
            batch_size: 16,
            total_kimg: 0.1,
            snapshot_kimg: 0.04,
            tick_images: 32,
            opening: None,
        };
        let after = |due: fn(&Schedule, u64) -> bool| -> Vec<u64> {
            (1..=7)
                .map(|step| step * 16)
                .filter(|&images| due(&schedule, images))
                .collect()
        };
        assert_eq!(after(Schedule::ticks), [32, 64, 96]);
        assert_eq!(after(Schedule::saves), [48, 80]);
        // Every second checkpoint, and the last, which comes early.
        let measured = |kimg| -> Vec<u64> {
            let saved = [48, 80, 112];
            saved
                .into_iter()
                .filter(|&images| schedule.measures(images, kimg))
                .collect()
        };
        assert_eq!(measured(0.08), [80, 112]);
        assert_eq!(measured(0.04), [48, 80, 112]);
        assert_eq!(measured(0.001), [48, 80, 112]);
        assert!(measured(0.2).is_empty());
        assert_eq!(schedule.total_images(), 100);
        assert_eq!(
            [cosine_decay(0.0), cosine_decay(1.0), cosine_decay(9.0)],
            [1.0, 0.0, 0.0]
        );
    }

    #[test]
    fn a_run_may_begin_with_smaller_batches() {
        let schedule = Schedule {
            batch_size: 16,
            total_kimg: 1.0,
            snapshot_kimg: 0.02,
            tick_images: 16,
            opening: Some(Opening {
                steps: 3,
                batch_size: 4,
            }),
        };
        let images: Vec<u64> = (0..6).map(|steps| schedule.images_after(steps)).collect();
        assert_eq!(images, [0, 4, 8, 12, 28, 44]);
        // What a step shows is what the counts differ by.
        for step in 0..5 {
            let shown = images[step + 1] - images[step];
            assert_eq!(schedule.batch_at(step as u64) as u64, shown);
        }
        let due = |due: fn(&Schedule, u64) -> bool| -> Vec<u64> {
            images[1..]
                .iter()
                .copied()
                .filter(|&images| due(&schedule, images))
                .collect()
        };
        assert_eq!(due(Schedule::ticks), [28, 44]);
        assert_eq!(due(Schedule::saves), [28, 44]);
        let endless = Schedule {
            opening: Some(Opening {
                steps: u64::MAX,
                batch_size: 4,
            }),
            ..schedule
        };
        assert_eq!(endless.images_after(1 << 40), 4 << 40);
        assert!(endless.is_regular(20) && !endless.is_regular(24));
    }
}
