// The way over WebGPU, on Chromium's software adapter: slow, but the same shaders as on a real one.

import assert from "node:assert/strict";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { after, afterEach, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { countLaunches, difference, drawNatively, drawn, guided, launch, newVisitor, openSite, pixels, readPng, visit } from "./harness.mjs";

let browser, site, context, page;

before(async () => {
  [browser, site] = await Promise.all([launch({ webgpu: true }), openSite()]);
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

// The first picture compiles every shader, which takes the software adapter long.
const SLOW = 180_000;

test("WebGPU draws what the native program draws, shuffles, enlarges and downloads", async () => {
  page = await visit(context, `${site.url}?device=webgpu#seed=100&variety=0.70`);
  await drawn(page, SLOW);
  assert.match(await page.locator("#device").textContent(), /Your graphics adapter, through WebGPU/);
  const { dir } = await drawNatively(site.bundle, 100, 8, 0.7);
  for (const [index, picture] of (await pixels(page, ".wall img")).entries()) {
    const native = await readPng(join(dir, `seed0${100 + index}.png`));
    // Graphics adapters may reorder sums and round fused multiplications differently, so more than on the processor.
    const largest = difference(picture, native);
    assert.ok(largest <= 4, `avatar ${100 + index} differs by ${largest}/255`);
  }
  await rm(dir, { recursive: true });

  await page.getByRole("button", { name: "Shuffle" }).click();
  await page.waitForFunction(() => !location.hash.startsWith("#seed=100&"));
  await drawn(page, SLOW);

  await page.locator(".frame").first().click();
  const dialog = page.getByRole("dialog");
  await dialog.getByRole("button", { name: "Enlarge to 64 px" }).click();
  await dialog.getByAltText(/64 by 64 pixels/).waitFor({ timeout: SLOW });
  const [waiting] = await Promise.all([
    page.waitForEvent("download"),
    dialog.getByRole("button", { name: "Download PNG" }).click(),
  ]);
  const { width, height } = await readPng(await waiting.path());
  assert.deepEqual([width, height], [64, 64]);
});

test("WebGPU refines toward words, step by step, and stops when asked to", async () => {
  page = await visit(context, `${site.url}?device=webgpu#seed=7&variety=0.70&words=blue%20shirt&without=&effort=normal&count=1`);
  await page.getByText(/^Step \d+ of 30/).waitFor({ timeout: SLOW });
  const fit = async () => Number(await page.locator(".wall li:first-child .fit").getAttribute("data-score"));
  const first = await fit();
  await guided(page, SLOW);
  assert.ok((await fit()) > first + 0.02, `${first}, after 30 steps ${await fit()}`);
  assert.match(await page.locator("#device").textContent(), /Your graphics adapter, through WebGPU/);

  await page.getByText("More choices").click();
  await page.getByRole("radio", { name: /Better/ }).check();
  await page.getByLabel("Describe an avatar").fill("green hair");
  await page.keyboard.press("Enter");
  await page.getByText(/^Step \d+ of 200/).waitFor({ timeout: SLOW });
  await page.getByRole("button", { name: "Stop" }).click();
  await page.getByRole("button", { name: "Start over" }).click();
  await drawn(page, SLOW);
});

test("WebGPU draws a trained model, whose biases are not zero, as the native program does", async () => {
  const trained = await openSite(fileURLToPath(new URL("../../models/pixel-art", import.meta.url)));
  try {
    page = await visit(context, `${trained.url}?device=webgpu#seed=100&variety=0.70`);
    await drawn(page, SLOW);
    const { dir } = await drawNatively(trained.bundle, 100, 8, 0.7);
    for (const [index, picture] of (await pixels(page, ".wall img")).entries()) {
      const largest = difference(picture, await readPng(join(dir, `seed0${100 + index}.png`)));
      assert.ok(largest <= 4, `avatar ${100 + index} differs by ${largest}/255`);
    }
    await rm(dir, { recursive: true });
  } finally {
    await trained.close();
  }
});

test("a picture takes WebGPU few launches", async () => {
  // A site of its own, whose engine counts.
  const counted = await openSite();
  try {
    const launches = countLaunches(counted);
    page = await visit(context, `${counted.url}?device=webgpu#seed=100&variety=0.70`);
    await drawn(page, SLOW);
    const sum = async () => Object.values(await launches(page)).reduce((sum, times) => sum + times, 0);
    const before = await sum();
    await page.getByRole("button", { name: "Shuffle" }).click();
    await page.waitForFunction(() => !location.hash.startsWith("#seed=100&"));
    await drawn(page, SLOW);
    const each = ((await sum()) - before) / 8;
    // Composed of burn's operations it would be four times as many. None would mean that nothing was counted.
    assert.ok(each >= 10 && each <= 50, `${each} launches a picture`);
  } finally {
    await counted.close();
  }
});

test("an adapter that is only software is passed over for the processor, and that is said", async () => {
  page = await visit(context, site.url);
  await drawn(page);
  assert.match(await page.locator("#device").textContent(), /Your processor\. .*emulated in software/);
});

test("an adapter that goes away is a sentence and a way on", async () => {
  page = await visit(context, `${site.url}?device=webgpu`);
  await drawn(page, SLOW);
  const session = await browser.newBrowserCDPSession();
  // The answer never comes back over a connection of a process that has crashed.
  session.send("Browser.crashGpuProcess").catch(() => {});
  const alert = page.locator(".prompt [role=alert]");
  await alert.getByText(/The graphics adapter went away/).waitFor();
  await alert.getByRole("button", { name: "Continue on the processor" }).click();
  await drawn(page);
  assert.match(await page.locator("#device").textContent(), /Your processor/);
});
