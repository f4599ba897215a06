//! Whose traits a picture gets, and that none are lost without a word.

use super::*;

/// Puts pictures of different colors.
fn pictures(folders: &Folders, names: &[&str]) {
    for (index, name) in names.iter().enumerate() {
        folders.put(name, png(&gradient(32, 32, 9 * index as u8 + 1)));
    }
}

fn token(image: &str, hair: &str) -> String {
    format!(r#"{{"image": {image:?}, "attributes": [{{"trait_type": "hair", "value": {hair:?}}}]}}"#)
}

/// Prepares, and returns the captions in order and what was skipped as `file: reason`.
fn prepared(folders: &Folders) -> (Vec<String>, Vec<String>) {
    let summary = folders.prepare(32).unwrap();
    let dataset = Dataset::open(&folders.dataset()).unwrap();
    let captions = (0..dataset.len())
        .map(|index| dataset.caption(index).to_string())
        .collect();
    let skipped = summary
        .skipped
        .iter()
        .map(|skipped| format!("{}: {}", skipped.source, skipped.reason));
    (captions, skipped.collect())
}

#[test]
fn a_name_wins_over_a_guess() {
    for base in ["", "ipfs://Qm/"] {
        let folders = Folders::new();
        pictures(&folders, &["2.png", "9.png"]);
        folders.put("2.json", token(&format!("{base}57.png"), "red"));
        folders.put("9.json", token(&format!("{base}2.png"), "blue"));
        let (captions, skipped) = prepared(&folders);
        assert_eq!(captions, ["avatar with blue hair", "avatar"], "{base}");
        assert_eq!(skipped.len(), 1, "{skipped:?}");
        assert!(
            skipped[0].starts_with("2.json: its picture") && skipped[0].contains("57.png"),
            "{skipped:?}"
        );
    }
    // A hash names no file, so the JSON's own name counts, until another JSON names that picture.
    let hash = "ipfs://bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi";
    let folders = Folders::new();
    pictures(&folders, &["1.png", "2.png", "3.png"]);
    folders
        .put("1.json", token(hash, "red"))
        .put("2.json", token(hash, "blue"));
    folders
        .put("x.json", token("1.png", "green"))
        .put("y.json", token("1.png", "gray"));
    let (captions, skipped) = prepared(&folders);
    assert_eq!(
        captions,
        ["avatar with green hair", "avatar with blue hair", "avatar"]
    );
    assert_eq!(
        skipped,
        [
            "1.json: 1.png has other traits, from x.json",
            "y.json: 1.png has other traits, from x.json"
        ]
    );
}

#[test]
fn two_pictures_of_one_name_are_told() {
    // The folders of HashLips after `npm run pixelate`.
    let folders = Folders::new();
    pictures(&folders, &["images/1.png", "pixel_images/1.png"]);
    folders.put("json/1.json", token("ipfs://NewUriToReplace/1.png", "pink"));
    let (captions, skipped) = prepared(&folders);
    assert_eq!(captions, ["avatar", "avatar"]);
    let expected = "json/1.json: two pictures have its name: images/1.png, pixel_images/1.png";
    assert_eq!(skipped, [expected]);

    // Before it, with all tokens in one more file, and beside another such folder.
    let folders = Folders::new();
    pictures(
        &folders,
        &["cats/images/1.png", "cats/images/2.png", "dogs/images/1.png"],
    );
    for (place, hair) in [("cats", "pink"), ("dogs", "gray")] {
        let token = token("ipfs://NewUriToReplace/1.png", hair);
        folders.put(&format!("{place}/json/1.json"), &token);
        folders.put(&format!("{place}/json/_metadata.json"), format!("[{token}]"));
    }
    folders.put("cats/json/2.json", token("2.png?ext=png", "blue"));
    let (captions, skipped) = prepared(&folders);
    let expected = ["pink", "blue", "gray"].map(|color| format!("avatar with {color} hair"));
    assert_eq!(captions, expected);
    assert!(skipped.is_empty(), "{skipped:?}");
}

#[test]
fn one_file_may_hold_all_tokens() {
    let all = format!(
        "[{}, {}]",
        token("1.png", "pink"),
        r#"{"edition": 2, "traits": {"hair": "blue"}}"#
    );
    for name in ["collection.json", "dataset.json", "_metadata.json", "tokens"] {
        let folders = Folders::new();
        pictures(&folders, &["1.png", "2.png"]);
        folders.put(name, &all);
        let (captions, skipped) = prepared(&folders);
        assert_eq!(
            captions,
            ["avatar with pink hair", "avatar with blue hair"],
            "{name}"
        );
        assert!(skipped.is_empty(), "{skipped:?}");
    }
    // Many wrong tokens are counted and not listed one by one.
    let folders = Folders::new();
    pictures(&folders, &["1.png"]);
    let tokens: Vec<String> = (1..=300).map(|n| token(&format!("{n}.png"), "pink")).collect();
    folders.put("all.json", format!("[{}]", tokens.join(",")));
    let (captions, skipped) = prepared(&folders);
    assert_eq!(captions, ["avatar with pink hair"]);
    assert_eq!(skipped.len(), 101);
    assert_eq!(skipped[100], "all.json: and 199 more like these");
}

#[test]
fn the_license_is_read_kindly() {
    for (text, license, expected) in [
        (r#"{"name": null, "license": "CC0-1.0"}"#, "CC0-1.0", ""),
        (
            "\u{feff}{\"licence\": \" CC0-1.0\\u001b[2J\\n\"}",
            "CC0-1.0 [2J",
            "",
        ),
        // What a marketplace reads about the collection as a whole.
        (
            r#"{"name": "Cats", "image": "logo.png", "seller_fee_basis_points": 5}"#,
            "",
            "",
        ),
        (
            r#"{"license": {"id": "CC0-1.0"}}"#,
            "",
            "expected texts for `name`",
        ),
        ("{", "", "cannot be read"),
    ] {
        let folders = Folders::new();
        pictures(&folders, &["1.png"]);
        folders.put("collection.json", text);
        let (_, skipped) = prepared(&folders);
        let dataset = Dataset::open(&folders.dataset()).unwrap();
        assert_eq!(dataset.provenance().license, license, "{text}");
        match expected {
            "" => assert!(skipped.is_empty(), "{skipped:?}"),
            _ => assert!(skipped.len() == 1 && skipped[0].contains(expected), "{skipped:?}"),
        }
    }
}

#[test]
fn captions_of_an_image_folder_are_kept() {
    let folders = Folders::new();
    pictures(&folders, &["train/1.png", "train/2.png", "3.png"]);
    folders.put(
        "train/metadata.jsonl",
        "{\"file_name\": \"1.png\", \"text\": \"a red cat\"}\n{\"file_name\": \"2.png\", \"text\": \"a blue\\u202e dog\"}\n\
         {\"file_name\": \"7.png\", \"text\": \"nobody\"}\n",
    );
    folders.put("metadata.csv", "file_name,text\n3.png,\"a small, green bird\"\n");
    folders.put("3.json", token("3.png", "pink"));
    let (captions, skipped) = prepared(&folders);
    // 3.png comes first, because the folder comes after it.
    assert_eq!(captions, ["a small, green bird", "a red cat", "a blue dog"]);
    assert_eq!(skipped.len(), 1);
    assert!(
        skipped[0].contains("train/metadata.jsonl: its picture \"7.png\""),
        "{skipped:?}"
    );

    // A dataset is such a folder, so that it can be prepared again, smaller.
    let again = folders.dir.path().join("again");
    let options = PrepareOptions {
        resolution: Some(16),
        background: guise::data::Background::Color([255; 3]),
        pixel_art: Default::default(),
        program: env!("CARGO_BIN_EXE_guise").into(),
    };
    let summary = prepare(&folders.dataset(), &again, &options, &|_| {}).unwrap();
    assert!(summary.skipped.is_empty(), "{:?}", summary.skipped);
    assert_eq!(
        (summary.pictures, summary.with_traits, summary.with_captions),
        (3, 1, 3)
    );
    let (first, second) = (
        Dataset::open(&folders.dataset()).unwrap(),
        Dataset::open(&again).unwrap(),
    );
    for index in 0..3 {
        assert_eq!(first.caption(index), second.caption(index));
        assert_eq!(first.traits(index), second.traits(index));
    }
}

#[test]
fn pictures_inside_json_are_drawn_with_their_traits() {
    let folders = Folders::new();
    let svg = |color: &str| {
        format!(
            "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 9 9'><rect width='9' height='9' fill='{color}'/></svg>"
        )
    };
    use base64::Engine;
    let base64 = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(png(&gradient(32, 32, 5)));
    let tokens = [
        format!(
            r#"{{"image_data": {:?}, "traits": {{"hair": "red"}}}}"#,
            svg("#f00")
        ),
        token(&format!("data:image/svg+xml,{}", svg("#0f0")), "green"),
        token(&format!("DATA:image/png;charset=utf-8;base64,\n{base64}"), "gray"),
        token("data:image/png;base64,&&&", "wrong"),
    ];
    folders.put("all.json", format!("\u{feff} [{}]", tokens.join(" , ")));
    let (captions, skipped) = prepared(&folders);
    let expected = ["red", "green", "gray"].map(|color| format!("avatar with {color} hair"));
    assert_eq!(captions, expected);
    assert!(
        skipped.len() == 1 && skipped[0].contains("not base64"),
        "{skipped:?}"
    );
    let dataset = Dataset::open(&folders.dataset()).unwrap();
    assert_eq!(pixel(&dataset.read(0).unwrap(), 32, 9, 9), [255, 0, 0]);
    assert_eq!(pixel(&dataset.read(1).unwrap(), 32, 9, 9), [0, 255, 0]);
    assert_eq!(pixel(&dataset.read(2).unwrap(), 32, 31, 0), [247, 0, 5]);
}

#[test]
fn the_command_says_how_many_pictures_have_traits() {
    let folders = Folders::new();
    pictures(&folders, &["1.png", "2.png", "3.png"]);
    folders.put("1.json", token("1.png", "pink"));
    folders.put("2.json", r#"{"image": "2.png", "attributes": "pink hair"}"#);
    let output = folders.guise(&[]);
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains("1 of 3 pictures have traits"), "{said}");
    assert!(!said.contains("caption"), "{said}");
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.contains("skipped 2.json: 1 of its attributes cannot be read"),
        "{said}"
    );
}
