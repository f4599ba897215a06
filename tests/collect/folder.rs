//! Folders, as the tools of artists leave them.

use super::*;

fn put(dir: &Path, name: &str, bytes: impl AsRef<[u8]>) {
    let path = dir.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

#[test]
fn what_generators_leave_is_taken_with_its_traits() {
    let bench = Bench::new();
    // HashLips: pictures and JSON apart, and all of the JSON once more.
    let build = bench.dir.path().join("build");
    let mut all = vec![];
    for number in 1..=3 {
        let json = erc721(number, &format!("ipfs://NewUriToReplace/{number}.png"));
        put(&build, &format!("images/{number}.png"), png(number));
        put(&build, &format!("json/{number}.json"), &json);
        all.push(json);
    }
    put(&build, "json/_metadata.json", format!("[{}]", all.join(",")));
    put(&build, "README.txt", "an evening's work");
    put(
        &build,
        "collection.json",
        r#"{"name": "Discs", "license": "CC0-1.0", "attribution": "A. N. Artist"}"#,
    );
    let summary = bench.collect(build.to_str().unwrap());
    assert_eq!((summary.tokens, summary.new, summary.missing), (3, 3, 0));
    assert_eq!(bench.read("2.png"), png(2));
    assert_eq!(bench.json("2.json")["attributes"][0]["value"], "blue");
    assert_eq!(bench.json("collection.json")["license"], "CC0-1.0");
    assert_eq!(
        bench.json("collection.json")["source"],
        "",
        "paths of this machine are not told"
    );
    put(&build, "images/4.png", png(4));
    let again = bench.collect(build.to_str().unwrap());
    assert_eq!((again.new, again.unchanged), (1, 3));
}

#[test]
fn tables_and_addresses_are_followed() {
    let server = Server::start(plain);
    let mut bench = Bench::new();
    bench.options.allow_private = true;
    // OpenSea's table, with the media beside it.
    let drop = bench.dir.path().join("drop");
    put(&drop, "media/a.png", png(1));
    put(
        &drop,
        "metadata.csv",
        "tokenID,name,file_name,attributes[hair]\n1,Ape,a.png,pink\n",
    );
    // Manifold's JSON, whose picture is elsewhere.
    put(&drop, "9.json", erc721(9, &server.url("/png/9.png")));
    put(&drop, "8.json", erc721(8, &server.url("/png/none.png")));
    let summary = bench.collect(drop.to_str().unwrap());
    assert_eq!(
        (summary.new, summary.missing),
        (2, 1),
        "{:?}",
        bench.lines("failed.jsonl")
    );
    assert_eq!(bench.read("9.png"), png(9));
    assert_eq!(bench.json("9.json")["attributes"][0]["trait_type"], "hair");
    assert_eq!(bench.json("a.json")["attributes"][0]["value"], "pink");
    assert!(bench.reason().contains("answers 404"), "{}", bench.reason());
}

#[test]
fn a_folder_is_not_written_while_it_is_read() {
    let bench = Bench::new();
    put(&bench.out(), "art/1.png", png(1));
    let error = bench
        .try_collect(bench.out().join("art").to_str().unwrap())
        .unwrap_err()
        .to_string();
    assert!(error.contains("lie in each other"), "{error}");
    let error = bench.try_collect("no-such-folder").unwrap_err().to_string();
    assert!(error.contains("no-such-folder"), "{error}");
}

#[cfg(unix)]
#[test]
fn links_in_a_folder_lead_nowhere() {
    let bench = Bench::new();
    let art = bench.dir.path().join("art");
    put(bench.dir.path(), "secret.png", png(1));
    put(&art, "2.png", png(2));
    std::os::unix::fs::symlink("../secret.png", art.join("1.png")).unwrap();
    put(&art, "1.json", erc721(1, "../secret.png"));
    bench.collect(art.to_str().unwrap());
    assert!(!bench.files().contains(&"1.png".into()), "{:?}", bench.files());
}
