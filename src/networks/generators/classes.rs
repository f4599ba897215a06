//! Classes: the kinds of pictures that a conditional generator can be asked for.

use crate::networks::layers::ConfigError;
use burn::tensor::{Device, Tensor, TensorData};
use serde::{Deserialize, Serialize};

/// A kind of pictures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Class {
    /// Its name, as people say it.
    pub name: String,
    /// How many pictures of the dataset are of this class. Where no class is asked for, each is drawn as
    /// often as it is in the dataset.
    pub pictures: u64,
}

impl Class {
    /// A network has at most so many. More are no kinds but names of single pictures.
    pub const MAX: usize = 256;
    /// A name has at most so many characters.
    pub const MAX_NAME_CHARS: usize = 64;

    /// Checks all classes of a network; none are right too.
    ///
    /// # Errors
    ///
    /// The first field that is out of its bounds.
    pub fn check(classes: &[Self]) -> Result<(), ConfigError> {
        if classes.is_empty() {
            return Ok(());
        }
        ConfigError::check("classes", classes.len(), 2, Self::MAX)?;
        for (index, Self { name, pictures }) in classes.iter().enumerate() {
            let field = |of: &str| format!("classes[{index}].{of}");
            let chars = name.chars().count();
            let is_plain = !name.chars().any(char::is_control) && name.trim() == name;
            if !is_plain || !(1..=Self::MAX_NAME_CHARS).contains(&chars) {
                let expected = format!(
                    "1 to {} printable characters without spaces around them",
                    Self::MAX_NAME_CHARS
                );
                return Err(ConfigError::new(field("name, its length,"), chars, expected));
            }
            if classes[..index].iter().any(|other| other.name == *name) {
                return Err(ConfigError::new(
                    field("name"),
                    index,
                    "another name for each class",
                ));
            }
            let count = usize::try_from(*pictures).unwrap_or(usize::MAX);
            ConfigError::check(field("pictures"), count, 1, u32::MAX as usize)?;
        }
        Ok(())
    }

    /// The place of the class that is called so, in whatever case.
    ///
    /// # Errors
    ///
    /// A sentence that names the classes there are.
    pub fn find(classes: &[Self], name: &str) -> Result<usize, String> {
        const SHOWN: usize = 20;
        let exact = classes.iter().position(|class| class.name == name);
        let folded = || {
            let same = |class: &Self| class.name.to_lowercase() == name.trim().to_lowercase();
            classes.iter().position(same)
        };
        exact.or_else(folded).ok_or_else(|| {
            if classes.is_empty() {
                return format!("there is no class {name:?}: the model was trained without classes");
            }
            let names: Vec<&str> = classes.iter().map(|class| &*class.name).take(SHOWN).collect();
            let more = match classes.len().saturating_sub(SHOWN) {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            format!(
                "there is no class {name:?}, expected one of: {}{more}",
                names.join(", ")
            )
        })
    }
}

/// The classes of a network, and which of them it draws.
#[derive(Debug, Clone)]
pub struct ClassChoice {
    /// How many pictures of each class the dataset has; none where there are no classes.
    pub pictures: Vec<u64>,
    /// All latents are drawn as this class.
    pub class: Option<usize>,
}

impl ClassChoice {
    /// Each of `classes` as often as the dataset has it.
    pub fn new(classes: &[Class]) -> Self {
        Self {
            pictures: classes.iter().map(|class| class.pictures).collect(),
            class: None,
        }
    }

    /// How many classes there are.
    pub fn count(&self) -> usize {
        self.pictures.len()
    }

    /// Draws this class only from now on, or all of them where it is none.
    ///
    /// # Panics
    ///
    /// When there is no such class.
    pub fn choose(&mut self, class: Option<usize>) {
        let count = self.count();
        assert!(
            class.is_none_or(|class| class < count),
            "{class:?} of {count} classes"
        );
        self.class = class;
    }

