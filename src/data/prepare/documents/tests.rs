use super::*;

/// The tokens of a text, each in few words, and what is said of the rest.
fn told(text: &str, kind: Kind) -> Vec<String> {
    let mut told = vec![];
    let read = tokens(text, kind, &mut |token| {
        told.push(match token {
            Err(reason) => reason,
            Ok(token) => {
                let images = token.images.iter().map(|image| match image {
                    Image::Named(name) => name.clone(),
                    Image::Inline(place) => format!("inline {}", &text[place.clone()]),
                });
                let traits = token.traits.iter();
                let traits = traits.map(|named| format!("{}={}", named.trait_type, named.value));
                let parts = [
                    images.collect::<Vec<_>>().join("|"),
                    token.ids.join("|"),
                    traits.collect::<Vec<_>>().join("|"),
                    token.text.unwrap_or_default(),
                    token.unread.unwrap_or_default(),
                ];
                parts.join(";")
            }
        });
    });
    told.extend(read.err());
    told
}

#[test]
fn finds_tokens_in_the_files_of_many_tools() {
    for (text, expected) in [
        // HashLips: one token, and all of them.
        (
            r#"{"name": "Cat 1", "image": "ipfs://NewUriToReplace/1.png", "dna": "a", "edition": 1, "date": 1,
                "attributes": [{"trait_type": "hair", "value": "pink"}], "compiler": "HashLips Art Engine"}"#,
            &["ipfs://NewUriToReplace/1.png;1;hair=pink;;"][..],
        ),
        (
            r#"[{"image": "1.png", "attributes": []}, {"edition": "2", "traits": {"hat": "cap"}}]"#,
            &["1.png;;;;", ";2;hat=cap;;"],
        ),
        // Metaplex and Candy Machine, with the file among the properties only.
        (
            r#"{"attributes": [{"trait_type": "hat", "value": "cap"}],
                "properties": {"files": [{"uri": "0.png", "type": "image/png"}], "category": "image", "creators": []}}"#,
            &["0.png;;hat=cap;;"],
        ),
        // ERC-1155 and NFT.Storage.
        (
            r#"{"image": "1.png", "properties": {"hair": "long hair"}}"#,
            &["1.png;;hair=long hair;;"],
        ),
        (
            r#"{"image": "1.png", "attributes": [], "properties": {"hair": "pink"}}"#,
            &["1.png;;hair=pink;;"],
        ),
        // OpenSea: the picture itself, and the answer of its server.
        (
            r#"{"image_data": "<svg/>", "attributes": [{"value": "Robot"}]}"#,
            &["inline \"<svg/>\";;=Robot;;"],
        ),
        (
            r#"{"nfts": [{"identifier": "7", "image_url": "https://a.b/7.png", "traits": [{"trait_type": "a", "value": "b"}]}], "next": null}"#,
            &["https://a.b/7.png;7;a=b;;"],
        ),
        // Cardano: maps of tokens by name, and long texts in pieces.
        (
            r#"{"721": {"f00d": {"Cat17": {"image": ["ipfs://", "Qm/17.png"], "traits": ["Red Hat"]}}, "version": 1}}"#,
            &["ipfs://Qm/17.png;Cat17;=Red Hat;;"],
        ),
        (
            r#"{"1": {"attributes": {"a": "b"}}, "2": {"attributes": {"a": "c"}}}"#,
            &[";1;a=b;;", ";2;a=c;;"],
        ),
        // Several answers of the same question: the clearest first, and nothing that is empty.
        (
            r#"{"image_url": "u", "image": "i", "image_data": "", "displayUri": null, "thumbnailUri": {"x": 1}}"#,
            &["i|u;;;;"],
        ),
        // Lines, also under the name of JSON, with an end that Windows writes.
        (
            "{\"file_name\": \"a/1.png\", \"text\": \" a red\\ncat \"}\r\n{\"file_name\": \"2.png\"}\r\n",
            &["a/1.png;;;a red cat;", "2.png;;;;"],
        ),
        ("\u{feff}{\"image\": \"data:,x\"}", &["inline \"data:,x\";;;;"]),
        (
            r#"[{"image": "1.png"}, 7, [], null, "x"]"#,
            &["1.png;;;;", "3 of its entries are no tokens"],
        ),
        // Numbers that no variable holds.
        (
            r#"{"image": "1.png", "edition": 1e999, "id": 99999999999999999999999}"#,
            &["1.png;99999999999999999999999;;;"],
        ),
    ] {
        assert_eq!(told(text, Kind::Json), expected, "{text}");
    }
    let lines = "{\"image\": \"1.png\"}\n\n{\"image\": \n[1]\n";
    let expected = [
        "1.png;;;;",
        "line 3 is not JSON: EOF while parsing a value",
        "1 of its entries are no tokens",
    ];
    assert_eq!(told(lines, Kind::Lines), expected);
}

