//! One job in several hands: which part of the avatars each takes, and what their words about parts say of
//! the whole.

use std::ops::Range;

/// Parts of `count` avatars for at most `hands` who work at the same time: in order, none empty, no two
/// different by more than one. There are no more of them than shorten the longest.
///
/// # Panics
/// When there are no avatars or no hands.
pub fn split(count: usize, hands: usize) -> Vec<Range<usize>> {
    assert!(count > 0 && hands > 0, "{count} avatars for {hands} hands");
    let longest = count.div_ceil(hands);
    let parts = count.div_ceil(longest);
    (0..parts)
        .map(|part| part * count / parts..(part + 1) * count / parts)
        .collect()
}

/// What is known of a job whose parts are told of one by one.
#[derive(Debug, Clone, PartialEq)]
pub struct Whole {
    parts: Vec<Range<usize>>,
    /// The steps that each part has taken.
    steps: Vec<usize>,
    /// The latest score of every avatar.
    scores: Vec<f32>,
}

impl Whole {
    /// A job of these parts, as [`split`] gives them, whose avatars begin with `scores`.
    ///
    /// # Panics
    /// When the parts do not end with the last score.
    pub fn new(parts: Vec<Range<usize>>, scores: Vec<f32>) -> Self {
        let end = parts.last().map(|part| part.end);
        assert_eq!(end, Some(scores.len()), "{parts:?}");
        Self {
            steps: vec![0; parts.len()],
            parts,
            scores,
        }
    }

    /// How many parts there are.
    pub fn parts(&self) -> usize {
        self.parts.len()
    }

    /// The avatars of a part.
    pub fn part(&self, part: usize) -> Range<usize> {
        self.parts[part].clone()
    }

    /// Takes note that a part has taken `steps`, or begun again with none, and gives what all parts have
    /// taken.
    pub fn step(&mut self, part: usize, steps: usize) -> usize {
        self.steps[part] = steps;
        self.steps.iter().copied().min().unwrap_or(0)
    }

    /// Takes note of a part's scores, and gives the latest of every avatar. Scores that are too many are left
    /// out.
    pub fn score(&mut self, part: usize, scores: &[f32]) -> Vec<f32> {
        let places = self.scores[self.parts[part].clone()].iter_mut();
        for (place, score) in places.zip(scores) {
            *place = *score;
        }
        self.scores.clone()
    }

    /// Which avatar of the job the avatar `index` of a part is; nothing if the part has no such avatar.
    pub fn place(&self, part: usize, index: usize) -> Option<usize> {
        self.parts[part].clone().nth(index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_even_and_no_more_than_help() {
        assert_eq!(split(4, 1), vec![0..4; 1]);
        assert_eq!(split(4, 2), [0..2, 2..4]);
        // A third hand would leave one with two all the same.
        assert_eq!(split(4, 3), [0..2, 2..4]);
        assert_eq!(split(4, 4), [0..1, 1..2, 2..3, 3..4]);
        assert_eq!(split(2, 4), [0..1, 1..2]);
        assert_eq!(split(8, 3), [0..2, 2..5, 5..8]);
        for count in 1..20 {
            for hands in 1..10 {
                let parts = split(count, hands);
                let lengths: Vec<usize> = parts.iter().map(Range::len).collect();
                assert!(parts.len() <= hands);
                assert_eq!(parts[0].start, 0);
                assert_eq!(parts.last().unwrap().end, count);
                assert!(parts.windows(2).all(|pair| pair[0].end == pair[1].start));
                let longest = *lengths.iter().max().unwrap();
                assert!(lengths.iter().all(|&length| length > 0 && length + 1 >= longest));
                assert_eq!(longest, count.div_ceil(hands), "{count} avatars, {hands} hands");
            }
        }
    }

    #[test]
    fn a_whole_is_as_far_as_its_slowest_part() {
        let mut whole = Whole::new(split(5, 2), vec![0.0; 5]);
        assert_eq!(whole.step(1, 3), 0);
        assert_eq!(whole.step(0, 2), 2);
        assert_eq!(whole.step(0, 4), 3);
        assert_eq!(
            whole.step(1, 0),
            0,
            "a part that begins again takes the whole back"
        );
    }

    #[test]
    fn scores_and_places_are_those_of_the_whole() {
        let mut whole = Whole::new(split(5, 2), vec![0.1, 0.2, 0.3, 0.4, 0.5]);
        assert_eq!(whole.part(0), 0..2);
        assert_eq!(whole.score(1, &[3.0, 4.0, 5.0]), [0.1, 0.2, 3.0, 4.0, 5.0]);
        assert_eq!(whole.score(0, &[1.0, 2.0, 9.0]), [1.0, 2.0, 3.0, 4.0, 5.0]);
        assert_eq!(
            [0, 2, 3].map(|index| whole.place(1, index)),
            [Some(2), Some(4), None]
        );
    }
}
