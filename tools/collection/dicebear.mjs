// Styles of DiceBear. Every choice is made here and handed to DiceBear as the only option left, so that what the JSON
// says is what was drawn.

import { createAvatar } from "@dicebear/core";

const pick = (random, list) => list[Math.floor(random() * list.length)];

/** Chooses one avatar: the options that draw it, and what each choice is called. */
function choose(style, random) {
  const options = {};
  const chosen = [];
  for (const part of style.parts) {
    // Every part takes the same number of random numbers, drawn or not: a changed probability then leaves all
    // other parts as they were.
    const shown = random() * 100 < (part.probability ?? 100);
    const variant = pick(random, Object.keys(part.variants ?? { none: "" }));
    const color = pick(random, Object.keys(part.color?.palette ?? { none: "" }));
    if (part.option) {
      options[part.option] = shown ? [variant] : [];
      if (`${part.option}Probability` in style.art.schema.properties) {
        options[`${part.option}Probability`] = shown ? 100 : 0;
      }
    }
    if (part.color) options[part.color.option] = [part.color.palette[color]];
    if (shown) chosen.push({ part, variant, color });
  }
  return { options, chosen };
}

/**
 * The ERC-721 attributes of what can be seen: `hair: long hair` and `hair color: pink`. A variant may say more than
 * its value: that it is another kind of thing (`name`), or that its color is always the same, or has none (`color`).
 */
function attributes(style, chosen) {
  const result = [];
  for (const choice of chosen) {
    if (style.hidden?.(choice, chosen)) continue;
    const { part, variant } = choice;
    const told = part.variants?.[variant];
    const { name = part.name, value = told, color = part.color && choice.color } = Object(told);
    if (value) result.push({ trait_type: name, value: String(value) });
    // `natural` goes unsaid: people do not ask for a mouth of the usual color.
    if (color && color !== "natural") result.push({ trait_type: value ? `${name} color` : name, value: color });
  }
  return result;
}

/** The contents of `collection.json`, as `guise` reads it. */
function provenance(art) {
  const { title, creator, source, license } = art.meta;
  const spdx = { "CC0 1.0": "CC0-1.0", "CC BY 4.0": "CC-BY-4.0" }[license.name];
  return {
    name: title,
    license: spdx ?? license.name,
    attribution: `“${title}” by ${creator}, licensed under ${license.name} (${license.url}); drawn in random combinations`,
    source,
  };
}

/** What `draw.mjs` draws, from `art` of DiceBear, the `parts` to vary and what is `hidden` of them. */
export function dicebear(style) {
  return {
    facts: provenance(style.art),
    extension: "svg",
    draw(random, seed) {
      const { options, chosen } = choose(style, random);
      const avatar = createAvatar(style.art, { ...options, seed });
      return { picture: avatar.toString(), attributes: attributes(style, chosen) };
    },
  };
}
