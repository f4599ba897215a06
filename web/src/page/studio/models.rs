//! Which of the site's models draws, and what is fetched for it.

use super::{
    super::{
        address::{bundle_address, default_model, is_slow_or_metered, site_address},
        facts::Question,
        share::Look,
    },
    Studio,
    history::Step,
};
use crate::protocol::{Request, Stage};
use leptos::prelude::*;

/// Less than this is fetched without a question, however slow the connection is.
const MODEST_BYTES: u64 = 2_000_000;

impl Studio {
    /// Asks the engine what the site has. Its answer opens a model.
    pub(super) fn ask_for_models(self) {
        let site = site_address();
        self.send(&Request::Models { site }, None);
    }

    /// Takes note of the site's models, and opens the one that is to draw.
    pub(super) fn know_models(self, mut names: Vec<String>) {
        let default = default_model();
        if !names.contains(&default) {
            names.insert(0, default);
        }
        self.models.set(names);
        self.load();
    }

    /// Has the engine open the model that is to draw. A name that the site does not know leads to the
    /// default.
    pub(super) fn load(self) {
        let (named, shown) = (
            self.look.with_untracked(|look| look.model.clone()),
            self.named_model(),
        );
        let models = self.models.get_untracked();
        if named.is_some_and(|named| named != shown) {
            self.add_remark("This site does not have the model of that link, so these are by its own.");
            let variety = self.look.with_untracked(|look| look.variety);
            self.follows_model.set(true);
            self.look.set(Look::random(variety));
        }
        let model = (models.len() > 1).then(|| shown.clone());
        self.change(Step::Same, |look| look.model = model);
        let bundle = bundle_address(&shown);
        self.opening.set_value(bundle.clone());
        self.facts.set(None);
        self.begin(Stage::Download, "");
        // Of a list that could not be read nothing follows for what is kept.
        let listed = if models.len() > 1 { models } else { vec![] };
        let request = Request::Load {
            bundle,
            others: listed.iter().map(|model| bundle_address(model)).collect(),
            device: self.wish.get_untracked(),
        };
        self.send(&request, None);
    }

    /// Whether the engine listens and was told to open another model than the one that is to draw.
    pub(super) fn is_other_model(self) -> bool {
        let opening = self.opening.get_value();
        self.link.with_value(Option::is_some)
            && !opening.is_empty()
            && bundle_address(&self.named_model()) != opening
    }

    /// The model that the present look is of, or the default where the site has none of that name.
    fn named_model(self) -> String {
        let known = |name: &String| self.models.with_untracked(|models| models.contains(name));
        let named = self.look.with_untracked(|look| look.model.clone());
        named.filter(known).unwrap_or_else(default_model)
    }

    /// The name in addresses of the model that draws.
    pub fn shown_model(self) -> String {
        self.look
            .with(|look| look.model.clone())
            .unwrap_or_else(default_model)
    }

    /// The name for people of the model that draws.
    pub fn model_name(self) -> String {
        let loaded = self
            .facts
            .with(|facts| facts.as_ref().map(|facts| facts.model.name.clone()));
        loaded.unwrap_or_else(|| {
            let model = self.shown_model();
            let card = self.cards.with(|cards| cards.get(&model).cloned().flatten());
            card.map_or(model, |card| card.name)
        })
    }

    /// Looks up what the models are of which that is not known yet.
    pub fn describe_models(self) {
        let is_unknown = |model: &String| {
            self.cards
                .with_untracked(|cards| !matches!(cards.get(model), Some(Some(_))))
        };
        let models = self.models.get_untracked();
        let bundles: Vec<_> = models
            .iter()
            .filter(|model| is_unknown(model))
            .map(|model| bundle_address(model))
            .collect();
        if !bundles.is_empty() {
            self.send(&Request::Describe { bundles }, None);
        }
    }

    /// Eight by chance of another model.
    pub fn choose_model(self, model: String) {
        if model == self.shown_model_untracked() {
            return;
        }
        self.follows_model.set(true);
        let variety = self.look.with_untracked(|look| look.variety);
        self.go_to(Look {
            model: Some(model),
            ..Look::random(variety)
        });
    }

    fn shown_model_untracked(self) -> String {
        untrack(move || self.shown_model())
    }

    /// Whether the visitor must be asked before these are drawn, because that fetches much over a connection
    /// that is slow or metered; asks, if so.
    pub(super) fn asks_first(self, look: &Look) -> bool {
        let bytes = self.words_bytes();
        let must_ask = look.takes_words()
            && bytes >= MODEST_BYTES
            && !self.may_fetch.get_value()
            && is_slow_or_metered();
        if must_ask {
            let look = look.clone();
            self.said.set(String::new());
            self.question.set(Some(Question { bytes, look }));
        }
        must_ask
    }

    /// What the first words will fetch, in bytes; zero once it is here.
    pub fn words_bytes(self) -> u64 {
        self.facts
            .with(|facts| facts.as_ref().map_or(0, |facts| facts.model.words_bytes))
    }

    /// What the visitor says to the question.
    pub fn answer(self, may_fetch: bool) {
        let Some(Question { look, .. }) = self.question.get_untracked() else {
            return;
        };
        self.question.set(None);
        self.may_fetch.set_value(may_fetch);
        let is_present = self.look.with_untracked(|present| *present == look);
        match (may_fetch, is_present) {
            (true, true) => self.draw(),
            (true, false) => self.go_to(look),
            // A link led here, and there is nothing on the wall yet.
            (false, true) => {
                self.add_remark("These are by chance, because nothing was fetched for words.");
                self.change(Step::Same, |look| *look = look.without_words());
                self.draw();
            }
            (false, false) => self
                .said
                .set("Nothing was fetched. Whenever you like, ask again.".into()),
        }
    }
}
