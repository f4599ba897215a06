//! `guise plot` and `guise evaluate pair` as their user runs them.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

fn guise(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_guise"))
        .args(args)
        .output()
        .unwrap()
}

fn done(args: &[&str]) -> String {
    let output = guise(args);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

fn refused(args: &[&str]) -> String {
    let output = guise(args);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && !said.contains("panicked"), "{said}");
    said
}

fn utf8(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A run of any kind, with other figures than ours have.
fn run(dir: &Path, name: &str, figure: &str) -> String {
    let run = dir.join(name);
    fs::create_dir(&run).unwrap();
    let line = |i: u32| {
        format!(
            "{{\"kimg\":{i},\"duration_secs\":{},\"{figure}\":{}}}\n",
            i * 90,
            (i * i) % 17
        )
    };
    fs::write(run.join("stats.jsonl"), (0..200).map(line).collect::<String>()).unwrap();
    run.to_str().unwrap().to_owned()
}

#[test]
fn runs_are_drawn_as_svg_and_png() {
    let dir = tempfile::tempdir().unwrap();
    let (a, b) = (
        run(dir.path(), "00000-first", "x_loss"),
        run(dir.path(), "00001-<&second>", "x_loss"),
    );
    let [svg, png] = ["plot.svg", "plot.PNG"].map(|name| dir.path().join(name));
    let said = done(&["plot", &a, &b, "--out", utf8(&svg)]);
    assert!(
        said.contains("2 figures of 00000-first, 00001-<&second>"),
        "{said}"
    );
    let text = fs::read_to_string(&svg).unwrap();
    for expected in ["00000-first", "00001-&lt;&amp;second&gt;", "x_loss", "(kimg)"] {
        assert!(text.contains(expected), "{expected}");
    }
    done(&["plot", &a, "--out", utf8(&png), "--over", "hours"]);
    let picture = image::open(&png).unwrap().into_rgb8();
    let is_colored = |pixel: &&image::Rgb<u8>| pixel[2] > pixel[0].saturating_add(60);
    assert!(
        picture.pixels().filter(is_colored).count() > 1000,
        "there is a blue curve"
    );
}

#[test]
fn what_cannot_be_drawn_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let a = run(dir.path(), "a", "x");
    let out = dir.path().join("plot.svg");
    let out = utf8(&out);
    let empty = dir.path().join("empty");
    fs::create_dir(&empty).unwrap();
    assert!(refused(&["plot", utf8(&empty), "--out", out]).contains("stats.jsonl"));
    assert!(refused(&["plot", &a, "--out", "plot.jpg"]).contains("ends neither in .svg nor in .png"));
    assert!(refused(&[&["plot"], &[&a[..]; 11][..], &["--out", out]].concat()).contains("there are 11 runs"));
    fs::write(empty.join("stats.jsonl"), "{\"kimg\":1}\n{\"kimg\":").unwrap();
    let said = refused(&["plot", utf8(&empty), "--out", out]);
    assert!(
        said.contains("line 1 is damaged: its duration_secs is missing"),
        "{said}"
    );
    assert!(!Path::new(out).exists());
}

#[test]
fn a_pair_of_pictures_is_compared() {
    let dir = tempfile::tempdir().unwrap();
    let save = |name: &str, side: u32, shift: u32| {
        let path = dir.path().join(name);
        let value = |x: u32, y: u32| ((x * 9 + y * 5) % 200 + shift * ((x + y) % 3)) as u8;
        let picture = image::RgbImage::from_fn(side, side, |x, y| image::Rgb([value(x, y); 3]));
        picture.save(&path).unwrap();
        path
    };
    let (a, b, other) = (
        save("a.png", 24, 0),
        save("b.png", 24, 8),
        save("other.png", 25, 0),
    );
    let out = dir.path().join("figures.json");
    done(&["evaluate", "pair", utf8(&a), utf8(&b), "--out", utf8(&out)]);
    let figures: serde_json::Value = serde_json::from_slice(&fs::read(&out).unwrap()).unwrap();
    // Of three pixels one differs by 8 and one by 16, in all colors alike.
    let expected = 10.0 * (255.0f64.powi(2) / ((64.0 + 256.0) / 3.0)).log10();
    assert!(
        (figures["psnr"].as_f64().unwrap() - expected).abs() < 1e-9,
        "{figures}"
    );
    assert!(
        (0.5..0.999).contains(&figures["ssim"].as_f64().unwrap()),
        "{figures}"
    );
    let said = done(&["evaluate", "pair", utf8(&a), utf8(&a)]);
    assert!(said.contains("the same") && said.contains("1.00000"), "{said}");
    let said = refused(&["evaluate", "pair", utf8(&a), utf8(&other)]);
    assert!(
        said.contains("24 x 24 pixels") && said.contains("25 x 25: expected two of one size"),
        "{said}"
    );
    let small = save("small.png", 6, 0);
    let said = refused(&["evaluate", "pair", utf8(&small), utf8(&small)]);
    assert!(said.contains("expected at least 7"), "{said}");
}
