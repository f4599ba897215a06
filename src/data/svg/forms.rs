//! The forms of values that the renderer reads as a browser does.

use svgtypes::Color;

/// What a value must look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// It changes nothing that is drawn.
    Any,
    /// One of these words.
    Words(&'static [&'static str]),
    /// A number, possibly a percentage.
    Number,
    /// A number of pixels or other lengths that do not depend on fonts or windows.
    Length,
    /// `none`, or lengths.
    Dashes,
    /// Numbers, separated by spaces or commas.
    Numbers,
    /// Numbers, as many as this.
    NumberOf(usize),
    /// A color in the forms of CSS 3, or `currentColor`.
    Color,
    /// A color, `none`, or a reference to a gradient or a pattern.
    Paint,
    /// `none` or a reference.
    Reference,
    /// A reference without `url()`.
    Link,
    /// Transformations in SVG's own notation.
    Transforms,
    /// `normal`, or some of `fill`, `stroke` and `markers`.
    PaintOrder,
    /// How a picture fits its frame.
    AspectRatio,
    /// Commands of a path.
    Path,
    /// What a filter works on, except what lies behind the element.
    Input,
}

impl Form {
    /// Whether `value` has this form.
    pub(super) fn fits(self, value: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Words(words) => words.contains(&value),
            Self::Number => is_number(value.trim().strip_suffix('%').unwrap_or(value.trim())),
            Self::Length => is_length(value.trim()),
            Self::Dashes => {
                value == "none" || parts(value).is_some_and(|parts| parts.iter().all(|part| is_length(part)))
            }
            Self::Numbers => are_numbers(value).is_some(),
            Self::NumberOf(count) => are_numbers(value) == Some(count),
            Self::Color => value == "inherit" || is_color(value.trim()),
            Self::Paint => is_paint(value.trim()),
            Self::Reference => value == "none" || referenced(value).is_some_and(|(_, rest)| rest.is_empty()),
            Self::Link => value.strip_prefix('#').is_some_and(is_id),
            Self::Transforms => are_transforms(value),
            Self::PaintOrder => {
                let mut words: Vec<&str> = value.split_ascii_whitespace().collect();
                let all_known = words
                    .iter()
                    .all(|word| ["fill", "stroke", "markers"].contains(word));
                let count = words.len();
                words.sort_unstable();
                words.dedup();
                value == "normal" || (all_known && count > 0 && words.len() == count)
            }
            Self::AspectRatio => {
                let (align, fit) = value.split_once(' ').unwrap_or((value, "meet"));
                let sides = |text: &str| {
                    let (x, y) = text.strip_prefix('x')?.split_once('Y')?;
                    Some(["Min", "Mid", "Max"].contains(&x) && ["Min", "Mid", "Max"].contains(&y))
                };
                (align == "none" || sides(align) == Some(true)) && ["meet", "slice"].contains(&fit)
            }
            Self::Input => {
                let elsewhere = ["BackgroundImage", "BackgroundAlpha", "FillPaint", "StrokePaint"];
                !elsewhere.contains(&value)
            }
            Self::Path => value
                .bytes()
                .all(|byte| b"MmLlHhVvCcSsQqTtAaZz0123456789eE+-., \t\r\n".contains(&byte)),
        }
    }
}

/// The id in `url(#id)` at the start of a value, and what follows it.
pub(super) fn referenced(value: &str) -> Option<(&str, &str)> {
    let (inside, rest) = value.strip_prefix("url(")?.split_once(')')?;
    let unquoted = ['"', '\'']
        .into_iter()
        .find_map(|quote| inside.strip_prefix(quote)?.strip_suffix(quote))
        .unwrap_or(inside);
    let id = unquoted.strip_prefix('#').filter(|id| is_id(id))?;
    Some((id, rest))
}

fn is_id(id: &str) -> bool {
    !id.is_empty() && !id.contains(|c: char| c.is_whitespace() || "\"'()#\\%".contains(c))
}

fn is_number(text: &str) -> bool {
    let plain = text.bytes().all(|byte| b"0123456789+-.eE".contains(&byte));
    plain && !text.ends_with('.') && text.parse::<f32>().is_ok_and(f32::is_finite)
}

fn is_length(text: &str) -> bool {
    let units = ["px", "pt", "pc", "mm", "cm", "in", "%"];
    let number = units.into_iter().find_map(|unit| text.strip_suffix(unit));
    is_number(number.unwrap_or(text))
}

/// The parts of a list, separated by spaces, a comma or both; nothing when a comma stands alone.
fn parts(value: &str) -> Option<Vec<&str>> {
    let mut found = vec![];
    for part in value.split(',') {
        let before = found.len();
        found.extend(part.split_ascii_whitespace());
        if found.len() == before {
            return None;
        }
    }
    Some(found)
}

