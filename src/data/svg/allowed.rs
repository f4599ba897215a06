//! Which files are drawn: those that hold nothing but what the renderer draws as a browser does.
//!
//! The lists say what may be there. Everything else is a reason to skip the file, because a picture that lost
//! a part or a color in silence would be learnt like any other.

use std::collections::HashMap;

use resvg::usvg::roxmltree::{Attribute, Document, Node};

use super::MAX_ELEMENTS;
use super::forms::{Form, referenced};
use super::style::{check_declarations, check_sheet, property, short};

const SVG: &str = "http://www.w3.org/2000/svg";
const XLINK: &str = "http://www.w3.org/1999/xlink";
const XML: &str = "http://www.w3.org/XML/1998/namespace";
const XHTML: &str = "http://www.w3.org/1999/xhtml";
/// Elements inside elements.
const MAX_DEPTH: u32 = 100;
/// Above this many octaves of noise nothing changes but the time it takes.
const MAX_OCTAVES: f32 = 16.0;
/// Larger kernels and radii in filters take forever.
const MAX_FILTER_EXTENT: f32 = 100.0;

/// What stands in a file beyond its elements, gathered on the way through it.
#[derive(Default)]
struct Survey<'a> {
    /// How many elements have an id, and the name of the first.
    ids: HashMap<&'a str, (usize, &'a str)>,
    /// Where each reference stands, and to which id.
    references: Vec<(&'a str, &'a str)>,
}

/// Checks that the renderer draws everything in the file as a browser does.
///
/// # Errors
/// In words, the first thing that it does not.
pub(super) fn check(document: &Document) -> Result<(), String> {
    let root = document.root_element();
    if root.tag_name().name() != "svg" || ![None, Some(SVG)].contains(&root.tag_name().namespace()) {
        return Err("not an SVG: its first element is another one".into());
    }
    if document.root().children().any(|node| node.is_pi()) {
        return Err("an SVG with a style sheet of its own file, which is not read".into());
    }
    let has = |name| root.attribute(name).is_some_and(|value| !value.ends_with('%'));
    if root.attribute("viewBox").is_none() && !(has("width") && has("height")) {
        return Err("an SVG without a size: expected a viewBox, or width and height".into());
    }
    let mut survey = Survey::default();
    let mut open = vec![(root, 0)];
    let mut elements = 0;
    while let Some((node, depth)) = open.pop() {
        elements += 1;
        if elements > MAX_ELEMENTS {
            return Err(format!("an SVG of more than {MAX_ELEMENTS} elements"));
        }
        if depth > MAX_DEPTH {
            return Err(format!("an SVG nested more than {MAX_DEPTH} elements deep"));
        }
        if survey.element(node, root.tag_name().namespace())? {
            open.extend(
                node.children()
                    .filter(Node::is_element)
                    .map(|child| (child, depth + 1)),
            );
        }
    }
    survey.check_references()
}

