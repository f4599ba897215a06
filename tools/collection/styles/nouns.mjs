// Nouns by the Nouns DAO, CC0 1.0: heads of all kinds of things, all with square glasses, on 32x32 pixels.

import { readFileSync } from "node:fs";
import { png } from "../png.mjs";
import * as names from "./nouns-names.mjs";

const SIDE = 32;

// The package's code is under the GPL and stays where npm put it: only the art, which is data and CC0, is read.
const art = JSON.parse(
  readFileSync(new URL("../nouns/node_modules/@nouns/assets/dist/image-data.json", import.meta.url), "utf8"),
);
const palette = art.palette.map((color) => Number.parseInt(color || "0", 16));

/**
 * Where a part has pixels, and their colors, as `[position, color]`.
 *
 * It is stored as hexadecimal bytes: the number of the palette, the bounds (top, right, bottom, left; right is
 * the first column outside, bottom the last row inside), then runs of a length and a color. Color 0 is transparent.
 */
function decode({ filename, data }) {
  const bytes = Buffer.from(data.slice(2), "hex");
  const [, top, right, bottom, left] = bytes;
  const width = right - left;
  const area = width * (bottom - top + 1);
  const pixels = [];
  let place = 0;
  for (let at = 5; at + 1 < bytes.length; at += 2) {
    const [length, color] = bytes.subarray(at, at + 2);
    for (const end = place + length; place < end; place++) {
      const position = (top + Math.floor(place / width)) * SIDE + left + (place % width);
      if (color !== 0) pixels.push([position, palette[color]]);
    }
  }
  const inside = right <= SIDE && bottom < SIDE && pixels.every(([, color]) => color !== undefined);
  if (place !== area || !inside) throw new Error(`${filename} of @nouns/assets is not encoded as expected`);
  return pixels;
}

const parts = Object.fromEntries(
  Object.entries(art.images).map(([kind, list]) => [
    kind,
    list.map((part) => ({ filename: part.filename, pixels: decode(part) })),
  ]),
);

/** Lays parts over a background of one color, the first lowest. */
function compose(background, layers) {
  const picture = new Array(SIDE * SIDE).fill(background);
  for (const { pixels } of layers) for (const [position, color] of pixels) picture[position] = color;
  return picture;
}

/** How many pixels a part changes in a picture, so that what others cover is not named. */
function seen(background, layers, part) {
  const without = compose(
    background,
    layers.filter((layer) => layer !== part),
  );
  return compose(background, layers).filter((color, index) => color !== without[index]).length;
}

export default {
  facts: {
    name: "Nouns",
    license: "CC0-1.0",
    attribution:
      "“Nouns” by the Nouns DAO, dedicated to the public domain (https://creativecommons.org/publicdomain/zero/1.0/); drawn in random combinations",
    source: "https://nouns.wtf",
  },
  extension: "png",
  distinct: true,
  draw(random) {
    const pick = (list) => list[Math.floor(random() * list.length)];
    const place = Math.floor(random() * art.bgcolors.length);
    const background = Number.parseInt(art.bgcolors[place], 16);
    const [body, accessory, head, glasses] = ["bodies", "accessories", "heads", "glasses"].map((kind) =>
      pick(parts[kind]),
    );
    const layers = [body, accessory, head, glasses];
    const attributes = names.attributes({
      background: art.bgcolors[place],
      // A quarter of the body, and three pixels of what is on it, are enough to tell what they are.
      body: seen(background, layers, body) >= body.pixels.length / 4 ? body.filename : undefined,
      accessory: seen(background, layers, accessory) >= 3 ? accessory.filename : undefined,
      head: head.filename,
      glasses: glasses.filename,
    });
    return { picture: png(SIDE, SIDE, compose(background, layers)), attributes };
  },
};
