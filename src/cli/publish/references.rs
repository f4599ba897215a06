//! What a device must draw before it is trusted with a bundle: computed in plain Rust, and added to what is
//! published.

use super::{POPULATION, population::pack_population};
use crate::{
    cli::{
        bundle,
        files::write_whole,
        progress,
        traits::known_traits,
        trust::{self, Purpose},
    },
    data::Dataset,
    pipeline::self_check::{draw_references, guided_step},
    weights::{
        Manifest,
        bundle::{load_part, load_references},
        manifest::{File, Parts, SelfCheck},
    },
};
use anyhow::{Context, ensure};
use burn::tensor::Device;
use futures::executor::block_on;
use image::ImageFormat;
use std::{io::Cursor, path::Path};

/// The file of the reference pictures.
pub(super) const FILE: &str = "references.png";

/// What `parts` draw in plain Rust, and the file that keeps it. `read` gives the contents of a part's file.
pub(super) fn references(
    parts: &Parts,
    truncation_psi: f32,
    read: impl Fn(&File) -> anyhow::Result<Vec<u8>>,
) -> anyhow::Result<(SelfCheck, Vec<u8>)> {
    trust::in_plain_rust(|| draw(parts, truncation_psi, read))
}

fn draw(
    parts: &Parts,
    truncation_psi: f32,
    read: impl Fn(&File) -> anyhow::Result<Vec<u8>>,
) -> anyhow::Result<(SelfCheck, Vec<u8>)> {
    let device = Device::flex();
    let generator = load_part(&parts.generator, &read(&parts.generator.file)?, &device)?;
    let bar = progress::bar(2, "references in plain Rust");
    let pictures = block_on(draw_references(&generator, truncation_psi, &device))?;
    bar.inc(1);
    let mut png = Cursor::new(vec![]);
    pictures.write_to(&mut png, ImageFormat::Png)?;
    let png = png.into_inner();
    let guided = match &parts.image_tower {
        Some(tower) => {
            let tower = load_part(tower, &read(&tower.file)?, &device)?;
            Some(block_on(guided_step(
                &generator,
                &tower,
                truncation_psi,
                &pictures,
                &device,
            ))?)
        }
        None => None,
    };
    bar.finish_and_clear();
    let check = SelfCheck {
        pictures: File::describe(FILE, &png),
        guided,
    };
    // What is written must be what every reader accepts.
    load_references(&check, &png, pictures.height())?;
    Ok((check, png))
}

/// Adds references to the bundle in `dir`, which an earlier version published, and what its words are about
/// if its dataset is given; changes nothing else in it.
pub(super) fn refresh(dir: &Path, data: Option<&Path>) -> anyhow::Result<()> {
    let mut manifest = bundle::manifest(dir)?;
    let read = |file: &File| {
        let contents = bundle::read(dir, file)?;
        file.verify(&contents)?;
        Ok(contents)
    };
    let (check, png) = references(&manifest.parts, manifest.truncation_psi, read)
        .with_context(|| format!("cannot use {}", dir.display()))?;
    ensure!(
        !manifest
            .parts
            .files()
            .iter()
            .any(|(_, file)| file.name == check.pictures.name),
        "{} has a part of the name {FILE}: publish it again",
        dir.display()
    );
    manifest.self_check = Some(check);
    let mut population = None;
    if let Some(path) = data {
        ensure!(
            manifest.parts.text_tower.is_some(),
            "{} understands no words, so --data adds nothing to it",
            dir.display()
        );
        let dataset = Dataset::open(path)?;
        manifest.traits = known_traits(&dataset);
        ensure!(
            !manifest.traits.is_empty(),
            "{} has no traits, so it does not say what words are about",
            path.display()
        );
        let device = Device::flex();
        let part = manifest.parts.image_tower.clone();
        let part = part.context("a text tower without an image tower")?;
        let tower = load_part(&part, &read(&part.file)?, &device)?;
        population = Some(pack_population(&dataset, &tower, &mut manifest.parts, &device)?);
    }
    manifest.validate()?;
    let mut json = serde_json::to_vec_pretty(&manifest)?;
    json.push(b'\n');
    // The manifest comes last: until then the bundle is what it was.
    write_whole(&dir.join(FILE), &png)?;
    if let Some(population) = population {
        write_whole(&dir.join(POPULATION), &population)?;
    }
    write_whole(&dir.join(Manifest::FILE_NAME), &json)?;
    let part = &manifest.parts.generator;
    let generator = load_part(part, &read(&part.file)?, &Device::flex())?;
    if let Err(deviation) = trust::check_now(dir, &manifest, Purpose::Guide, &generator, &Device::flex())? {
        eprintln!("note: this processor does not compute the model rightly: {deviation}");
    }
    let what = if data.is_some() {
        "references, traits and population"
    } else {
        "references"
    };
    println!("{}: {what} added", dir.display());
    Ok(())
}
