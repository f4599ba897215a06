//! The files that results become.

use crate::cli::files::write_whole;
use anyhow::{Context, bail, ensure};
use atomic_write_file::AtomicWriteFile;
use clap::ValueEnum;
use image::{
    ColorType, Delay, DynamicImage, Frame, ImageEncoder, RgbaImage,
    codecs::{
        gif::{GifEncoder, Repeat},
        jpeg::JpegEncoder,
        webp::WebPEncoder,
    },
};
use std::{
    borrow::Cow,
    io::{BufWriter, Write},
    path::Path,
};

/// Of a JPEG, from 1 to 100.
const JPEG_QUALITY: u8 = 95;

/// Of the search for the colors of a GIF, from 1, the best, to 30, the fastest.
const GIF_SPEED: i32 = 10;

/// What a result is written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// PNG, animated for animations.
    Png,
    /// JPEG.
    Jpeg,
    /// WebP without loss.
    Webp,
    /// GIF.
    Gif,
}

impl Format {
    /// What a folder's results end in.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Png => "png",
            Self::Jpeg => "jpg",
            Self::Webp => "webp",
            Self::Gif => "gif",
        }
    }

    /// The format that the name of `path` says, if it ends in one.
    pub fn named(path: &Path) -> Option<Self> {
        let extension = path.extension()?.to_str()?.to_ascii_lowercase();
        Some(match &*extension {
            "png" | "apng" => Self::Png,
            "jpg" | "jpeg" => Self::Jpeg,
            "webp" => Self::Webp,
            "gif" => Self::Gif,
            _ => return None,
        })
    }

    /// The format of the file `path`, which must be the one that was `asked` for.
    pub fn of(path: &Path, asked: Option<Self>) -> anyhow::Result<Self> {
        let named = Self::named(path).with_context(|| {
            format!(
                "{} does not end in .png, .apng, .jpg, .jpeg, .webp or .gif, which says what to write",
                path.display()
            )
        })?;
        if let Some(asked) = asked {
            ensure!(
                asked == named,
                "--format is {}, and {} is the name of another: leave --format out, or end the name in .{}",
                asked.extension(),
                path.display(),
                asked.extension()
            );
        }
        Ok(named)
    }

    /// The longest side that it can have.
    fn longest_side(self) -> u32 {
        match self {
            Self::Png => i32::MAX as u32,
            Self::Webp => 16_384,
            Self::Jpeg | Self::Gif => 65_535,
        }
    }

    /// Whether a result is written row by row, and need not fit into memory.
    pub fn streams(self) -> bool {
        self == Self::Png
    }

    /// Whether it holds 16 bits a channel.
    pub fn is_deep(self) -> bool {
        self == Self::Png
    }

    /// Whether it holds animations.
    pub fn moves(self) -> bool {
        matches!(self, Self::Png | Self::Gif)
    }
}

/// A picture that is about to be written.
pub(super) struct Form {
    pub format: Format,
    pub size: [u32; 2],
    /// What each pixel is; PNG only has 16 bits.
    pub color: ColorType,
    /// What the colors mean.
    pub profile: Option<Vec<u8>>,
}

impl Form {
    /// Whether the format can hold it.
    pub fn check(&self) -> anyhow::Result<()> {
        let ([width, height], longest) = (self.size, self.format.longest_side());
        ensure!(
            width.max(height) <= longest,
            "the result has {width} x {height} pixels and a {} at most {longest} on a side: write a PNG, or lower \
             --scale",
            self.format.extension().to_uppercase()
        );
        ensure!(
            self.format != Format::Jpeg || !self.color.has_alpha(),
            "the picture has transparency, which a JPEG cannot hold: write a PNG or a WebP"
        );
        Ok(())
    }

    /// Writes the rows that `next` gives, whole or not at all.
    pub fn write(
        self,
        path: &Path,
        mut next: impl FnMut() -> anyhow::Result<Option<DynamicImage>>,
    ) -> anyhow::Result<()> {
        let context = || format!("cannot write {}", path.display());
        if self.format.streams() {
            let mut file = AtomicWriteFile::open(path).with_context(context)?;
            {
                let encoder = self.png(BufWriter::new(&mut file)).with_context(context)?;
                let mut encoder = encoder.write_header().with_context(context)?;
                let mut rows = encoder.stream_writer().with_context(context)?;
                while let Some(band) = next()? {
                    rows.write_all(&bytes(band, self.color)).with_context(context)?;
                }
                rows.finish().with_context(context)?;
                encoder.finish().with_context(context)?;
            }
            return file.commit().with_context(context);
        }
        let mut pixels = vec![];
        while let Some(band) = next()? {
            pixels.append(&mut bytes(band, self.color));
        }
        let file = self.encoded(&pixels).with_context(context)?;
        write_whole(path, &file)
    }

