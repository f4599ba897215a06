// Lorelei by Lisa Wischofsky, CC0 1.0: drawn heads, black and white as published and colored here. Eyebrows, noses
// and the shape of the head vary without a name.

import { lorelei } from "@dicebear/collection";
import { dicebear } from "../dicebear.mjs";
import * as palettes from "../palettes.mjs";

const names = (groups) => {
  const variants = {};
  for (const [name, list] of Object.entries(groups)) for (const variant of list.split(" ")) variants[variant] = name;
  return variants;
};
const numbered = (groups) =>
  names(
    Object.fromEntries(
      Object.entries(groups).map(([name, list]) => [name, list.replace(/\d+/g, (number) => `variant${number}`)]),
    ),
  );

export default dicebear({
  art: lorelei,
  hidden: ({ part }, chosen) =>
    part.name === "eyes" && chosen.some(({ part: { name }, variant }) => name === "glasses" && variant === "variant02"),
  parts: [
    {
      name: "hair",
      option: "hair",
      color: { option: "hairColor", palette: palettes.hair },
      variants: numbered({
        "short hair": "01 02 07 47",
        "short swept hair": "03 08 12 22",
        "spiky hair": "04 20",
        "curly hair": "05 24",
        "short fringed hair": "06 11 43",
        "short curly hair": "09 39 44",
        "shaggy hair": "10 30",
        "chin-length hair": "13 19 23",
        "hair in a bun": "14 38 45 46",
        "shoulder-length hair": "15 16 21",
        "flipped hair": "17",
        "wavy hair": "18 32",
        "hair only at the back": "25",
        "hair in two buns": "26",
        mohawk: "27",
        "receding hair": "28",
        "hair in a low ponytail": "29 33 48",
        "hair in a ponytail": "31 36 42",
        "tuft of hair": "34",
        "long wavy hair": "35",
        "parted hair": "37",
        "hair over one eye": "40 41",
      }),
    },
    {
      name: "glasses",
      option: "glasses",
      probability: 25,
      color: { option: "glassesColor", palette: palettes.frames },
      variants: {
        variant01: "round glasses",
        variant02: "sunglasses",
        variant03: "glasses",
        variant04: "square glasses",
        variant05: "small glasses",
      },
    },
    { name: "beard", option: "beard", probability: 12, variants: { variant01: "full beard", variant02: "full beard" } },
    {
      name: "eyes",
      option: "eyes",
      color: { option: "eyesColor", palette: { natural: "000000" } },
      variants: numbered({
        "closed eyes": "01 19 22",
        "half-closed eyes": "03",
        "narrow eyes": "08 11 12 17",
        "tiny eyes": "13 16",
        "winking eyes": "15 18",
        "big eyes": "07 09 14 21 24",
        "open eyes": "02 04 05 06 10 20 23",
      }),
    },
    {
      name: "mouth",
      option: "mouth",
      variants: names({
        smile: "happy01 happy02 happy03 happy04 happy13",
        "open smile": "happy05 happy06",
        "toothy grin": "happy07 happy16",
        smirk: "happy10",
        "open mouth": "happy08 sad01 sad02",
        "tongue sticking out": "happy09 sad08",
        "small mouth": "happy11 happy17",
        "drooling mouth": "happy12",
        "straight mouth": "happy14 sad09",
        "crooked mouth": "happy15",
        "full lips": "happy18",
        frown: "sad03 sad04 sad05",
        "gritted teeth": "sad06 sad07",
      }),
    },
    // A few dots of ink that most hair covers: not worth a word, so not drawn.
    { name: "earrings", option: "earrings", probability: 0, variants: { variant01: "earrings" } },
    { name: "freckles", option: "freckles", probability: 10, variants: { variant01: "freckles" } },
    {
      name: "hair decoration",
      option: "hairAccessories",
      probability: 8,
      color: { option: "hairAccessoriesColor", palette: { red: "d63a3a", pink: "f27fb2", yellow: "f4cc3c", purple: "8a4fc0" } },
      variants: { flowers: "flowers" },
    },
    { name: "skin", color: { option: "skinColor", palette: palettes.skin } },
    { name: "background", color: { option: "backgroundColor", palette: palettes.background } },
  ],
});
