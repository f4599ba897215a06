//! Style sheets and style attributes, as far as the renderer reads them as a browser does.
//!
//! Its reader of CSS is a small one that skips in silence what it does not know. So what stands here is
//! strict: a sheet is taken only when both are certain to read the same in it.

use super::forms::Form;

/// What each property may hold; nothing for one that the renderer does not draw.
///
/// The same names as attributes hold the same values.
pub(super) fn property(name: &str) -> Option<Form> {
    use Form::*;
    /// Of text, which is not drawn, and of what only editors and pointers follow.
    const WITHOUT_EFFECT: [&str; 16] = [
        "font",
        "font-",
        "text-",
        "letter-",
        "word-",
        "line-",
        "-inkscape-",
        "solid-",
        "shape-inside",
        "shape-margin",
        "shape-padding",
        "shape-subtract",
        "block-progression",
        "inline-size",
        "glyph-",
        "filter-",
    ];
    Some(match name {
        "fill" | "stroke" => Paint,
        "color" | "stop-color" | "flood-color" | "lighting-color" => Color,
        "opacity" | "fill-opacity" | "stroke-opacity" | "stop-opacity" | "flood-opacity" => Number,
        "stroke-width" | "stroke-dashoffset" => Length,
        "stroke-dasharray" => Dashes,
        "stroke-linecap" => Words(&["butt", "round", "square", "inherit"]),
        "stroke-linejoin" => Words(&["miter", "round", "bevel", "inherit"]),
        "stroke-miterlimit" => Number,
        "fill-rule" | "clip-rule" => Words(&["nonzero", "evenodd", "inherit"]),
        "clip-path" | "mask" | "filter" => Reference,
        "mask-type" => Words(&["luminance", "alpha"]),
        "display" => Words(&["none", "inline", "block", "inline-block"]),
        "visibility" => Words(&["visible", "hidden", "collapse", "inherit"]),
        "overflow" => Words(&["visible", "hidden", "auto", "scroll"]),
        "shape-rendering" => Words(&[
            "auto",
            "geometricPrecision",
            "crispEdges",
            "optimizeSpeed",
            "inherit",
        ]),
        "color-interpolation" => Words(&["auto", "sRGB"]),
        "color-interpolation-filters" => Words(&["auto", "sRGB", "linearRGB"]),
        "isolation" => Words(&["auto", "isolate"]),
        "mix-blend-mode" => Words(&[
            "normal",
            "multiply",
            "screen",
            "overlay",
            "darken",
            "lighten",
            "color-dodge",
            "color-burn",
            "hard-light",
            "soft-light",
            "difference",
            "exclusion",
            "hue",
            "saturation",
            "color",
            "luminosity",
        ]),
        "paint-order" => PaintOrder,
        "vector-effect" => Words(&["none"]),
        "marker" | "marker-start" | "marker-mid" | "marker-end" => Words(&["none"]),
        "transform" => Words(&["none"]),
        "baseline-shift" | "alignment-baseline" | "dominant-baseline" | "writing-mode" | "direction"
        | "unicode-bidi" | "white-space" | "kerning" | "cursor" | "pointer-events" | "enable-background"
        | "color-rendering" | "color-profile" | "image-rendering" | "user-select" | "transition" => Any,
        _ if WITHOUT_EFFECT.iter().any(|prefix| name.starts_with(prefix)) => Any,
        _ => return None,
    })
}

