//! What the numbers of a picture mean as colors, and their conversion to sRGB.

use image::{DynamicImage, ImageFormat};
use moxcms::{
    Chromaticity, CicpColorPrimaries, CicpProfile, ColorPrimaries, ColorProfile, DataColorSpace, Layout,
    MatrixCoefficients, ToneReprCurve, TransferCharacteristics, Transform8BitExecutor, TransformOptions,
};

use super::{Colors, container::png_chunks};

/// Colors that something in the file describes.
pub(super) struct Space {
    profile: ColorProfile,
    /// The profile as it stands in the file, if it is one that stands there.
    icc: Option<Vec<u8>>,
}

/// The color space that the file names, if it names any. `icc` is the profile that its decoder found.
///
/// In a PNG the first of `cICP`, `iCCP`, `sRGB` and `gAMA` counts, as browsers have it.
///
/// # Errors
/// In words, when there is a description that cannot be followed.
pub(super) fn described(
    bytes: &[u8],
    format: ImageFormat,
    icc: Option<Vec<u8>>,
) -> Result<Option<Space>, String> {
    let chunk = |wanted: &[u8; 4]| {
        let mut chunks = png_chunks(bytes).filter(|_| format == ImageFormat::Png);
        chunks.find_map(|(name, data)| (name == *wanted).then_some(data))
    };
    if let Some(data) = chunk(b"cICP") {
        let profile = from_cicp(data).ok_or("its cICP chunk names colors that are not known here")?;
        return Ok(Some(Space { profile, icc: None }));
    }
    if let Some(icc) = icc {
        let profile = ColorProfile::new_from_slice(&icc)
            .map_err(|error| format!("its color profile is damaged ({error})"))?;
        let icc = Some(icc);
        return Ok(Some(Space { profile, icc }));
    }
    if chunk(b"iCCP").is_some() {
        return Err("its color profile is damaged or too large".into());
    }
    match (chunk(b"sRGB"), chunk(b"gAMA")) {
        // What programs write for sRGB, whose curve is not quite this power.
        (None, Some(gamma)) if *gamma == 45_455u32.to_be_bytes() => Ok(None),
        (None, Some(gamma)) => {
            let profile = from_gamma(gamma, chunk(b"cHRM")).ok_or("its gAMA or cHRM chunk is damaged")?;
            Ok(Some(Space { profile, icc: None }))
        }
        _ => Ok(None),
    }
}

fn from_cicp(data: &[u8]) -> Option<ColorProfile> {
    let [primaries, transfer, matrix, range] = *data.first_chunk::<4>()?;
    let cicp = CicpProfile {
        color_primaries: CicpColorPrimaries::try_from(primaries).ok()?,
        transfer_characteristics: TransferCharacteristics::try_from(transfer).ok()?,
        matrix_coefficients: MatrixCoefficients::try_from(matrix).ok()?,
        full_range: range == 1,
    };
    // PQ and HLG describe brightness beyond that of a screen, which has no one counterpart in sRGB.
    let known = cicp.full_range && matrix == 0 && !matches!(transfer, 16 | 18);
    let profile = known.then(|| ColorProfile::new_from_cicp(cicp))?;
    profile.red_trc.is_some().then_some(profile)
}

fn from_gamma(gamma: &[u8], primaries: Option<&[u8]>) -> Option<ColorProfile> {
    let number = |data: &[u8], index: usize| {
        let bytes = data.get(4 * index..)?.first_chunk::<4>()?;
        Some(u32::from_be_bytes(*bytes) as f32 / 100_000.0).filter(|value| *value > 0.0 && *value < 10.0)
    };
    let mut profile = ColorProfile::new_srgb();
    if let Some(data) = primaries {
        let point = |index| Some(Chromaticity::new(number(data, index)?, number(data, index + 1)?));
        let primaries = ColorPrimaries {
            red: point(2)?,
            green: point(4)?,
            blue: point(6)?,
        };
        profile.update_rgb_colorimetry(point(0)?.to_xyyb(), primaries);
    }
    let curve = ToneReprCurve::Parametric(vec![1.0 / number(gamma, 0)?]);
    profile.red_trc = Some(curve.clone());
    profile.green_trc = Some(curve.clone());
    profile.blue_trc = Some(curve);
    profile.cicp = None;
    Some(profile)
}