    /// The pixels as a file of a format that is not written row by row.
    fn encoded(&self, pixels: &[u8]) -> anyhow::Result<Vec<u8>> {
        let ([width, height], color) = (self.size, self.color.into());
        let mut file = vec![];
        match self.format {
            Format::Jpeg => {
                let mut encoder = JpegEncoder::new_with_quality(&mut file, JPEG_QUALITY);
                if let Some(profile) = &self.profile {
                    encoder.set_icc_profile(profile.clone())?;
                }
                encoder.write_image(pixels, width, height, color)?;
            }
            Format::Webp => {
                let mut encoder = WebPEncoder::new_lossless(&mut file);
                if let Some(profile) = &self.profile {
                    encoder.set_icc_profile(profile.clone())?;
                }
                encoder.write_image(pixels, width, height, color)?;
            }
            Format::Gif => {
                let picture = RgbaImage::from_raw(width, height, pixels.to_vec());
                let picture = picture.context("the rows are no picture of four channels")?;
                let mut encoder = GifEncoder::new_with_speed(&mut file, GIF_SPEED);
                encoder.encode_frame(Frame::new(seen_or_not(picture)))?;
            }
            Format::Png => bail!("a PNG is written row by row"),
        }
        Ok(file)
    }

    fn png<W: Write>(&self, file: W) -> Result<png::Encoder<'static, W>, png::EncodingError> {
        let mut info = png::Info::with_size(self.size[0], self.size[1]);
        info.icc_profile = self.profile.clone().map(Cow::Owned);
        let mut encoder = png::Encoder::with_info(file, info)?;
        encoder.set_color(match (self.color.has_color(), self.color.has_alpha()) {
            (false, false) => png::ColorType::Grayscale,
            (false, true) => png::ColorType::GrayscaleAlpha,
            (true, false) => png::ColorType::Rgb,
            (true, true) => png::ColorType::Rgba,
        });
        encoder.set_depth(match is_deep(self.color) {
            false => png::BitDepth::Eight,
            true => png::BitDepth::Sixteen,
        });
        Ok(encoder)
    }

    /// Writes the `count` frames that `next` gives, which play so many times, zero for ever; whole or not at
    /// all.
    pub fn write_animation(
        self,
        path: &Path,
        [count, plays]: [u32; 2],
        mut next: impl FnMut() -> anyhow::Result<Option<(RgbaImage, Delay)>>,
    ) -> anyhow::Result<()> {
        let context = || format!("cannot write {}", path.display());
        let mut file = AtomicWriteFile::open(path).with_context(context)?;
        if self.format == Format::Gif {
            let mut encoder = GifEncoder::new_with_speed(BufWriter::new(&mut file), GIF_SPEED);
            encoder
                .set_repeat(match plays {
                    0 => Repeat::Infinite,
                    plays => Repeat::Finite(plays.try_into().unwrap_or(u16::MAX)),
                })
                .with_context(context)?;
            while let Some((frame, delay)) = next()? {
                let frame = Frame::from_parts(seen_or_not(frame), 0, 0, delay);
                encoder.encode_frame(frame).with_context(context)?;
            }
        } else {
            let mut encoder = self.png(BufWriter::new(&mut file)).with_context(context)?;
            encoder.set_animated(count, plays).with_context(context)?;
            let mut writer = encoder.write_header().with_context(context)?;
            while let Some((frame, delay)) = next()? {
                let [numerator, denominator] = seconds(delay);
                writer
                    .set_frame_delay(numerator, denominator)
                    .with_context(context)?;
                writer.write_image_data(&frame).with_context(context)?;
            }
            writer.finish().with_context(context)?;
        }
        file.commit().with_context(context)
    }
}

/// A time as a fraction of seconds.
fn seconds(delay: Delay) -> [u16; 2] {
    let (numerator, denominator) = delay.numer_denom_ms();
    let milliseconds = numerator.div_ceil(denominator.max(1));
    match (u16::try_from(milliseconds), u16::try_from(milliseconds / 1000)) {
        (Ok(milliseconds), _) => [milliseconds, 1000],
        (_, Ok(seconds)) => [seconds, 1],
        _ => [u16::MAX, 1],
    }
}

/// The picture for a GIF, in which a pixel is seen or not: what is hardly seen would be, in full.
fn seen_or_not(mut picture: RgbaImage) -> RgbaImage {
    for pixel in picture.pixels_mut() {
        pixel[3] = if pixel[3] < 128 { 0 } else { 255 };
    }
    picture
}

fn is_deep(color: ColorType) -> bool {
    color.bytes_per_pixel() > color.channel_count()
}

/// The pixels as they stand in a file, 16 bits with the higher byte first.
fn bytes(band: DynamicImage, color: ColorType) -> Vec<u8> {
    let deep = |values: Vec<u16>| values.into_iter().flat_map(u16::to_be_bytes).collect();
    match color {
        ColorType::L8 => band.into_luma8().into_raw(),
        ColorType::La8 => band.into_luma_alpha8().into_raw(),
        ColorType::Rgb8 => band.into_rgb8().into_raw(),
        ColorType::L16 => deep(band.into_luma16().into_raw()),
        ColorType::La16 => deep(band.into_luma_alpha16().into_raw()),
        ColorType::Rgb16 => deep(band.into_rgb16().into_raw()),
        ColorType::Rgba16 => deep(band.into_rgba16().into_raw()),
        _ => band.into_rgba8().into_raw(),
    }
}
