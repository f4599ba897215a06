//! Lists of seeds as people type them.

use std::{path::PathBuf, str::FromStr};

/// Seeds from a list such as `0-63,100,7`, in that order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Seeds(pub(super) Vec<u64>);

impl Seeds {
    /// A list has at most this many.
    const MAX: u64 = 100_000;
}

impl FromStr for Seeds {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut seeds = vec![];
        for item in text.split(',').map(str::trim) {
            let number = |text: &str| {
                text.trim().parse::<u64>().map_err(|_| {
                    format!("{item:?} is no seed, expected numbers from 0 and ranges such as 0-63,100,7")
                })
            };
            let (first, last) = match item.split_once('-') {
                Some((first, last)) => (number(first)?, number(last)?),
                None => (number(item)?, number(item)?),
            };
            if first > last {
                return Err(format!("the range {item} is empty, expected {last}-{first}"));
            }
            if (last - first).saturating_add(seeds.len() as u64) >= Self::MAX {
                return Err(format!("more than {} seeds: ask for fewer at a time", Self::MAX));
            }
            seeds.extend(first..=last);
        }
        Ok(Self(seeds))
    }
}

/// What an avatar is drawn from: a seed, or latents that were found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Origin {
    Seed(u64),
    /// A file of `guise project`.
    Found(PathBuf),
}

/// Seeds, and names of files that end in `.safetensors`, such as `0-3,me.safetensors,7`, in that order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Origins(pub(super) Vec<Origin>);

impl FromStr for Origins {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut origins = vec![];
        for item in text.split(',').map(str::trim) {
            match item.ends_with(".safetensors") {
                true => origins.push(Origin::Found(item.into())),
                false => {
                    let Seeds(seeds) = item.parse()?;
                    origins.extend(seeds.into_iter().map(Origin::Seed));
                }
            }
            if origins.len() as u64 > Seeds::MAX {
                return Err(format!(
                    "more than {} avatars: ask for fewer at a time",
                    Seeds::MAX
                ));
            }
        }
        Ok(Self(origins))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_stand_among_seeds() {
        let origins: Origins = "4-5, me.safetensors,0".parse().unwrap();
        let expected = [
            Origin::Seed(4),
            Origin::Seed(5),
            Origin::Found("me.safetensors".into()),
            Origin::Seed(0),
        ];
        assert_eq!(origins.0, expected);
        assert!("4,me.png".parse::<Origins>().unwrap_err().contains("me.png"));
    }

    #[test]
    fn lists_and_ranges_keep_their_order() {
        assert_eq!("0-3, 100,7".parse(), Ok(Seeds(vec![0, 1, 2, 3, 100, 7])));
        assert_eq!("18446744073709551615".parse(), Ok(Seeds(vec![u64::MAX])));
        assert_eq!(format!("{0}-{0}", u64::MAX).parse(), Ok(Seeds(vec![u64::MAX])));
    }

    #[test]
    fn what_is_no_seed_is_said() {
        for (text, expected) in [
            ("", "\"\" is no seed"),
            ("1,,2", "\"\" is no seed"),
            ("-1", "\"-1\" is no seed"),
            ("1.5", "\"1.5\" is no seed"),
            ("9-3", "the range 9-3 is empty, expected 3-9"),
            ("0-99999999999", "more than 100000 seeds"),
            ("0-18446744073709551615", "more than 100000 seeds"),
            ("0-99999,5", "more than 100000 seeds"),
        ] {
            let error = text.parse::<Seeds>().unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}
