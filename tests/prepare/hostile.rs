//! Files that are broken or mean harm: each is skipped with its reason, beside one good picture that is not.

use super::*;

#[test]
fn json_without_a_picture_is_told() {
    let folders = Folders::new();
    fs::write(folders.dir.path().join("secret.png"), png(&gradient(32, 32, 99))).unwrap();
    let token = |image: &str| format!(r#"{{"image": {image:?}}}"#);
    folders.put("climbs.json", token("../secret.png"));
    folders.put("deep/climbs.json", token("../../secret.png"));
    folders.put(
        "absolute.json",
        token(folders.dir.path().join("secret.png").to_str().unwrap()),
    );
    folders.put("http.json", token("https://example.org/1.png"));
    folders.put("missing.json", token("not-here.png"));
    folders.put("latin1.json", b"{\"image\": \"caf\xe9.png\"}");
    folders.put("broken.json", "{\"image\": ");
    folders.put("package.json", "{\"name\": \"something else\"}");
    folders.put("base64.json", token("data:image/png;base64,&&&"));
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(
            folders.dir.path().join("secret.png"),
            folders.art().join("link.png"),
        )
        .unwrap();
        folders.put("linked.json", token("link.png"));
    }
    let reasons = folders.reasons();
    for (name, expected) in [
        ("climbs.json", "outside the collection"),
        ("deep/climbs.json", "outside the collection"),
        ("absolute.json", "outside the collection"),
        ("http.json", "download it"),
        ("missing.json", "\"not-here.png\" is not in the collection"),
        ("latin1.json", "not UTF-8"),
        ("broken.json", "not JSON"),
        ("package.json", "neither"),
        ("base64.json", "not base64"),
        #[cfg(unix)]
        ("link.png", "symbolic link"),
        #[cfg(unix)]
        ("linked.json", "not in the collection"),
    ] {
        assert!(reasons[name].contains(expected), "{name}: {}", reasons[name]);
    }
}

#[test]
fn bad_pictures_are_skipped_with_their_reason() {
    let folders = Folders::new();
    let half = |bytes: Vec<u8>| bytes[..bytes.len() / 2].to_vec();
    folders.put("half.png", half(png(&gradient(64, 64, 1))));
    folders.put("half.jpg", half(encoded(gradient(64, 64, 1), ImageFormat::Jpeg)));
    folders.put("half.webp", half(encoded(gradient(64, 64, 1), ImageFormat::WebP)));
    let gif = DynamicImage::from(gradient(64, 64, 1)).into_rgba8();
    folders.put("half.gif", half(encoded(gif, ImageFormat::Gif)));
    folders.put("empty.png", "");
    folders.put("text.png", "Once upon a time there was no picture.");
    folders.put("README.md", "# About");
    folders.put("bomb-side.png", bomb(50_000, 1));
    folders.put("bomb-area.png", bomb(16_000, 16_000));
    folders.put("half.svg", &CRISP[..120]);
    folders.put(
        "latin1.svg",
        b"<svg xmlns=\"http://www.w3.org/2000/svg\"><title>caf\xe9</title></svg>",
    );
    folders.put(
        "nothing.svg",
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"/>"#,
    );
    fs::create_dir(folders.art().join("folder.png")).unwrap();
    let reasons = folders.reasons();
    for (name, expected) in [
        ("half.png", "unreadable Png"),
        ("half.jpg", "truncated"),
        ("half.webp", "unreadable WebP"),
        ("half.gif", "unreadable Gif"),
        ("empty.png", "empty file"),
        ("text.png", "not a picture"),
        ("README.md", "not a picture"),
        ("bomb-side.png", "too big"),
        ("bomb-area.png", "too big: 16000x16000"),
        ("half.svg", "unreadable SVG"),
        ("latin1.svg", "not UTF-8"),
        ("nothing.svg", "draws nothing"),
    ] {
        assert!(reasons[name].contains(expected), "{name}: {}", reasons[name]);
    }
    assert_eq!(reasons.len(), 12, "{reasons:?}");
    let listed = fs::read_to_string(folders.dataset().join("skipped.jsonl")).unwrap();
    assert_eq!(listed.lines().count(), 12);
    assert!(
        listed.contains(r#"{"source":"empty.png","reason":"empty file"}"#),
        "{listed}"
    );
}

/// A PNG that claims this size and holds next to nothing.
fn bomb(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = png(&RgbImage::new(1, 1));
    bytes[16..20].copy_from_slice(&width.to_be_bytes());
    bytes[20..24].copy_from_slice(&height.to_be_bytes());
    // The header's checksum, bit by bit (CRC-32 of type and data).
    let mut crc = u32::MAX;
    for byte in &bytes[12..29] {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 {
                (crc >> 1) ^ 0xedb8_8320
            } else {
                crc >> 1
            };
        }
    }
    bytes[29..33].copy_from_slice(&(!crc).to_be_bytes());
    bytes
}

