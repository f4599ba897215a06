// No wrong picture is ever shown: what becomes of a WebGPU kernel, a CPU kernel and references that are wrong.

import assert from "node:assert/strict";
import { readFile, readdir, rm, writeFile } from "node:fs/promises";
import { createHash } from "node:crypto";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { PNG } from "pngjs";
import { fusedOperations } from "../../web/plain.mjs";
import { difference, drawNatively, drawn, guided, launch, newVisitor, openSite, pixels, readPng, visit } from "./harness.mjs";

let browser;

before(async () => {
  browser = await launch({ webgpu: true });
});
after(() => browser?.close());

// The first picture compiles every shader, which takes the software adapter long.
const SLOW = 180_000;

// Has the site's engine compile other programs for the graphics adapter than it means to, from the start of its worker.
function breakShaders(site) {
  site.faults["loader.js"] = async (_, response) => {
    const loader = await readFile(join(site.dir, "loader.js"), "utf8");
    response.setHeader("content-type", "text/javascript");
    response.end(`(${breakInWorker})();\n${loader}`);
  };
}

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
async function breakFusedKernels(site) {
  const names = (await readdir(site.dir)).filter((name) => /^engine-.*_bg[.]wasm$/.test(name) && !name.includes("plain"));
  assert.equal(names.length, 1);
  const path = join(site.dir, names[0]);
  const program = await readFile(path);
  const places = fusedOperations(program);
  for (const at of places) program[at + 1] = 0x86;
  assert.ok(places.length > 100, `${places.length} instructions`);
  await writeFile(path, program);
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
    breakShaders(site);
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
    await breakFusedKernels(site);
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
