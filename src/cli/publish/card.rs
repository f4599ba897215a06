//! The model card and the summary of a bundle.

use super::{
    ENLARGED, GENERATOR, IMAGE_TOWER, LEAST_PSNR_DB, MAPPER, POPULATION, SHEET_SEEDS, TEXT_TOWER, UPSCALER,
};
use crate::{
    cli::bundle::{SHEET, TEXT_TOWER_LICENSE},
    metrics::measure_name,
    weights::{
        Manifest, Quantization,
        manifest::{Credit, Part, Training},
        printable,
    },
};
use std::{fmt::Write, path::Path};

/// What must travel with everything under this license.
const BSD_3_CLAUSE: &str = include_str!("bsd-3-clause.txt");

/// The same, as a file beside the weights.
pub(super) const APACHE_2_0: &str = include_str!("../../../LICENSE-APACHE");

/// The model card of a bundle whose pictures are `resolution` pixels wide, as Markdown.
pub(super) fn write(manifest: &Manifest, resolution: usize) -> String {
    let Manifest {
        name,
        description,
        parts,
        art,
        training,
        metrics,
        truncation_psi,
        ..
    } = manifest;
    let generator = &parts.generator;
    let mut card = String::new();
    let mut line = |text: &str| {
        card.push_str(text);
        card.push('\n');
    };
    line(&format!("# {}\n", inline(name)));
    if !description.is_empty() {
        line(&format!("{}\n", inline(description)));
    }
    line(&format!("![Avatars drawn by this model]({SHEET})\n"));
    line(&format!(
        "Not selected: the seeds from 0 on, at `truncation_psi` {truncation_psi}, drawn by the files of this folder.\n"
    ));

    line("## What it is\n");
    line(&format!(
        "- A {} generator of avatars with {resolution} x {resolution} pixels: {} parameters, \
         stored as {} (`{GENERATOR}`).",
        generator.config.family(),
        generator.parameters,
        generator.quantization.name()
    ));
    if generator.config.img_channels() == 4 {
        line("- Its pictures have alpha: they are transparent where nothing is drawn.");
    }
    if let Some(art) = manifest.pixel_art() {
        let grid = art.pixel_grid;
        let colors = match art.palette.len() {
            0 => String::new(),
            colors => format!(" and {colors} colors, to which pictures are snapped"),
        };
        line(&format!(
            "- Pixel art on a grid of {grid} x {grid} pixels{colors}. Pictures are enlarged exactly, pixel by pixel."
        ));
    }
    let classes: Vec<String> = generator
        .config
        .classes()
        .iter()
        .map(|class| inline(&class.name))
        .collect();
    if !classes.is_empty() {
        line(&format!(
            "- It draws {} classes, each when it is asked for with `--class`: {}.",
            classes.len(),
            classes.join(", ")
        ));
    }
    if let Some(upscaler) = &parts.upscaler {
        line(&format!(
            "- An {} network that enlarges them {} times: {} parameters, stored as {} (`{UPSCALER}`).",
            upscaler.config.architecture(),
            upscaler.config.scale(),
            upscaler.parameters,
            upscaler.quantization.name()
        ));
    }
    if let (Some(image), Some(text)) = (&parts.image_tower, &parts.text_tower) {
        line(&format!(
            "- A CLIP of the collection, which knows what sentences fit what pictures: an image tower of {} parameters, \
             stored as {} (`{IMAGE_TOWER}`), and a text tower of {}, stored as {} (`{TEXT_TOWER}`), of which the \
             sentence encoder is a published one and the projection after it was trained.",
            image.parameters,
            image.quantization.name(),
            text.parameters,
            match text.quantization {
                Quantization::Q4_0 => "q8_0, the embeddings of words as q4_0",
                other => other.name(),
            }
        ));
    }
    if let Some(mapper) = &parts.mapper {
        line(&format!(
            "- A mapper that guesses latents for what the towers understood, as drafts: {} parameters, stored as {} \
             (`{MAPPER}`).",
            mapper.parameters,
            mapper.quantization.name()
        ));
    }
    if let Some(population) = &parts.population {
        line(&format!(
            "- {} pictures of the collection as the image tower sees them, by which is told how well an avatar fits \
             (`{POPULATION}`).",
            population.config.pictures
        ));
    }
    line("- `model.json` describes the files, with their lengths and SHA-256.\n");
    line(
        "Draw from it with `guise generate --model THIS-FOLDER --seeds 0-63 --out sheet.png`, or serve it to the page.\n",
    );

    line("## License and attribution\n");
    line("| | license | credit | source |\n|---|---|---|---|");
    let mut row = |subject: &str, credit: &Credit| {
        let Credit {
            license,
            attribution,
            source,
        } = credit;
        let [license, attribution, source] = [license, attribution, source]
            .map(|text| if text.is_empty() { "-".into() } else { inline(text) });
        line(&format!("| {subject} | {license} | {attribution} | {source} |"));
    };
    row("The art that it was trained on", art);
    row("Weights of the generator", &generator.weights);
    if let Some(upscaler) = &parts.upscaler {
        row("Weights of the upscaler", &upscaler.weights);
    }
    if let Some(image) = &parts.image_tower {
        row("Weights of the image tower", &image.weights);
    }
    if let Some(mapper) = &parts.mapper {
        row("Weights of the mapper", &mapper.weights);
    }
    if let Some(text) = &parts.text_tower {
        row("Sentence encoder of the text tower", &text.weights);
        if text.weights.license == "Apache-2.0" {
            line(&format!(
                "\nThe sentence encoder's license is in `{TEXT_TOWER_LICENSE}`. It was changed: its weights are quantized, \
                 its pooler and its positions after the {}th left out, and a projection added.",
                text.config.minilm.max_position_embeddings
            ));
        }
    }

    let Training {
        total_kimg,
        smaller_kimg,
        duration_hours,
        hardware,
        dataset_pictures,
        selected,
    } = training;
    line("\n## Training\n");
    line(&format!(
        "- {total_kimg:.1} kimg (thousand pictures shown), in {duration_hours:.2} hours."
    ));
    if *smaller_kimg > 0.0 {
        line(&format!(
            "- The first {smaller_kimg:.1} of these were smaller: the coarse layers learned at a lower resolution, and the network was grown from there."
        ));
    }
    if let Some(it) = selected {
        line(&format!(
            "- It is the best of {} snapshots of its run by {} ({:.4}), the less the better; the newest was after {} kimg.",
            it.snapshots,
            inline(&it.measure),
            it.value,
            it.latest_kimg
        ));
    }
    line(&format!(
        "- Hardware: {}.",
        if hardware.is_empty() {
            "not recorded".into()
        } else {
            inline(hardware)
        }
    ));
    line(&format!(
        "- {dataset_pictures} pictures in the dataset, at {resolution} x {resolution} pixels."
    ));

    line("\n## Measures\n");
    line(&format!(
        "- Quantization: PSNR {:.1} dB between the pictures of this generator and of the trained one in 32-bit floats, \
         over the colors of the {} pictures with the seeds from 0 on at `truncation_psi` {truncation_psi}. \
         Under {LEAST_PSNR_DB} dB it would not have been published.",
        metrics.quantized_psnr_db, metrics.quantized_psnr_pictures
    ));
    if let Some(db) = metrics.enlarged_psnr_db {
        line(&format!(
            "- The same for the upscaler's weights, over {ENLARGED} of these pictures, enlarged: PSNR {db:.1} dB."
        ));
    }
    if let Some(cosine) = metrics.quantized_cosine {
        line(&format!(
            "- The same for the towers: no picture's and no sentence's embedding has a cosine of less than {cosine:.4} to \
             the trained tower's, over these pictures and sentences about the collection's."
        ));
    }
    if let Some(mapper) = &metrics.mapper {
        line(&format!(
            "- The mapper, on samples and sentences that it did not learn from: a picture's embedding leaves {:.0} % of the \
             latents' variance unexplained. The cosine between what is asked for and one guess is {:.2} for pictures \
             ({:.2} with guesses for others) and {:.2} for sentences ({:.2}).",
            100.0 * mapper.unexplained,
            mapper.image_cosine,
            mapper.image_chance,
            mapper.text_cosine,
            mapper.text_chance
        ));
    }
    match &metrics.resemblance {
        Some(found) => line(&format!(
            "- Resemblance to the collection, {} x 1000: {:.2}, the less the better; {:.2} for other pictures of the collection \
             in place of this model's. Drawn at `truncation_psi` 1, compared by the Kernel Inception Distance with the image \
             tower's embeddings in Inception's place, so no other CLIP's figure compares.",
            measure_name("kid", found.pictures, "clip"),
            found.kid * 1e3,
            found.collection_kid * 1e3
        )),
        None => line("- How much its pictures resemble the collection was not measured: judge by the sheet."),
    }

    line("\n## Limits\n");
    line("- It draws avatars of its collection's style and nothing else, and combines what it saw there.");
    line(
        "- Some seeds come out with flaws; a lower `truncation_psi` makes them rarer and the avatars more alike.",
    );
    line("- An avatar may come out very similar to one of the collection.");
    if parts.upscaler.is_some() {
        line("- Enlarging sharpens what is there. It cannot know what a larger original would have shown.");
    }

    if let Some(upscaler) = &parts.upscaler
        && upscaler.weights.license == "BSD-3-Clause"
    {
        line("\n## License of the upscaler's weights\n");
        line(&format!("{}\n", inline(&upscaler.weights.attribution)));
        line(BSD_3_CLAUSE);
    }
    card
}

