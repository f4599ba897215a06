// The whole way of a visitor whose browser has no WebGPU, on the processor.

import assert from "node:assert/strict";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { after, afterEach, before, test } from "node:test";
import { difference, drawNatively, drawn, launch, newVisitor, openSite, pixels, readPng, visit } from "./harness.mjs";

let browser, site, context, page;

before(async () => {
  [browser, site] = await Promise.all([launch(), openSite()]);
  context = await newVisitor(browser);
});
after(async () => {
  await browser?.close();
  await site?.close();
});
afterEach(async () => {
  assert.deepEqual(page.problems, []);
  await page.close();
});

const open = async (fragment = "#seed=100&variety=0.70") => {
  page = await visit(context, site.url + fragment);
  await drawn(page);
};

test("a first visit draws eight avatars and says where and whose they are", async () => {
  await open("");
  const names = await page.locator(".wall img").evaluateAll((images) => images.map((image) => image.alt));
  const first = Number(names[0].match(/^Avatar (\d+)$/)[1]);
  assert.deepEqual(names, Array.from({ length: 8 }, (_, index) => `Avatar ${first + index}`));
  assert.match(page.url(), new RegExp(`#seed=${first}&variety=\\d\\.\\d\\d$`));
  assert.match(await page.locator("#device").textContent(), /Your processor\..*WebGPU/);
  assert.match(await page.locator("[role=status]").textContent(), /Eight avatars drawn in \d+\.\d s on your processor/);
  assert.match(await page.locator("footer").textContent(), /License|Art/);
});

test("the processor in the browser draws what the native program draws", async () => {
  await open();
  const { dir } = await drawNatively(site.bundle, 100, 8, 0.7);
  const shown = await pixels(page, ".wall img");
  for (const [index, picture] of shown.entries()) {
    const native = await readPng(join(dir, `seed0${100 + index}.png`));
    // Different instruction sets round differently; the last step of rounding to 255 may fall to either side.
    const largest = difference(picture, native);
    assert.ok(largest <= 2, `avatar ${100 + index} differs by ${largest}/255`);
  }
  assert.ok(difference(shown[0], shown[1]) > 10, "different seeds give different pictures");
  await rm(dir, { recursive: true });
});

test("a browser without relaxed SIMD gets the plain engine, which draws the same", async () => {
  await open();
  const fused = await pixels(page, ".wall img");
  assert.ok(site.requests.some((name) => /^engine-[0-9a-f]{16}_bg[.]wasm$/.test(name)), "Chromium has relaxed SIMD");
  await page.close();
  const other = await newVisitor(browser);
  try {
    await other.addInitScript(() => {
      const validate = WebAssembly.validate;
      const isRelaxed = (program) => [...program].join().includes("253,133,2"); // relaxed_madd
      WebAssembly.validate = (program) => !isRelaxed(program) && validate(program);
    });
    page = await visit(other, `${site.url}#seed=100&variety=0.70`);
    await drawn(page);
    assert.ok(site.requests.some((name) => /^engine-[0-9a-f]{16}-plain_bg[.]wasm$/.test(name)));
    for (const [index, picture] of (await pixels(page, ".wall img")).entries()) {
      // One rounding in place of two; the last step of rounding to 255 may fall to either side.
      assert.ok(difference(picture, fused[index]) <= 2, `avatar ${100 + index}`);
    }
  } finally {
    assert.deepEqual(page.problems, []);
    await other.close();
    page = await context.newPage();
    page.problems = [];
  }
});

test("shuffle gives eight others, and the back button the ones before", async () => {
  await open();
  const before = await pixels(page, ".wall img");
  await page.getByRole("button", { name: "Shuffle" }).click();
  await page.waitForFunction(() => !location.hash.startsWith("#seed=100&"));
  await drawn(page);
  const others = await pixels(page, ".wall img");
  assert.ok(difference(before[0], others[0]) > 10);
  await page.goBack();
  await page.waitForFunction(() => document.querySelector(".wall img").alt === "Avatar 100");
  await drawn(page);
  assert.deepEqual(await pixels(page, ".wall img"), before);
});

