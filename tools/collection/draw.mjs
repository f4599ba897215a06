// Draws a collection to train on: N avatars of a style, ERC-721 style JSON beside each, and `collection.json` with the
// license of the art.
//
//   node draw.mjs STYLE --count N --out DIR [--seed S]
//
// The same style, count and seed draw the same files. A style is a module of `styles/` with these fields:
//
//   facts              the contents of `collection.json`
//   extension          of its pictures' file names: `svg` or `png`
//   distinct           whether no picture may be drawn twice; false if missing
//   draw(random, seed) one avatar: its `picture`, as text or bytes, and its ERC-721 `attributes`

import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { parseArgs } from "node:util";

const STYLES = ["pixel-art", "big-smile", "lorelei", "open-peeps", "personas", "nouns"];
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

/** Makes a folder and what is above it; Node's own recursive mkdir never returns below /proc. */
function makeFolder(path) {
  if (existsSync(path)) return;
  makeFolder(dirname(path));
  mkdirSync(path);
}

function draw(style, name, count, seed, folder) {
  const { facts, extension } = style;
  writeFileSync(join(folder, "collection.json"), `${JSON.stringify(facts, null, 2)}\n`);
  const digits = Math.max(5, String(count - 1).length);
  const drawn = new Set();
  for (let index = 0; index < count; index++) {
    const stem = String(index).padStart(digits, "0");
    const random = randomSource(`${seed}/${name}/${index}`);
    let avatar = style.draw(random, `${seed}-${index}`);
    if (style.distinct) {
      const digest = ({ picture }) => createHash("sha256").update(picture).digest("base64");
      while (drawn.has(digest(avatar))) avatar = style.draw(random, `${seed}-${index}`);
      drawn.add(digest(avatar));
    }
    const image = `${stem}.${extension}`;
    writeFileSync(join(folder, image), avatar.picture);
    const metadata = { name: `${facts.name} #${index}`, image, attributes: avatar.attributes };
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