/// What was published, as a table for the terminal.
pub(super) fn summary(manifest: &Manifest, dir: &Path) -> String {
    let mut text = String::new();
    let mut row = |cells: [&str; 5]| {
        let [part, file, storage, parameters, bytes] = cells;
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "{part:<11}  {file:<16}  {storage:<8}  {parameters:>10}  {bytes:>10}"
        );
    };
    row(["part", "file", "stored as", "parameters", "bytes"]);
    fn cells<C>(part: &Part<C>) -> [String; 2] {
        [part.quantization.name().into(), part.parameters.to_string()]
    }
    let parts = &manifest.parts;
    for (name, file) in parts.files() {
        let [storage, parameters] = match name {
            "generator" => cells(&parts.generator),
            "upscaler" => parts.upscaler.as_ref().map_or_else(Default::default, cells),
            "image_tower" => parts.image_tower.as_ref().map_or_else(Default::default, cells),
            "text_tower" => parts.text_tower.as_ref().map_or_else(Default::default, cells),
            "mapper" => parts.mapper.as_ref().map_or_else(Default::default, cells),
            "population" => parts.population.as_ref().map_or_else(Default::default, cells),
            _ => Default::default(),
        };
        row([name, &file.name, &storage, &parameters, &file.bytes.to_string()]);
    }
    let total: u64 = manifest.files().map(|file| file.bytes).sum();
    row(["total", "", "", "", &total.to_string()]);
    let _ = writeln!(
        text,
        "\n{}: {:?}, {}, trained for {:.1} kimg, {:.1} dB PSNR against 32-bit floats over {SHEET_SEEDS} pictures",
        dir.display(),
        manifest.name,
        manifest.art.license,
        manifest.training.total_kimg,
        manifest.metrics.quantized_psnr_db
    );
    text
}

/// Text of others on one line of Markdown, where it means only itself.
fn inline(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in printable(&text.replace('\n', " ")).chars() {
        match c {
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '|' | '#' => safe.extend(['\\', c]),
            c => safe.push(c),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_others_makes_no_markdown() {
        assert_eq!(inline("a|b\n<script>[x](y)"), r"a\|b \<script\>\[x\](y)");
    }
}
