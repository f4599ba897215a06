//! SVG: drawn by resvg at exactly the wanted size, after a look at how much drawing it asks for.
//!
//! Nothing outside the file is ever read: no other files, no fonts, no network.

use std::collections::HashMap;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use image::RgbImage;
use resvg::tiny_skia::{Color, Pixmap, Transform};
use resvg::usvg::roxmltree::{Document, Node, NodeId, ParsingOptions};
use resvg::usvg::{self, ImageHrefResolver};

use super::PrepareOptions;

/// An avatar drawn by hand has some kilobytes.
const MAX_BYTES: usize = 4 << 20;
/// An ordinary avatar takes a millisecond, a rich drawing at full size a second.
const TIME_LIMIT: Duration = Duration::from_secs(20);
/// Elements in the file, and elements drawn once every reference is followed.
const MAX_ELEMENTS: u32 = 100_000;
/// Elements inside elements, references followed.
const MAX_DEPTH: u32 = 100;
/// Above this many octaves of noise nothing changes but the time it takes.
const MAX_OCTAVES: f32 = 16.0;
/// Larger kernels and radii in filters take forever.
const MAX_FILTER_EXTENT: f32 = 100.0;

/// Whether the bytes are XML that names an `svg` element early on.
pub(super) fn looks_like_svg(bytes: &[u8]) -> bool {
    let start = &bytes[..bytes.len().min(64 << 10)];
    let text = start
        .strip_prefix(b"\xef\xbb\xbf")
        .unwrap_or(start)
        .trim_ascii_start();
    text.starts_with(b"<") && text.windows(4).any(|window| window == b"<svg")
}

/// Draws the file as a square of `options.resolution` pixels that its shorter side fills.
///
/// A drawing on a coarse grid, such as pixel art, comes out with crisp blocks because it is drawn at this
/// size rather than scaled to it.
///
/// What a file costs in memory is limited by counting before it is drawn; what it costs in time cannot be
/// foretold (long paths, many filters, clever style sheets), so it is drawn on a thread of its own that is
/// given up after [`TIME_LIMIT`]. A thread cannot be stopped from outside: a given-up one goes on until the
/// program ends.
pub(super) fn square(bytes: &[u8], options: &PrepareOptions) -> Result<RgbImage, String> {
    within(TIME_LIMIT, {
        let (bytes, options) = (bytes.to_vec(), options.clone());
        move || draw(&bytes, &options)
    })
}

fn within<T: Send + 'static>(
    limit: Duration,
    work: impl FnOnce() -> Result<T, String> + Send + 'static,
) -> Result<T, String> {
    let (sender, receiver) = mpsc::channel();
    // The result has no receiver any more when the work was given up: then its result is of no use.
    let thread = std::thread::Builder::new().spawn(move || drop(sender.send(work())));
    thread.map_err(|error| format!("no thread to draw it on: {error}"))?;
    receiver.recv_timeout(limit).unwrap_or_else(|error| match error {
        RecvTimeoutError::Timeout => Err(format!(
            "an SVG that takes more than {} s to draw",
            limit.as_secs()
        )),
        RecvTimeoutError::Disconnected => Err("its decoder panicked".into()),
    })
}

fn draw(bytes: &[u8], options: &PrepareOptions) -> Result<RgbImage, String> {
    if bytes.len() > MAX_BYTES {
        return Err(format!(
            "too big: an SVG of {} bytes, expected at most {} MiB",
            bytes.len(),
            MAX_BYTES >> 20
        ));
    }
    let text = std::str::from_utf8(bytes).map_err(|error| format!("unreadable SVG: not UTF-8: {error}"))?;
    let parsing = ParsingOptions {
        allow_dtd: true,
        nodes_limit: 4 * MAX_ELEMENTS,
        ..Default::default()
    };
    let document =
        Document::parse_with_options(text, parsing).map_err(|error| format!("unreadable SVG: {error}"))?;
    Survey::of(&document)?;
    let parsing = usvg::Options {
        image_href_resolver: ImageHrefResolver {
            resolve_data: Box::new(|_, _, _| None),
            resolve_string: Box::new(|_, _| None),
        },
        ..Default::default()
    };
    let tree =
        usvg::Tree::from_xmltree(&document, &parsing).map_err(|error| format!("unreadable SVG: {error}"))?;
    if !tree.root().has_children() {
        return Err("an SVG that draws nothing".into());
    }

    let side = options.resolution as u32;
    let [red, green, blue] = options.background;
    let mut pixels = Pixmap::new(side, side).ok_or("no memory for the picture")?;
    pixels.fill(Color::from_rgba8(red, green, blue, 255));
    let (width, height) = (tree.size().width(), tree.size().height());
    let scale = side as f32 / width.min(height);
    let offset = |extent: f32| (side as f32 - extent * scale) / 2.0;
    let transform = Transform::from_row(scale, 0.0, 0.0, scale, offset(width), offset(height));
    resvg::render(&tree, transform, &mut pixels.as_mut());
    // The background is opaque, so that the premultiplied colours are the colours.
    let planar = pixels
        .pixels()
        .iter()
        .flat_map(|pixel| [pixel.red(), pixel.green(), pixel.blue()])
        .collect();
    RgbImage::from_raw(side, side, planar).ok_or_else(|| "no memory for the picture".into())
}

