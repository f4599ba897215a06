// Big Smile ("Custom Avatar") by Ashley Seo, CC BY 4.0: round heads with broad faces and no clothes.

import { bigSmile } from "@dicebear/collection";
import { dicebear } from "../dicebear.mjs";
import * as palettes from "../palettes.mjs";

/** Whether an accessory covers the part. */
function hidden({ part }, chosen) {
  const worn = chosen.find((choice) => choice.part.option === "accessories")?.variant;
  return (
    (part.name === "eyes" && (worn === "sleepMask" || worn === "sunglasses")) ||
    (part.name === "mouth" && worn === "faceMask")
  );
}

export default dicebear({
  art: bigSmile,
  hidden,
  parts: [
    {
      name: "hair",
      option: "hair",
      color: { option: "hairColor", palette: palettes.hair },
      variants: {
        bangs: "long hair with bangs",
        bowlCutHair: "bowl-cut hair",
        braids: "braided hair",
        bunHair: "hair in a bun",
        curlyBob: "chin-length wavy hair",
        curlyShortHair: "short curly hair",
        froBun: "hair in a curly bun",
        halfShavedHead: "hair shaved on one side",
        mohawk: "mohawk",
        shavedHead: "very short hair",
        shortHair: "short hair",
        straightHair: "shoulder-length hair",
        wavyBob: "shoulder-length wavy hair",
      },
    },
    {
      name: "accessory",
      option: "accessories",
      probability: 40,
      variants: {
        catEars: "cat ears",
        clownNose: { name: "nose", value: "red clown nose" },
        faceMask: "white face mask",
        glasses: { name: "glasses", value: "round glasses" },
        mustache: { name: "beard", value: "mustache" },
        sailormoonCrown: "golden tiara",
        sleepMask: "purple sleep mask",
        sunglasses: { name: "glasses", value: "sunglasses" },
      },
    },
    {
      name: "eyes",
      option: "eyes",
      variants: {
        angry: "angry eyes",
        cheery: "cheerful eyes",
        confused: "confused eyes",
        normal: "open eyes",
        sad: "sad eyes",
        sleepy: "sleepy eyes",
        starstruck: "starry eyes",
        winking: "winking eyes",
      },
    },
    {
      name: "mouth",
      option: "mouth",
      variants: {
        awkwardSmile: "awkward smile",
        braces: "smile with braces",
        gapSmile: "smile with a gap",
        kawaii: "small cute smile",
        openSad: "sad open mouth",
        openedSmile: "open smile",
        teethSmile: "toothy grin",
        unimpressed: "straight mouth",
      },
    },
    { name: "skin", color: { option: "skinColor", palette: palettes.skin } },
    { name: "background", color: { option: "backgroundColor", palette: palettes.background } },
  ],
});
