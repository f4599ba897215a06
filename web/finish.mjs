// Trunk's last step: completes dist/index.html with what is only known after the build.
//
// 1. A second engine, for browsers without relaxed SIMD: plain.mjs makes it of the first.
// 2. The engine's file name, which gets a hash of its contents here (Trunk names only the page's files so), and its size,
//    for the loader and its progress bar.
// 3. The hash of Trunk's inline start script, so that a strict content security policy lets in exactly that script.

import { createHash } from "node:crypto";
import { readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { plain } from "./plain.mjs";

const site = process.env.TRUNK_STAGING_DIR ?? "dist";
const file = join(site, "index.html");
let html = readFileSync(file, "utf8");

function replaceOnce(from, to) {
  if (html.split(from).length !== 2) throw new Error(`${file}: expected exactly one ${from}`);
  html = html.replace(from, () => to);
}

const parts = ["engine.js", "engine_bg.wasm"].map((name) => join(site, name));
const contents = createHash("sha256");
for (const part of parts) contents.update(readFileSync(part));
const engine = `engine-${contents.digest("hex").slice(0, 16)}`;
const bytes = statSync(parts[1]).size;
writeFileSync(join(site, `${engine}-plain_bg.wasm`), plain(readFileSync(parts[1])));
renameSync(parts[0], join(site, `${engine}.js`));
renameSync(parts[1], join(site, `${engine}_bg.wasm`));
replaceOnce(
  '<meta name="guise-engine" content="" data-bytes="">',
  `<meta name="guise-engine" content="${engine}" data-bytes="${bytes}">`,
);

// Scripts with an address are files of this site, which the policy lets in.
const scripts = [...html.matchAll(/<script\b(?![^>]*\bsrc=)[^>]*>([^]*?)<\/script>/g)].map((match) => match[1]);
if (scripts.length !== 1) throw new Error(`${file}: expected one inline script, found ${scripts.length}`);
const hash = createHash("sha256").update(scripts[0]).digest("base64");
// A comment above the policy names the placeholder too; only the one inside the policy counts.
replaceOnce("'wasm-unsafe-eval' START_SCRIPT;", `'wasm-unsafe-eval' 'sha256-${hash}';`);

writeFileSync(file, html);
