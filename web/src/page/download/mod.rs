//! An avatar to take home: what it can be ([`choice`]), what comes of that ([`plan`]), the files
//! ([`files`]), and the form.

mod choice;
pub mod files;
mod plan;

use super::{facts::Avatar, raster::Raster, studio::Studio};
use choice::{Background, Choice, Format, Size};
use js_sys::Uint8Array;
use leptos::prelude::*;
use plan::{Art, Plan, WALL};
use std::sync::Arc;
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::SubmitEvent;

/// The sheet of what hangs on the wall: how wide a picture is, what lies between two, and how many hang
/// side by side.
const ON_SHEET: u32 = 256;
const GAP: u32 = 24;
const COLUMNS: usize = 4;

/// What the close-up is downloaded as. Copies share it.
#[derive(Clone, Copy)]
pub struct Download {
    studio: Studio,
    /// The close-up as numbers, while the form is open.
    art: RwSignal<Option<Arc<Art>>>,
    choice: RwSignal<Choice>,
    /// What came of it last, to be said in the form.
    said: RwSignal<String>,
}

impl Download {
    /// As the last time.
    pub fn new(studio: Studio) -> Self {
        Self {
            studio,
            art: RwSignal::new(None),
            choice: RwSignal::new(Choice::remembered()),
            said: RwSignal::new(String::new()),
        }
    }

    /// Reads the close-up for as long as the form is open.
    fn follow(self) {
        let (studio, art) = (self.studio, self.art);
        Effect::new(move || {
            let (avatar, is_pixel_art) = (studio.close_up(), studio.draws_pixel_art());
            spawn_local(async move {
                let read = match &avatar {
                    Some(avatar) => Art::of(avatar, is_pixel_art).await,
                    None => None,
                };
                let is_here = untrack(move || studio.close_up()).map(|it| it.best().url());
                // Reading takes a moment, in which another one may have come.
                if is_here == avatar.map(|it| it.best().url()) {
                    let _ = art.try_set(read.map(Arc::new));
                }
            });
        });
    }

    /// The choice as far as this model can have it.
    fn possible(self) -> Choice {
        let mut choice = self.choice.get();
        if self.studio.draws_pixel_art() {
            return choice;
        }
        if choice.format == Format::Svg {
            choice.format = Format::Png;
        }
        if choice.size == Size::Half {
            choice.size = Size::Full;
        }
        choice
    }

    /// The name of the kind of file.
    pub fn format_name(self) -> &'static str {
        self.possible().format.name()
    }

    fn change(self, change: impl FnOnce(&mut Choice)) {
        self.said.set(String::new());
        self.choice.update(change);
        self.choice.get_untracked().remember();
        self.studio.offline.recount();
    }

    /// What to make a file of, and how.
    fn order(self) -> Option<(Choice, Avatar, bool)> {
        untrack(move || {
            let studio = self.studio;
            Some((self.possible(), studio.close_up()?, studio.draws_pixel_art()))
        })
    }

    /// What comes of the choice, in a line.
    fn outcome(self) -> String {
        let Some(art) = self.art.get() else {
            return String::new();
        };
        let plan = Plan::of(self.possible(), &art);
        let (width, height) = plan.extent;
        let size = format!("{width} × {height} pixels");
        match (plan.is_stretched(), art.is_pixel_art()) {
            (true, _) => format!("{size}, more than it has so far. Enlarge it first to have it sharp."),
            (false, true) => format!("{size}, and every square is sharp."),
            (false, false) => format!("{size}."),
        }
    }

    fn has_background(self) -> bool {
        let choice = self.possible();
        self.art
            .get()
            .is_some_and(|art| Plan::of(choice, &art).has_background())
    }

    /// Saves the close-up. What cannot be done is said where `say` says it.
    pub fn save(self, say: impl Fn(String) + 'static) {
        self.with_file(say, |file| async move {
            files::save(&file)?;
            Ok(format!("Saved as {}.", file.name()))
        });
    }

    fn share(self) {
        self.with_file(self.say(), |file| async move {
            // A visitor who shares nothing after all knows it.
            let _ = files::share(&file).await;
            Ok(String::new())
        });
    }

    fn say(self) -> impl Fn(String) + 'static {
        move |sentence| self.said.set(sentence)
    }

    fn with_file<F>(self, say: impl Fn(String) + 'static, give: impl FnOnce(web_sys::File) -> F + 'static)
    where
        F: Future<Output = Result<String, JsValue>> + 'static,
    {
        let Some((choice, avatar, is_pixel_art)) = self.order() else {
            return;
        };
        spawn_local(async move {
            let given = match files::make(choice, &avatar, is_pixel_art).await {
                Some(file) => give(file).await.ok(),
                None => None,
            };
            say(given.unwrap_or_else(|| "This browser could not make that file.".into()));
        });
    }

    fn copy(self) {
        let Some((choice, avatar, is_pixel_art)) = self.order() else {
            return;
        };
        let format = Format::Png;
        let png = Choice { format, ..choice };
        let asked = files::copy(async move { files::make(png, &avatar, is_pixel_art).await });
        spawn_local(async move {
            let copied = match asked {
                Ok(asked) => JsFuture::from(asked).await.is_ok(),
                Err(_) => false,
            };
            self.said.set(match copied {
                true => "The picture is on your clipboard.".into(),
                false => "This browser did not let the picture onto the clipboard.".into(),
            });
        });
    }
}

