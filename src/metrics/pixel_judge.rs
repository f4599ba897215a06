//! Which value a property of a picture has, told from its colours alone.
//!
//! A naive Bayes classifier over "this part of the picture has this colour": what a collection looks like where its
//! hair is pink. It learns by counting, so nothing of it is shared with networks whose pictures it is to judge.

/// Parts of a picture on a side: places of hair, faces and shirts.
const CELLS: usize = 8;
/// Levels of a channel. Colours count for the levels around them, as drawn ones are never quite the collection's.
const LEVELS: usize = 16;
const COLOURS: usize = LEVELS * LEVELS * LEVELS;
/// What every count starts from, so that a colour never seen before decides nothing.
const PRIOR: f32 = 0.5;

/// Tells the values of one property apart.
#[derive(Debug, Clone)]
pub struct PixelJudge {
    side: usize,
    /// `[cells, colours, values]`, counted pixels, and after learning the logarithm of their share.
    logs: Vec<f32>,
    values: usize,
}

impl PixelJudge {
    /// Learns from `pictures` of `side` pixels, planes first (`[3, side, side]`, 0 to 255), each with its value below
    /// `values`.
    ///
    /// # Panics
    ///
    /// When a picture has another size or a value is out of bounds.
    pub fn learn<'a>(
        side: usize,
        values: usize,
        pictures: impl IntoIterator<Item = (&'a [u8], usize)>,
    ) -> Self {
        let mut judge = Self {
            side,
            logs: vec![PRIOR; CELLS * CELLS * COLOURS * values],
            values,
        };
        for (picture, value) in pictures {
            assert!(value < values, "value {value} of {values}");
            places(side, picture, |place, weight| {
                judge.logs[place * values + value] += weight
            });
        }
        // Of the pixels of a cell in pictures with a value, the share that has each colour.
        for cell in judge.logs.chunks_exact_mut(COLOURS * values) {
            let mut totals = vec![0f64; values];
            for counts in cell.chunks_exact(values) {
                totals
                    .iter_mut()
                    .zip(counts)
                    .for_each(|(total, count)| *total += f64::from(*count));
            }
            for counts in cell.chunks_exact_mut(values) {
                for (count, total) in counts.iter_mut().zip(&totals) {
                    *count = (f64::from(*count) / total).ln() as f32;
                }
            }
        }
        judge
    }

    /// The likeliest value of a picture; all are as likely before it is seen.
    pub fn judge(&self, picture: &[u8]) -> usize {
        let mut scores = vec![0f32; self.values];
        places(self.side, picture, |place, weight| {
            let logs = &self.logs[place * self.values..][..self.values];
            scores
                .iter_mut()
                .zip(logs)
                .for_each(|(score, log)| *score += log * weight);
        });
        let best = |best, index| if scores[index] > scores[best] { index } else { best };
        (0..self.values).fold(0, best)
    }
}

/// Every cell and colour that a picture has, and how much of it.
fn places(side: usize, picture: &[u8], mut each: impl FnMut(usize, f32)) {
    let area = side * side;
    assert_eq!(picture.len(), 3 * area, "planes of {side} x {side} pixels");
    for at in 0..area {
        let cell = (at / side * CELLS / side) * CELLS + at % side * CELLS / side;
        let levels = [0, 1, 2].map(|channel| {
            let level = f32::from(picture[channel * area + at]) / 255.0 * (LEVELS - 1) as f32;
            (level as usize, level.fract())
        });
        for corner in 0..8 {
            let (mut colour, mut weight) = (0, 1.0);
            for (channel, (level, rest)) in levels.into_iter().enumerate() {
                let up = corner >> channel & 1;
                colour = colour * LEVELS + (level + up).min(LEVELS - 1);
                weight *= if up == 1 { rest } else { 1.0 - rest };
            }
            if weight > 0.0 {
                each(cell * COLOURS + colour, weight);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Hair above, a shirt below, and grain that says nothing.
    fn picture(hair: [u8; 3], shirt: [u8; 3], seed: usize) -> Vec<u8> {
        let pixel = |channel: usize, at: usize| {
            let colour = if at < 128 { hair } else { shirt };
            let grain = (at * 7 + seed * 31 + channel * 13) % 23;
            colour[channel].saturating_add(grain as u8)
        };
        (0..3)
            .flat_map(|channel| (0..256).map(move |at| pixel(channel, at)))
            .collect()
    }

    #[test]
    fn it_tells_colours_apart_where_they_are() {
        let colours = [[200, 30, 30], [30, 180, 40], [20, 40, 190], [210, 190, 40]];
        let pictures: Vec<(Vec<u8>, usize)> = (0..64)
            .map(|index| {
                (
                    picture(colours[index % 4], colours[index / 4 % 4], index),
                    index % 4,
                )
            })
            .collect();
        let seen = pictures
            .iter()
            .map(|(picture, value)| (picture.as_slice(), *value));
        let judge = PixelJudge::learn(16, 4, seen);
        for hair in 0..4 {
            for shirt in 0..4 {
                // Off by some levels, as a generator's colours are.
                let off = |colour: [u8; 3]| colour.map(|level| level + 9);
                let seen = picture(off(colours[hair]), off(colours[shirt]), 1000);
                assert_eq!(judge.judge(&seen), hair, "over a shirt of colour {shirt}");
            }
        }
    }
}