#[test]
fn svg_bombs_are_defused_quickly() {
    let svg =
        |inside: &str| format!(r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9">{inside}</svg>"#);
    let folders = Folders::new();
    let uses: String = (1..40)
        .map(|n| {
            format!(
                r##"<g id="n{n}"><use href="#n{0}"/><use href="#n{0}"/></g>"##,
                n - 1
            )
        })
        .collect();
    let leaf = r#"<rect id="n0" width="9" height="9"/>"#;
    folders.put(
        "use.svg",
        svg(&format!(r##"<defs>{leaf}{uses}</defs><use href="#n39"/>"##)),
    );
    let patterns: String = (1..40)
        .map(|n| {
            let fill = format!(r##"<rect width="9" height="9" fill="url(#n{})"/>"##, n - 1);
            format!(r#"<pattern id="n{n}" width="1" height="1">{fill}{fill}</pattern>"#)
        })
        .collect();
    let pattern0 = r#"<pattern id="n0" width="1" height="1"><rect width="9" height="9"/></pattern>"#;
    folders.put(
        "pattern.svg",
        svg(&format!(
            r##"{pattern0}{patterns}<rect width="9" height="9" style="fill: url('#n39')"/>"##
        )),
    );
    let entities: String = (1..12)
        .map(|n| format!("<!ENTITY e{n} \"{}\">", format!("&e{};", n - 1).repeat(10)))
        .collect();
    folders.put(
        "entities.svg",
        format!("<!DOCTYPE svg [<!ENTITY e0 \"<g/>\">{entities}]>{}", svg("&e11;")),
    );
    folders.put(
        "deep.svg",
        svg(&format!("{}{}", "<g>".repeat(50_000), "</g>".repeat(50_000))),
    );
    folders.put("many.svg", svg(&"<g/>".repeat(150_000)));
    let filter = |primitive: &str| {
        svg(&format!(
            r##"<filter id="f">{primitive}</filter><rect width="9" height="9" filter="url(#f)"/>"##
        ))
    };
    folders.put(
        "octaves.svg",
        filter(r#"<feTurbulence baseFrequency="0.5" numOctaves="4000000000"/>"#),
    );
    folders.put("radius.svg", filter(r#"<feMorphology radius="1000000"/>"#));
    folders.put(
        "file.svg",
        svg(r#"<image href="/etc/hostname" width="9" height="9"/>"#),
    );
    folders.put("text.svg", svg("<text>Hello</text>"));
    folders.put(
        "marker.svg",
        svg(r#"<marker id="m"/><path d="M0 0L9 9" marker-mid="url(#m)"/>"#),
    );
    let cycle = r##"<g id="a"><use href="#b"/></g><g id="b"><use href="#a"/></g>"##;
    folders.put("cycle.svg", svg(cycle));
    let pattern = r##"<pattern id="p" patternUnits="userSpaceOnUse" width="20000" height="20000"><rect width="20000" height="20000"/></pattern><rect width="9" height="9" fill="url(#p)"/>"##;
    folders.put("tile.svg", svg(pattern));
    // References that only a style sheet makes.
    let rules: String = (1..40)
        .map(|n| format!("#a{n},#b{n}{{mask:url(#p{})}}", n - 1))
        .collect();
    let masks: String = (1..40)
        .map(|n| {
            let part = |name| format!(r#"<rect id="{name}{n}" width="9" height="9"/>"#);
            format!(r#"<mask id="p{n}">{}{}</mask>"#, part("a"), part("b"))
        })
        .collect();
    let leaf = r#"<mask id="p0"><rect width="9" height="9"/></mask>"#;
    folders.put(
        "masks.svg",
        svg(&format!(
            r##"<style>{rules}</style>{leaf}{masks}<rect width="9" height="9" mask="url(#p39)"/>"##
        )),
    );
    // Its tile takes 80 GB, which only Linux is known to refuse.
    let tile = if cfg!(target_os = "linux") {
        "takes more than"
    } else {
        "SVG"
    };
    let start = std::time::Instant::now();
    let reasons = folders.reasons();
    let secs = start.elapsed().as_secs_f32();
    for (name, expected) in [
        ("use.svg", "unreadable SVG"),
        ("pattern.svg", "takes more than"),
        ("entities.svg", "unreadable SVG"),
        ("deep.svg", "nested more than"),
        ("many.svg", "more than 100000 elements"),
        ("octaves.svg", "numOctaves"),
        ("radius.svg", "radius"),
        ("file.svg", "another picture"),
        ("text.svg", "fonts"),
        ("marker.svg", "marker-mid"),
        ("cycle.svg", "SVG"),
        ("tile.svg", tile),
        ("masks.svg", "takes more than"),
    ] {
        assert!(reasons[name].contains(expected), "{name}: {}", reasons[name]);
    }
    // Two of them take all the time that a picture may take.
    assert!(secs < 60.0, "took {secs} s");
}

#[cfg(unix)]
#[test]
fn pipes_and_links_are_never_opened() {
    use std::os::unix::fs::symlink;
    let folders = Folders::new();
    let secret = folders.dir.path().join("secret.json");
    fs::write(&secret, r#"{"license": "secret", "image": "good.png"}"#).unwrap();
    for name in ["1.png", "1.json", "17", "metadata.csv", "deep/metadata.jsonl"] {
        folders.put(name, "");
        fs::remove_file(folders.art().join(name)).unwrap();
        let made = Command::new("mkfifo")
            .arg(folders.art().join(name))
            .status()
            .unwrap();
        assert!(made.success());
    }
    symlink(&secret, folders.art().join("collection.json")).unwrap();
    symlink(&secret, folders.art().join("18")).unwrap();
    symlink(folders.dir.path(), folders.art().join("folder")).unwrap();
    let reasons = folders.reasons();
    for name in ["1.png", "1.json", "17", "metadata.csv", "deep/metadata.jsonl"] {
        assert_eq!(reasons[name], "not a regular file");
    }
    for name in ["collection.json", "18", "folder"] {
        assert!(
            reasons[name].contains("a symbolic link"),
            "{name}: {}",
            reasons[name]
        );
    }
    assert_eq!(
        Dataset::open(&folders.dataset()).unwrap().provenance().license,
        ""
    );

    // The same names as pipes: in a collection they are skipped, in a dataset they are an error.
    for place in [folders.art(), folders.dataset()] {
        let path = place.join("collection.json");
        fs::remove_file(&path).unwrap();
        assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
    }
    let error = Dataset::open(&folders.dataset()).unwrap_err();
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert!(
        error.to_string().contains("collection.json") && cause.contains("regular"),
        "{error}: {cause}"
    );
    assert_eq!(folders.reasons()["collection.json"], "not a regular file");
}

#[cfg(unix)]
#[test]
fn what_is_printed_moves_no_cursor() {
    let folders = Folders::new();
    let name = "\u{1b}[2J\u{202e}gnp.exe\n\u{9b}1m";
    folders.put("1.png", png(&gradient(32, 32, 1)));
    folders
        .put(name, "no picture")
        .put(&format!("{name}.png"), png(&gradient(32, 32, 2)));
    folders.put(
        "1.json",
        "{\"attributes\": [{\"trait_type\": \"hair\\u001b\", \"value\": \"\\u202epink\\n\\u0007\"}]}",
    );
    folders.put("2.json", "{\"image\": \"\\u001b]0;title\\u0007.png\"}");
    let output = folders.guise(&["--resolution", "32"]);
    assert!(output.status.success());
    let files =
        ["skipped.jsonl", "metadata.jsonl"].map(|name| fs::read(folders.dataset().join(name)).unwrap());
    for bytes in [&output.stdout, &output.stderr, &files[0], &files[1]] {
        let text = String::from_utf8_lossy(bytes).replace('\n', " ");
        let hidden = |letter: char| letter.is_control() || matches!(letter, '\u{202e}' | '\u{9b}');
        assert!(!text.contains(hidden), "{text:?}");
        for escaped in ["\\u001b", "\\u202e", "\\n"] {
            assert!(!text.contains(escaped), "{text:?}");
        }
    }
    let listed = String::from_utf8(files[0].clone()).unwrap();
    assert_eq!(listed.lines().count(), 2, "{listed}");
    assert!(
        listed.contains(r"\\u{1b}[2J\\u{202e}gnp.exe\\u{a}\\u{9b}1m"),
        "{listed}"
    );
    assert!(String::from_utf8_lossy(&output.stderr).contains(r"skipped \u{1b}[2J\u{202e}gnp.exe"));
    assert_eq!(
        Dataset::open(&folders.dataset()).unwrap().caption(1),
        "avatar with pink hair"
    );
}

#[cfg(target_os = "linux")]
#[test]
fn large_json_takes_little_memory() {
    let folders = Folders::new();
    folders.put("good.png", png(&gradient(32, 32, 1)));
    // Twenty megabytes of values that are not used, and as much of pictures that are drawn one by one.
    let zeros = format!("[{}0]", "0,".repeat(5_000_000));
    let nested = format!(r#"{{"other": {zeros}, "image": "good.png", "traits": {{"hair": "pink"}}}}"#);
    folders.put("a.json", &zeros).put("b.json", nested);
    let picture = format!(r#"{{"image": "data:,{}"}},"#, "a".repeat(1 << 20));
    folders.put("c.json", format!("[{}0]", picture.repeat(20)));
    let mut child = Command::new(env!("CARGO_BIN_EXE_guise"))
        .arg("prepare")
        .arg(folders.art())
        .arg("--out")
        .arg(folders.dataset())
        .env("RAYON_NUM_THREADS", "2")
        .stderr(std::process::Stdio::null())
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let mut peak_kib = 0;
    let status = loop {
        let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.map_or(0, |line| {
            line.trim().trim_end_matches(" kB").parse::<u64>().unwrap()
        });
        peak_kib = peak_kib.max(kib);
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        std::thread::sleep(std::time::Duration::from_millis(1));
    };
    assert!(status.success());
    // Values in memory would take 160 MB for either list, the pictures another 20.
    assert!((1..120 << 10).contains(&peak_kib), "{peak_kib} KiB");
    let dataset = Dataset::open(&folders.dataset()).unwrap();
    assert_eq!((dataset.len(), dataset.caption(0)), (1, "avatar with pink hair"));
}
