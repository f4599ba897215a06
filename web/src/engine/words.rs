//! From words and pictures to avatars: what that takes is fetched when it is first needed.

use super::{Failure, facts::words_files, model::Model, say, unless_cancelled, upload};
use crate::protocol::{Effort, JobId, Latent, Reply, Stage, Words as Sentence};
use guise::{
    pipeline::{
        Avatar, Cancel, Generate, Imagination, ImagineRequest, Lexicon, Quality, Targets, Yardstick, draft,
        guide::{ground, image_target, text_targets},
        imagine,
        imagine::Locked,
        lexicon::DENIED_WEIGHT,
        mixes, prompt,
    },
    weights::bundle::{ImageTower, Mapper, Population, TextTower, Tokenizer, load_part, load_vocabulary},
};

/// How far variations go from their avatar, as a share of how far avatars by chance go from the average one.
const VARIATION: f32 = 0.7;

/// The networks that read words, and the one that guesses avatars for them.
pub struct Words {
    text_tower: TextTower,
    tokenizer: Tokenizer,
    lexicon: Option<Lexicon>,
    mapper: Option<Mapper>,
    population: Option<Population>,
}

/// What to imagine.
pub struct Wish {
    /// What it is to show.
    pub words: Option<Sentence>,
    /// A picture file that it is to look like.
    pub picture: Option<Vec<u8>>,
    /// The avatar to start from.
    pub locked: Option<Latent>,
    /// Which of all that fit.
    pub seed: u64,
    /// How many.
    pub count: usize,
    /// Distance from the average avatar.
    pub truncation_psi: f32,
    /// The class to begin with.
    pub class: Option<usize>,
}

impl Wish {
    /// Whether nothing is asked for that takes the towers.
    fn is_by_chance(&self) -> bool {
        let said = |words: &Sentence| !(words.prompt.trim().is_empty() && words.without.trim().is_empty());
        self.picture.is_none() && !self.words.as_ref().is_some_and(said)
    }
}

impl Model {
    /// Draws avatars for a wish, and sends each to the page every time that it has improved.
    pub async fn imagine(&self, job: JobId, wish: Wish, cancel: Cancel) -> Result<(), Failure> {
        let device = &self.device;
        let sentence = wish.words.unwrap_or_default();
        let mut prompts = match sentence.prompt.trim() {
            "" => vec![],
            text => prompt::parse(text)?,
        };
        if !sentence.without.trim().is_empty() {
            let without = prompt::parse(&sentence.without)?;
            prompts.extend(without.into_iter().map(|mut prompt| {
                prompt.weight *= -DENIED_WEIGHT;
                prompt
            }));
        }
        // Variations of an avatar by chance take nothing that would have to be fetched.
        let (judge, words) = match prompts.is_empty() && wish.picture.is_none() {
            true => (None, None),
            false => self
                .words(job, &cancel)
                .await
                .map(|(judge, words)| (Some(judge), Some(words)))?,
        };
        let generator = self.of_class(wish.class)?;
        // The mapper guesses avatars of every class.
        let mapper = words.and_then(|words| words.mapper.as_ref());
        let networks = Imagination {
            generator: &generator,
            encoder: judge,
            mapper: mapper.filter(|_| wish.class.is_none()),
        };
        let (mut groups, mut yardstick) = (vec![], None);
        if let Some(words) = words.filter(|_| !prompts.is_empty()) {
            let lexicon = words.lexicon.as_ref();
            let understood = prompt::understand(lexicon, &words.text_tower, &words.tokenizer, &prompts);
            if !understood.remarks.is_empty() {
                let sentence = format!("Note: {}.", understood.remarks.join("; "));
                say(&Reply::Remark { job, sentence }, None);
            }
            let (tower, tokenizer, prompts) = (&words.text_tower, &words.tokenizer, &understood.prompts);
            groups.push(text_targets(tower, tokenizer, prompts));
            if let Some(population) = &words.population {
                yardstick = Some(Yardstick::new(population, tower, tokenizer, prompts).await?);
            }
        }
        if let (Some(judge), Some(file)) = (judge, &wish.picture) {
            let config = &self.source.manifest.parts.generator.config;
            let (side, ground) = (config.resolution() as u32, ground(config.img_channels()));
            let picture = upload::read(file, side, ground)
                .await
                .map_err(Failure::Sentence)?;
            groups.push(image_target(judge, &picture, ground, 1.0, device));
        }
        let targets = match groups.is_empty() {
            true => None,
            false => Some(Targets::new(groups)?),
        };
        let quality = match sentence.effort {
            Effort::Draft => Quality::Draft,
            Effort::Normal => Quality::Normal,
            Effort::Better => Quality::Better,
        };
        let locked = match wish.locked {
            Some(latent) => Some(Locked {
                latent: self.latent(latent).await?,
                variation: VARIATION * wish.truncation_psi,
            }),
            None => None,
        };
        let request = ImagineRequest {
            truncation_psi: wish.truncation_psi,
            locked,
            ..ImagineRequest::new(quality, wish.count, wish.seed)
        };
        let mut trouble = Ok(());
        let emit = async |event| {
            if let Err(error) = self.show(job, Stage::Sample, event).await {
                trouble = Err(error);
                cancel.cancel();
            }
        };
        if let (Some(targets), Some(judge)) = (&targets, judge) {
            let settings = request.guide_settings();
            self.call_assistants(&settings, request.count);
            let draft = draft(&networks, Some(targets), &request, device, &cancel, emit).await;
            trouble?;
            let wish = (targets, yardstick.as_ref());
            return self.refine(job, judge, wish, draft?, &settings, &cancel).await;
        }
        let avatars = imagine(&networks, None, &request, device, &cancel, emit).await;
        trouble?;
        for (index, Avatar { latent, .. }) in avatars?.into_iter().enumerate() {
            let drawn = Reply::Drawn {
                job,
                index,
                latent: Latent::Drawn(latent),
                score: None,
                fits: vec![],
            };
            say(&drawn, None);
        }
        Ok(())
    }

