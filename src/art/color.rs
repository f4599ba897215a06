//! Colors as files and flags spell them.

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// An sRGB color with 8 bits a channel, spelled `#rrggbb`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Color(pub [u8; 3]);

impl fmt::Display for Color {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self([red, green, blue]) = self;
        write!(f, "#{red:02x}{green:02x}{blue:02x}")
    }
}

impl FromStr for Color {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let digits = text.strip_prefix('#').filter(|digits| digits.len() == 6);
        let hex = digits.filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let value = hex.and_then(|hex| u32::from_str_radix(hex, 16).ok());
        match value.map(u32::to_be_bytes) {
            Some([_, red, green, blue]) => Ok(Self([red, green, blue])),
            None => {
                let start: String = text.chars().take(20).collect();
                Err(format!(
                    "the color {start:?}: expected six hexadecimal digits like #ffeedd"
                ))
            }
        }
    }
}

impl TryFrom<String> for Color {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Color> for String {
    fn from(color: Color) -> Self {
        color.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colors_are_spelled_as_they_are_read() {
        let color = Color([255, 238, 10]);
        assert_eq!(color.to_string(), "#ffee0a");
        assert_eq!("#FFEE0a".parse(), Ok(color));
        assert_eq!(serde_json::to_string(&color).unwrap(), "\"#ffee0a\"");
        for wrong in ["", "#", "ffee0a", "#ffee0", "#ffee0ab", "#+fee0a", "#ffffé"] {
            let error = wrong.parse::<Color>().unwrap_err();
            assert!(
                error.contains("expected six hexadecimal digits"),
                "{wrong}: {error}"
            );
        }
    }
}
