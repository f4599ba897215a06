// Trunk's last step: completes dist/index.html with what is only known after the build.
//
// 1. A second engine, for browsers without relaxed SIMD: plain.mjs makes it of the first.
// 2. The engine's file name, which gets a hash of its contents here (Trunk names only the page's files so), and its size,
//    for the loader and its progress bar.
// 3. The list of models that `guise site` writes for its sites, and a web manifest.
// 4. The hash of Trunk's inline start script, so that a strict content security policy lets in exactly that script.
// 5. The list of all that, each with its hash, in the service worker.

import { createHash } from "node:crypto";
import { existsSync, readFileSync, readdirSync, renameSync, statSync, writeFileSync } from "node:fs";
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

// What each model is stands in its own manifest.
const models = readdirSync(join(site, "models"), { withFileTypes: true })
  .filter((entry) => entry.isDirectory() && existsSync(join(site, "models", entry.name, "model.json")))
  .map((entry) => `models/${entry.name}/`)
  .sort();
writeFileSync(join(site, "models/index.json"), `${JSON.stringify({ models }, null, 2)}\n`);

const icon = readdirSync(site).find((name) => /^icon-.*[.]svg$/.test(name));
const webManifest = {
  name: "Guise",
  description: "New avatars, drawn on your own device.",
  start_url: "./",
  scope: "./",
  display: "standalone",
  background_color: "#f5f2ec",
  theme_color: "#f5f2ec",
  icons: [{ src: icon, sizes: "any", type: "image/svg+xml" }],
};
writeFileSync(join(site, "site.webmanifest"), `${JSON.stringify(webManifest, null, 2)}\n`);

// Scripts with an address are files of this site, which the policy lets in.
const scripts = [...html.matchAll(/<script\b(?![^>]*\bsrc=)[^>]*>([^]*?)<\/script>/g)].map((match) => match[1]);
if (scripts.length !== 1) throw new Error(`${file}: expected one inline script, found ${scripts.length}`);
const hash = createHash("sha256").update(scripts[0]).digest("base64");
// A comment above the policy names the placeholder too; only the one inside the policy counts.
replaceOnce("'wasm-unsafe-eval' START_SCRIPT;", `'wasm-unsafe-eval' 'sha256-${hash}';`);

writeFileSync(file, html);

const WORKER = "sw.js";
const own = readdirSync(site, { withFileTypes: true }).filter((entry) => entry.isFile() && entry.name !== WORKER);
const hashes = own
  .map(({ name }) => [name, createHash("sha256").update(readFileSync(join(site, name))).digest("hex")])
  .sort(([a], [b]) => (a < b ? -1 : 1));
const worker = readFileSync(join(site, WORKER), "utf8");
const list = /^const FILES = .*;$/gm;
if (worker.match(list)?.length !== 1) throw new Error(`${WORKER}: expected exactly one list of files`);
writeFileSync(join(site, WORKER), worker.replace(list, () => `const FILES = ${JSON.stringify(Object.fromEntries(hashes))};`));