/// How much drawing a file asks for: a few lines of nested `use` or patterns can stand for billions of
/// shapes.
struct Survey<'a, 'input> {
    ids: HashMap<&'a str, Node<'a, 'input>>,
    /// References in style sheets, which any element may follow.
    styled: Vec<Node<'a, 'input>>,
    /// Elements drawn and their depth, per element; `None` while it is being counted.
    counted: HashMap<NodeId, Option<(u32, u32)>>,
}

impl<'a, 'input> Survey<'a, 'input> {
    /// # Errors
    /// In words, when the file asks for too much or for what is not drawn here.
    fn of(document: &'a Document<'input>) -> Result<(), String> {
        let mut ids = HashMap::new();
        let mut sheets = String::new();
        for (number, node) in document.descendants().filter(Node::is_element).enumerate() {
            if number as u32 >= MAX_ELEMENTS {
                return Err(format!("an SVG of more than {MAX_ELEMENTS} elements"));
            }
            if let Some(id) = node.attribute("id") {
                ids.entry(id).or_insert(node);
            }
            match node.tag_name().name() {
                "image" | "feImage" => return Err("an SVG around another picture: convert it to PNG".into()),
                "marker" => return Err("an SVG with markers on its lines: convert them to paths".into()),
                "text" => {
                    return Err(
                        "an SVG with text, whose fonts are unknown: convert the text to paths".into(),
                    );
                }
                "style" => sheets.extend(
                    node.descendants()
                        .filter_map(|inner| inner.is_text().then(|| inner.text())?),
                ),
                name => check_filter(name, &node)?,
            }
        }
        let styled = references(&sheets)
            .filter_map(|id| ids.get(id).copied())
            .collect();
        let mut survey = Self {
            ids,
            styled,
            counted: HashMap::new(),
        };
        let (drawn, _) = survey.count(document.root_element(), 0)?;
        if drawn > MAX_ELEMENTS {
            return Err(format!(
                "an SVG that draws more than {MAX_ELEMENTS} elements once its references are followed"
            ));
        }
        Ok(())
    }

    /// The elements drawn for `node`, itself and references included, and how deep they nest. A reference to
    /// what contains it counts once: resvg does not follow it either.
    fn count(&mut self, node: Node<'a, 'input>, depth: u32) -> Result<(u32, u32), String> {
        let too_deep = || Err(format!("an SVG nested more than {MAX_DEPTH} elements deep"));
        if depth > MAX_DEPTH {
            return too_deep();
        }
        match self.counted.get(&node.id()) {
            Some(Some((_, below))) if depth + below > MAX_DEPTH => return too_deep(),
            Some(Some(known)) => return Ok(*known),
            Some(None) => return Ok((1, 0)),
            None => self.counted.insert(node.id(), None),
        };
        let mut inner: Vec<Node> = node.children().filter(Node::is_element).collect();
        for attribute in node.attributes() {
            match attribute.name() {
                "href" => {
                    inner.extend(
                        attribute
                            .value()
                            .trim()
                            .strip_prefix('#')
                            .and_then(|id| self.ids.get(id).copied()),
                    );
                }
                "class" => inner.extend(self.styled.iter().copied()),
                _ => inner.extend(references(attribute.value()).filter_map(|id| self.ids.get(id).copied())),
            }
        }
        let (mut drawn, mut below) = (1u32, 0);
        for inner in inner {
            let (more, deeper) = self.count(inner, depth + 1)?;
            drawn = drawn.saturating_add(more);
            below = below.max(deeper + 1);
        }
        self.counted.insert(node.id(), Some((drawn, below)));
        Ok((drawn, below))
    }
}

/// The ids in every `url(#id)` of an attribute or a style sheet.
fn references(text: &str) -> impl Iterator<Item = &str> {
    text.split("url(").skip(1).filter_map(|rest| {
        let rest = rest.trim_start().trim_start_matches(['"', '\'']);
        rest.strip_prefix('#')?.split([')', '"', '\'', ' ']).next()
    })
}

/// Refuses filters whose work grows without bound with one number in the file.
fn check_filter(name: &str, node: &Node) -> Result<(), String> {
    let (attribute, limit) = match name {
        "feTurbulence" => ("numOctaves", MAX_OCTAVES),
        "feMorphology" => ("radius", MAX_FILTER_EXTENT),
        "feConvolveMatrix" => ("order", MAX_FILTER_EXTENT.sqrt()),
        _ => return Ok(()),
    };
    let values = node.attribute(attribute).unwrap_or("").split([',', ' ']);
    match values
        .filter_map(|value| value.parse::<f32>().ok())
        .find(|value| *value > limit)
    {
        Some(value) => Err(format!(
            "an SVG whose {name} has {attribute} {value}, expected at most {limit}"
        )),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_that_never_ends_is_given_up() {
        let endless = || loop {
            std::thread::sleep(Duration::from_secs(1));
        };
        let reason = within::<()>(Duration::from_millis(50), endless).unwrap_err();
        assert!(reason.contains("takes more than"), "{reason}");
        let patient = Duration::from_secs(60);
        let reason = within::<()>(patient, || panic!("on purpose")).unwrap_err();
        assert!(reason.contains("panicked"), "{reason}");
        assert_eq!(within(patient, || Ok(7)), Ok(7));
    }
}
