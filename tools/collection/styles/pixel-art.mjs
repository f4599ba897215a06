// Pixel Art by DiceBear, CC0 1.0: heads of 16x16 pixels. The names were given by looking at every variant.

import { pixelArt } from "@dicebear/collection";
import { dicebear } from "../dicebear.mjs";
import * as palettes from "../palettes.mjs";

const shirt = "shirt";

// What covers what, from rendering every pair with the lower part in a color of its own: hair that keeps at
// least 4 of its 256 pixels under every hat, and hair that leaves at most 1 pixel of an earring.
const seenUnderHats = /^(long(?!14)|short(01|11|13|14|15|17|18)$)/;
const coversEarrings = {
  variant01: /^long(08|13)$/,
  variant02: /^long(?!14)/,
  variant03: /^long(02|03|08|13)$/,
  variant04: /^long(02|03|08|13)$/,
};

/** Whether another part covers this one, so that naming it would be untrue of the picture. */
function hidden({ part, variant }, chosen) {
  const other = (name) => chosen.find((choice) => choice.part.name === name)?.variant;
  switch (part.name) {
    case "hair":
      return other("hat") !== undefined && !seenUnderHats.test(variant);
    case "earrings":
      return coversEarrings[variant].test(other("hair"));
    case "eyes":
      return other("glasses")?.startsWith("dark") ?? false;
    default:
      return false;
  }
}

export default dicebear({
  art: pixelArt,
  hidden,
  parts: [
    {
      name: "hair",
      option: "hair",
      color: { option: "hairColor", palette: palettes.hair },
      variants: {
        long01: "long hair",
        long02: "long flipped hair",
        long03: "long flipped hair",
        long04: "chin-length hair",
        long05: "hair in a side bun",
        long06: "hair in a side braid",
        long07: "long hair",
        long08: "long hair over one eye",
        long09: "long straight hair",
        long10: "hair on one side",
        long11: "short swept hair",
        long12: "very long hair",
        long13: "very long hair",
        long14: "hair in two buns",
        long15: "curly hair",
        long16: "chin-length hair",
        long17: "lopsided hair",
        long18: "hair in pigtails",
        long19: "hair in a side braid",
        long20: "shoulder-length hair",
        long21: "shoulder-length hair",
        short01: "short hair",
        short02: "short hair",
        short03: "short hair",
        short04: "short hair",
        short05: "tuft of hair",
        short06: "square hair",
        short07: "receding hair",
        short08: "messy short hair",
        short09: "short swept hair",
        short10: "short hair",
        short11: "curly hair",
        short12: "thin combed hair",
        short13: "short curly hair",
        short14: "bowl-cut hair",
        short15: "short hair with sideburns",
        short16: "flat-top hair",
        short17: "thick short hair",
        short18: "hair only at the sides",
        short19: "short fringed hair",
        short20: "tuft of hair",
        short21: "tuft of hair",
        short22: "short hair",
        short23: "tuft of hair",
        short24: "receding hair",
      },
    },
    {
      name: "hat",
      option: "hat",
      probability: 12,
      color: { option: "hatColor", palette: palettes.clothes },
      variants: {
        variant01: "beanie",
        variant02: "cap",
        variant03: "striped beanie",
        variant04: "striped beanie",
        variant05: "beanie",
        variant06: "top hat",
        variant07: "cap",
        variant08: "beanie",
        variant09: "beanie",
        variant10: "beanie",
      },
    },
    {
      name: "glasses",
      option: "glasses",
      probability: 30,
      color: { option: "glassesColor", palette: palettes.frames },
      variants: {
        dark01: "small sunglasses",
        dark02: "sunglasses",
        dark03: "sunglasses",
        dark04: { value: "rimless sunglasses", color: null },
        dark05: "round sunglasses",
        dark06: "round sunglasses",
        dark07: "round sunglasses",
        light01: "small glasses",
        light02: "rectangular glasses",
        light03: "rectangular glasses",
        light04: { value: "rimless glasses", color: null },
        light05: "round glasses",
        light06: "round glasses",
        light07: "round glasses",
      },
    },
    {
      name: "clothes",
      option: "clothing",
      color: { option: "clothingColor", palette: palettes.clothes },
      variants: {
        variant01: "shirt with stripes at the sides",
        variant02: "checkered shirt",
        variant03: shirt,
        variant04: shirt,
        variant05: shirt,
        variant06: "checkered shirt",
        variant07: "halter top",
        variant08: shirt,
        variant09: "top with thin straps",
        variant10: "tank top with a pocket",
        variant11: "V-neck shirt",
        variant12: "turtleneck",
        variant13: "striped shirt",
        variant14: shirt,
        variant15: "strapless top",
        variant16: "shirt with a collar",
        variant17: "tank top",
        variant18: "V-neck tank top",
        variant19: "tank top with a pocket",
        variant20: "strapless top",
        variant21: "low-cut tank top",
        variant22: "open vest",
        variant23: "shirt with stripes at the sides",
      },
    },
    {
      name: "beard",
      option: "beard",
      probability: 12,
      variants: {
        variant01: "stubble",
        variant02: "goatee",
        variant03: "full beard",
        variant04: "goatee",
        variant05: "stubble",
        variant06: "stubble",
        variant07: "stubble",
        variant08: "stubble",
      },
    },
    {
      name: "eyes",
      option: "eyes",
      color: { option: "eyesColor", palette: palettes.eyes },
      variants: {
        variant01: "big eyes",
        variant02: "sleepy eyes",
        variant03: "narrow eyes",
        variant04: "narrow eyes",
        variant05: "sleepy eyes",
        variant06: "small eyes",
        variant07: "eyes looking right",
        variant08: "eyes looking left",
        variant09: "big eyes",
        variant10: "sleepy eyes",
        variant11: "small eyes",
        variant12: "droopy eyes",
      },
    },
    {
      name: "mouth",
      option: "mouth",
      color: { option: "mouthColor", palette: palettes.lips },
      variants: {
        happy01: "open mouth",
        happy02: "tiny mouth",
        happy03: "crooked smile",
        happy04: "crooked smile",
        happy05: "tiny mouth",
        happy06: "laughing mouth",
        happy07: "smile",
        happy08: "smile",
        happy09: "smile",
        happy10: "crooked smile",
        happy11: "crooked smile",
        happy12: "toothy grin",
        happy13: "full lips",
        sad01: "frown",
        sad02: "crooked frown",
        sad03: "crooked frown",
        sad04: "straight mouth",
        sad05: "straight mouth",
        sad06: "straight mouth",
        sad07: "small mouth",
        sad08: "crooked frown",
        sad09: "crooked frown",
        sad10: "crooked frown",
      },
    },
    {
      name: "earrings",
      option: "accessories",
      probability: 20,
      color: { option: "accessoriesColor", palette: palettes.metal },
      variants: {
        variant01: "big earrings",
        variant02: "earrings",
        variant03: "hoop earrings",
        variant04: "small earrings",
      },
    },
    { name: "skin", color: { option: "skinColor", palette: palettes.skin } },
    { name: "background", color: { option: "backgroundColor", palette: palettes.background } },
  ],
});
