// No wrong picture is ever shown: what becomes of a WebGPU kernel, a CPU kernel and references that are wrong.

import assert from "node:assert/strict";
import { readFile, rm, writeFile } from "node:fs/promises";
import { createHash } from "node:crypto";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { PNG } from "pngjs";
import { fusedOperations } from "../../web/plain.mjs";
import {
  changeProgram, difference, drawNatively, drawn, guided, launch, newVisitor, openSite, pixels, readPng, runFirst, visit,
} from "./harness.mjs";

let browser;

before(async () => {
  browser = await launch({ webgpu: true });
});
after(() => browser?.close());

// The first picture compiles every shader, which takes the software adapter long.
const SLOW = 180_000;

// Has the site's engine compile other programs for the graphics adapter than it means to, from the start of its worker.
function breakInWorker() {
  self.broken = 0;
  const compile = GPUDevice.prototype.createShaderModule;
  GPUDevice.prototype.createShaderModule = function (descriptor) {
    // A product where a fused product and sum should be, as a driver's wrong peephole would have it.
    const code = descriptor.code.replace(/\bfma\(([^(),]+), ([^(),]+), ([^(),]+)\)/g, (_, a, b) => {
      self.broken += 1;
      return `(${a} * ${b})`;
    });
    return compile.call(this, { ...descriptor, code });
  };
}

// Changes the site's engine: every fused product and sum subtracts the product (relaxed_madd becomes relaxed_nmadd).
function breakFusedKernels(site) {
  changeProgram(site, (program) => {
    const places = fusedOperations(program);
    for (const at of places) program[at + 1] = 0x86;
    assert.ok(places.length > 100, `${places.length} instructions`);
    return program;
  });
}

async function sameAsNative(page, site) {
  const { dir } = await drawNatively(site.bundle, 100, 8, 0.7);
  for (const [index, picture] of (await pixels(page, ".wall img")).entries()) {
    const largest = difference(picture, await readPng(join(dir, `seed0${100 + index}.png`)));
    assert.ok(largest <= 2, `avatar ${100 + index} differs by ${largest}/255`);
  }
  await rm(dir, { recursive: true });
}

test("a broken WebGPU kernel is passed over for the processor, and that is said", async () => {
  const site = await openSite();
  const context = await newVisitor(browser);
  try {
    runFirst(site, breakInWorker);
    const page = await visit(context, `${site.url}?device=webgpu#seed=100&variety=0.70`);
    await drawn(page, SLOW);
    assert.ok((await page.workers()[0].evaluate(() => self.broken)) > 0, "something was broken");
    const device = await page.locator("#device").textContent();
    assert.match(device, /Your processor\. The graphics adapter computes wrongly here \(.*\), so the processor is used instead\./);
    await sameAsNative(page, site);
    assert.deepEqual(page.problems, []);
  } finally {
    await context.close();
    await site.close();
  }
});

test("a broken CPU kernel is passed over for plain code, for drawing and for words", async () => {
  const site = await openSite();
  const context = await newVisitor(browser);
  try {
    breakFusedKernels(site);
    const page = await visit(context, `${site.url}?device=cpu#seed=100&variety=0.70`);
    await drawn(page, SLOW);
    const device = await page.locator("#device").textContent();
    assert.match(device, /Your processor\. The fast instructions of this browser compute wrongly \(.*\), so slower ones are used instead\./);
    await sameAsNative(page, site);
    await page.getByLabel("Describe an avatar").fill("blue hair");
    await page.keyboard.press("Enter");
    await guided(page, SLOW);
    assert.deepEqual(page.problems, []);
  } finally {
    await context.close();
    await site.close();
  }
});

// Changes the references of a site's bundle, and its manifest to agree with them.
async function changeManifest(site, change) {
  const path = join(site.bundle, "model.json");
  const manifest = JSON.parse(await readFile(path, "utf8"));
  await change(manifest.self_check);
  await writeFile(path, JSON.stringify(manifest));
}

