//! What a site is not made of, and what it is not written over.

use super::{Bench, files, page};
use serde_json::Value;
use std::fs;

#[test]
fn what_others_wrote_is_never_overwritten() {
    let bench = Bench::new();
    fs::create_dir(&bench.out).unwrap();
    let refused = |name: &str| {
        let before = files(&bench.out);
        let said = bench.fails(&[], name);
        assert!(said.contains("in the way"), "{said}");
        assert_eq!(files(&bench.out), before, "nothing was written");
    };
    fs::write(bench.out.join("index.html"), "mine").unwrap();
    refused("index.html");
    fs::remove_file(bench.out.join("index.html")).unwrap();
    fs::create_dir(bench.out.join("404.html")).unwrap();
    refused("404.html");
    fs::remove_dir(bench.out.join("404.html")).unwrap();
    fs::write(bench.out.join("models"), "a file").unwrap();
    refused("models");
    fs::remove_file(bench.out.join("models")).unwrap();
    fs::write(bench.out.join("SHA256SUMS"), "0000  release.zip\n").unwrap();
    refused("SHA256SUMS");
    fs::remove_file(bench.out.join("SHA256SUMS")).unwrap();
    #[cfg(unix)]
    {
        let elsewhere = bench.root.path().join("elsewhere");
        fs::create_dir(&elsewhere).unwrap();
        std::os::unix::fs::symlink(&elsewhere, bench.out.join("models")).unwrap();
        refused("models");
        assert!(files(&elsewhere).is_empty(), "nothing is written through a link");
        fs::remove_file(bench.out.join("models")).unwrap();
    }
    bench.succeeds(&[]);
    // Nor is what was written and then changed by hand.
    fs::write(bench.out.join("licenses.html"), "mine").unwrap();
    bench.fails(&["--title", "Other"], "licenses.html");
    assert_eq!(bench.read("licenses.html"), "mine");
}

#[test]
fn names_in_the_list_of_files_cannot_climb() {
    let bench = Bench::new();
    bench.succeeds(&[]);
    let victim = bench.root.path().join("victim.txt");
    fs::write(&victim, "x").unwrap();
    let sums = bench.read("SHA256SUMS");
    for path in [
        "../victim.txt",
        "/etc/passwd",
        "a/../../victim.txt",
        ".git/config",
        "a\\b",
        "",
    ] {
        let hash = page::hex(b"x");
        fs::write(bench.out.join("SHA256SUMS"), format!("{sums}{hash}  {path}\n")).unwrap();
        bench.fails(&["--prune"], "expected a hash, two spaces and the path");
        assert!(victim.exists());
    }
}

