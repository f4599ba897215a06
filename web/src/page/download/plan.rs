//! What comes of a choice: how large the file is, where in it the avatar is, and its pixels.

use super::{
    super::{facts::Avatar, raster::Raster, share::Name},
    choice::{Background, Choice, Format, Size},
};
use js_sys::Uint8Array;

/// The largest pictures that the engine makes, and more.
const MAX_SIDE: u32 = 4096;
/// How much of a wallpaper's width the avatar takes.
const WALLPAPER: (u32, u32) = (1080, 1920);
const ON_WALLPAPER: u32 = 864;
/// The color of the page's wall, for what stands on nothing.
pub const WALL: [u8; 3] = [0xf5, 0xf2, 0xec];

/// An avatar to make files of.
#[derive(PartialEq)]
pub struct Art {
    name: Name,
    /// Of pixel art one pixel for each of the art's, and otherwise the largest picture there is.
    picture: Raster,
    is_pixel_art: bool,
    ground: Option<[u8; 3]>,
    is_opaque: bool,
}

impl Art {
    /// Reads an avatar's picture.
    pub async fn of(avatar: &Avatar, is_pixel_art: bool) -> Option<Self> {
        let picture = match is_pixel_art {
            true => avatar.drawn(),
            false => avatar.best(),
        };
        let file = Uint8Array::new(&picture.png).to_vec();
        let picture = Raster::from_png(&file, MAX_SIDE)
            .await
            .filter(|picture| picture.width() == picture.height())?;
        let picture = if is_pixel_art { picture.cells() } else { picture };
        Some(Self {
            name: avatar.name,
            ground: picture.ground(),
            is_opaque: picture.is_opaque(),
            picture,
            is_pixel_art,
        })
    }

    /// As large as fits into a square of this side.
    pub fn framed(&self, side: u32) -> Raster {
        match side / self.picture.width() {
            factor if self.is_pixel_art && factor > 0 => self.picture.repeated(factor),
            _ => self.picture.resized(side),
        }
    }

    /// Whether every pixel of it is meant to be a square.
    pub fn is_pixel_art(&self) -> bool {
        self.is_pixel_art
    }
}

/// A file to be, of an avatar.
pub struct Plan<'a> {
    art: &'a Art,
    choice: Choice,
    /// Its width and height in pixels.
    pub extent: (u32, u32),
    /// The side of the square that is the avatar's, in the middle.
    square: u32,
    /// The side of the avatar itself, in the middle of that: of pixel art a whole multiple of its own.
    side: u32,
}

impl<'a> Plan<'a> {
    /// What comes of a choice.
    pub fn of(choice: Choice, art: &'a Art) -> Self {
        let own = art.picture.width();
        // The nearest side at which every pixel of the art is a square of whole pixels.
        let whole = |side: u32| match art.is_pixel_art {
            true => (side + own / 2) / own * own,
            false => side,
        };
        let most = |side: u32| match art.is_pixel_art {
            true => (side / own).max(1) * own,
            false => side,
        };
        let typed = |side: u32| whole(side).clamp(own, most(*Choice::SIDES.end()).max(own));
        let square = |side: u32| ((side, side), side);
        let (extent, square) = match choice.size {
            Size::Full if art.is_pixel_art => square(typed(1024)),
            Size::Half if art.is_pixel_art => square(typed(512)),
            Size::Full | Size::Half => square(own),
            Size::Discord => square(128),
            Size::DiscordLarge => square(512),
            Size::X => square(400),
            Size::GitHub => square(460),
            Size::Wallpaper => (WALLPAPER, ON_WALLPAPER),
            Size::Own if art.is_pixel_art => square(typed(choice.side)),
            Size::Own => square(choice.side),
        };
        Self {
            art,
            choice,
            extent,
            square,
            side: most(square).min(square.max(own)),
        }
    }

    /// Whether something can be seen of the background that is chosen.
    pub fn has_background(&self) -> bool {
        self.choice.is_round || self.choice.size == Size::Wallpaper || !self.art.is_opaque
    }

    /// Whether it shows more pixels than were drawn, and so is not sharp.
    pub fn is_stretched(&self) -> bool {
        !self.art.is_pixel_art && self.side > self.art.picture.width()
    }