#[test]
fn says_what_it_does_not_understand() {
    for (text, expected) in [
        ("", "not JSON"),
        ("{\"image\":", "not JSON"),
        ("{\"image\": \"a\",\n nonsense}", "not JSON"),
        (r#"{"name": "a package"}"#, "neither"),
        ("[0, 0, 0]", "neither"),
        (r#"{"image": 7}"#, "neither"),
        (
            r#"{"image": "1.png", "attributes": "pink hair"}"#,
            "1 of its attributes cannot be read",
        ),
        (
            r#"{"image": "1.png", "attributes": [{"trait_type": "a", "value": 1e999}]}"#,
            "1 of its attributes cannot be read",
        ),
    ] {
        let told = told(text, Kind::Json);
        assert!(told.len() == 1 && told[0].contains(expected), "{text}: {told:?}");
    }
    let nested = "[".repeat(100_000);
    assert!(told(&nested, Kind::Json)[0].contains("not JSON"));
    let closed = format!("{nested}{}", "]".repeat(100_000));
    assert!(told(&closed, Kind::Json)[0].contains("neither"));
    let deep = format!(r#"{{"image": "1.png", "attributes": {closed}}}"#);
    assert!(told(&deep, Kind::Json)[0].contains("cannot be read"));
    let long = format!(r#"{{"image": "1.png", "caption": "{}"}}"#, "x".repeat(2001));
    assert!(told(&long, Kind::Json)[0].contains("2001 letters"));
    let huge = format!(r#"{{"image": "1.png", "traits": ["{}"]}}"#, "x".repeat(300_000));
    assert!(told(&huge, Kind::Json)[0].contains("cannot be read"));
}

#[test]
fn reads_tables() {
    for (text, expected) in [
        // The image folder of Hugging Face.
        (
            "file_name,text,width\n1.png,\"a \"\"red\"\", big cat\",512\n2.png,\"two\nlines\",512\n",
            &["1.png;;;a \"red\", big cat;", "2.png;;;two lines;"][..],
        ),
        // OpenSea's and thirdweb's.
        (
            "tokenID,name,description,file_name,external_url,attributes[Hair],attributes[Rank]\n7,#7,x,7.png,,Pink,3\n",
            &["7.png;7;Hair=Pink;;"],
        ),
        (
            "name,image,Background,Eyes\r\nCat,0.png,Blue\r\n",
            &["0.png;;Background=Blue;;"],
        ),
        (
            "id;attributes\n1;\"[{\"\"hair\"\": \"\"pink\"\"}]\"\n",
            &[";1;hair=pink;;"],
        ),
        (
            "file name\thair\n1.png\tpink, long\n",
            &["1.png;;hair=pink, long;;"],
        ),
        ("name,price\na,1\n", &["a table without a column `file_name`"]),
        ("", &["a table without a column `file_name`"]),
        (
            "image\n\"data:,x\"\n",
            &["row 2: a picture inside a table is not read: write it as a file"],
        ),
    ] {
        assert_eq!(told(text, Kind::Table), expected, "{text}");
    }
}

#[test]
fn reads_text_as_windows_writes_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.json");
    let text = r#"{"image": "data:,h\u00e9 é"}"#;
    let wide = |unit: fn(u16) -> [u8; 2], mark: &str| -> Vec<u8> {
        format!("{mark}{text}").encode_utf16().flat_map(unit).collect()
    };
    for bytes in [
        text.as_bytes().to_vec(),
        format!("\u{feff}{text}").into_bytes(),
        wide(u16::to_le_bytes, "\u{feff}"),
        wide(u16::to_be_bytes, "\u{feff}"),
        wide(u16::to_le_bytes, ""),
        wide(u16::to_be_bytes, ""),
    ] {
        std::fs::write(&path, bytes).unwrap();
        let text = read(&path).unwrap();
        let mut places = vec![];
        tokens(&text, Kind::Json, &mut |token| {
            places.extend(token.unwrap().images)
        })
        .unwrap();
        let [Image::Inline(place)] = &places[..] else {
            panic!("{places:?}");
        };
        assert_eq!(inline(&path, place).unwrap(), "h\u{e9} \u{e9}".as_bytes());
        std::fs::write(&path, "{}").unwrap();
        assert!(inline(&path, place).is_err());
    }
    std::fs::write(&path, b"caf\xe9").unwrap();
    assert!(read(&path).unwrap_err().contains("not UTF-8"));
    std::fs::write(&path, b"\xff\xfe{\0}").unwrap();
    assert!(read(&path).unwrap_err().contains("not UTF-8"));
    assert!(
        inline(&path, &(0..33 << 20))
            .unwrap_err()
            .contains("at most 32 MiB")
    );
}

#[test]
fn knows_documents_by_name_or_by_their_first_letter() {
    let dir = tempfile::tempdir().unwrap();
    for (name, text, expected) in [
        ("a.JSON", "", Some(Kind::Json)),
        ("metadata.jsonl", "", Some(Kind::Lines)),
        ("metadata.csv", "", Some(Kind::Table)),
        ("17", "\u{feff} {", Some(Kind::Json)),
        ("18", "[", Some(Kind::Json)),
        ("19", "\u{89}PNG", None),
        ("20.png", "{", None),
    ] {
        let path = dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        assert_eq!(kind(&path), expected, "{name}");
    }
}