#[test]
fn a_bundle_or_a_page_that_is_damaged_is_refused() {
    let bench = Bench::new();
    let generator = bench.model.join("generator.gguf");
    let whole = fs::read(&generator).unwrap();
    let mut damaged = whole.clone();
    damaged[1000] ^= 1;
    fs::write(&generator, &damaged).unwrap();
    bench.fails(&[], "generator.gguf is not the file that the manifest describes");
    fs::write(&generator, &whole[1..]).unwrap();
    bench.fails(&[], "expected 69024");
    fs::write(&generator, &whole).unwrap();

    let json = fs::read_to_string(bench.model.join("model.json")).unwrap();
    let climbing = json.replace("\"upscaler.gguf\"", "\"../upscaler.gguf\"");
    fs::write(bench.model.join("model.json"), climbing).unwrap();
    bench.fails(&[], "expected a plain file name");
    fs::write(bench.model.join("model.json"), json).unwrap();

    #[cfg(unix)]
    {
        let card = bench.model.join("README.md");
        std::os::unix::fs::symlink("/etc/hostname", &card).unwrap();
        bench.fails(&[], "README.md is no regular file");
        fs::remove_file(card).unwrap();
    }

    let index = bench.page.join("index.html");
    let html = fs::read_to_string(&index).unwrap();
    for (from, to, expected) in [
        ("await init()", "await evil()", "does not name the inline script"),
        ("name=\"guise-model\"", "name=\"x\"", "guise-model"),
        ("; manifest-src 'self'", "", "build it again with `./x build`"),
        (
            "data-script=\"sha384-",
            "data-script=\"sha384-A",
            ".js is not the file that it names",
        ),
        (
            "data-plain=\"sha384-",
            "data-plain=\"sha384-A",
            "-plain_bg.wasm is not the file",
        ),
        (page::ENGINE, "engine-1", "engine-1.js is not beside it"),
        ("./icon-77.svg", "../icon.svg", "\"../icon.svg\""),
        ("</title>", "", "tags, expected one"),
    ] {
        assert!(html.contains(from), "{from}");
        fs::write(&index, html.replace(from, to)).unwrap();
        bench.fails(&[], expected);
    }
    fs::write(&index, &html).unwrap();
    fs::write(bench.page.join("page-1a2b.js"), "export default 3;").unwrap();
    bench.fails(&[], "page-1a2b.js is not the file that it links");
    fs::write(bench.page.join("page-1a2b.js"), "export default 1;").unwrap();
    fs::write(bench.page.join("404.html"), "the page's").unwrap();
    bench.fails(&[], "two files of the name 404.html");
    fs::remove_file(bench.page.join("404.html")).unwrap();
    assert!(!bench.out.exists(), "nothing was written");

    fs::remove_file(&index).unwrap();
    bench.fails(&[], "`./x build`");
    page::write(bench.root.path(), "");
    let inside = bench.page.join("site");
    let bench = Bench { out: inside, ..bench };
    bench.fails(&[], "that the site is made of");
}

#[test]
fn what_others_named_comes_out_as_text() {
    let bench = Bench::new();
    let hostile = "</title><script>alert('1')</script>\"><img src=x onerror=alert(2)> & co";
    let safe = "&lt;/title&gt;&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&quot;&gt;&lt;img src=x \
                onerror=alert(2)&gt; &amp; co";
    let json = fs::read_to_string(bench.model.join("model.json")).unwrap();
    let mut manifest: Value = serde_json::from_str(&json).unwrap();
    manifest["name"] = hostile.into();
    manifest["description"] = format!("{hostile}\nsecond line").into();
    manifest["art"]["attribution"] = hostile.into();
    manifest["art"]["source"] = "javascript:alert(3)".into();
    manifest["parts"]["upscaler"]["weights"]["source"] = "https://example.org/x".into();
    fs::write(bench.model.join("model.json"), manifest.to_string()).unwrap();
    bench.succeeds(&["--title", hostile]);
    let index = bench.read("index.html");
    assert!(index.contains(&format!("<title>{safe}</title>")), "{index}");
    assert!(
        index.contains(&format!("content=\"{safe} second line\"")),
        "{index}"
    );
    let licenses = bench.read("licenses.html");
    for html in [&index, &licenses, &bench.read("404.html")] {
        assert!(!html.contains("<script>") && !html.contains("<img"), "{html}");
    }
    assert!(licenses.contains(safe) && licenses.contains("<a href=\"https://example.org/x\""));
    assert!(licenses.contains("<dd>javascript:alert(3)</dd>"), "it is no link");
    let list: Value = serde_json::from_str(&bench.read("models/index.json")).unwrap();
    assert_eq!(list, serde_json::json!({"models": ["models/tiny-model/"]}));
    for wrong in ["two\nlines", "", "\u{1b}[2J"] {
        bench.fails(&["--title", wrong], "expected 1 to 500 characters");
    }
    for wrong in ["ftp://a", "https://a/?b", "https://a/\"x", "javascript:1"] {
        bench.fails(&["--url", wrong], "expected an address");
    }
    bench.fails(&["--accent", "red;}"], "expected a color");
}
