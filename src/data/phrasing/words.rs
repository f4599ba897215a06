//! Other words for colors, for the things that have them, and for what a mouth says about a mood.
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

/// Colors of hair, clothes, backgrounds and whatever else has them.
///
/// These are many, because sentence encoders hardly know rare words for colors: to all-MiniLM-L6-v2, "crimson
/// hair" is nearer to "brown hair" than to "red hair". Words that are not here are mostly not understood.
pub(super) const COLORS: &[Synonyms] = &[
    of(
        "black",
        &[
            "jet black",
            "coal black",
            "pitch black",
            "ebony",
            "raven",
            "inky",
            "onyx",
        ],
        &["obsidian"],
    ),
    of(
        "white",
        &["snow white", "pure white", "ivory", "snowy", "alabaster"],
        &["chalky"],
    ),
    of(
        "gray",
        &[
            "grey",
            "medium gray",
            "ash gray",
            "slate",
            "ashen",
            "steel gray",
            "stone",
        ],
        &["pewter"],
    ),
    of(
        "light gray",
        &[
            "light grey",
            "pale gray",
            "pale grey",
            "pearl",
            "smoky",
            "silver-gray",
        ],
        &["fog"],
    ),
    of(
        "red",
        &[
            "bright red",
            "scarlet",
            "cherry red",
            "fiery red",
            "crimson",
            "ruby",
            "tomato red",
            "blood red",
        ],
        &["vermilion"],
    ),
    of(
        "orange",
        &[
            "bright orange",
            "tangerine",
            "fox orange",
            "pumpkin",
            "carrot",
            "ginger",
            "flame",
            "amber",
        ],
        &["persimmon"],
    ),
    of(
        "yellow",
        &[
            "bright yellow",
            "golden yellow",
            "sunny yellow",
            "lemon",
            "canary",
            "sunflower",
            "banana",
        ],
        &["daffodil"],
    ),
    of(
        "blond",
        &[
            "blonde",
            "golden",
            "golden blond",
            "honey blond",
            "flaxen",
            "straw",
            "wheat",
        ],
        &["corn"],
    ),
    of(
        "green",
        &[
            "bright green",
            "grass green",
            "leaf green",
            "emerald",
            "jade",
            "apple green",
        ],
        &["shamrock"],
    ),
    of(
        "dark green",
        &[
            "deep green",
            "forest green",
            "bottle green",
            "pine",
            "hunter green",
            "evergreen",
        ],
        &["spruce"],
    ),
    of(
        "turquoise",
        &["teal", "cyan", "blue-green", "aqua", "aquamarine", "sea green"],
        &["lagoon"],
    ),
    of(
        "blue",
        &[
            "bright blue",
            "royal blue",
            "azure",
            "cobalt",
            "sapphire",
            "cornflower",
            "ocean blue",
        ],
        &["lapis"],
    ),
    of(
        "navy",
        &[
            "dark blue",
            "navy blue",
            "deep blue",
            "midnight blue",
            "midnight",
            "indigo",
        ],
        &["nautical"],
    ),
    of(
        "light blue",
        &[
            "pale blue",
            "baby blue",
            "sky blue",
            "sky",
            "powder blue",
            "icy blue",
        ],
        &["cerulean"],
    ),
    of(
        "purple",
        &[
            "violet",
            "deep purple",
            "royal purple",
            "plum",
            "amethyst",
            "grape",
            "eggplant",
        ],
        &["mulberry"],
    ),
    of(
        "lavender",
        &[
            "light purple",
            "pale purple",
            "pale violet",
            "lilac",
            "soft purple",
        ],
        &["wisteria"],
    ),
    of(
        "pink",
        &[
            "hot pink",
            "bright pink",
            "bubblegum pink",
            "magenta",
            "rose",
            "rosy",
            "fuchsia",
            "flamingo",
        ],
        &["peony"],
    ),
    of(
        "peach",
        &["light orange", "pale orange", "peachy", "apricot", "salmon"],
        &["cantaloupe"],
    ),
    of(
        "mint green",
        &[
            "mint",
            "pale green",
            "light green",
            "minty",
            "seafoam",
            "pistachio",
        ],
        &["celadon"],
    ),
    of(
        "pale yellow",
        &[
            "light yellow",
            "cream",
            "creamy",
            "vanilla",
            "butter",
            "pastel yellow",
        ],
        &["custard"],
    ),
    of(
        "brown",
        &[
            "chestnut",
            "medium brown",
            "nut brown",
            "walnut",
            "cinnamon",
            "chocolate",
        ],
        &["cocoa"],
    ),
    of(
        "dark brown",
        &[
            "deep brown",
            "very dark brown",
            "earth brown",
            "espresso",
            "mahogany",
            "coffee",
            "umber",
        ],
        &["molasses"],
    ),
    of(
        "light brown",
        &[
            "sandy brown",
            "pale brown",
            "soft brown",
            "caramel",
            "hazel",
            "toffee",
        ],
        &["butterscotch"],
    ),
    of(
        "auburn",
        &[
            "reddish brown",
            "red-brown",
            "copper red",
            "russet",
            "copper",
            "rust",
        ],
        &["henna"],
    ),
    of(
        "beige",
        &["tan", "light tan", "sand-colored", "khaki", "oatmeal", "sand"],
        &["ecru"],
    ),
    of("gold", &["golden"], &[]),
    of("silver", &["silvery"], &[]),
];

/// What skin is called, where the words of [`COLORS`] mean something else.
pub(super) const SKIN: &[Synonyms] = &[
    of(
        "pale",
        &["very pale", "very light", "white", "porcelain", "snow-white"],
        &["ghostly"],
    ),
    of("light", &["light-toned", "fair", "rosy"], &[]),
    of(
        "tan",
        &["tanned", "sun-tanned", "olive", "bronzed"],
        &["sunkissed"],
    ),
    of("brown", &["medium brown", "caramel", "chestnut"], &[]),
    of("dark", &["dark brown", "deep brown", "chocolate"], &[]),
    of("very dark", &["black", "very dark brown", "ebony"], &["obsidian"]),
];

/// What properties are called in general, the commonest first; a property that is not here has its own name
/// only.
pub(super) const NOUNS: &[Synonyms] = &[
    of(
        "hair",
        &["hair", "hair", "hairdo", "hairstyle", "haircut", "locks"],
        &["tresses", "mane"],
    ),
    of(
        "clothes",
        &[
            "shirt", "shirt", "top", "t-shirt", "tee", "clothes", "clothing", "outfit", "sweater",
        ],
        &["garment", "jersey"],
    ),
    of("hat", &["hat", "headwear"], &["headgear"]),
    of(
        "glasses",
        &["glasses", "spectacles", "eyeglasses", "eyewear", "specs"],
        &["goggles"],
    ),
    of("earrings", &["earrings", "ear jewelry"], &[]),
    of("beard", &["beard", "facial hair"], &["whiskers"]),
    of("mouth", &["mouth", "lips"], &[]),
    of("skin", &["skin", "skin tone"], &["complexion"]),
    of(
        "background",
        &["background", "backdrop", "wall"],
        &["surroundings"],
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
            &[
                "happy", "smiling", "cheerful", "friendly", "joyful", "glad", "merry", "grinning",
            ],
            &["delighted", "jolly"],
        ),
    },
    Mood {
        shown_by: &["frown", "frowning", "sad", "angry"],
        adjectives: of(
            "grumpy",
            &[
                "grumpy", "unhappy", "sad", "frowning", "angry", "cross", "moody", "gloomy",
            ],
            &["furious", "sulky"],
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
