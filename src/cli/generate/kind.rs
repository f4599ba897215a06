//! Kinds of pictures that a VQGAN is asked for.

use crate::{
    art::PixelArt,
    pipeline::{Prompt, guide::CodeStart},
};
use clap::ValueEnum;

/// What a picture is to be: what it begins as, what the words say of it, and what is done with it at the end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Kind {
    /// Whatever the words say, from random codes.
    #[default]
    Image,
    /// From large squares of random colors, and called a painting.
    Painting,
    /// From small squares of random colors, called pixel art, and of one color in each square at the end.
    PixelArt,
}

impl Kind {
    /// Squares on the shorter side that a painting begins with.
    const STROKES: usize = 8;
    /// Squares on the shorter side of pixel art, at most.
    const MAX_GRID: usize = 64;

    /// What it begins as, in a size whose shorter side is so long.
    pub(super) fn start(self, shorter: usize, resolution: usize) -> CodeStart {
        match self {
            Self::Image => CodeStart::Codes,
            Self::Painting => CodeStart::Noise(shorter.div_ceil(Self::STROKES)),
            Self::PixelArt => CodeStart::Noise(Self::cell(resolution)),
        }
    }

    /// Adds what the kind is called to every one of `prompts` that asks for something.
    pub(super) fn call(self, prompts: &mut [Prompt]) {
        let name = match self {
            Self::Image => return,
            Self::Painting => "a painting",
            Self::PixelArt => "pixel art",
        };
        for prompt in prompts.iter_mut().filter(|prompt| prompt.weight > 0.0) {
            prompt.text = format!("{}, {name}", prompt.text);
        }
    }

    /// The grid that pictures of a network of this resolution are snapped to, where its collection has none.
    pub(super) fn art(self, resolution: usize) -> Option<PixelArt> {
        let art = PixelArt {
            pixel_grid: resolution / Self::cell(resolution),
            palette: vec![],
        };
        (self == Self::PixelArt).then_some(art)
    }

    /// The side of a square of pixel art, in pixels: the smallest that divides the resolution into few
    /// enough.
    fn cell(resolution: usize) -> usize {
        let few = |cell: &usize| {
            let grid = resolution / cell;
            resolution.is_multiple_of(*cell) && (PixelArt::LEAST_GRID..=Self::MAX_GRID).contains(&grid)
        };
        // Some sides cannot be divided so; their pixels stay as they are.
        (1..=resolution).find(few).unwrap_or(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::prompt::parse;

    #[test]
    fn wishes_are_called_what_they_are_to_be() {
        let called = |kind: Kind| {
            let mut prompts = parse("a hat:2 | a man:-1").unwrap();
            kind.call(&mut prompts);
            prompts.into_iter().map(|prompt| prompt.text).collect::<Vec<_>>()
        };
        assert_eq!(called(Kind::Image), ["a hat", "a man"]);
        assert_eq!(called(Kind::Painting), ["a hat, a painting", "a man"]);
        assert_eq!(called(Kind::PixelArt), ["a hat, pixel art", "a man"]);
    }

    #[test]
    fn squares_of_pixel_art_divide_the_picture() {
        for (resolution, cell) in [(32, 1), (64, 1), (96, 2), (256, 4), (512, 8), (72, 2), (127, 1)] {
            assert_eq!(Kind::cell(resolution), cell, "{resolution}");
            let art = Kind::PixelArt.art(resolution).unwrap();
            art.validate().unwrap();
            assert_eq!(art.cell(resolution), Ok(cell));
            assert_eq!(
                Kind::PixelArt.start(resolution, resolution),
                CodeStart::Noise(cell)
            );
        }
        assert_eq!(Kind::Painting.art(256), None);
        assert_eq!(Kind::Painting.start(256, 256), CodeStart::Noise(32));
    }
}
