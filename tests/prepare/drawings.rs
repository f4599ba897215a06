//! Which SVGs are drawn, and which are skipped because a browser would draw something else.

use super::*;

fn svg(inside: &str) -> String {
    format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="0 0 64 64">{inside}</svg>"#
    )
}

/// Prepares each of these at 64 pixels, with one good picture.
fn prepared(drawings: &[(&str, String)]) -> (Folders, PrepareSummary) {
    let folders = Folders::new();
    for (name, drawing) in drawings {
        folders.put(&format!("{name}.svg"), drawing);
    }
    folders.put("zzz.png", png(&gradient(32, 32, 0)));
    let summary = folders.prepare(64).unwrap();
    (folders, summary)
}

#[test]
fn what_a_browser_draws_in_another_way_is_skipped_with_its_reason() {
    const RECT: &str = r#"<rect width="9" height="9"/>"#;
    let styled = |style: &str| {
        svg(&format!(
            r#"<style>{style}</style><rect class="a" width="64" height="64"/>"#
        ))
    };
    let drawings = [
        (
            "attribute",
            svg(r#"<rect width="9" height="9" FILL="red"/>"#),
            "FILL=",
        ),
        (
            "animate",
            svg(r#"<rect width="9" height="9"><animate attributeName="x"/></rect>"#),
            "that moves",
        ),
        (
            "background",
            RECT.replace("/>", r#" style="background:red"/>"#),
            "background",
        ),
        (
            "clip",
            svg(r#"<rect width="9" height="9" style="clip-path:circle(20px at 32px 32px)"/>"#),
            "clip-path",
        ),
        (
            "dangling",
            svg(r##"<rect width="9" height="9" fill="url(#nowhere)"/>"##),
            "#nowhere, which is not in it",
        ),
        ("elsewhere", svg(r#"<use href="other.svg#a"/>"#), "other.svg#a"),
        (
            "foreign",
            svg(&format!(
                r#"{RECT}<foreignObject><div xmlns="http://www.w3.org/1999/xhtml"/></foreignObject>"#
            )),
            "foreignObject",
        ),
        (
            "html",
            svg(&format!(
                r#"{RECT}<style xmlns="http://www.w3.org/1999/xhtml">rect{{fill:red}}</style>"#
            )),
            "another language",
        ),
        (
            "important",
            styled(".a{fill:red !important}"),
            "fill:red !important",
        ),
        ("imported", styled("@import url(a.css);"), "@import"),
        (
            "kind",
            svg(r##"<mask id="m"/><rect width="9" height="9" fill="url(#m)"/>"##),
            "refers to #m, a mask",
        ),
        ("media", styled("@media print{.a{fill:red}}"), "@media"),
        ("nested", styled("g{rect{fill:#a0a}}"), "nested CSS"),
        (
            "nonscaling",
            svg(r#"<path d="M2 2H14" stroke="red" vector-effect="non-scaling-stroke"/>"#),
            "non-scaling-stroke",
        ),
        (
            "nothing",
            "<svg xmlns=\"http://www.w3.org/2000/svg\"><rect/></svg>".into(),
            "without a size",
        ),
        ("nth", styled("rect:nth-child(2){fill:red}"), "nth-child"),
        (
            "oklch",
            svg(r#"<rect width="64" height="64" fill="oklch(0.7 0.2 30)"/>"#),
            "oklch",
        ),
        (
            "outside",
            format!("<?xml-stylesheet href=\"a.css\"?>{}", svg(RECT)),
            "style sheet of its own file",
        ),
        ("path", svg(r#"<path style="d:path('M0 0H9V9')"/>"#), "d:path"),
        ("script", svg(&format!("<script/>{RECT}")), "script"),
        (
            "slash",
            svg(r#"<rect width="64" height="32" fill="rgb(255 0 0 / 50%)"/>"#),
            "rgb(255 0 0 / 50%)",
        ),
        (
            "transform",
            svg(r#"<rect width="20" height="20" style="transform:translate(20px,10px)"/>"#),
            "transform:translate",
        ),
        (
            "twice",
            svg(r##"<g id="a"/><g id="a"/><use href="#a"/>"##),
            "#a, which is in it 2 times",
        ),
        ("unit", svg(r#"<rect width="2em" height="9"/>"#), "2em"),
        (
            "variable",
            styled(":root{--skin:#c86432}.a{fill:var(--skin)}"),
            ":root",
        ),
        (
            "variable2",
            styled(".a{fill:var(--skin, red)}"),
            "var(--skin, red)",
        ),
    ];
    let drawings = drawings.map(|(name, drawing, reason)| {
        let whole = if drawing.contains("<svg") {
            drawing
        } else {
            svg(&drawing)
        };
        ((name, whole), reason)
    });
    let (_folders, summary) = prepared(&drawings.clone().map(|(drawing, _)| drawing));
    assert_eq!(summary.pictures, 1, "{:?}", summary.skipped);
    for ((name, _), expected) in drawings {
        let found = summary
            .skipped
            .iter()
            .find(|skipped| skipped.source == format!("{name}.svg"));
        let reason = &found.unwrap().reason;
        assert!(reason.contains(expected), "{name}: {reason}");
    }
}

#[test]
fn what_drawing_programs_write_is_drawn() {
    let inkscape = r##"<svg xmlns="http://www.w3.org/2000/svg" xmlns:inkscape="http://www.inkscape.org/namespaces/inkscape"
        xmlns:sodipodi="http://sodipodi.sourceforge.net/DTD/sodipodi-0.dtd" width="64" height="64" version="1.1" id="svg1">
        <sodipodi:namedview id="namedview1" pagecolor="#ffffff" inkscape:zoom="11"/>
        <defs id="defs1"><inkscape:path-effect effect="skeletal" id="path-effect1"/></defs>
        <metadata id="m"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"/></metadata>
        <g inkscape:label="Layer 1" inkscape:groupmode="layer" id="layer1"><path d="m 0,0 h 64 v 64 h -64 z" id="path1"
        style="font-variation-settings:normal;opacity:1;vector-effect:none;fill:#0000ff;fill-opacity:1;stroke:none;stroke-width:2;
        stroke-linejoin:miter;stroke-dasharray:none;-inkscape-stroke:none;paint-order:markers fill stroke;stop-color:#000000;
        marker:none;font-family:'Open Sans';-inkscape-font-specification:'Open Sans, Normal'" sodipodi:nodetypes="ccc"/></g></svg>"##;
    let illustrator = r##"<?xml version="1.0" encoding="utf-8"?><!-- Generator: Adobe Illustrator -->
        <!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd" [
        <!ENTITY ns_extend "http://ns.adobe.com/Extensibility/1.0/"> <!ENTITY ns_ai "http://ns.adobe.com/AdobeIllustrator/10.0/"> ]>
        <svg version="1.1" id="Layer_1" xmlns:x="&ns_extend;" xmlns:i="&ns_ai;" xmlns="http://www.w3.org/2000/svg" x="0px" y="0px"
        viewBox="0 0 64 64" style="enable-background:new 0 0 64 64;" xml:space="preserve"><style type="text/css">
        .st0{fill:#0000FF;stroke-miterlimit:10;} .cls-1, .cls-2 { fill: none; isolation: isolate; } .st1{fill:url(#SVGID_1_);}</style>
        <linearGradient id="SVGID_1_"><stop offset="0" style="stop-color:#0000FF"/></linearGradient>
        <switch><foreignObject requiredExtensions="&ns_ai;" x="0" y="0" width="1" height="1"/><g i:extraneous="self">
        <rect class="st0" width="64" height="64" data-name="back"/></g></switch></svg>"##;
    let figma = r##"<svg width="64" height="64" viewBox="0 0 64 64" fill="none" xmlns="http://www.w3.org/2000/svg">
        <g filter="url(#filter0_d)" style="mix-blend-mode:multiply"><rect width="64" height="64" fill="#0000FF"/></g>
        <mask id="m0" style="mask-type:alpha" maskUnits="userSpaceOnUse" x="0" y="0" width="8" height="8"><path d="M0 0h8v8H0z" fill="#D9D9D9"/></mask>
        <defs><filter id="filter0_d" x="-9" y="-9" width="90" height="90" filterUnits="userSpaceOnUse" color-interpolation-filters="sRGB">
        <feFlood flood-opacity="0" result="BackgroundImageFix"/><feColorMatrix in="SourceAlpha" type="matrix"
        values="0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 127 0" result="hardAlpha"/><feOffset dy="4"/><feGaussianBlur stdDeviation="2"/>
        <feComposite in2="hardAlpha" operator="out"/><feBlend mode="normal" in2="BackgroundImageFix" result="e"/>
        <feBlend mode="normal" in="SourceGraphic" in2="e" result="shape"/></filter></defs></svg>"##;
    let plain = svg(
        r##"<desc>A face</desc><title>Face</title><style>.a,g > rect[data-part="hair"]{fill:#00f}</style>
        <linearGradient id="g"><stop stop-color="#00f"/><stop offset="1" stop-color="rgb(0,0,255)"/></linearGradient>
        <defs><g id="half"><rect width="64" height="32"/></g></defs>
        <g fill="url(#g)" aria-label="x" role="img"><rect data-part="hair" width="64" height="64"/></g>
        <use xlink:href="#half" class="a" transform="translate(0 32)"/>"##,
    );
    let names = ["figma", "illustrator", "inkscape", "plain"];
    let drawings = [figma.into(), illustrator.into(), inkscape.into(), plain];
    // The same picture four times would be three duplicates.
    let drawings = [0, 1, 2, 3].map(|index| {
        let drawing: &String = &drawings[index];
        let corner = format!(
            r#"<rect width="{0}" height="{0}" fill="red"/></svg>"#,
            4 * (index + 1)
        );
        (names[index], drawing.replace("</svg>", &corner))
    });
    let (folders, summary) = prepared(&drawings);
    assert_eq!(
        (summary.pictures, summary.skipped.len()),
        (5, 0),
        "{:?}",
        summary.skipped
    );
    assert!(summary.notes.is_empty(), "{:?}", summary.notes);
    let dataset = Dataset::open(&folders.dataset()).unwrap();
    for (index, name) in names.iter().enumerate() {
        let planes = dataset.read(index).unwrap();
        assert_eq!(pixel(&planes, 64, 2, 2), [255, 0, 0], "{name}");
        assert_eq!(pixel(&planes, 64, 40, 20), [0, 0, 255], "{name}");
        assert_eq!(pixel(&planes, 64, 40, 50), [0, 0, 255], "{name}");
    }
}

#[test]
fn what_the_renderer_warns_of_is_said_of_the_file() {
    let folders = Folders::new();
    folders.put("cut.svg", svg(r#"<path d="M10 10H50V50L30"/>"#));
    let output = folders.guise(&[]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("note: cut.svg: its renderer warns"), "{said}");
    assert!(!said.contains('\u{1b}'), "{said}");
}

#[test]
fn svgs_need_the_program_that_draws_them() {
    let folders = Folders::new();
    folders.put("a.svg", CRISP);
    let options = PrepareOptions {
        resolution: Some(32),
        background: guise::data::Background::Color([255; 3]),
        pixel_art: Default::default(),
        program: folders.dir.path().join("not-there"),
    };
    let error = prepare(&folders.art(), &folders.dataset(), &options, &|_| {}).unwrap_err();
    assert!(error.to_string().contains("not-there"), "{error}");
}
