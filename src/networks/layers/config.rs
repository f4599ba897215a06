//! Why a configuration describes no network.

use crate::art::{SIDES, base_side};

/// A field of a configuration that is out of its bounds.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
#[error("{field} is {value}, expected {expected}")]
pub struct ConfigError {
    /// Path of the field.
    pub field: String,
    /// The value that was given.
    pub value: usize,
    /// What may stand there.
    pub expected: String,
}

impl ConfigError {
    /// What to give when `field` cannot be `value`.
    pub fn new(field: impl Into<String>, value: usize, expected: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            value,
            expected: expected.into(),
        }
    }

    /// Whether `value` lies from `min` to `max`.
    ///
    /// # Errors
    ///
    /// The error that says so, when it does not.
    pub fn check(field: impl Into<String>, value: usize, min: usize, max: usize) -> Result<(), Self> {
        match (min..=max).contains(&value) {
            true => Ok(()),
            false => Err(Self::new(field, value, format!("{min} to {max}"))),
        }
    }

    /// As [`check`](Self::check), and `value` is a multiple of `divisor`; nothing is a multiple of zero.
    ///
    /// # Errors
    ///
    /// The error that says so, when it is not.
    pub fn check_multiple(
        field: impl Into<String>,
        value: usize,
        [min, max]: [usize; 2],
        divisor: usize,
    ) -> Result<(), Self> {
        let divides = divisor != 0 && value.is_multiple_of(divisor);
        match (min..=max).contains(&value) && divides {
            true => Ok(()),
            false => Err(Self::new(
                field,
                value,
                format!("{min} to {max}, a multiple of {divisor}"),
            )),
        }
    }

    /// As [`check`](Self::check), and `value` is the side of pictures that come to a
    /// [base](crate::art::base_side) when they are halved.
    ///
    /// # Errors
    ///
    /// The error that says so, when it is not.
    pub fn check_side(field: impl Into<String>, value: usize, min: usize, max: usize) -> Result<(), Self> {
        match (min..=max).contains(&value) && base_side(value).is_some() {
            true => Ok(()),
            false => Err(Self::new(field, value, format!("{min} to {max}, {SIDES}"))),
        }
    }

    /// As [`check`](Self::check), and `value` is a power of two.
    ///
    /// # Errors
    ///
    /// The error that says so, when it is not.
    pub fn check_power(field: impl Into<String>, value: usize, min: usize, max: usize) -> Result<(), Self> {
        match (min..=max).contains(&value) && value.is_power_of_two() {
            true => Ok(()),
            false => Err(Self::new(
                field,
                value,
                format!("a power of two from {min} to {max}"),
            )),
        }
    }
}
