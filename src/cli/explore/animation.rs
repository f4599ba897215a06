//! Pictures that play one after the other, as GIF or animated PNG.

use crate::cli::{files::write_whole, memory::Memory};
use anyhow::{Context, ensure};
use image::{
    Delay, Frame, RgbaImage,
    codecs::gif::{GifEncoder, Repeat},
};
use std::path::Path;

/// The longest side of a picture, as of a sheet.
const MAX_SIDE: usize = 8192;

/// Pictures of the same size that play for ever.
pub(super) struct Animation {
    frames: Vec<RgbaImage>,
    fps: u16,
}

impl Animation {
    /// An animation of `pictures` with so many pixels on a side, empty as yet.
    pub fn new(pictures: usize, side: usize, fps: u16) -> anyhow::Result<Self> {
        ensure!(
            side <= MAX_SIDE,
            "the pictures have {side} pixels on a side, expected at most {MAX_SIDE}: lower --times"
        );
        // As colors, and as the file that they become.
        let bytes = 2 * 4 * (pictures * side * side) as u64;
        let what = format!("an animation of {pictures} pictures of {side} pixels");
        Memory::LEFT.ensure(bytes, &what, "lower --frames or --times")?;
        Ok(Self {
            frames: Vec::with_capacity(pictures),
            fps,
        })
    }

    /// Adds the next picture.
    pub fn push(&mut self, picture: RgbaImage) {
        self.frames.push(picture);
    }

    /// Writes it as a `gif` or an `apng`, whole or not at all.
    pub fn write(self, path: &Path, kind: &str) -> anyhow::Result<()> {
        let bytes = match kind {
            "gif" => self.gif(),
            _ => self.apng(),
        };
        let bytes = bytes.with_context(|| format!("cannot write {}", path.display()))?;
        write_whole(path, &bytes)
    }

    /// Up to 256 colors in a picture are kept; of more, the nearest 256 are taken.
    fn gif(self) -> anyhow::Result<Vec<u8>> {
        let mut bytes = vec![];
        {
            let mut encoder = GifEncoder::new_with_speed(&mut bytes, 10);
            encoder.set_repeat(Repeat::Infinite)?;
            let delay = Delay::from_numer_denom_ms(1000, u32::from(self.fps));
            let frames = self.frames.into_iter();
            encoder.encode_frames(frames.map(|picture| Frame::from_parts(picture, 0, 0, delay)))?;
        }
        Ok(bytes)
    }

    /// Every color is kept.
    fn apng(self) -> anyhow::Result<Vec<u8>> {
        let mut bytes = vec![];
        let (width, height) = self.frames.first().context("there are no pictures")?.dimensions();
        let mut encoder = png::Encoder::new(&mut bytes, width, height);
        encoder.set_color(png::ColorType::Rgba);
        encoder.set_depth(png::BitDepth::Eight);
        encoder.set_animated(self.frames.len() as u32, 0)?;
        encoder.set_frame_delay(1, self.fps)?;
        let mut writer = encoder.write_header()?;
        for picture in &self.frames {
            writer.write_image_data(picture)?;
        }
        writer.finish()?;
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::{AnimationDecoder, Rgba, codecs::gif::GifDecoder, codecs::png::PngDecoder};
    use std::io::Cursor;

    fn animation() -> Animation {
        let mut animation = Animation::new(3, 4, 10).unwrap();
        for number in 0..3 {
            animation.push(RgbaImage::from_pixel(4, 4, Rgba([80 * number, 10, 200, 255])));
        }
        animation
    }

    #[test]
    fn both_kinds_play_every_picture_in_its_colors() {
        let dir = tempfile::tempdir().unwrap();
        let [gif, apng] = ["gif", "apng"].map(|kind| {
            let path = dir.path().join(format!("a.{kind}"));
            animation().write(&path, kind).unwrap();
            Cursor::new(std::fs::read(path).unwrap())
        });
        let gif = GifDecoder::new(gif)
            .unwrap()
            .into_frames()
            .collect_frames()
            .unwrap();
        let apng = PngDecoder::new(apng).unwrap().apng().unwrap();
        let apng = apng.into_frames().collect_frames().unwrap();
        for frames in [gif, apng] {
            let colors: Vec<u8> = frames.iter().map(|frame| frame.buffer()[(3, 3)].0[0]).collect();
            assert_eq!(colors, [0, 80, 160]);
            let delay: std::time::Duration = frames[1].delay().into();
            assert_eq!(delay.as_millis(), 100);
        }
    }

    #[test]
    fn giants_are_refused() {
        let said = |pictures, side| Animation::new(pictures, side, 10).err().unwrap().to_string();
        assert!(said(2, 9000).contains("expected at most 8192"));
        assert!(said(1 << 20, 8192).contains("lower --frames"));
    }
}
