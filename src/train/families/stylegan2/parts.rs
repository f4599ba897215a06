//! A batch in parts, so that a step needs memory for one of them only.

use super::course::Course;
use crate::train::augment::Augmentation;
use burn::tensor::{Int, Tensor, TensorData};

/// How the pictures of a batch are shared out.
///
/// The discriminator compares pictures within groups of four, by their minibatch standard deviation. A part
/// is of whole groups, so every picture is compared with the same others as in the batch at once, and the sum
/// of the parts' gradients is the batch's.
pub(super) struct Parts {
    pictures: usize,
    count: usize,
}

impl Parts {
    /// As few as there can be of a batch of `pictures`, with no more than `most` of them in each.
    pub fn new(pictures: usize, most: usize) -> Self {
        let groups = pictures / Course::GROUP;
        let is_fit = |count: &usize| groups.is_multiple_of(*count) && pictures / count <= most;
        Self {
            pictures,
            count: (1..=groups).find(is_fit).unwrap_or(groups.max(1)),
        }
    }

    /// What a part counts in the mean over the batch.
    pub fn share(&self) -> f64 {
        1.0 / self.count as f64
    }

    /// The places in the batch of the pictures of each part. The discriminator's group number `i` has every
    /// picture whose place is `i` modulo the number of groups.
    fn places(&self) -> impl Iterator<Item = Vec<usize>> {
        let groups = self.pictures / Course::GROUP;
        let groups_in_part = groups / self.count;
        (0..self.count).map(move |part| {
            let first = part * groups_in_part;
            let member = |row: usize| (first..first + groups_in_part).map(move |group| row * groups + group);
            (0..Course::GROUP).flat_map(member).collect()
        })
    }

    /// The parts of `x`, whose first axis is the batch.
    pub fn split<const D: usize>(&self, x: Tensor<D>) -> Vec<Tensor<D>> {
        if self.count == 1 {
            return vec![x];
        }
        let device = x.device().without_autodiff();
        let pick = |places: Vec<usize>| {
            let places: Vec<i32> = places.into_iter().map(|place| place as i32).collect();
            let data = TensorData::new(places, [self.pictures / self.count]);
            x.clone().select(0, Tensor::<1, Int>::from_data(data, &device))
        };
        self.places().map(pick).collect()
    }

    /// The same for what may not be there: nothing for each part then.
    pub fn split_some<const D: usize>(&self, x: Option<Tensor<D>>) -> Vec<Option<Tensor<D>>> {
        match x {
            Some(x) => self.split(x).into_iter().map(Some).collect(),
            None => vec![None; self.count],
        }
    }

    /// What was drawn for the pictures of each part.
    pub fn augmentations(&self, whole: Augmentation) -> Vec<Augmentation> {
        match self.count {
            1 => vec![whole],
            _ => self.places().map(|places| whole.of(&places)).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        ops::random,
        train::{AugPipe, streams::stream},
    };
    use burn::tensor::Device;

    #[test]
    fn every_picture_is_augmented_as_in_the_batch() {
        let parts = Parts::new(16, 4);
        random::seed(1);
        let pictures = random::normal([16, 3, 8, 8], 0.5, &Device::flex());
        let whole = Augmentation::draw(AugPipe::Bgcfnc, 0.7, 16, 8, &mut stream(1, "augment", 0));
        let expected = parts.split(whole.apply(pictures.clone()));
        let found = parts.split(pictures).into_iter().zip(parts.augmentations(whole));
        for ((pictures, augmentation), expected) in found.zip(expected) {
            let difference = (augmentation.apply(pictures) - expected).abs().max();
            assert!(difference.into_scalar::<f32>() < 1e-5);
        }
    }

    #[test]
    fn parts_are_whole_groups_and_all_of_them() {
        let places = |pictures, most| -> Vec<Vec<usize>> { Parts::new(pictures, most).places().collect() };
        assert_eq!(places(8, 4), [[0, 2, 4, 6], [1, 3, 5, 7]]);
        assert_eq!(
            places(16, 8),
            [[0, 1, 4, 5, 8, 9, 12, 13], [2, 3, 6, 7, 10, 11, 14, 15]]
        );
        assert_eq!(places(4, 4), [[0, 1, 2, 3]]);
        // A first phase with 12 pictures, of which no more than 8 fit: thirds, because halves break a group.
        assert_eq!(places(12, 8).len(), 3);
        for (pictures, most) in [(12, 8), (24, 12), (20, 4)] {
            let mut all = places(pictures, most).concat();
            all.sort();
            assert!(all.into_iter().eq(0..pictures));
        }
    }
}
