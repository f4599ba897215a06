// Trunk's last step: completes dist/index.html with what is only known after the build.
//
// 1. A second engine, for browsers without relaxed SIMD: plain.mjs makes it of the first.
// 2. The engine's script: what wasm-bindgen made, then loader.js. Names of script and programs get a hash of their contents
//    (Trunk names only the page's files so), and the document their hashes: the page runs no others.
// 3. The list of models that `guise site` writes for its sites, and a web manifest.
// 4. The hash of Trunk's inline start script, so that a strict content security policy lets in exactly that script.
// 5. The list of all that, each with its hash, in the service worker.

import { createHash } from "node:crypto";
import { existsSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { plain } from "./plain.mjs";

const site = process.env.TRUNK_STAGING_DIR ?? "dist";
const file = join(site, "index.html");

function replaceOnce(text, from, to, where = file) {
  if (text.split(from).length !== 2) throw new Error(`${where}: expected exactly one ${from}`);
  return text.replace(from, () => to);
}

const digest = (kind, contents, encoding) => createHash(kind).update(contents).digest(encoding);

const integrity = (contents) => `sha384-${digest("sha384", contents, "base64")}`;

const [bindgen, compiled] = ["engine.js", "engine_bg.wasm"].map((name) => join(site, name));
const fused = readFileSync(compiled);
const programs = { "_bg.wasm": fused, "-plain_bg.wasm": plain(fused) };
const exported = "export { initSync, __wbg_init as default };";
const loader = readFileSync(new URL("loader.js", import.meta.url), "utf8");
const start = replaceOnce(loader, 'import init from "./engine.js";', "const init = __wbg_init;", "loader.js");
// In braces, so that its names are its own.
const script = `${replaceOnce(readFileSync(bindgen, "utf8"), exported, "", bindgen)}\n{\n${start}}\n`;
const engine = `engine-${digest("sha256", Buffer.concat([Buffer.from(script), fused]), "hex").slice(0, 16)}`;
for (const [ending, contents] of Object.entries(programs)) writeFileSync(join(site, engine + ending), contents);
writeFileSync(join(site, `${engine}.js`), script);
for (const name of [bindgen, compiled]) rmSync(name);

let html = readFileSync(file, "utf8");
html = replaceOnce(
  html,
  '<meta name="guise-engine" content="">',
  `<meta name="guise-engine" content="${engine}" data-script="${integrity(script)}" ` +
    `data-program="${integrity(fused)}" data-plain="${integrity(programs["-plain_bg.wasm"])}" data-bytes="${fused.length}">`,
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
const hash = digest("sha256", scripts[0], "base64");
// A comment above the policy names the placeholder too; only the one inside the policy counts.
html = replaceOnce(html, "'wasm-unsafe-eval' START_SCRIPT;", `'wasm-unsafe-eval' 'sha256-${hash}';`);

writeFileSync(file, html);

const WORKER = "sw.js";
const own = readdirSync(site, { withFileTypes: true }).filter((entry) => entry.isFile() && entry.name !== WORKER);
const hashes = own
  .map(({ name }) => [name, digest("sha256", readFileSync(join(site, name)), "hex")])
  .sort(([a], [b]) => (a < b ? -1 : 1));
const worker = readFileSync(join(site, WORKER), "utf8");
const list = /^const FILES = .*;$/gm;
if (worker.match(list)?.length !== 1) throw new Error(`${WORKER}: expected exactly one list of files`);
writeFileSync(join(site, WORKER), worker.replace(list, () => `const FILES = ${JSON.stringify(Object.fromEntries(hashes))};`));
