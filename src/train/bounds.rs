//! Checks of single settings, in the same words whether a flag or an edited file sets them.

/// # Errors
/// In words, unless `value` is from `least` to `most`.
pub(super) fn within(field: &str, value: usize, least: usize, most: usize) -> Result<(), String> {
    if value < least {
        return Err(format!("{field} is {value}, expected at least {least}"));
    }
    if value > most {
        return Err(format!("{field} is {value}, expected at most {most}"));
    }
    Ok(())
}

/// # Errors
/// In words, unless `value` is finite and positive.
pub(super) fn more_than_zero(field: &str, value: f64) -> Result<(), String> {
    finite(field, value, value > 0.0, "more than 0")
}

/// # Errors
/// In words, unless `value` is finite and not negative.
pub(super) fn not_negative(field: &str, value: f64) -> Result<(), String> {
    finite(field, value, value >= 0.0, "at least 0")
}

/// # Errors
/// In words, unless `value` is from 0 to 1.
pub(super) fn share(field: &str, value: f64) -> Result<(), String> {
    finite(field, value, (0.0..=1.0).contains(&value), "0 to 1")
}

fn finite(field: &str, value: f64, holds: bool, expected: &str) -> Result<(), String> {
    if value == f64::INFINITY {
        return Err(format!("{field} is infinite, expected a number"));
    }
    if !holds {
        return Err(format!("{field} is {value}, expected {expected}"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_is_expected_in_few_digits() {
        let said = |result: Result<(), String>| result.unwrap_err();
        assert_eq!(said(within("n", 0, 1, 9)), "n is 0, expected at least 1");
        assert_eq!(said(within("n", 10, 1, 9)), "n is 10, expected at most 9");
        assert_eq!(
            said(more_than_zero("rate", f64::NAN)),
            "rate is NaN, expected more than 0"
        );
        assert_eq!(
            said(more_than_zero("rate", 0.0)),
            "rate is 0, expected more than 0"
        );
        assert_eq!(
            said(not_negative("rate", -0.5)),
            "rate is -0.5, expected at least 0"
        );
        assert_eq!(
            said(not_negative("rate", f64::INFINITY)),
            "rate is infinite, expected a number"
        );
        assert_eq!(said(share("part", 1.5)), "part is 1.5, expected 0 to 1");
        let sound = [
            within("n", 1, 1, 1),
            more_than_zero("x", 1e-300),
            not_negative("x", 0.0),
            share("x", 1.0),
        ];
        assert!(sound.iter().all(Result::is_ok));
    }
}
