//! What is asked of models that draw by codes.

use super::kind::Kind;
use crate::networks::generators::vqgan::{Drawing, VqGanConfig};
use anyhow::{Error, bail, ensure};
use std::path::{Path, PathBuf};

/// Who a flag is for.
pub(super) const TRANSFORMERS: &str = "runs of `guise train transformer`";
pub(super) const VQGANS: &str = "VQGANs";

/// The longest side that may be asked for.
const MAX_SIDE: usize = 4096;

/// How pictures are drawn by codes.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "VQGANs, and runs of guise train transformer")]
pub(super) struct CodeFlags {
    /// Of a transformer: below 1 likelier codes, above 1 rarer ones [default: 1].
    #[arg(long, value_name = "T")]
    temperature: Option<f64>,
    /// Of a transformer: draw only so many of the likeliest codes at each place [default: all].
    #[arg(long, value_name = "N")]
    top_k: Option<usize>,
    /// The pictures' size: square as in the training, wide (16:9), portrait (9:16), or sides in pixels such
    /// as 128x64, which are multiples of what a code stands for. A transformer draws none that are smaller
    /// than those of its training [default: square].
    #[arg(long, value_name = "SIZE", value_parser = size)]
    size: Option<Size>,
    /// Of a VQGAN: what kind of picture is meant; sentences that an imported CLIP reads are told it, too
    /// [default: image].
    #[arg(long, value_enum)]
    kind: Option<Kind>,
    /// Of a VQGAN: what a picture begins as before it follows the prompt: random codes, noise, or a picture
    /// of yours, of which the largest centered part of the size is taken [default: as the kind has it].
    #[arg(long, value_name = "codes|noise|FILE", value_parser = begin)]
    start: Option<Begin>,
}

/// The size of pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Size {
    Square,
    Wide,
    Portrait,
    /// Width and height in pixels.
    Sides([usize; 2]),
}

/// What pictures begin as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Begin {
    Codes,
    Noise,
    Picture(PathBuf),
}

impl CodeFlags {
    /// Refuses what the model in `dir` does not understand, which is one of `kinds`.
    pub(super) fn refuse(&self, dir: &Path, kinds: &[&str]) -> anyhow::Result<()> {
        let flags = [
            ("--temperature", self.temperature.is_some(), &[TRANSFORMERS][..]),
            ("--top-k", self.top_k.is_some(), &[TRANSFORMERS]),
            ("--size", self.size.is_some(), &[TRANSFORMERS, VQGANS]),
            ("--kind", self.kind.is_some(), &[VQGANS]),
            ("--start", self.start.is_some(), &[VQGANS]),
        ];
        for (flag, given, takers) in flags {
            if given && !kinds.iter().any(|kind| takers.contains(kind)) {
                bail!(
                    "{flag} is for {}, and {} is none: leave it out",
                    takers.join(" and "),
                    dir.display()
                );
            }
        }
        Ok(())
    }

    /// What a transformer is asked for.
    pub(super) fn drawing(&self, codebook_size: usize) -> anyhow::Result<Drawing> {
        let plain = Drawing::plain(codebook_size);
        let drawing = Drawing {
            temperature: self.temperature.unwrap_or(plain.temperature),
            top_k: self.top_k.unwrap_or(plain.top_k),
        };
        drawing.validate(codebook_size).map_err(Error::msg)?;
        Ok(drawing)
    }

    /// Width and height of the pictures, at least `least` on a side; `why` is said of smaller ones.
    pub(super) fn sides(&self, codes: &VqGanConfig, least: usize, why: &str) -> anyhow::Result<[usize; 2]> {
        let (short, factor) = (codes.resolution, codes.factor());
        let nearest = |side: usize| {
            let codes = (side.clamp(least, MAX_SIDE) + factor / 2) / factor;
            codes.clamp(least.div_ceil(factor), MAX_SIDE / factor) * factor
        };
        let long = nearest(short * 16 / 9);
        let sides = match self.size.unwrap_or(Size::Square) {
            Size::Square => [short; 2],
            Size::Wide => [long, short],
            Size::Portrait => [short, long],
            Size::Sides(sides) => sides,
        };
        let [width, height] = sides;
        let [wide, high] = sides.map(nearest);
        ensure!(
            sides == [wide, high],
            "--size is {width}x{height}, expected sides of {least} to {MAX_SIDE} pixels that are multiples of \
             {factor}, such as {wide}x{high}: a code stands for {factor} x {factor}{why}"
        );
        Ok(sides)
    }

    /// What kind of picture is meant.
    pub(super) fn kind(&self) -> Kind {
        self.kind.unwrap_or_default()
    }

    /// What pictures begin as, if anything is said of that.
    pub(super) fn start(&self) -> Option<&Begin> {
        self.start.as_ref()
    }
}

fn size(text: &str) -> Result<Size, String> {
    let sides = |text: &str| {
        let (width, height) = text.split_once(['x', 'X'])?;
        Some([width.trim().parse().ok()?, height.trim().parse().ok()?])
    };
    match text {
        "square" => Ok(Size::Square),
        "wide" => Ok(Size::Wide),
        "portrait" => Ok(Size::Portrait),
        _ => sides(text).map(Size::Sides).ok_or_else(|| {
            "expected a width and a height in pixels, such as 128x64, or square, wide or portrait".into()
        }),
    }
}

fn begin(text: &str) -> Result<Begin, String> {
    match text {
        "" => Err("expected codes, noise, or the path of a picture".into()),
        "codes" => Ok(Begin::Codes),
        "noise" => Ok(Begin::Noise),
        _ => Ok(Begin::Picture(text.into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sides(text: &str, codes: &VqGanConfig, least: usize) -> Result<[usize; 2], String> {
        let flags = CodeFlags {
            temperature: None,
            top_k: None,
            size: Some(size(text)?),
            kind: None,
            start: None,
        };
        flags.sides(codes, least, ".").map_err(|error| error.to_string())
    }

    #[test]
    fn sizes_are_read_as_people_type_them() {
        assert_eq!(size("128x64"), Ok(Size::Sides([128, 64])));
        assert_eq!(size("128 X 64"), Ok(Size::Sides([128, 64])));
        for text in ["", "128", "128x", "x64", "-1x64", "1.5x2", "1x2x3", "Wide"] {
            assert!(size(text).unwrap_err().contains("such as 128x64"), "{text}");
        }
    }

    #[test]
    fn sizes_are_multiples_of_what_a_code_stands_for() {
        let (f16, small) = (VqGanConfig::f16(1024), VqGanConfig::small(32));
        assert_eq!(sides("square", &f16, 16), Ok([256, 256]));
        assert_eq!(sides("wide", &f16, 16), Ok([448, 256]));
        assert_eq!(sides("portrait", &f16, 16), Ok([256, 448]));
        assert_eq!(sides("wide", &small, 4), Ok([56, 32]));
        assert_eq!(sides("16x4096", &f16, 16), Ok([16, 4096]));
        for (text, said) in [
            (
                "130x60",
                "--size is 130x60, expected sides of 16 to 4096 pixels that are multiples of 16, such as 128x64",
            ),
            ("136x9999", "such as 144x4096"),
            ("0x7", "such as 16x16"),
            ("18446744073709551615x16", "such as 4096x16"),
        ] {
            let error = sides(text, &f16, 16).unwrap_err();
            assert!(error.contains(said), "{error}");
        }
        // A transformer sees as much as it learned.
        let error = sides("256x128", &f16, 256).unwrap_err();
        assert!(
            error.contains("256 to 4096 pixels") && error.contains("such as 256x256"),
            "{error}"
        );
    }
}
