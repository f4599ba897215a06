// What a visitor takes home: files of the size, kind and shape that was chosen. Of pixel art, every pixel is a square of its
// own color.

import assert from "node:assert/strict";
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, test } from "node:test";
import { BUNDLE, difference, drawn, launch, newVisitor, openSite, pixels, readPng, visit } from "./harness.mjs";

const PALETTE = ["#141e3c", "#5ac8c8", "#c8503c", "#f0f0f0"];
// Sixteen pixels, of which the art has eight.
const GRID = 8;

let browser, dir, art, smooth, context, page, dialog;

before(async () => {
  dir = await mkdtemp(join(tmpdir(), "guise-download-"));
  await cp(BUNDLE, dir, { recursive: true });
  const manifest = join(dir, "model.json");
  const json = JSON.parse(await readFile(manifest, "utf8"));
  await writeFile(manifest, JSON.stringify({ ...json, pixel_grid: GRID, palette: PALETTE }));
  [browser, art, smooth] = await Promise.all([launch(), openSite(dir), openSite()]);
});
after(async () => {
  await browser?.close();
  await art?.close();
  await smooth?.close();
  await rm(dir, { recursive: true });
});
afterEach(async () => {
  assert.deepEqual(page.problems, []);
  await context.close();
});

async function open(site, options = {}, prepare = () => {}) {
  context = await newVisitor(browser, options);
  context.setDefaultTimeout(20_000);
  await prepare(context);
  await come(site);
}
async function come(site) {
  page = await visit(context, `${site.url}#seed=100&variety=0.70`);
  await drawn(page);
  await page.locator(".frame").nth(2).click();
  dialog = page.getByRole("dialog", { name: "№ 102" });
  await dialog.waitFor();
}
const button = (name) => dialog.getByRole("button", { name, exact: true });
const choose = async (choices) => {
  if ((await button("Other sizes and formats").getAttribute("aria-expanded")) === "false") await button("Other sizes and formats").click();
  for (const [name, value] of Object.entries(choices)) {
    if (name === "Side in pixels") await dialog.getByLabel(name).fill(String(value));
    else await dialog.getByRole("combobox", { name }).selectOption(value);
  }
};
async function saved(name = "Download", from = button(name)) {
  const [file] = await Promise.all([page.waitForEvent("download"), from.click()]);
  return { name: file.suggestedFilename(), path: await file.path(), bytes: await readFile(await file.path()) };
}
// A picture file as this browser shows it.
async function shown({ bytes }, kind) {
  const text = bytes.toString("base64");
  const picture = await page.evaluate(
    async ([text, kind]) => {
      const blob = new Blob([Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0))], { type: kind });
      const image = new Image();
      image.src = URL.createObjectURL(blob);
      await image.decode();
      const canvas = new OffscreenCanvas(image.naturalWidth, image.naturalHeight);
      const context = canvas.getContext("2d");
      context.drawImage(image, 0, 0);
      const { data, width, height } = context.getImageData(0, 0, canvas.width, canvas.height);
      const parts = [];
      for (let i = 0; i < data.length; i += 8192) parts.push(String.fromCharCode(...data.subarray(i, i + 8192)));
      return { text: btoa(parts.join("")), width, height };
    },
    [text, kind],
  );
  return { ...picture, data: Buffer.from(picture.text, "base64") };
}
const at = ({ data, width }, x, y) => [...data.subarray(4 * (y * width + x), 4 * (y * width + x) + 4)];
const hex = ([r, g, b]) => `#${[r, g, b].map((value) => value.toString(16).padStart(2, "0")).join("")}`;
// The picture on the wall, which has two pixels to each of the art's.
const small = async () => (await pixels(page, ".wall img"))[2];
const cell = (picture, x, y) => at(picture, 2 * x, 2 * y);

// Every pixel is that of the art, which begins at a margin.
function assertExact(picture, drawn, margin = 0) {
  const block = (picture.width - 2 * margin) / GRID;
  assert.ok(Number.isInteger(block), `${block} pixels to each of the art's`);
  for (let y = margin; y < picture.height - margin; y++) {
    for (let x = margin; x < picture.width - margin; x++) {
      const expected = cell(drawn, Math.floor((x - margin) / block), Math.floor((y - margin) / block));
      if (!at(picture, x, y).every((value, i) => value === expected[i])) {
        assert.fail(`${at(picture, x, y)} at ${x}, ${y}, expected ${expected}`);
      }
    }
  }
}

