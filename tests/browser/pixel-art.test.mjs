// A model of pixel art: its grid and palette are kept on the wall, for words, and at every size.

import assert from "node:assert/strict";
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, test } from "node:test";
import { BUNDLE, drawNatively, drawn, guided, launch, newVisitor, openSite, pixels, readPng, visit } from "./harness.mjs";

const PALETTE = ["#141e3c", "#5ac8c8", "#c8503c", "#f0f0f0"];
// Sixteen pixels, of which the art has eight.
const GRID = 8;

let browser, dir, site, context, page;

before(async () => {
  dir = await mkdtemp(join(tmpdir(), "guise-pixel-art-"));
  await cp(BUNDLE, dir, { recursive: true });
  const manifest = join(dir, "model.json");
  const json = JSON.parse(await readFile(manifest, "utf8"));
  await writeFile(manifest, JSON.stringify({ ...json, pixel_grid: GRID, palette: PALETTE }));
  [browser, site] = await Promise.all([launch(), openSite(dir)]);
  context = await newVisitor(browser);
});
after(async () => {
  await browser?.close();
  await site?.close();
  await rm(dir, { recursive: true });
});
afterEach(async () => {
  assert.deepEqual(page.problems, []);
  await page.close();
});

const at = ({ data, width }, x, y) => {
  const hex = [...data.subarray(4 * (y * width + x), 4 * (y * width + x) + 3)].map((value) => value.toString(16).padStart(2, "0"));
  return `#${hex.join("")}`;
};

// Every pixel has a color of the palette, the one of its block.
function assertSnapped(picture) {
  const cell = picture.width / GRID;
  for (let y = 0; y < picture.height; y++) {
    for (let x = 0; x < picture.width; x++) {
      const color = at(picture, x, y);
      assert.ok(PALETTE.includes(color), `${color} at ${x}, ${y}`);
      assert.equal(color, at(picture, x - (x % cell), y - (y % cell)), `${x}, ${y}`);
    }
  }
}

test("avatars are drawn in the palette, as the native program draws them", async () => {
  page = await visit(context, `${site.url}#seed=100&variety=0.70`);
  await drawn(page);
  const { dir: native } = await drawNatively(site.bundle, 100, 8, 0.7);
  for (const [index, picture] of (await pixels(page, ".wall img")).entries()) {
    assertSnapped(picture);
    const expected = await readPng(join(native, `seed0${100 + index}.png`));
    // What lies between two colors may fall to either side, on a processor that rounds differently.
    let others = 0;
    for (let i = 0; i < GRID * GRID; i++) {
      const [x, y] = [2 * (i % GRID), 2 * Math.floor(i / GRID)];
      others += Number(at(picture, x, y) !== at(expected, x, y));
    }
    assert.ok(others <= 2, `avatar ${100 + index}: ${others} pixels of the art`);
  }
  await rm(native, { recursive: true });
});

test("an avatar is enlarged exactly, at once, and without a network", async () => {
  page = await visit(context, `${site.url}#seed=100&variety=0.70`);
  await drawn(page);
  const small = (await pixels(page, ".wall img"))[2];
  await page.getByRole("button", { name: "Avatar 102" }).click();
  const dialog = page.getByRole("dialog", { name: "№ 102" });
  await dialog.getByRole("button", { name: "Enlarge to 1024 px" }).click();
  await dialog.getByAltText("Avatar 102, 1024 by 1024 pixels").waitFor();
  assert.equal(await dialog.getByRole("button", { name: /Enlarge/ }).count(), 0, "1024 is the end");
  const [large] = await pixels(page, ".viewer img");
  assert.equal(large.width, 1024);
  for (let y = 0; y < 1024; y += 7) {
    for (let x = 0; x < 1024; x += 7) {
      assert.equal(at(large, x, y), at(small, Math.floor(x / 64), Math.floor(y / 64)), `${x}, ${y}`);
    }
  }
  const rendering = await page.locator(".viewer img").evaluate((image) => getComputedStyle(image).imageRendering);
  assert.equal(rendering, "pixelated");
  assert.ok(!site.requests.includes("upscaler.gguf"), "nothing is fetched that is not used");
});

test("words draw in the palette as well", async () => {
  page = await visit(context, `${site.url}#seed=100&variety=0.70`);
  await drawn(page);
  await page.getByLabel("Describe an avatar").fill("pink hair");
  await page.keyboard.press("Enter");
  await guided(page);
  for (const picture of await pixels(page, ".wall li:visible img")) assertSnapped(picture);
});