/// How many numbers stand in the list, which may leave out a separator before a sign: `1-2`.
fn are_numbers(value: &str) -> Option<usize> {
    let spaced: String = value.char_indices().fold(String::new(), |mut spaced, (at, c)| {
        let after_exponent = value[..at].ends_with(['e', 'E']);
        if (c == '-' || c == '+') && !after_exponent {
            spaced.push(' ');
        }
        spaced.push(c);
        spaced
    });
    let numbers = parts(&spaced)?;
    numbers
        .iter()
        .all(|number| is_number(number))
        .then_some(numbers.len())
}

fn is_color(text: &str) -> bool {
    if text == "currentColor" {
        return true;
    }
    if let Some(digits) = text.strip_prefix('#') {
        return [3, 4, 6, 8].contains(&digits.len()) && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    }
    let Some((name, arguments)) = text.strip_suffix(')').and_then(|text| text.split_once('(')) else {
        return text.bytes().all(|byte| byte.is_ascii_alphabetic()) && text.parse::<Color>().is_ok();
    };
    let arguments: Vec<&str> = arguments.split(',').map(str::trim).collect();
    let [first, second, third, alpha @ ..] = arguments.as_slice() else {
        return false;
    };
    let is_percentage = |text: &&str| text.strip_suffix('%').is_some_and(is_number);
    let triple = [*first, *second, *third];
    let is_alpha = match alpha {
        [] => true,
        [alpha] => is_number(alpha),
        _ => false,
    };
    is_alpha
        && match name {
            "rgb" | "rgba" => triple.iter().all(|part| is_number(part)) || triple.iter().all(is_percentage),
            "hsl" | "hsla" => is_number(first) && triple[1..].iter().all(is_percentage),
            _ => false,
        }
}

fn is_paint(text: &str) -> bool {
    if ["none", "inherit"].contains(&text) {
        return true;
    }
    match referenced(text) {
        Some((_, rest)) => ["", "none"].contains(&rest.trim()) || is_color(rest.trim()),
        None => is_color(text),
    }
}

fn are_transforms(value: &str) -> bool {
    let mut rest = value.trim();
    while !rest.is_empty() {
        let Some((name, after)) = rest.split_once('(') else {
            return false;
        };
        let Some((arguments, after)) = after.split_once(')') else {
            return false;
        };
        let expected: &[usize] = match name.trim() {
            "matrix" => &[6],
            "translate" | "scale" => &[1, 2],
            "rotate" => &[1, 3],
            "skewX" | "skewY" => &[1],
            _ => return false,
        };
        if !are_numbers(arguments).is_some_and(|count| expected.contains(&count)) {
            return false;
        }
        let after = after.trim_start();
        rest = after.strip_prefix(',').unwrap_or(after).trim_start();
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_values_that_are_drawn_as_in_a_browser_fit() {
        let paints = [
            "red",
            "#F0a",
            "#ff00ff80",
            "rgb(1, 2,3)",
            "rgba(10%,20%,30%,.5)",
            "hsl(120,50%,25%)",
            "none",
        ];
        let others = [
            "url(#a)",
            "url('#a') none",
            "currentColor",
            "transparent",
            "inherit",
            "url(#a) #fff",
        ];
        for value in paints.iter().chain(&others) {
            assert!(Form::Paint.fits(value), "{value}");
        }
        for value in [
            "",
            "var(--a)",
            "oklch(0.7 0.2 30)",
            "rgb(255 0 0 / 50%)",
            "#ggg",
            "#12345",
            "url(a.svg#b)",
            "url(' #a')",
            "Canvas",
            "rgb(1,2)",
            "rgb(calc(1),2,3)",
            "context-fill",
            "url(#a",
        ] {
            assert!(!Form::Paint.fits(value), "{value}");
        }
        for (value, fits) in [
            ("1", true),
            ("-.5px", true),
            ("50%", true),
            ("1e2", true),
            ("1em", false),
            ("calc(1px)", false),
            ("", false),
            ("1.", false),
            ("inf", false),
            ("NaN", false),
            ("10 20", false),
            ("auto", false),
        ] {
            assert_eq!(Form::Length.fits(value), fits, "{value}");
        }
        for (value, fits) in [
            ("translate(1 2)", true),
            ("matrix(1,0,0,1,-2-3)", true),
            ("rotate(45, 1, 2) scale(2)", true),
            ("", true),
            ("rotate(45deg)", false),
            ("translate(20px,10px)", false),
            ("rotate(1 2)", false),
            ("translateX(1)", false),
            ("scale(1,,2)", false),
            ("none", false),
        ] {
            assert_eq!(Form::Transforms.fits(value), fits, "{value}");
        }
        assert!(Form::AspectRatio.fits("xMidYMin slice") && !Form::AspectRatio.fits("defer xMidYMid"));
        assert!(Form::PaintOrder.fits("markers fill stroke") && !Form::PaintOrder.fits("fill fill"));
    }
}