test("pixel art is saved as exact squares of its own colors, at whole multiples", async () => {
  await open(art);
  const drawn = await small();
  const large = await saved("Download PNG");
  assert.equal(large.name, "guise-102-1024.png");
  assertExact(await readPng(large.path), drawn);
  assert.ok(large.bytes.length < 10_000, `a file of ${large.bytes.length} bytes for few colors`);

  await choose({ Size: "Half size" });
  const medium = await saved();
  assert.equal(medium.name, "guise-102-512.png");
  assertExact(await readPng(medium.path), drawn);

  // A side that is no multiple becomes the nearest one, and that is said before.
  await choose({ Size: "Another size", "Side in pixels": 333 });
  await dialog.getByText("336 × 336 pixels").waitFor();
  const typed = await readPng((await saved()).path);
  assert.equal(typed.width, 336);
  assertExact(typed, drawn);
  const colors = new Set();
  for (let i = 0; i < typed.data.length; i += 4) colors.add(hex(typed.data.subarray(i, i + 3)));
  assert.deepEqual([...colors].filter((color) => !PALETTE.includes(color)), []);
});

test("an SVG is small, and shows what the PNG shows", async () => {
  await open(art);
  const png = await readPng((await saved("Download PNG")).path);
  await choose({ Format: "SVG" });
  const svg = await saved();
  assert.equal(svg.name, "guise-102-1024.svg");
  const text = svg.bytes.toString();
  assert.ok(text.length < 2500, `${text.length} characters`);
  assert.match(text, /shape-rendering="crispEdges"/);
  assert.deepEqual([...new Set(text.match(/<\w+/g))].sort(), ["<g", "<path", "<svg"]);
  assert.equal(difference(await shown(svg, "image/svg+xml"), png), 0);

  // And where it is cut to a disk on a color, as far as the edge allows.
  await choose({ Shape: "Round", Background: "Black" });
  const round = await shown(await saved(), "image/svg+xml");
  await choose({ Format: "PNG" });
  const same = await readPng((await saved()).path);
  let differ = 0;
  for (let i = 0; i < same.data.length; i += 4) differ += Number([0, 1, 2, 3].some((j) => Math.abs(same.data[i + j] - round.data[i + j]) > 8));
  assert.ok(differ < 4 * 1024, `${differ} pixels differ, and the edge has about 3200`);
});

test("every use has its size, and the art in it is exact", async () => {
  await open(art);
  const drawn = await small();
  for (const [use, side, margin] of [["Discord, 128", 128, 0], ["Discord, 512", 512, 0], ["X, 400", 400, 0], ["GitHub, 460", 460, 2]]) {
    await choose({ Size: use });
    const picture = await readPng((await saved()).path);
    assert.deepEqual([picture.width, picture.height], [side, side], use);
    assertExact(picture, drawn, margin);
  }
  await choose({ Size: "Phone wallpaper" });
  const wallpaper = await saved();
  assert.equal(wallpaper.name, "guise-102-1080x1920.png");
  const picture = await readPng(wallpaper.path);
  assert.deepEqual([picture.width, picture.height], [1080, 1920]);
  const [left, top, block] = [(1080 - 864) / 2, (1920 - 864) / 2, 864 / GRID];
  for (let y = 0; y < GRID; y++) {
    for (let x = 0; x < GRID; x++) {
      for (const [i, j] of [[0, 0], [block - 1, block - 1]]) {
        assert.deepEqual(at(picture, left + x * block + i, top + y * block + j), cell(drawn, x, y), `${x}, ${y}`);
      }
    }
  }
  // Around it is the color that most of its rim has.
  const rim = {};
  for (let i = 0; i < GRID; i++) {
    for (const [x, y] of [[i, 0], [i, GRID - 1], [0, i], [GRID - 1, i]]) rim[hex(cell(drawn, x, y))] = (rim[hex(cell(drawn, x, y))] ?? 0) + 1;
  }
  const most = Math.max(...Object.values(rim));
  assert.equal(rim[hex(at(picture, 5, 5))], most);
  assert.deepEqual(at(picture, 1075, 1915), at(picture, 5, 5));
});