    /// Whether the length of each `z` chooses its class.
    pub fn length_chooses(&self) -> bool {
        self.count() > 0 && self.class.is_none()
    }

    /// A row for each of `z [n, z_dim]`, one at the class that it is drawn as and zero elsewhere; none where
    /// there are no classes.
    pub fn rows(&self, z: &Tensor<2>) -> Option<Tensor<2>> {
        let ([n, z_dim], count) = (z.dims(), self.count());
        Some(match self.class {
            _ if count == 0 => return None,
            Some(class) => one_hot(&vec![class; n], count, &z.device()),
            None => LengthBounds::new(self.pictures.iter().copied(), z_dim).classes(z.clone()),
        })
    }
}

/// A row for each picture that is one at its class and zero elsewhere, `[n, count]`.
///
/// # Panics
///
/// When a class is not below `count`.
pub fn one_hot(classes: &[usize], count: usize, device: &Device) -> Tensor<2> {
    let mut rows = vec![0f32; classes.len() * count];
    for (row, &class) in classes.iter().enumerate() {
        assert!(class < count, "class {class} of {count}");
        rows[row * count + class] = 1.0;
    }
    Tensor::from_data(TensorData::new(rows, [classes.len(), count]), device)
}

/// Which class a latent is drawn as where none is asked for: that of its length.
///
/// A mapping network sees the direction of `z` only. The length of a unit normal `z` is independent of its
/// direction, so that it can choose the class, each as often as the dataset shows it, and all that is drawn
/// from seeds or random latents needs to know nothing of classes. Between two of these lengths lies a class.
///
/// Rounding may move a length across one of them on another device; that takes a length within 1e-6 of it.
#[derive(Debug, Clone)]
pub struct LengthBounds(Vec<f32>);

impl LengthBounds {
    /// For latents of `z_dim` numbers and classes of so many `pictures`.
    pub fn new(pictures: impl ExactSizeIterator<Item = u64> + Clone, z_dim: usize) -> Self {
        // The density of the length r is proportional to r^(z_dim - 1) exp(-r^2 / 2). Its deviation is about
        // 0.7 whatever z_dim is, and nothing that counts lies farther than eight from the mode.
        const PARTS: usize = 4096;
        let power = z_dim.saturating_sub(1) as f64;
        let mode = power.sqrt();
        let first = (mode - 8.0).max(0.0);
        let step = (mode + 8.0 - first) / PARTS as f64;
        let length = |part: usize| first + (part as f64 + 0.5) * step;
        let log_density = |r: f64| power * r.ln() - r * r / 2.0;
        let most = log_density(mode.max(1e-9));
        let density: Vec<f64> = (0..PARTS)
            .map(|part| (log_density(length(part)) - most).exp())
            .collect();
        let mass: f64 = density.iter().sum();
        let total: f64 = pictures.clone().map(|count| count as f64).sum();

        let (mut part, mut passed, mut asked) = (0, 0.0, 0.0);
        let inner = pictures.clone().take(pictures.len().saturating_sub(1));
        let bounds = inner.map(|count| {
            asked += count as f64 / total * mass;
            while part + 1 < PARTS && passed + density[part] < asked {
                passed += density[part];
                part += 1;
            }
            (length(part) + ((asked - passed) / density[part].max(1e-300) - 0.5) * step) as f32
        });
        Self(bounds.collect())
    }

