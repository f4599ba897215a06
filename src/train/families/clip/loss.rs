//! The contrastive loss.

use burn::tensor::{Tensor, TensorData, activation::log_softmax};

/// Symmetric InfoNCE over a batch: Radford et al. (2021), figure 3, with targets as in Yang et al., "Unified
/// Contrastive Learning in Image-Text-Label Space" (2022), equations 2 to 4.
///
/// `images [n, d]` and `texts [n, d]` are of unit length and `scale [1]` is what makes logits of their
/// cosines. `fits[text * n + image]` says whether a text is true of a picture: a short text is true of many,
/// and each text and each picture shares its target evenly among all that fit. Where only pairs fit, this is
/// CLIP's loss.
///
/// # Panics
/// When the sizes differ, or something fits nothing.
pub fn contrastive_loss(images: Tensor<2>, texts: Tensor<2>, scale: Tensor<1>, fits: &[bool]) -> Tensor<1> {
    let [n, _] = images.dims();
    assert_eq!(images.dims(), texts.dims(), "a text for each picture");
    assert_eq!(fits.len(), n * n, "whether each text fits each picture");
    let device = images.device();
    let logits = texts.matmul(images.transpose()) * scale.unsqueeze(); // [text, image]
    let one_way = |logits: Tensor<2>, fits: &dyn Fn(usize, usize) -> bool| {
        let mut targets = vec![0f32; n * n];
        for (row, targets) in targets.chunks_exact_mut(n).enumerate() {
            let count = (0..n).filter(|&column| fits(row, column)).count();
            assert!(count > 0, "number {row} fits nothing in its batch");
            for (column, target) in targets.iter_mut().enumerate() {
                *target = if fits(row, column) {
                    1.0 / count as f32
                } else {
                    0.0
                };
            }
        }
        let targets = Tensor::<2>::from_data(TensorData::new(targets, [n, n]), &device.clone());
        -(log_softmax(logits, 1) * targets).sum() / n as f64
    };
    let from_texts = one_way(logits.clone(), &|text, image| fits[text * n + image]);
    let from_images = one_way(logits.transpose(), &|image, text| fits[text * n + image]);
    (from_texts + from_images) * 0.5
}

/// A question about every picture of a batch: which of some neighboring answers is right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// The first of its answers among all answers.
    pub first: usize,
    /// How many answers it has.
    pub answers: usize,
    /// For each picture, which of them is right, counted from the first; none where the question does not
    /// arise.
    pub right: Vec<Option<usize>>,
}

/// The loss of the zero-shot classifier that texts make (Radford et al. 2021, section 3.1), as a training
/// signal: the mean cross-entropy of the right answers, over all pictures and questions. One phrase says
/// little about a picture; this says all that is known, in every step.
///
/// `images [n, d]` and `answers [m, d]` are of unit length.
///
/// # Panics
/// When no question arises.
pub fn answers_loss(images: Tensor<2>, answers: Tensor<2>, scale: Tensor<1>, asked: &[Asked]) -> Tensor<1> {
    let device = images.device();
    let logits = images.matmul(answers.transpose()) * scale.unsqueeze(); // [n, m]
    let (mut sum, mut count) = (None, 0);
    for question in asked {
        let mut targets = vec![0f32; question.right.len() * question.answers];
        for (row, right) in targets.chunks_exact_mut(question.answers).zip(&question.right) {
            if let Some(right) = right {
                row[*right] = 1.0;
                count += 1;
            }
        }
        let shape = [question.right.len(), question.answers];
        let targets = Tensor::<2>::from_data(TensorData::new(targets, shape), &device);
        let likely = log_softmax(logits.clone().narrow(1, question.first, question.answers), 1);
        let right = (likely * targets).sum();
        sum = Some(sum.map_or(right.clone(), |sum| sum + right));
    }
    let sum = sum.filter(|_| count > 0).expect("a question must arise");
    -sum / count as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;

    /// By hand, in double precision.
    fn reference(images: &[[f64; 2]], texts: &[[f64; 2]], scale: f64, fits: &[bool]) -> f64 {
        let n = images.len();
        let logit = |text: usize, image: usize| {
            let [a, b] = [texts[text], images[image]];
            scale * (a[0] * b[0] + a[1] * b[1])
        };
        let one_way = |logit: &dyn Fn(usize, usize) -> f64, fits: &dyn Fn(usize, usize) -> bool| {
            let mut loss = 0.0;
            for row in 0..n {
                let sum: f64 = (0..n).map(|column| logit(row, column).exp()).sum();
                let fitting: Vec<_> = (0..n).filter(|&column| fits(row, column)).collect();
                for &column in &fitting {
                    loss -= (logit(row, column).exp() / sum).ln() / fitting.len() as f64;
                }
            }
            loss / n as f64
        };
        let texts = one_way(&|t, i| logit(t, i), &|t, i| fits[t * n + i]);
        let images = one_way(&|i, t| logit(t, i), &|i, t| fits[t * n + i]);
        0.5 * (texts + images)
    }

    #[test]
    fn answers_are_judged_by_question() {
        let device = Device::flex();
        let images = Tensor::<2>::from_data([[1.0, 0.0], [0.6, 0.8]], &device);
        let answers = Tensor::<2>::from_data([[1.0, 0.0], [0.0, 1.0], [0.8, -0.6], [-1.0, 0.0]], &device);
        let asked = [
            Asked {
                first: 0,
                answers: 2,
                right: vec![Some(0), Some(1)],
            },
            Asked {
                first: 2,
                answers: 2,
                right: vec![None, Some(0)],
            },
        ];
        let scale = Tensor::<1>::from_data([5.0], &device);
        let loss = answers_loss(images, answers, scale, &asked).into_scalar::<f32>() as f64;
        // Cosines of the right answers against those of the others: 1 to 0, 0.8 to 0.6, 0 to -0.6.
        let cross_entropy = |right: f64, wrong: f64| (1.0 + (5.0 * (wrong - right)).exp()).ln();
        let expected = (cross_entropy(1.0, 0.0) + cross_entropy(0.8, 0.6) + cross_entropy(0.0, -0.6)) / 3.0;
        assert!((loss - expected).abs() < 1e-5, "{loss}, expected {expected}");
    }

    #[test]
    fn equals_the_definition_with_one_and_with_several_that_fit() {
        let device = Device::flex();
        let images = [[1.0, 0.0], [0.6, 0.8], [0.0, -1.0]];
        let texts = [[0.8, 0.6], [0.0, 1.0], [-0.6, -0.8]];
        let pairs = [true, false, false, false, true, false, false, false, true];
        let shared = [true, true, false, false, true, false, false, false, true];
        for fits in [pairs, shared] {
            let tensor = |rows: [[f64; 2]; 3]| Tensor::<2>::from_data(rows, &device);
            let scale = Tensor::<1>::from_data([5.0], &device);
            let loss = contrastive_loss(tensor(images), tensor(texts), scale, &fits);
            let expected = reference(&images, &texts, 5.0, &fits);
            let loss = loss.into_scalar::<f32>() as f64;
            assert!((loss - expected).abs() < 1e-5, "{loss}, expected {expected}");
        }
    }
}