test("a round one is cut to a disk, on nothing or on a color", async () => {
  await open(art);
  const background = dialog.getByLabel("Background");
  await choose({ Size: "Discord, 512" });
  assert.ok(await background.isHidden(), "nothing can be seen of it yet");
  await choose({ Shape: "Round" });
  assert.ok(await background.isVisible());
  const clear = await readPng((await saved()).path);
  const drawn = await small();
  assert.equal(at(clear, 0, 0)[3], 0);
  assert.equal(at(clear, 60, 60)[3], 0, "outside of the disk");
  assert.deepEqual(at(clear, 256, 256), cell(drawn, 4, 4));
  assert.equal(at(clear, 256, 2)[3], 255, "the disk fills its square");
  for (const [color, expected] of [["White", [255, 255, 255, 255]], ["Black", [0, 0, 0, 255]]]) {
    await choose({ Background: color });
    assert.deepEqual(at(await readPng((await saved()).path), 60, 60), expected);
  }
  await choose({ Background: "Its own color" });
  assert.ok(PALETTE.includes(hex(at(await readPng((await saved()).path), 60, 60))));
});

test("WebP is exact as well, and JPEG has a color where nothing was", async () => {
  await open(art);
  const drawn = await small();
  await choose({ Size: "Discord, 128", Format: "WebP" });
  const webp = await saved();
  assert.equal(webp.name, "guise-102-128.webp");
  assert.equal(webp.bytes.toString("latin1", 8, 12), "WEBP");
  assertExact(await shown(webp, "image/webp"), drawn);
  await choose({ Format: "JPEG", Shape: "Round", Background: "Transparent" });
  const jpeg = await saved();
  assert.equal(jpeg.name, "guise-102-128.jpg");
  assert.deepEqual([...jpeg.bytes.subarray(0, 3)], [0xff, 0xd8, 0xff]);
  const picture = await shown(jpeg, "image/jpeg");
  const corner = at(picture, 1, 1);
  assert.ok(PALETTE.some((color) => difference({ data: corner, width: 1, height: 1 }, { data: [1, 3, 5].map((i) => parseInt(color.slice(i, i + 2), 16)).concat(255), width: 1, height: 1 }) < 12), `${corner}`);
});

test("the last choice is remembered, and cleared with what is kept", async () => {
  await open(art);
  await choose({ Size: "Discord, 512", Format: "SVG" });
  await page.close();
  await come(art);
  assert.equal((await saved("Download SVG")).name, "guise-102-512.svg");
  await page.keyboard.press("Escape");
  await page.getByText(/MB are kept on this device/).waitFor();
  await page.getByRole("button", { name: "Clear it" }).click();
  await page.getByText("Nothing is kept on this device.").waitFor();
  assert.equal(await page.evaluate(() => localStorage.length), 0);

  // What is no choice is none, and what cannot be remembered is no trouble.
  await page.close();
  for (const wrong of ['{"size":"Huge"}', '{"size":"Own","side":99999999,"format":"Png","is_round":false,"background":"Own"}', "<svg>"]) {
    await context.addInitScript((wrong) => {
      Storage.prototype.getItem = () => wrong;
    }, wrong);
    await come(art);
    assert.equal((await saved("Download PNG")).name, "guise-102-1024.png");
    await page.close();
  }
  await context.addInitScript(() => {
    Object.defineProperty(window, "localStorage", { get() { throw new DOMException("no", "SecurityError"); } });
  });
  await come(art);
  await choose({ Size: "Half size" });
  assert.equal((await saved()).name, "guise-102-512.png");
});

test("a picture is copied and shared as it was chosen, where the browser can", async () => {
  await open(art, { permissions: ["clipboard-read", "clipboard-write"] }, (context) =>
    context.addInitScript(() => {
      navigator.canShare = ({ files }) => files?.length === 1 && files[0].type === "image/png";
      navigator.share = async ({ files }) => void (window.shared = files[0]);
    }),
  );
  const drawn = await small();
  await choose({ Size: "Discord, 128" });
  await button("Copy picture").click();
  await dialog.getByText("The picture is on your clipboard.").waitFor();
  const text = await page.evaluate(async () => {
    const [item] = await navigator.clipboard.read();
    const bytes = new Uint8Array(await (await item.getType("image/png")).arrayBuffer());
    return btoa(String.fromCharCode(...bytes));
  });
  assertExact(await shown({ bytes: Buffer.from(text, "base64") }, "image/png"), drawn);
  await choose({ Format: "WebP" });
  await button("Share").click();
  await page.waitForFunction(() => window.shared);
  assert.deepEqual(await page.evaluate(() => [window.shared.name, window.shared.type]), ["guise-102-128.webp", "image/webp"]);
});