/// Checks a style sheet, and gives its declarations to `found`.
///
/// # Errors
/// In words, what in it is not drawn.
pub(super) fn check_sheet<'a>(
    sheet: &'a str,
    found: &mut dyn FnMut(&'a str, &'a str) -> Result<(), String>,
) -> Result<(), String> {
    let mut rest = without_comments_in_front(sheet)?;
    while !rest.is_empty() {
        if let Some(rule) = rest.strip_prefix('@') {
            let name: String = rule
                .chars()
                .take_while(|c| c.is_ascii_alphanumeric() || *c == '-')
                .collect();
            let end = match name.as_str() {
                // There is no text to set in it.
                "font-face" => rule
                    .find('}')
                    .filter(|end| rule[..*end].matches('{').count() == 1),
                "charset" => rule.find(';').filter(|end| !rule[..*end].contains('{')),
                _ => None,
            };
            let end = end.ok_or_else(|| format!("an SVG with the CSS rule @{name}, which is not drawn"))?;
            rest = without_comments_in_front(&rule[end + 1..])?;
            continue;
        }
        let (selectors, block) = rest
            .split_once('{')
            .ok_or("an SVG with a style sheet that is not CSS")?;
        let (block, after) = block
            .split_once('}')
            .ok_or("an SVG with a style sheet that is not whole")?;
        if block.contains('{') {
            return Err("an SVG with nested CSS rules, which are not drawn".into());
        }
        for selector in selectors.split(',') {
            if !is_selector(selector.trim()) {
                return Err(format!(
                    "an SVG with the CSS selector {:?}, which is not drawn",
                    short(selector.trim())
                ));
            }
        }
        check_declarations(block, found)?;
        rest = without_comments_in_front(after)?;
    }
    Ok(())
}

/// Checks the declarations in a rule or in a style attribute, and gives their names and values to `found`.
///
/// # Errors
/// In words, what in it is not drawn.
pub(super) fn check_declarations<'a>(
    block: &'a str,
    found: &mut dyn FnMut(&'a str, &'a str) -> Result<(), String>,
) -> Result<(), String> {
    let mut rest = without_comments_in_front(block)?;
    while !rest.is_empty() {
        let (declaration, after) = rest.split_once(';').unwrap_or((rest, ""));
        if !declaration.trim().is_empty() {
            let not_drawn = || {
                format!(
                    "an SVG with the style {:?}, which is not drawn",
                    short(declaration.trim())
                )
            };
            let (name, value) = declaration.split_once(':').ok_or_else(not_drawn)?;
            let (name, value) = (name.trim(), value.trim());
            let fits = property(name).is_some_and(|form| form.fits(value));
            if !fits || !is_plain_value(value) {
                return Err(not_drawn());
            }
            found(name, value)?;
        }
        rest = without_comments_in_front(after)?;
    }
    Ok(())
}

/// The start of what may be long.
pub(super) fn short(text: &str) -> String {
    const SHOWN: usize = 60;
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.into(),
    }
}

fn without_comments_in_front(text: &str) -> Result<&str, String> {
    let mut rest = text.trim_start();
    while let Some(comment) = rest.strip_prefix("/*") {
        let (_, after) = comment
            .split_once("*/")
            .ok_or("an SVG with a comment that does not end in its style sheet")?;
        rest = after.trim_start();
    }
    Ok(rest)
}

/// Whether the renderer reads the value to its end: words, numbers, strings and functions, one after the
/// other.
fn is_plain_value(value: &str) -> bool {
    let mut rest = value;
    while let Some(first) = rest.chars().next() {
        let after = &rest[first.len_utf8()..];
        rest = match first {
            '"' | '\'' => match after.split_once(first) {
                Some((inside, after)) if !inside.contains(['\\', '\n']) => after,
                _ => return false,
            },
            '(' => match after.split_once(')') {
                Some((inside, after)) if !inside.contains(['(', '\\']) => after,
                _ => return false,
            },
            '#' | '%' | '.' | ',' | '+' | '-' | '_' | ' ' | '\t' | '\n' | '\r' => after,
            _ if first.is_ascii_alphanumeric() => after,
            _ => return false,
        };
    }
    !value.is_empty()
}