impl<'a> Survey<'a> {
    /// Checks an element; whether those inside it have to be checked too.
    fn element(&mut self, node: Node<'a, '_>, namespace: Option<&str>) -> Result<bool, String> {
        let name = node.tag_name().name();
        for attribute in node.attributes().filter(|attribute| attribute.name() == "id") {
            self.ids.entry(attribute.value()).or_insert((0, name)).0 += 1;
        }
        if node.tag_name().namespace() != namespace {
            return match node.tag_name().namespace() {
                // Editors keep their own notes in the file; browsers draw nothing for them.
                Some(other) if other != SVG && other != XHTML && !holds_style(node) => Ok(false),
                _ => Err(format!("an SVG with the element {name} of another language")),
            };
        }
        match name {
            "title" | "desc" | "metadata" if holds_style(node) => {
                return Err(format!("an SVG with a style sheet in its {name}"));
            }
            "title" | "desc" | "metadata" => return Ok(false),
            "image" | "feImage" => return Err("an SVG around another picture: convert it to PNG".into()),
            "marker" => return Err("an SVG with markers on its lines: convert them to paths".into()),
            "text" => {
                return Err("an SVG with text, whose fonts are unknown: convert the text to paths".into());
            }
            "animate" | "animateTransform" | "animateMotion" | "set" => {
                return Err(format!("an SVG that moves ({name}): save it as it should look"));
            }
            "style" => {
                self.style_sheet(node)?;
                return Ok(false);
            }
            "svg"
            | "g"
            | "a"
            | "defs"
            | "symbol"
            | "use"
            | "switch"
            | "rect"
            | "circle"
            | "ellipse"
            | "line"
            | "polyline"
            | "polygon"
            | "path"
            | "linearGradient"
            | "radialGradient"
            | "stop"
            | "clipPath"
            | "mask"
            | "pattern"
            | "filter"
            | "feBlend"
            | "feColorMatrix"
            | "feComponentTransfer"
            | "feComposite"
            | "feConvolveMatrix"
            | "feDisplacementMap"
            | "feDropShadow"
            | "feFlood"
            | "feFuncA"
            | "feFuncR"
            | "feFuncG"
            | "feFuncB"
            | "feGaussianBlur"
            | "feMerge"
            | "feMergeNode"
            | "feMorphology"
            | "feOffset"
            | "feTile"
            | "feTurbulence" => {}
            // Illustrator puts what only it understands before what is for all.
            "foreignObject" if node.attribute("requiredExtensions").is_some() && !holds_style(node) => {
                return Ok(false);
            }
            _ => return Err(format!("an SVG with the element {name}, which is not drawn")),
        }
        check_filter(name, &node)?;
        for attribute in node.attributes() {
            self.attribute(name, attribute)?;
        }
        Ok(true)
    }

    fn attribute(&mut self, element: &str, attribute: Attribute<'a, '_>) -> Result<(), String> {
        let (name, value) = (attribute.name(), attribute.value());
        let not_drawn = || {
            Err(format!(
                "an SVG with {name}={:?}, which is not drawn",
                short(value)
            ))
        };
        match attribute.namespace() {
            None => {}
            Some(XLINK) if name == "href" => {}
            Some(XLINK) if ["type", "show", "actuate", "role", "arcrole", "title"].contains(&name) => {
                return Ok(());
            }
            Some(XML) if ["space", "lang"].contains(&name) => return Ok(()),
            Some(SVG | XLINK | XML) => return not_drawn(),
            // The renderer looks for these whatever their language is.
            Some(_) if ["style", "class"].contains(&name) => return not_drawn(),
            Some(_) => return Ok(()),
        }
        if name == "style" {
            return check_declarations(value, &mut |name, value| self.refer(name, value));
        }
        let Some(form) = form_of(element, name) else {
            return not_drawn();
        };
        if !form.fits(value) {
            return not_drawn();
        }
        self.refer(name, value)
    }

    /// Notes the reference in a value, if it is one.
    fn refer(&mut self, name: &'a str, value: &'a str) -> Result<(), String> {
        let id = match name {
            "href" => value.strip_prefix('#'),
            _ => referenced(value.trim()).map(|(id, _)| id),
        };
        self.references.extend(id.map(|id| (name, id)));
        Ok(())
    }

    fn style_sheet(&mut self, node: Node<'a, '_>) -> Result<(), String> {
        let is_css = [None, Some("text/css")].contains(&node.attribute("type"));
        let for_all = [None, Some("all")].contains(&node.attribute("media"));
        let mut texts = node.children();
        let (text, other) = (texts.next(), texts.next());
        if !is_css || !for_all || other.is_some() || text.is_some_and(|text| !text.is_text()) {
            return Err("an SVG with a style sheet of an unusual kind".into());
        }
        // The text lives as long as the document.
        match text.and_then(|text| text.text()) {
            Some(sheet) => check_sheet(sheet, &mut |name, value| self.refer(name, value)),
            None => Ok(()),
        }
    }