impl Space {
    /// Brings `pixels` to sRGB, or gives the profile that they keep; then they are gray where the profile is.
    ///
    /// # Errors
    /// In words, when the colors cannot be converted; then the pixels are as they were.
    pub(super) fn applied(
        &self,
        pixels: &mut DynamicImage,
        colors: Colors,
    ) -> Result<Option<Vec<u8>>, String> {
        let source = match self.profile.color_space {
            DataColorSpace::Rgb => Layout::Rgb,
            DataColorSpace::Gray => Layout::Gray,
            other => {
                return Err(format!(
                    "its color profile is one for {other:?}, which is not followed"
                ));
            }
        };
        let to_srgb = self
            .profile
            .create_transform_8bit(
                source,
                &ColorProfile::new_srgb(),
                Layout::Rgb,
                TransformOptions::default(),
            )
            .map_err(|error| format!("its color profile cannot be followed ({error})"))?;
        if is_srgb(&*to_srgb, source)? {
            return Ok(None);
        }
        if source == Layout::Gray && !is_gray(pixels) {
            return Err("its color profile is one for gray pictures".into());
        }
        if colors == Colors::Stored {
            let kept = match &self.icc {
                Some(icc) => icc.clone(),
                None => self
                    .profile
                    .encode()
                    .map_err(|error| format!("its colors cannot be told by a profile ({error})"))?,
            };
            *pixels = with_channels(std::mem::take(pixels), source == Layout::Gray);
            return Ok(Some(kept));
        }
        match pixels {
            DynamicImage::ImageRgb8(pixels) => convert::<3>(pixels, &*to_srgb, source)?,
            DynamicImage::ImageRgba8(pixels) => convert::<4>(pixels, &*to_srgb, source)?,
            _ => return Err("its colors have an unexpected layout".into()),
        }
        Ok(None)
    }
}

/// Whether all pixels are gray.
fn is_gray(pixels: &DynamicImage) -> bool {
    fn equal<T: PartialEq>(numbers: &[T], channels: u8) -> bool {
        let mut colors = numbers.chunks_exact(usize::from(channels));
        colors.all(|color| color[0] == color[1] && color[1] == color[2])
    }
    let channels = pixels.color().channel_count();
    match pixels {
        _ if !pixels.color().has_color() => true,
        DynamicImage::ImageRgb16(pixels) => equal(pixels, channels),
        DynamicImage::ImageRgba16(pixels) => equal(pixels, channels),
        _ => equal(pixels.as_bytes(), channels),
    }
}

/// The same pixels as gray ones, or as colors.
fn with_channels(pixels: DynamicImage, gray: bool) -> DynamicImage {
    use image::ColorType::{L8, L16, La8, La16, Rgb8, Rgb16, Rgba8, Rgba16};
    match (pixels.color(), gray) {
        (Rgb8, true) => pixels.into_luma8().into(),
        (Rgba8, true) => pixels.into_luma_alpha8().into(),
        (Rgb16, true) => pixels.into_luma16().into(),
        (Rgba16, true) => pixels.into_luma_alpha16().into(),
        (L8, false) => pixels.into_rgb8().into(),
        (La8, false) => pixels.into_rgba8().into(),
        (L16, false) => pixels.into_rgb16().into(),
        (La16, false) => pixels.into_rgba16().into(),
        _ => pixels,
    }
}

/// Whether no color moves by more than a rounding error. Numbers stay exactly as they are then, because pixel
/// art has few colors that must stay few.
fn is_srgb(to_srgb: &Transform8BitExecutor, source: Layout) -> Result<bool, String> {
    let steps = || (0..=255u8).step_by(17);
    let colors = |red: u8| steps().flat_map(move |green| steps().flat_map(move |blue| [red, green, blue]));
    let mut before: Vec<u8> = match source {
        Layout::Gray => (0..=255).flat_map(|gray| [gray; 3]).collect(),
        _ => steps().flat_map(colors).collect(),
    };
    let after = before.clone();
    convert::<3>(&mut before, to_srgb, source)?;
    Ok(before.iter().zip(after).all(|(a, b)| a.abs_diff(b) <= 1))
}

/// Converts pixels of `N` bytes, of which the first three are red, green and blue, some at a time so that it
/// takes little memory.
fn convert<const N: usize>(
    pixels: &mut [u8],
    to_srgb: &Transform8BitExecutor,
    source: Layout,
) -> Result<(), String> {
    for part in pixels.chunks_mut(4096 * N) {
        let colors = part.chunks_exact(N);
        let before: Vec<u8> = match source {
            Layout::Gray => colors.map(|color| color[0]).collect(),
            _ => colors.flat_map(|color| [color[0], color[1], color[2]]).collect(),
        };
        let mut after = vec![0; part.len() / N * 3];
        to_srgb
            .transform(&before, &mut after)
            .map_err(|error| format!("its color profile cannot be followed ({error})"))?;
        for (color, converted) in part.chunks_exact_mut(N).zip(after.chunks_exact(3)) {
            color[..3].copy_from_slice(converted);
        }
    }
    Ok(())
}