    /// The file's name, without its ending.
    pub fn name(&self) -> String {
        let (width, height) = self.extent;
        match width == height {
            true => format!("guise-{}-{width}", self.art.name),
            false => format!("guise-{}-{width}x{height}", self.art.name),
        }
    }

    /// Whether its pixels are those of the picture as it was drawn or enlarged.
    pub fn is_untouched(&self) -> bool {
        let own = self.art.picture.width();
        !self.art.is_pixel_art
            && self.extent == (own, own)
            && (self.art.is_opaque || self.choice.background == Background::Transparent)
            && !self.choice.is_round
    }

    /// The color around the avatar and through it; nothing where that is transparent.
    fn background(&self) -> Option<[u8; 3]> {
        let own = self.art.ground.unwrap_or(WALL);
        let can_be_transparent = self.choice.format != Format::Jpeg && self.choice.size != Size::Wallpaper;
        match self.choice.background {
            Background::Transparent if can_be_transparent && self.has_background() => None,
            Background::White if self.has_background() => Some([255; 3]),
            Background::Black if self.has_background() => Some([0; 3]),
            _ => Some(own),
        }
    }

    /// The color that the avatar stands on, where it does not fill its square or can be seen through.
    fn ground(&self) -> Option<[u8; 3]> {
        match self.art.is_opaque {
            true => self.art.ground,
            false => self.background(),
        }
    }

    /// Its pixels.
    pub fn render(&self) -> Raster {
        let own = self.art.picture.width();
        let picture = match self.art.is_pixel_art {
            true => self.art.picture.repeated(self.side / own),
            false => self.art.picture.resized(self.side),
        };
        let mut square = Raster::filled(self.square, self.square, self.ground());
        let margin = (self.square - self.side) / 2;
        square.draw(&picture, margin, margin);
        if self.choice.is_round {
            square.make_round();
        }
        let (width, height) = self.extent;
        let mut all = Raster::filled(width, height, self.background());
        all.draw(&square, (width - self.square) / 2, (height - self.square) / 2);
        all
    }

    /// The same as areas: a path for every color, of runs of pixels. All that comes from outside are colors
    /// and numbers.
    pub fn to_svg(&self) -> String {
        let ((width, height), own) = (self.extent, self.art.picture.width());
        let (square, margin) = (self.square, (self.square - self.side) / 2);
        let (left, top) = ((width - square) / 2, (height - square) / 2);
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
             viewBox=\"0 0 {width} {height}\" shape-rendering=\"crispEdges\">"
        );
        let rectangle = |color: Option<[u8; 3]>, width, height| {
            color.map(|[r, g, b]| {
                format!("<path fill=\"#{r:02x}{g:02x}{b:02x}\" d=\"M0 0h{width}v{height}H0z\"/>")
            })
        };
        if left > 0 || top > 0 || self.choice.is_round {
            svg.extend(rectangle(self.background(), width, height));
        }
        svg += &format!("<g transform=\"translate({left} {top})\"");
        if self.choice.is_round {
            // Its edge is smooth, unlike those of pixels.
            svg = svg.replace(" shape-rendering=\"crispEdges\"", "");
            let half = f64::from(square) / 2.0;
            let disk = format!("<circle cx=\"{half}\" cy=\"{half}\" r=\"{half}\"/>");
            svg += &format!(" clip-path=\"url(#round)\"><clipPath id=\"round\">{disk}</clipPath>");
            svg += "<g shape-rendering=\"crispEdges\">";
        } else {
            svg += "><g>";
        }
        svg.extend(rectangle(self.ground(), square, square));
        svg += &format!(
            "<g transform=\"translate({margin} {margin})scale({})\">",
            self.side / own
        );
        for ([r, g, b, alpha], path) in self.art.picture.runs() {
            // What stands on its own color is there already.
            if alpha == 0 || (alpha == 255 && self.ground() == Some([r, g, b])) {
                continue;
            }
            let opacity = match alpha {
                255 => String::new(),
                _ => format!(" fill-opacity=\"{:.4}\"", f32::from(alpha) / 255.0),
            };
            svg += &format!("<path fill=\"#{r:02x}{g:02x}{b:02x}\"{opacity} d=\"{path}\"/>");
        }
        svg + "</g></g></g></svg>\n"
    }
}