/// The form of sizes and kinds, below the close-up.
#[component]
pub fn Sizes(download: Download) -> impl IntoView {
    download.follow();
    let choice = download.choice;
    let is_own = move || choice.with(|choice| choice.size == Size::Own);
    let type_side = move |event| {
        if let Some(side) = event_target_value(&event)
            .parse()
            .ok()
            .filter(|side| Choice::SIDES.contains(side))
        {
            download.change(|choice| choice.side = side);
        }
    };
    let has_background = Memo::new(move |_| download.has_background());
    let save = move |event: SubmitEvent| {
        event.prevent_default();
        download.save(download.say());
    };
    let line = Memo::new(move |_| match download.said.get() {
        said if said.is_empty() => download.outcome(),
        said => said,
    });
    // Half of it and areas are for pixel art only.
    let sizes = move || {
        let can = move |size| size != Size::Half || download.studio.draws_pixel_art();
        options(&Size::ALL, can, move || download.possible().size)
    };
    let formats = move || {
        let can = move |format| format != Format::Svg || download.studio.draws_pixel_art();
        options(&Format::ALL, can, move || download.possible().format)
    };
    view! {
        <form class="sizes" aria-label="Other sizes and formats" on:submit=save>
            <label class="field">
                <span>"Size"</span>
                <select on:change=move |event| if let Some(size) = named(&Size::ALL, &event) {
                    download.change(|choice| choice.size = size);
                }>
                    {sizes}
                </select>
            </label>
            <label class="field" class:absent=move || !is_own()>
                <span>"Side in pixels"</span>
                <input
                    type="number"
                    min=Choice::SIDES.start().to_string()
                    max=Choice::SIDES.end().to_string()
                    required=is_own
                    value=choice.get_untracked().side.to_string()
                    on:input=type_side
                />
            </label>
            <label class="field">
                <span>"Format"</span>
                <select on:change=move |event| if let Some(format) = named(&Format::ALL, &event) {
                    download.change(|choice| choice.format = format);
                }>
                    {formats}
                </select>
            </label>
            <label class="field">
                <span>"Shape"</span>
                <select on:change=move |event| {
                    let is_round = event_target_value(&event) == SHAPES[1].1;
                    download.change(|choice| choice.is_round = is_round);
                }>
                    {options(&SHAPES, |_| true, move || choice.get().is_round)}
                </select>
            </label>
            <label class="field" class:absent=move || !has_background.get()>
                <span>"Background"</span>
                <select on:change=move |event| if let Some(background) = named(&Background::ALL, &event) {
                    download.change(|choice| choice.background = background);
                }>
                    {options(&Background::ALL, |_| true, move || choice.get().background)}
                </select>
            </label>
            <p aria-live="polite">{move || line.get()}</p>
            <div class="ways">
                <button type="submit" class="primary">"Download"</button>
                {files::can_copy().then(|| view! {
                    <button type="button" class="quiet" on:click=move |_| download.copy()>"Copy picture"</button>
                })}
                {files::can_share().then(|| view! {
                    <button type="button" class="quiet" on:click=move |_| download.share()>"Share"</button>
                })}
            </div>
        </form>
    }
}

const SHAPES: [(bool, &str); 2] = [(false, "Square"), (true, "Round")];

/// The chosen one of all, by what it is called.
fn named<T: Copy>(all: &[(T, &str)], event: &web_sys::Event) -> Option<T> {
    let value = event_target_value(event);
    all.iter()
        .find(|(_, name)| *name == value)
        .map(|(chosen, _)| *chosen)
}

/// All that can be chosen, and which is.
fn options<T: Copy + PartialEq + Send + Sync + 'static>(
    all: &'static [(T, &'static str)],
    can: impl Fn(T) -> bool,
    chosen: impl Fn() -> T + Copy + Send + Sync + 'static,
) -> impl IntoView {
    let option =
        |&(value, name)| view! { <option value=name selected=move || chosen() == value>{name}</option> };
    all.iter()
        .filter(|(value, _)| can(*value))
        .map(option)
        .collect_view()
}

/// One picture of all that hangs on the wall, and the button for it.
#[component]
pub fn Sheet(studio: Studio) -> impl IntoView {
    let save = move |_| {
        let (avatars, is_pixel_art) = untrack(move || (studio.on_the_wall(), studio.draws_pixel_art()));
        spawn_local(async move {
            studio.said.set(match saved_sheet(&avatars, is_pixel_art).await {
                Some(name) => format!("Saved as {name}."),
                None => "There is nothing on the wall to save yet.".into(),
            });
        });
    };
    view! { <button class="quiet small" on:click=save>"Download these as one picture"</button> }
}

/// Saves the pictures as one, and gives the name of the file.
async fn saved_sheet(avatars: &[Avatar], is_pixel_art: bool) -> Option<String> {
    let png = sheet(avatars, is_pixel_art).await?.to_png().await?;
    let name = format!("guise-wall-{}.png", avatars.first()?.name);
    let file = files::file(&name, Format::Png.kind(), &Uint8Array::from(png.as_slice()))?;
    files::save(&file).ok()?;
    Some(name)
}

/// The pictures side by side on the color of the wall; nothing where there are none.
async fn sheet(avatars: &[Avatar], is_pixel_art: bool) -> Option<Raster> {
    let columns = avatars.len().min(COLUMNS);
    let extent = |count: usize| count as u32 * (ON_SHEET + GAP) + GAP;
    let mut sheet = match columns {
        0 => return None,
        _ => Raster::filled(
            extent(columns),
            extent(avatars.len().div_ceil(columns)),
            Some(WALL),
        ),
    };
    for (place, avatar) in avatars.iter().enumerate() {
        let picture = Art::of(avatar, is_pixel_art).await?.framed(ON_SHEET);
        let margin = (ON_SHEET - picture.width()) / 2;
        let at = |place: usize| extent(place) + margin;
        sheet.draw(&picture, at(place % columns), at(place / columns));
    }
    Some(sheet)
}