    /// `z [n, z_dim]` to a row for each, which is one at its class and zero elsewhere, `[n, classes]`.
    pub fn classes(&self, z: Tensor<2>) -> Tensor<2> {
        let [n, _] = z.dims();
        let device = z.device();
        let inner = self.0.len();
        let lengths = z.detach().square().sum_dim(1).sqrt(); // [n, 1]
        let bounds = Tensor::<2>::from_data(TensorData::new(self.0.clone(), [1, inner]), &device);
        let beyond = lengths
            .expand([n, inner])
            .greater_equal(bounds.expand([n, inner]))
            .float();
        let [ones, zeros] = [Tensor::ones([n, 1], &device), Tensor::zeros([n, 1], &device)];
        Tensor::cat(vec![ones, beyond.clone()], 1) - Tensor::cat(vec![beyond, zeros], 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::random;

    fn class(name: &str, pictures: u64) -> Class {
        Class {
            name: name.into(),
            pictures,
        }
    }

    #[test]
    fn every_field_is_checked() {
        Class::check(&[]).unwrap();
        Class::check(&[class("cats", 3), class("Größe – 大きい", 1)]).unwrap();
        let long = "a".repeat(65);
        for (classes, expected) in [
            (vec![class("cats", 1)], "classes is 1, expected 2 to 256"),
            (vec![class("cats", 1); 257], "classes is 257, expected 2 to 256"),
            (
                vec![class("cats", 1), class("", 1)],
                "classes[1].name, its length, is 0",
            ),
            (
                vec![class(&long, 1), class("b", 1)],
                "classes[0].name, its length, is 65",
            ),
            (vec![class("a\u{1b}[2J", 1), class("b", 1)], "printable"),
            (vec![class(" a", 1), class("b", 1)], "without spaces around them"),
            (vec![class("a", 1), class("a", 1)], "another name for each class"),
            (vec![class("a", 1), class("b", 0)], "classes[1].pictures is 0"),
            (
                vec![class("a", 1), class("b", u64::MAX)],
                "classes[1].pictures is 1844",
            ),
        ] {
            let error = Class::check(&classes).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn a_class_is_found_by_its_name_in_any_case() {
        let classes = [class("Apes", 3), class("apes", 1), class("Cats", 1)];
        assert_eq!(Class::find(&classes, "apes"), Ok(1));
        assert_eq!(Class::find(&classes, "CATS"), Ok(2));
        let error = Class::find(&classes, "dogs").unwrap_err();
        assert_eq!(
            error,
            "there is no class \"dogs\", expected one of: Apes, apes, Cats"
        );
        assert!(Class::find(&[], "dogs").unwrap_err().contains("without classes"));
    }

    /// Of unit normal latents, each class gets its share, and the directions of its latents are no others
    /// than those of all: their mean is zero.
    #[test]
    fn lengths_share_latents_out_as_the_dataset_does() {
        let device = Device::flex();
        random::seed(3);
        let n = 20_000;
        for z_dim in [2, 8, 128] {
            let bounds = LengthBounds::new([1u64, 6, 2, 1].into_iter(), z_dim);
            let z = random::normal([n, z_dim], 1.0, &device);
            let rows = bounds.classes(z.clone());
            let each_once = rows.clone().sum_dim(1).into_data();
            assert!(each_once.iter::<f32>().all(|sum| sum == 1.0));
            let shares: Vec<f32> = rows.clone().mean_dim(0).into_data().iter::<f32>().collect();
            for (share, expected) in shares.iter().zip([0.1, 0.6, 0.2, 0.1]) {
                // Five standard errors of the largest share.
                assert!((share - expected).abs() < 0.018, "{z_dim}: {shares:?}");
            }
            let unit = z.clone() / z.square().sum_dim(1).sqrt();
            let means = rows.transpose().matmul(unit) / n as f64; // [4, z_dim]
            let most = means.abs().max().into_scalar::<f32>();
            assert!(
                most < 5.0 * (0.6 / z_dim as f32 / n as f32).sqrt(),
                "{z_dim}: {most}"
            );
        }
    }

    #[test]
    fn what_is_no_number_has_a_class_too() {
        let device = Device::flex();
        let bounds = LengthBounds::new([1u64, 1].into_iter(), 1);
        let z = Tensor::<2>::from_data([[f32::NAN], [0.0], [f32::INFINITY]], &device);
        let rows: Vec<f32> = bounds.classes(z).into_data().iter::<f32>().collect();
        assert_eq!(rows, [1.0, 0.0, 1.0, 0.0, 0.0, 1.0]);
    }
}
