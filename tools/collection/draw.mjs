// Draws a collection to train on: N avatars of a DiceBear style as SVG, ERC-721 style JSON beside each, and
// `collection.json` with the licence of the art.
//
//   node draw.mjs STYLE --count N --out DIR [--seed S]
//
// The same style, count and seed draw the same files. Every choice is made here and handed to DiceBear as the only
// option left, so that what the JSON says is what was drawn.

import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { createAvatar } from "@dicebear/core";

const STYLES = ["pixel-art", "big-smile", "lorelei", "open-peeps", "personas"];
const MAX_COUNT = 1_000_000;
const USAGE = `usage: node draw.mjs STYLE --count N --out DIR [--seed S]\nstyles: ${STYLES.join(", ")}`;

/** A mistake of the caller's, told without a stack. */
class Mistake extends Error {}

/** Random numbers in [0, 1), independent for every key: the SHA-256 of the key and a counter. */
function randomSource(key) {
  let counter = 0;
  let block = Buffer.alloc(0);
  let offset = 0;
  return () => {
    if (offset === block.length) {
      block = createHash("sha256").update(`${key}/${counter++}`).digest();
      offset = 0;
    }
    offset += 4;
    return block.readUInt32LE(offset - 4) / 2 ** 32;
  };
}

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
 * its value: that it is another kind of thing (`name`), or that its colour is always the same, or has none (`color`).
 */
function attributes(style, chosen) {
  const result = [];
  for (const choice of chosen) {
    if (style.hidden?.(choice, chosen)) continue;
    const { part, variant } = choice;
    const told = part.variants?.[variant];
    const { name = part.name, value = told, color = part.color && choice.color } = Object(told);
    if (value) result.push({ trait_type: name, value: String(value) });
    // `natural` goes unsaid: nobody asks for a mouth of the usual colour.
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

/** Makes a folder and what is above it; Node's own recursive mkdir never returns below /proc. */
function makeFolder(path) {
  if (existsSync(path)) return;
  makeFolder(dirname(path));
  mkdirSync(path);
}

function draw(style, name, count, seed, folder) {
  const facts = provenance(style.art);
  writeFileSync(join(folder, "collection.json"), `${JSON.stringify(facts, null, 2)}\n`);
  const digits = Math.max(5, String(count - 1).length);
  for (let index = 0; index < count; index++) {
    const stem = String(index).padStart(digits, "0");
    const random = randomSource(`${seed}/${name}/${index}`);
    const { options, chosen } = choose(style, random);
    const avatar = createAvatar(style.art, { ...options, seed: `${seed}-${index}` });
    writeFileSync(join(folder, `${stem}.svg`), avatar.toString());
    const metadata = {
      name: `${facts.name} #${index}`,
      image: `${stem}.svg`,
      attributes: attributes(style, chosen),
    };
    writeFileSync(join(folder, `${stem}.json`), `${JSON.stringify(metadata)}\n`);
    if (process.stderr.isTTY && (index % 500 === 499 || index === count - 1)) {
      process.stderr.write(`\r${index + 1}/${count} avatars`);
    }
  }
  if (process.stderr.isTTY) process.stderr.write("\n");
}

function readArguments() {
  let parsed;
  try {
    parsed = parseArgs({
      allowPositionals: true,
      options: { count: { type: "string" }, out: { type: "string" }, seed: { type: "string", default: "0" } },
    });
  } catch (error) {
    throw new Mistake(`${error.message}\n${USAGE}`);
  }
  const { values, positionals } = parsed;
  if (positionals.length !== 1) throw new Mistake(`name one style\n${USAGE}`);
  const [name] = positionals;
  if (!STYLES.includes(name)) throw new Mistake(`unknown style "${name}"; known are ${STYLES.join(", ")}`);
  const count = Number(values.count);
  if (!/^[0-9]+$/.test(values.count ?? "") || count < 1 || count > MAX_COUNT) {
    throw new Mistake(`--count is ${values.count ?? "missing"}; expected a whole number from 1 to ${MAX_COUNT}`);
  }
  if (!values.out) throw new Mistake(`--out is missing; expected the folder to make\n${USAGE}`);
  return { name, count, out: resolve(values.out), seed: values.seed };
}

async function main() {
  const { name, count, out, seed } = readArguments();
  if (existsSync(out) && readdirSync(out).length > 0) {
    throw new Mistake(`${out} is not empty; delete it or choose another folder`);
  }
  const { default: style } = await import(`./styles/${name}.mjs`);
  // Drawn beside and renamed, so that a folder with the asked-for name is always a whole collection.
  makeFolder(dirname(out));
  const folder = mkdtempSync(join(dirname(out), `.${basename(out)}-`));
  const abandon = () => rmSync(folder, { recursive: true, force: true });
  for (const signal of ["SIGINT", "SIGTERM"]) {
    process.on(signal, () => {
      abandon();
      process.exit(130);
    });
  }
  try {
    draw(style, name, count, seed, folder);
    if (existsSync(out)) rmdirSync(out);
    renameSync(folder, out);
  } catch (error) {
    abandon();
    throw error;
  }
  console.log(`${count} avatars of ${name} in ${out}`);
}

main().catch((error) => {
  // What the system refuses (a folder that is a file, no permission, a full disk) names its path in the message.
  const known = error instanceof Mistake || error.syscall;
  console.error(known ? `error: ${error.message}` : error);
  process.exitCode = 1;
});