test("where everything draws something else, nothing is shown", async () => {
  const site = await openSite();
  const context = await newVisitor(browser);
  try {
    await changeManifest(site, async (check) => {
      const path = join(site.bundle, check.pictures.file);
      const pictures = PNG.sync.read(await readFile(path));
      // In the second avatar, one value of red.
      pictures.data[4 * 20] ^= 0x40;
      const other = PNG.sync.write(pictures);
      await writeFile(path, other);
      check.pictures.bytes = other.length;
      check.pictures.sha256 = createHash("sha256").update(other).digest("hex");
    });
    const page = await visit(context, `${site.url}?device=cpu`);
    await page.getByText(/This browser computes wrong pictures \(avatar \d differs.*\), so none are shown\./).first().waitFor();
    assert.equal(await page.locator(".wall img").count(), 0);
  } finally {
    await context.close();
    await site.close();
  }
});

test("a guided step that comes out otherwise is passed over until nothing is left", async () => {
  const site = await openSite();
  const context = await newVisitor(browser);
  try {
    await changeManifest(site, (check) => {
      check.guided.after[1] = 0.9;
    });
    const page = await visit(context, `${site.url}?device=cpu#seed=100&variety=0.70`);
    await drawn(page, SLOW);
    await page.getByLabel("Describe an avatar").fill("blue hair");
    await page.keyboard.press("Enter");
    await page.getByText(/This browser computes wrong pictures \(a guided step scores/).first().waitFor({ timeout: SLOW });
  } finally {
    await context.close();
    await site.close();
  }
});

// Nothing of the engine runs that is not what the page was built with.

// Answers with the file's contents, of which one byte is another.
function changeByte(site, name) {
  site.faults[name] = async (request, response) => {
    const contents = await readFile(join(site.dir, name));
    contents[contents.length - 9] ^= 1;
    response.setHeader("content-type", name.endsWith(".js") ? "text/javascript" : "application/wasm");
    response.end(contents);
  };
}

test("an engine of which one byte was changed is refused, in a sentence with a way on", async () => {
  const site = await openSite();
  const [engine] = (await readFile(join(site.dir, "index.html"), "utf8")).match(/engine-[0-9a-f]+/);
  try {
    for (const [name, url] of [
      [`${engine}.js`, site.url],
      [`${engine}.js`, site.unsafeUrl],
      [`${engine}_bg.wasm`, site.url],
      // There nothing but the browser can hash.
      [`${engine}_bg.wasm`, site.unsafeUrl],
    ]) {
      const context = await newVisitor(browser);
      changeByte(site, name);
      const page = await visit(context, url);
      const alert = page.locator(".prompt [role=alert]");
      await alert.getByText(`${name} is not what this page was built with, so it is not run.`).waitFor();
      site.faults = {};
      await alert.getByRole("button", { name: "Try again" }).click();
      await drawn(page);
      await context.close();
    }
  } finally {
    await site.close();
  }
});

test("the page's policy holds in the engine's worker, whatever it runs", async () => {
  const site = await openSite();
  const elsewhere = await openSite();
  const context = await newVisitor(browser);
  try {
    runFirst(
      site,
      `(own, elsewhere) => {
        const outcome = (promise) => promise.then(() => "done", (error) => error.name);
        self.tried = Promise.all([
          outcome(fetch(elsewhere, { mode: "no-cors" })),
          outcome((async () => (0, eval)("1"))()),
          outcome(import(elsewhere + "start.js")),
          outcome(fetch(own + "start.js")),
        ]);
      }`,
      [site.url, elsewhere.url],
    );
    const page = await visit(context, site.url);
    await drawn(page);
    const tried = await page.workers()[0].evaluate(() => self.tried);
    assert.deepEqual(tried, ["TypeError", "EvalError", "TypeError", "done"]);
    assert.deepEqual(elsewhere.requests, []);
  } finally {
    await context.close();
    await site.close();
    await elsewhere.close();
  }
});
