// What every browser test needs: a site to break, a browser to open it in, and eyes that see whether something was blocked.

import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { chromium } from "playwright-core";
import { PNG } from "pngjs";
import { serve } from "../../tools/serve.mjs";

export const root = resolve(dirname(fileURLToPath(import.meta.url)), "../..");

// Where cargo puts what it builds.
export const target = process.env.CARGO_TARGET_DIR ?? join(root, "target");

// The bundle that all tests draw with: tiny, with random weights from a fixed seed. tests/bundle/tiny.rs makes it.
export const BUNDLE = join(root, "tests/fixtures/bundle-tiny");

// The site sits below a sub-path, as on a host that is shared.
const BASE = "/some/where/";

const FLAGS = [
  "--no-sandbox",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  // A name that is not this machine's own makes a connection unsafe in the browser's eyes.
  "--host-resolver-rules=MAP unsafe.test 127.0.0.1",
];
const WEBGPU = ["--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader"];
const NO_WEBGPU = ["--disable-gpu", "--disable-features=WebGPU", "--disable-blink-features=WebGPU"];

export function launch({ webgpu = false } = {}) {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: [...FLAGS, ...(webgpu ? WEBGPU : NO_WEBGPU)],
  });
}

// Serves a copy of dist/ whose model is `bundle`; tests may change the copy. Where `others` names folders, the site has as many
// models more, called by the names of those. `requests` collects the names of the files that
// were asked for, and a function in `faults`, by file name, answers in the server's place.
export async function openSite(bundle = BUNDLE, others = {}) {
  const dir = await mkdtemp(join(tmpdir(), "guise-site-"));
  await cp(join(root, "dist"), dir, { recursive: true, filter: (path) => !/\/models\/./.test(path) });
  const page = await readFile(join(dir, "index.html"), "utf8");
  const model = page.match(/name="guise-model" content="([^"]+)"/)[1];
  await cp(bundle, join(dir, model), { recursive: true });
  const models = [model];
  for (const [name, folder] of Object.entries(others)) {
    models.push(`models/${name}/`);
    await cp(folder, join(dir, `models/${name}`), { recursive: true });
  }
  await writeFile(join(dir, "models/index.json"), JSON.stringify({ models }));

  const server = await serve(dir, { base: BASE });
  const [plain] = server.listeners("request");
  server.removeAllListeners("request");
  const site = {
    dir,
    bundle: join(dir, model),
    requests: [],
    faults: {},
    url: `http://127.0.0.1:${server.address().port}${BASE}`,
    unsafeUrl: `http://unsafe.test:${server.address().port}${BASE}`,
    async close() {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
      await rm(dir, { recursive: true });
    },
  };
  server.on("request", (request, response) => {
    const name = new URL(request.url, site.url).pathname.split("/").at(-1);
    site.requests.push(name);
    (site.faults[name] ?? plain)(request, response);
  });
  return site;
}

// Has the site's page run what `change` makes of one of its engine's files, as if it had been built with it.
function changeEngine(site, [ending, attribute, type], change) {
  const html = readFileSync(join(site.dir, "index.html"), "utf8");
  const name = html.match(/engine-[0-9a-f]+/)[0] + ending;
  const contents = change(readFileSync(join(site.dir, name)));
  const integrity = `sha384-${createHash("sha384").update(contents).digest("base64")}`;
  const answer = (type, contents) => (_, response) => {
    response.setHeader("content-type", type);
    response.end(contents);
  };
  site.faults[name] = answer(type, contents);
  site.faults[""] = answer("text/html", html.replace(new RegExp(`${attribute}="[^"]*"`), `${attribute}="${integrity}"`));
}

// The script, which assistants run as well.
export function changeScript(site, change) {
  changeEngine(site, [".js", "data-script", "text/javascript"], (script) => change(script.toString()));
}

export function changeProgram(site, change) {
  changeEngine(site, ["_bg.wasm", "data-program", "application/wasm"], change);
}

// Has the engine and its assistants call this function before anything else.
export function runFirst(site, first, given = []) {
  changeScript(site, (script) => `(${first})(...${JSON.stringify(given)});\n${script}`);
}

// Has the site's engine count what it launches on the graphics adapter, from the start of its worker. The function that comes
// back tells how often each program of the page's engine was launched.
export function countLaunches(site) {
  runFirst(site, countInWorker);
  return (page) => page.workers()[0].evaluate(() => self.launches);
}

function countInWorker() {
  self.launches = {};
  const names = new WeakMap();
  const running = new WeakMap();
  const wrap = (prototype, method, wrapper) => {
    const original = prototype[method];
    prototype[method] = function (...given) {
      return wrapper(this, given, () => original.apply(this, given));
    };
  };
  wrap(GPUDevice.prototype, "createComputePipeline", (_, [descriptor], create) => {
    const pipeline = create();
    names.set(pipeline, descriptor.compute.entryPoint ?? descriptor.label);
    return pipeline;
  });
  wrap(GPUComputePassEncoder.prototype, "setPipeline", (pass, [pipeline], set) => {
    running.set(pass, names.get(pipeline));
    set();
  });
  for (const method of ["dispatchWorkgroups", "dispatchWorkgroupsIndirect"]) {
    wrap(GPUComputePassEncoder.prototype, method, (pass, _, dispatch) => {
      const name = running.get(pass);
      self.launches[name] = (self.launches[name] ?? 0) + 1;
      dispatch();
    });
  }
}