    /// Every reference must lead to one element of the right kind: browsers and the renderer disagree about
    /// others.
    fn check_references(&self) -> Result<(), String> {
        for (place, id) in &self.references {
            let Some((count, target)) = self.ids.get(id) else {
                return Err(format!(
                    "an SVG that refers to #{}, which is not in it",
                    short(id)
                ));
            };
            if *count > 1 {
                return Err(format!(
                    "an SVG that refers to #{}, which is in it {count} times",
                    short(id)
                ));
            }
            let fits = match *place {
                "fill" | "stroke" => ["linearGradient", "radialGradient", "pattern"].contains(target),
                "clip-path" => *target == "clipPath",
                "mask" | "filter" => target == place,
                _ => true,
            };
            if !fits {
                return Err(format!(
                    "an SVG whose {place} refers to #{}, a {target}",
                    short(id)
                ));
            }
        }
        Ok(())
    }
}

/// Whether there is a style sheet inside, which holds for the whole file wherever it stands.
fn holds_style(node: Node) -> bool {
    node.descendants().any(|inner| inner.tag_name().name() == "style")
}

/// What an attribute may hold; nothing for one that the renderer does not draw.
fn form_of(element: &str, name: &str) -> Option<Form> {
    use Form::*;
    const UNITS: Form = Words(&["userSpaceOnUse", "objectBoundingBox"]);
    Some(match name {
        "id" | "lang" | "role" | "tabindex" | "version" | "baseProfile" | "focusable"
        | "contentScriptType" | "contentStyleType" | "zoomAndPan" | "result" | "target" | "rel"
        | "download" => Any,
        "class" if element != "style" => Any,
        _ if name.starts_with("data-") || name.starts_with("aria-") => Any,
        "href" if element == "a" => Any,
        "href" => Link,
        "transform" | "gradientTransform" | "patternTransform" => Transforms,
        "x" | "y" | "width" | "height" | "rx" | "ry" | "r" | "cx" | "cy" | "x1" | "y1" | "x2" | "y2"
        | "fx" | "fy" | "fr" => Length,
        "viewBox" => NumberOf(4),
        "preserveAspectRatio" => AspectRatio,
        "d" => Path,
        "points" | "values" | "tableValues" | "kernelMatrix" | "stdDeviation" | "radius"
        | "baseFrequency" | "order" => Numbers,
        "offset" | "dx" | "dy" | "k1" | "k2" | "k3" | "k4" | "slope" | "intercept" | "amplitude"
        | "exponent" | "numOctaves" | "seed" | "scale" | "divisor" | "bias" | "targetX" | "targetY" => Number,
        "gradientUnits"
        | "patternUnits"
        | "patternContentUnits"
        | "clipPathUnits"
        | "maskUnits"
        | "maskContentUnits"
        | "filterUnits"
        | "primitiveUnits" => UNITS,
        "spreadMethod" => Words(&["pad", "reflect", "repeat"]),
        "in" | "in2" => Input,
        "mode" => property("mix-blend-mode")?,
        "operator" => Words(&[
            "over",
            "in",
            "out",
            "atop",
            "xor",
            "lighter",
            "arithmetic",
            "erode",
            "dilate",
        ]),
        "type" => Words(&[
            "matrix",
            "saturate",
            "hueRotate",
            "luminanceToAlpha",
            "identity",
            "table",
            "discrete",
            "linear",
            "gamma",
            "turbulence",
            "fractalNoise",
        ]),
        "edgeMode" => Words(&["duplicate", "wrap", "none"]),
        "preserveAlpha" => Words(&["true", "false"]),
        "stitchTiles" => Words(&["stitch", "noStitch"]),
        "xChannelSelector" | "yChannelSelector" => Words(&["R", "G", "B", "A"]),
        _ => return property(name),
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
