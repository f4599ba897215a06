// Personas by Draftbit, CC BY 4.0: flat heads and shoulders.

import { personas } from "@dicebear/collection";
import { dicebear } from "../dicebear.mjs";
import * as palettes from "../palettes.mjs";

export default dicebear({
  art: personas,
  parts: [
    {
      name: "hair",
      option: "hair",
      color: { option: "hairColor", palette: palettes.hair },
      variants: {
        bald: { value: "bald head", color: null },
        balding: "hair only at the sides",
        beanie: { name: "hat", value: "beanie", color: "red" },
        bobBangs: "chin-length hair with bangs",
        bobCut: "chin-length hair",
        bunUndercut: "hair in a small bun",
        buzzcut: { value: "shaved hair", color: null },
        cap: { name: "hat", value: "cap", color: "orange" },
        curly: "big curly hair",
        curlyBun: "hair in a curly bun",
        curlyHighTop: "short curly hair",
        extraLong: "very long hair",
        fade: "short hair",
        long: "long hair",
        mohawk: "tuft of hair",
        pigtails: "hair in pigtails",
        shortCombover: "short swept hair",
        shortComboverChops: "short hair with sideburns",
        sideShave: "hair shaved on one side",
        straightBun: "hair in a bun",
      },
    },
    {
      name: "eyes",
      option: "eyes",
      variants: {
        glasses: { name: "glasses", value: "square glasses" },
        happy: "happy eyes",
        open: "open eyes",
        sleep: "closed eyes",
        sunglasses: { name: "glasses", value: "sunglasses" },
        wink: "winking eyes",
      },
    },
    {
      name: "beard",
      option: "facialHair",
      probability: 20,
      variants: {
        beardMustache: "full beard",
        goatee: "goatee",
        pyramid: "mustache",
        shadow: "stubble",
        soulPatch: "chin tuft",
        walrus: "thick mustache",
      },
    },
    {
      name: "mouth",
      option: "mouth",
      variants: {
        bigSmile: "big smile",
        frown: "frown",
        lips: "full lips",
        pacifier: "pacifier",
        smile: "smile",
        smirk: "smirk",
        surprise: "surprised mouth",
      },
    },
    {
      name: "clothes",
      option: "body",
      color: { option: "clothingColor", palette: palettes.clothes },
      variants: { checkered: "checkered shirt", rounded: "shirt", small: "scarf", squared: "shirt" },
    },
    { name: "skin", color: { option: "skinColor", palette: palettes.skin } },
    { name: "background", color: { option: "backgroundColor", palette: palettes.background } },
  ],
});