/// Whether the renderer matches the selector as a browser does: names, classes, ids and attributes, of
/// elements inside, right inside or right after others.
fn is_selector(selector: &str) -> bool {
    /// Takes a name from the front.
    fn name(text: &str) -> Option<&str> {
        let is_start = |c: char| c.is_ascii_alphabetic() || c == '_';
        let start = text.strip_prefix('-').unwrap_or(text);
        let end = |c: char| !c.is_ascii_alphanumeric() && c != '-' && c != '_';
        start
            .starts_with(is_start)
            .then(|| text.find(end).map_or("", |end| &text[end..]))
    }
    fn attribute(text: &str) -> Option<&str> {
        let after = name(text)?;
        let (attribute, value) = (&text[..text.len() - after.len()], after);
        // The renderer ranks it like the selector #id.
        if attribute == "id" {
            return None;
        }
        let value = match value.strip_prefix(']') {
            Some(rest) => return Some(rest),
            None => value
                .strip_prefix(['~', '|'])
                .unwrap_or(value)
                .strip_prefix('=')?,
        };
        let quote = value.chars().next().filter(|quote| ['"', '\''].contains(quote))?;
        let (inside, rest) = value[1..].split_once(quote)?;
        (!inside.contains(['\\', ',', '{']) && !inside.is_empty()).then_some(())?;
        rest.strip_prefix(']')
    }
    let mut rest = selector;
    // Whether a new element starts here.
    let mut starts = true;
    while let Some(first) = rest.chars().next() {
        let after = &rest[first.len_utf8()..];
        let next = match first {
            ' ' | '\t' | '\n' | '\r' | '>' | '+' if !starts => {
                let after = rest.trim_start();
                rest = after.strip_prefix(['>', '+']).unwrap_or(after).trim_start();
                starts = true;
                continue;
            }
            '*' if starts => Some(after),
            '.' | '#' => name(after),
            '[' => attribute(after),
            ':' => ["first-child", "hover", "active", "focus"]
                .iter()
                .find_map(|class| after.strip_prefix(class))
                .filter(|rest| {
                    !rest.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '-' || c == '(')
                }),
            _ if starts => name(rest),
            _ => None,
        };
        match next {
            None => return false,
            Some(next) => rest = next,
        }
        starts = false;
    }
    !selector.is_empty() && !starts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(sheet: &str) -> Result<(), String> {
        check_sheet(sheet, &mut |_, _| Ok(()))
    }

    #[test]
    fn sheets_of_drawing_programs_are_read() {
        for sheet in [
            ".st0{fill:#FFFFFF;stroke:#000000;stroke-miterlimit:10;}\n\t.st1{fill:none;}",
            ".cls-1, .cls-2 { fill: none; isolation: isolate }/* end */",
            "/* a */ @charset \"utf-8\"; @font-face{font-family:'A';src:url(data:font/woff2;base64,AA)} g > path.a{opacity:.5}",
            "rect + circle, [data-part=\"hair\"] *, #a.b:first-child, a:hover { /* c */ fill : red ; }",
            "",
        ] {
            assert_eq!(check(sheet), Ok(()), "{sheet}");
        }
    }

    #[test]
    fn what_is_read_in_another_way_is_refused() {
        for sheet in [
            "@media print{.a{fill:red}}",
            "@import url(a.css);",
            "g{rect{fill:red}}",
            "rect:nth-child(3){fill:red}",
            ":root{fill:red}",
            ".a{fill:red!important}",
            ".a{--b:red}",
            ".a{fill:var(--b)}",
            ".a{transform:rotate(4deg)}",
            ".a~.b{fill:red}",
            ".a{fill:red;stroke}",
            ".a{fill:red",
            "svg|rect{fill:red}",
            ".a{font:12px/1 A;fill:red}",
            ".a::before{fill:red}",
            ".\\31 a{fill:red}",
            ".a{fill:/*b*/red}",
            "/* ",
            ".a > {fill:red}",
            "> .a{fill:red}",
            ".a{width:calc(1px)}",
            "<!-- .a{fill:red} -->",
            "[id=\"a\"]{fill:red}",
            ".a{d:path('M0 0')}",
            ".a:not(.b){fill:red}",
            "@keyframes a{from{fill:red}}",
            ".a{animation:b 1s}",
            ",.a{fill:red}",
            "{fill:red}",
            ".a{FILL:red}",
        ] {
            assert!(check(sheet).is_err(), "{sheet}");
        }
    }
}