test("what a browser cannot is not offered", async () => {
  await open(art, {}, (context) =>
    context.addInitScript(() => {
      delete window.ClipboardItem;
      Navigator.prototype.canShare = undefined;
    }),
  );
  await choose({});
  assert.ok(await button("Download").isVisible());
  assert.equal(await button("Copy picture").count(), 0);
  assert.equal(await button("Share").count(), 0);
});

test("what is no pixel art is saved as it is, in other sizes smoothly, and never as an SVG", async () => {
  await open(smooth);
  await choose({});
  assert.deepEqual(await dialog.getByRole("combobox", { name: "Format" }).locator("option").allTextContents(), ["PNG", "WebP", "JPEG"]);
  assert.deepEqual(difference(await readPng((await saved()).path), await small()), 0);
  await choose({ Size: "Discord, 128" });
  await dialog.getByText(/more than it has so far. Enlarge it first/).waitFor();
  for (const side of [64, 256]) {
    await dialog.getByRole("button", { name: `Enlarge to ${side} px` }).click();
    await dialog.getByAltText(`Avatar 102, ${side} by ${side} pixels`).waitFor();
  }
  await dialog.getByText("128 × 128 pixels.", { exact: true }).waitFor();
  const half = await readPng((await saved()).path);
  const [large] = await pixels(page, ".viewer img");
  // Each of its pixels lies between the darkest and the brightest of those around it.
  for (let y = 0; y < 128; y += 3) {
    for (let x = 0; x < 128; x += 3) {
      const near = [];
      for (let j = -1; j < 3; j++) for (let i = -1; i < 3; i++) near.push(at(large, Math.min(255, Math.max(0, 2 * x + i)), Math.min(255, Math.max(0, 2 * y + j))));
      for (const channel of [0, 1, 2]) {
        const values = near.map((pixel) => pixel[channel]);
        const value = at(half, x, y)[channel];
        assert.ok(value >= Math.min(...values) - 1 && value <= Math.max(...values) + 1, `${x}, ${y}`);
      }
    }
  }
  await choose({ Size: "Full size" });
  assert.equal(difference(await readPng((await saved()).path), large), 0, "the file is the picture");
});

test("the wall is saved as one picture", async () => {
  await open(art);
  await page.keyboard.press("Escape");
  const file = await saved("", page.getByRole("button", { name: "Download these as one picture" }));
  assert.equal(file.name, "guise-wall-100.png");
  const sheet = await readPng(file.path);
  assert.deepEqual([sheet.width, sheet.height], [4 * 280 + 24, 2 * 280 + 24]);
  for (const [place, drawn] of (await pixels(page, ".wall img")).entries()) {
    const [left, top] = [24 + 280 * (place % 4), 24 + 280 * Math.floor(place / 4)];
    for (let y = 0; y < 256; y += 5) {
      for (let x = 0; x < 256; x += 5) {
        assert.deepEqual(at(sheet, left + x, top + y), cell(drawn, x >> 5, y >> 5), `avatar ${place} at ${x}, ${y}`);
      }
    }
  }
});

test("the form opens without moving anything, by keyboard, and fits 320 px", async () => {
  await open(art);
  const places = () => page.locator(".actions > *").evaluateAll((all) => all.map((it) => JSON.stringify(it.getBoundingClientRect())));
  const before = await places();
  await button("Other sizes and formats").focus();
  await page.keyboard.press("Enter");
  await dialog.getByRole("combobox", { name: "Size" }).waitFor();
  assert.deepEqual(await places(), before);
  for (const name of ["Size", "Format", "Shape", "Download"]) {
    await page.keyboard.press("Tab");
    const focused = await page.evaluate(() => document.activeElement.labels?.[0]?.querySelector("span")?.textContent ?? document.activeElement.textContent);
    assert.equal(focused, name);
  }
  const [file] = await Promise.all([page.waitForEvent("download"), page.keyboard.press("Enter")]);
  assert.equal(file.suggestedFilename(), "guise-102-1024.png");
  await context.close();
  await open(art, { viewport: { width: 320, height: 640 } });
  await choose({ Size: "Another size", Shape: "Round" });
  assert.ok(await dialog.evaluate((element) => element.scrollWidth <= element.clientWidth));
  const tiny = await dialog.locator("button, select, input").evaluateAll((all) =>
    all.filter((it) => it.checkVisibility({ visibilityProperty: true }) && Math.min(it.offsetWidth, it.offsetHeight) < 44).map((it) => it.outerHTML),
  );
  assert.deepEqual(tiny, []);
});
