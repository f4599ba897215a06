//! Other words for colours, for the things that have them, and for what a mouth says about a mood.
//!
//! Each has words to train with and words to test with. No test word occurs among the training words or in a
//! caption, so that a test shows what the sentence encoder knows and not what was memorized.

/// Other words for one word.
pub(super) struct Synonyms {
    pub word: &'static str,
    pub training: &'static [&'static str],
    pub test: &'static [&'static str],
}

const fn of(
    word: &'static str,
    training: &'static [&'static str],
    test: &'static [&'static str],
) -> Synonyms {
    Synonyms { word, training, test }
}

/// Colours of hair, clothes, backgrounds and whatever else has them.
pub(super) const COLOURS: &[Synonyms] = &[
    of(
        "black",
        &["jet black", "coal black", "pitch black"],
        &["raven", "obsidian"],
    ),
    of(
        "white",
        &["snow white", "pure white", "ivory"],
        &["alabaster", "chalky"],
    ),
    of("gray", &["grey", "medium gray", "ash gray"], &["slate"]),
    of(
        "light gray",
        &["light grey", "pale gray", "pale grey"],
        &["pearl", "smoky"],
    ),
    of(
        "red",
        &["bright red", "scarlet", "cherry red", "fiery red"],
        &["crimson", "ruby"],
    ),
    of(
        "orange",
        &["bright orange", "tangerine", "fox orange"],
        &["pumpkin", "carrot"],
    ),
    of(
        "yellow",
        &["bright yellow", "golden yellow", "sunny yellow"],
        &["lemon", "canary"],
    ),
    of(
        "blond",
        &["blonde", "golden", "golden blond", "honey blond"],
        &["flaxen", "straw"],
    ),
    of(
        "green",
        &["bright green", "grass green", "leaf green"],
        &["emerald", "jade"],
    ),
    of(
        "dark green",
        &["deep green", "forest green", "bottle green"],
        &["pine"],
    ),
    of("turquoise", &["teal", "cyan", "blue-green"], &["aqua"]),
    of(
        "blue",
        &["bright blue", "royal blue", "azure"],
        &["cobalt", "sapphire"],
    ),
    of("navy", &["dark blue", "navy blue", "deep blue"], &["midnight"]),
    of(
        "light blue",
        &["pale blue", "baby blue", "sky blue"],
        &["cerulean"],
    ),
    of(
        "purple",
        &["violet", "deep purple", "grape purple"],
        &["plum", "amethyst"],
    ),
    of(
        "lavender",
        &["light purple", "pale purple", "pale violet"],
        &["lilac"],
    ),
    of(
        "pink",
        &["hot pink", "bright pink", "bubblegum pink", "magenta"],
        &["rose", "fuchsia"],
    ),
    of(
        "peach",
        &["light orange", "pale orange", "peachy"],
        &["apricot", "salmon"],
    ),
    of("mint green", &["mint", "pale green", "light green"], &["seafoam"]),
    of("pale yellow", &["light yellow", "cream", "creamy"], &["vanilla"]),
    of(
        "brown",
        &["chestnut", "medium brown", "nut brown"],
        &["walnut", "cinnamon"],
    ),
    of(
        "dark brown",
        &["deep brown", "very dark brown", "earth brown"],
        &["espresso", "mahogany"],
    ),
    of(
        "light brown",
        &["sandy brown", "pale brown", "soft brown"],
        &["caramel", "hazel"],
    ),
    of(
        "auburn",
        &["reddish brown", "red-brown", "copper red"],
        &["russet"],
    ),
    of("beige", &["tan", "light tan", "sand-colored"], &["khaki"]),
    of("gold", &["golden"], &[]),
    of("silver", &["silvery"], &[]),
];

/// What skin is called, where the words of [`COLOURS`] mean something else.
pub(super) const SKIN: &[Synonyms] = &[
    of("pale", &["very pale", "very light", "white"], &["porcelain"]),
    of("light", &["light-toned", "fair"], &[]),
    of("tan", &["tanned", "sun-tanned", "olive"], &["bronzed"]),
    of("brown", &["medium brown"], &[]),
    of("dark", &["dark brown", "deep brown"], &[]),
    of("very dark", &["black", "very dark brown"], &["ebony"]),
];

/// What properties are called in general; a property that is not here has its own name only.
pub(super) const NOUNS: &[Synonyms] = &[
    of(
        "hair",
        &["hair", "hair", "hairdo", "hairstyle", "haircut"],
        &["locks", "tresses", "mane"],
    ),
    of(
        "clothes",
        &[
            "shirt", "shirt", "top", "t-shirt", "clothes", "clothing", "outfit", "sweater",
        ],
        &["tee", "garment", "jersey"],
    ),
    of("hat", &["hat", "headwear"], &["headgear"]),
    of(
        "glasses",
        &["glasses", "spectacles", "eyeglasses", "eyewear"],
        &["specs", "goggles"],
    ),
    of("earrings", &["earrings", "ear jewelry"], &[]),
    of("beard", &["beard", "facial hair"], &["whiskers"]),
    of("mouth", &["mouth", "lips"], &[]),
    of("skin", &["skin", "skin tone"], &["complexion"]),
    of(
        "background",
        &["background", "backdrop"],
        &["wall", "surroundings"],
    ),
];

/// Other words inside a value, such as "round sunglasses".
pub(super) const INSIDE: &[Synonyms] = &[
    of("sunglasses", &["shades", "dark glasses"], &[]),
    of("beanie", &["knitted hat", "woolly hat"], &[]),
    of("pigtails", &["bunches"], &[]),
    of("tank top", &["sleeveless shirt"], &[]),
    of("grin", &["wide smile"], &[]),
];

/// A mood that some values of `mouth` show: those with one of the words `shown_by`.
pub(super) struct Mood {
    pub shown_by: &'static [&'static str],
    pub adjectives: Synonyms,
}

/// A property that shows moods.
pub(super) const MOODFUL: &str = "mouth";

pub(super) const MOODS: &[Mood] = &[
    Mood {
        shown_by: &["smile", "smiling", "grin", "laugh", "laughing", "happy"],
        adjectives: of(
            "happy",
            &["happy", "smiling", "cheerful", "friendly"],
            &["joyful", "delighted"],
        ),
    },
    Mood {
        shown_by: &["frown", "frowning", "sad", "angry"],
        adjectives: of(
            "grumpy",
            &["grumpy", "unhappy", "sad", "frowning"],
            &["angry", "gloomy"],
        ),
    },
];

/// Whom an avatar may be taken for; a caption says nothing about it, so neither does the word.
pub(super) const PEOPLE: &[&str] = &[
    "avatar",
    "avatar",
    "person",
    "character",
    "man",
    "woman",
    "guy",
    "girl",
    "boy",
    "someone",
    "face",
    "portrait",
];

/// What is worn, and not only had.
pub(super) const WORN: &[&str] = &["clothes", "hat", "glasses", "earrings"];