    /// Draws avatars that have something of each of two.
    pub async fn mix(
        &self,
        job: JobId,
        parents: [Latent; 2],
        seed: u64,
        count: usize,
        cancel: Cancel,
    ) -> Result<(), Failure> {
        let [first, second] = parents;
        let [first, second] = [self.latent(first).await?, self.latent(second).await?];
        let [_, width] = self.generator.latent_shape();
        for (index, latent) in mixes(&first, &second, width, count, seed)?
            .into_iter()
            .enumerate()
        {
            cancel.check()?;
            self.draw(job, [index, count], &latent).await?;
            let drawn = Reply::Drawn {
                job,
                index,
                latent: Latent::Drawn(latent),
                score: None,
                fits: vec![],
            };
            say(&drawn, None);
        }
        Ok(())
    }

    /// Gets ready for words, and says how this device deviates if it refines otherwise than it should. Other
    /// troubles come up again when the words are used.
    pub async fn doubts(&self, job: JobId, wish: &Wish, cancel: &Cancel) -> Option<String> {
        if wish.is_by_chance() {
            return None;
        }
        match self.words(job, cancel).await {
            Err(Failure::Deviates(deviation)) => Some(deviation),
            _ => None,
        }
    }

    /// What understands words, fetched and opened if that has not happened yet.
    async fn words(&self, job: JobId, cancel: &Cancel) -> Result<(&ImageTower, &Words), Failure> {
        if let (Some(judge), Some(words)) = (self.judge.get(), self.words.get()) {
            return Ok((judge, words));
        }
        let loaded = unless_cancelled(cancel, self.load_words(job)).await?;
        let (judge, words) = loaded.map_err(Failure::Sentence)?;
        if let Some(deviation) = self.deviation(&judge).await.map_err(Failure::Sentence)? {
            return Err(Failure::Deviates(deviation));
        }
        Ok((self.judge.get_or_init(|| judge), self.words.get_or_init(|| words)))
    }

    async fn load_words(&self, job: JobId) -> Result<(ImageTower, Words), String> {
        let parts = &self.source.manifest.parts;
        let (Some(image), Some(text), Some(vocabulary)) =
            (&parts.image_tower, &parts.text_tower, &parts.vocabulary)
        else {
            return Err("This model understands no words.".into());
        };
        let wanted = words_files(&self.source.manifest);
        let files = self
            .source
            .files(&wanted, Stage::Words, Some(job))
            .await
            .map_err(|error| error.to_string())?;
        let fetched = Reply::Fetched {
            stage: Stage::Words,
            bytes: files.fetched,
            kept: files.kept,
        };
        say(&fetched, None);
        let unusable = |error: guise::weights::Error| format!("This model's words cannot be used: {error}.");
        let file = |name: &str| files.contents[name].as_slice();
        let mapper = match &parts.mapper {
            Some(part) => Some(load_part(part, file(&part.file.name), &self.device).map_err(unusable)?),
            None => None,
        };
        let population = match &parts.population {
            Some(part) => Some(load_part(part, file(&part.file.name), &self.device).map_err(unusable)?),
            None => None,
        };
        let judge = load_part(image, file(&image.file.name), &self.device).map_err(unusable)?;
        let words = Words {
            text_tower: load_part(text, file(&text.file.name), &self.device).map_err(unusable)?,
            tokenizer: load_vocabulary(vocabulary, file(&vocabulary.name), &text.config).map_err(unusable)?,
            lexicon: Lexicon::new(&self.source.manifest.traits),
            mapper,
            population,
        };
        Ok((judge, words))
    }
}
