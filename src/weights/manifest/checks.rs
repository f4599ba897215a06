//! The bounds of a manifest's fields.

use super::{Credit, File, Manifest, Part};
use crate::{
    networks::NetworkConfig,
    weights::{Error, shortened},
};

pub(super) fn invalid(field: &str, value: impl ToString, expected: &str) -> Error {
    Error::Manifest {
        field: field.into(),
        value: shortened(&value.to_string(), 80),
        expected: expected.into(),
    }
}

pub(super) fn check(field: &str, value: impl ToString, valid: bool, expected: &str) -> Result<(), Error> {
    if valid {
        Ok(())
    } else {
        Err(invalid(field, value, expected))
    }
}

pub(super) fn check_number(field: &str, value: f64, min: f64, max: f64) -> Result<(), Error> {
    check(
        field,
        value,
        (min..=max).contains(&value),
        &format!("{min} to {max}"),
    )
}

pub(super) fn check_text(
    field: &str,
    text: &str,
    length: std::ops::RangeInclusive<usize>,
) -> Result<(), Error> {
    let characters = text.chars().count();
    let printable = text.chars().all(|c| !c.is_control() || c == '\n');
    let valid = printable && length.contains(&characters);
    let expected = format!("{} to {} printable characters", length.start(), length.end());
    check(
        field,
        format!("{text:?} ({characters} characters)"),
        valid,
        &expected,
    )
}

pub(super) fn check_credit(field: &str, credit: &Credit) -> Result<(), Error> {
    check_text(&format!("{field}.license"), credit.license.trim(), 1..=200)?;
    check_text(&format!("{field}.attribution"), &credit.attribution, 0..=1000)?;
    check_text(&format!("{field}.source"), &credit.source, 0..=1000)
}

pub(super) fn check_pixel_art(manifest: &Manifest) -> Result<(), Error> {
    let Some(art) = manifest.pixel_art() else {
        let colors = manifest.palette.len();
        let expected = "no palette without a pixel_grid";
        return check("palette", format!("a list of {colors}"), colors == 0, expected);
    };
    let resolution = manifest.parts.generator.config.resolution();
    match art.validate().and_then(|()| art.cell(resolution)) {
        Ok(_) => Ok(()),
        Err(wrong) => Err(invalid(wrong.field, wrong.value, &wrong.expected)),
    }
}

pub(super) fn check_part<C: NetworkConfig>(part: &str, described: &Part<C>) -> Result<(), Error> {
    let field = format!("parts.{part}");
    check_file(&field, &described.file, ".gguf")?;
    // Four bits are the least that a number takes, so a file cannot hold more numbers than half-bytes.
    let parameters = described.parameters;
    let held = (1..=described.file.bytes * 2).contains(&parameters);
    check(
        &format!("{field}.parameters"),
        parameters,
        held,
        "at least 1 and at most two for each byte",
    )?;
    if let Err(error) = described.config.validate() {
        return Err(invalid(
            &format!("{field}.config"),
            error,
            "a network that can be built",
        ));
    }
    check_credit(&format!("{field}.weights"), &described.weights)
}

pub(super) fn check_file(field: &str, file: &File, suffix: &str) -> Result<(), Error> {
    let File { name, bytes, sha256 } = file;
    // No separator, no drive, no leading dot: the name cannot leave the bundle's folder on any system.
    let plain = name
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
        && name.len() <= 100
        && name.ends_with(suffix)
        && name.starts_with(|c: char| c.is_ascii_alphanumeric());
    check(
        &format!("{field}.file"),
        name,
        plain,
        &format!("a plain file name that ends in {suffix}"),
    )?;
    check(
        &format!("{field}.bytes"),
        bytes,
        (1..=File::MAX_BYTES).contains(bytes),
        &format!("1 to {}", File::MAX_BYTES),
    )?;
    let hash = sha256.len() == 64
        && sha256
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    check(
        &format!("{field}.sha256"),
        sha256,
        hash,
        "64 lower-case hexadecimal digits",
    )
}