// Opens a page in a browser profile of its own, without the service worker, which would answer in the place of a server that a
// test has fail; offline.test.mjs lets it in. Whatever its content security policy blocks and what was not caught is
// collected in `page.problems`, which must stay empty.
export async function newVisitor(browser, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, serviceWorkers: "block", ...options });
  await context.addInitScript(() => {
    addEventListener("securitypolicyviolation", (event) => {
      console.error(`blocked by the policy: ${event.violatedDirective} ${event.blockedURI}`);
    });
  });
  context.setDefaultTimeout(60_000);
  return context;
}

// The page takes new seeds by chance. For this visitor they are the same at every run.
export async function withSameChance(context) {
  await context.addInitScript(() => {
    let state = 1;
    Math.random = () => {
      state = (state * 48271) % 2147483647;
      return state / 2147483647;
    };
  });
  return context;
}

export async function visit(context, url) {
  const page = await context.newPage();
  page.problems = [];
  page.on("pageerror", (error) => page.problems.push(`uncaught: ${error.message}`));
  page.on("console", (message) => {
    if (message.type() === "error" && /blocked by the policy|Content Security Policy|panicked/.test(message.text())) {
      page.problems.push(message.text());
    }
  });
  await page.goto(url);
  return page;
}

// Has every message of the page's workers take a moment longer, so that a job can be caught in its middle: that of a tiny
// model is over in less than a second on a quick machine.
export async function takeTime(page, ms = 25) {
  for (const worker of page.workers()) {
    await worker.evaluate((ms) => {
      const post = self.postMessage.bind(self);
      self.postMessage = (...message) => {
        const end = performance.now() + ms;
        while (performance.now() < end);
        post(...message);
      };
    }, ms);
  }
}

// Waits until the eight avatars of the page's present look hang on the wall.
export async function drawn(page, timeout = 60_000) {
  await page.waitForFunction(
    () =>
      document.querySelectorAll(".wall li:not([hidden]) img").length === 8 &&
      !document.querySelector(".frame.waiting") &&
      /drawn in/.test(document.querySelector("[role=status]")?.textContent ?? ""),
    null,
    { timeout },
  );
}

// Waits until all avatars for the newest words hang on the wall.
export async function guided(page, timeout = 60_000) {
  await page.waitForFunction(
    () =>
      !document.querySelector(".frame.waiting") &&
      /(for these words|like your picture|variations? of № \w+) drawn in/.test(document.querySelector("[role=status]")?.textContent ?? ""),
    null,
    { timeout },
  );
}

// The pixels of the pictures that a selector finds, as RGBA bytes.
export async function pixels(page, selector) {
  const pictures = await page.locator(selector).evaluateAll(async (images) => {
    const all = [];
    for (const image of images) {
      await image.decode();
      const canvas = new OffscreenCanvas(image.naturalWidth, image.naturalHeight);
      const context = canvas.getContext("2d");
      context.drawImage(image, 0, 0);
      const { data, width, height } = context.getImageData(0, 0, canvas.width, canvas.height);
      // As text: a list of four million numbers would take the better part of a minute to cross over.
      const text = [];
      for (let i = 0; i < data.length; i += 8192) text.push(String.fromCharCode(...data.subarray(i, i + 8192)));
      all.push({ text: btoa(text.join("")), width, height, name: image.alt });
    }
    return all;
  });
  return pictures.map(({ text, ...picture }) => ({ ...picture, data: Buffer.from(text, "base64") }));
}

// The same pictures drawn by the native program, in the order of the seeds.
export async function drawNatively(bundle, first, count, truncationPsi) {
  const dir = await mkdtemp(join(tmpdir(), "guise-native-"));
  const seeds = `${first}-${first + count - 1}`;
  const flags = ["--model", bundle, "--seeds", seeds, "--truncation-psi", String(truncationPsi), "--out", `${dir}/`];
  await guise(["generate", ...flags]);
  return { dir, flags };
}

// Runs the native program.
export async function guise(flags) {
  const program = join(target, "release/guise");
  await promisify(execFile)(program, flags).catch((error) => {
    throw new Error(`${program} ${flags[0]} failed (was it built with cargo build --release?): ${error.message}`);
  });
}

export async function readPng(path) {
  const { data, width, height } = PNG.sync.read(await readFile(path));
  return { data, width, height };
}

// The largest difference between two pictures, in steps of 255, and how many values differ by more than `tolerance`.
export function difference(a, b) {
  if (a.width !== b.width || a.height !== b.height) {
    throw new Error(`the pictures differ in size: ${a.width} x ${a.height} and ${b.width} x ${b.height}`);
  }
  let largest = 0;
  for (let i = 0; i < a.data.length; i++) largest = Math.max(largest, Math.abs(a.data[i] - b.data[i]));
  return largest;
}