test("ten impatient shuffles end with the last one's pictures", async () => {
  await open();
  const shuffle = page.getByRole("button", { name: "Shuffle" });
  for (let i = 0; i < 10; i++) await shuffle.click();
  const seed = Number(page.url().match(/seed=(\d+)/)[1]);
  await page.waitForFunction((name) => document.querySelector(".wall img").alt === name, `Avatar ${seed}`);
  await drawn(page);
  const shown = await pixels(page, ".wall img");
  assert.deepEqual(shown.map(({ name }) => name), shown.map((_, index) => `Avatar ${seed + index}`));
});

test("variety moves the same eight toward the average and into the link", async () => {
  await open();
  const before = await pixels(page, ".wall img");
  await page.getByLabel("Variety").fill("0");
  await page.waitForFunction(() => location.hash === "#seed=100&variety=0.00");
  await drawn(page);
  const average = await pixels(page, ".wall img");
  assert.ok(difference(before[0], average[0]) > 5);
  assert.ok(difference(average[0], average[1]) <= 1, "without variety all eight are the average");
});

test("an avatar is enlarged as far as it goes and taken home", async () => {
  await open();
  await page.getByRole("button", { name: "Avatar 102" }).click();
  const dialog = page.getByRole("dialog", { name: "№ 102" });
  for (const side of [64, 256, 1024]) {
    await dialog.getByRole("button", { name: `Enlarge to ${side} px` }).click();
    await dialog.getByAltText(`Avatar 102, ${side} by ${side} pixels`).waitFor();
  }
  assert.equal(await dialog.getByRole("button", { name: /Enlarge/ }).count(), 0, "1024 is the end");
  const [waiting] = await Promise.all([
    page.waitForEvent("download"),
    dialog.getByRole("button", { name: "Download PNG" }).click(),
  ]);
  assert.equal(waiting.suggestedFilename(), "guise-102-1024.png");
  const file = await readPng(await waiting.path());
  const [shown] = await pixels(page, ".viewer img");
  assert.equal(difference(file, shown), 0, "the file is the picture");
});

test("enlarging can be stopped at once, and the page lives on", async () => {
  await open();
  await page.getByRole("button", { name: "Avatar 101" }).click();
  const dialog = page.getByRole("dialog");
  for (const side of [64, 256]) {
    await dialog.getByRole("button", { name: `Enlarge to ${side} px` }).click();
    await dialog.getByAltText(`${side} by ${side}`).waitFor();
  }
  await dialog.getByRole("button", { name: "Enlarge to 1024 px" }).click();
  await dialog.getByRole("button", { name: "Stop" }).click();
  const heard = await page.evaluate(async () => {
    const start = performance.now();
    while (document.querySelector(".viewer progress:not(.absent)")) await new Promise(requestAnimationFrame);
    return performance.now() - start;
  });
  assert.ok(heard < 300, `the page was busy for ${heard} ms after Stop`);
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: "Shuffle" }).click();
  await drawn(page);
});

test("a link leads to the same pictures, and a broken one is said to be broken", async () => {
  await open("#seed=4242&variety=0.55");
  const first = await pixels(page, ".wall img");
  assert.equal(first[0].name, "Avatar 4242");
  await page.close();
  await open("#seed=4242&variety=0.55");
  assert.deepEqual(await pixels(page, ".wall img"), first);
  for (const broken of ["#seed=1e3&variety=0.5", "#seed=4294967289&variety=0.50", "#seed=1&variety=1.01", "#<img src=x>"]) {
    await page.close();
    page = await visit(context, site.url + broken);
    await page.waitForFunction(
      (broken) => location.hash !== broken && /^#seed=\d+&variety=\d\.\d\d$/.test(location.hash),
      broken,
    );
    assert.ok(!page.url().endsWith(broken));
  }
  await drawn(page);
  assert.match(await page.locator("[role=status]").textContent(), /The link could not be read/);
});
