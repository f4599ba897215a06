// Avatars from avatars: variations that follow words and pictures, mixes that can be shuffled, names that tell all apart.

import assert from "node:assert/strict";
import { rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { PNG } from "pngjs";
import { difference, drawn, guided, launch, newVisitor, openSite, pixels, visit, withSameChance } from "./harness.mjs";

let browser, site, context, page;

before(async () => {
  [browser, site] = await Promise.all([launch(), openSite()]);
  context = await withSameChance(await newVisitor(browser));
});
after(async () => {
  await browser?.close();
  await site?.close();
});
afterEach(async () => {
  assert.deepEqual(page.problems, []);
  await page.close();
});

const SHOWN = ".wall li:not([hidden]) img";
const open = async (fragment = "#seed=100&variety=0.70", from = site) => {
  page = await visit(context, from.url + fragment);
  await drawn(page);
};
const names = () => page.locator(SHOWN).evaluateAll((images) => images.map(({ alt }) => alt));
const vary = async (place) => {
  await page.locator(".frame").nth(place).click();
  await page.getByRole("button", { name: "Vary it" }).click();
  await page.getByText(/Eight variations of № \w+ drawn in/).waitFor();
};
const mix = async (one, other) => {
  await page.locator(".frame").nth(one).click();
  await page.getByRole("button", { name: "Mix it with another" }).click();
  await page.locator(".frame").nth(other).click();
};
const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
// The mean distance of two pictures, of 255.
const distance = (a, b) => mean(Array.from(a.data, (value, index) => Math.abs(value - b.data[index])));

test("words change a varied avatar of a trained model, and leave it recognizable", async () => {
  const trained = await openSite(fileURLToPath(new URL("../../models/pixel-art", import.meta.url)));
  try {
    await open("#seed=100&variety=0.70", trained);
    const all = await pixels(page, SHOWN);
    const parent = all[0];
    await vary(0);
    const ask = async (sentence) => {
      await page.getByLabel("Describe an avatar").fill(sentence);
      await page.keyboard.press("Enter");
      await guided(page);
      return pixels(page, SHOWN);
    };
    // The share of pixels of a color. The avatar that all come from has black hair, an orange shirt and a blue background.
    const share = (pictures, is) =>
      mean(pictures.map(({ data }) => mean(Array.from({ length: data.length / 4 }, (_, i) => Number(is(...data.subarray(4 * i, 4 * i + 3)))))));
    const isPink = (r, g, b) => r > 200 && b > 130 && g < 190 && r > g + 45;
    const isGreen = (r, g, b) => g > r + 40 && g > b + 20;
    const pinks = await ask("long pink hair");
    const greens = await ask("short green hair");
    assert.ok(share(pinks, isPink) > 0.05, `${share(pinks, isPink)} of the pixels are pink`);
    assert.ok(share(greens, isGreen) > 0.05, `${share(greens, isGreen)} of the pixels are green`);
    const kin = mean([...pinks, ...greens].map((picture) => distance(picture, parent)));
    const strangers = mean(all.slice(1).map((picture) => distance(picture, parent)));
    assert.ok(kin < strangers, `${kin} from the one they come from, and strangers are ${strangers} apart`);
  } finally {
    await trained.close();
  }
});

test("a picture is heeded while varying", async () => {
  await open();
  await vary(0);
  await page.getByText("More choices").click();
  const path = join(tmpdir(), `guise-vary-${process.pid}.png`);
  const paint = async (color) => {
    const picture = new PNG({ width: 40, height: 40 });
    for (let i = 0; i < picture.data.length; i += 4) picture.data.set([...color, 255], i);
    await writeFile(path, PNG.sync.write(picture));
    await page.getByLabel("Like this picture").setInputFiles([]);
    await page.getByLabel("Like this picture").setInputFiles(path);
    await page.getByText(`guise-vary-${process.pid}.png`).waitFor();
    await page.getByRole("button", { name: "Draw", exact: true }).click();
    await guided(page);
    assert.equal(await page.locator(".caption p").textContent(), "Variations of № 100, like a picture");
    return page.locator(".fit").evaluateAll((all) => all.map((it) => it.dataset.score).join());
  };
  const [red, blue] = [await paint([255, 0, 0]), await paint([0, 0, 255])];
  await rm(path);
  assert.notEqual(red, blue);
  await page.getByRole("button", { name: "Remove" }).click();
});

test("shuffling mixes gives other mixes, from most like the one to most like the other", async () => {
  await open();
  const all = await pixels(page, SHOWN);
  await mix(0, 3);
  await page.getByText(/Eight mixes of № 100 and № 103 drawn in/).waitFor();
  const first = await pixels(page, SHOWN);
  await page.getByRole("button", { name: "Shuffle" }).click();
  await page.waitForFunction((name) => document.querySelector(".wall img").alt !== name, first[0].name);
  await drawn(page);
  const second = await pixels(page, SHOWN);
  assert.equal(await page.locator(".caption p").textContent(), "Mixes of № 100 and № 103");
  const same = second.filter((picture) => first.some((other) => difference(picture, other) === 0));
  assert.ok(same.length <= 4, `${same.length} of 8 were there before`);
  const [one, other] = [all[0], all[3]];
  // A single layer may decide most of a picture, so that one mix alone says little.
  const apart = (place, near, far) => mean([first, second].map((mixes) => distance(mixes[place], far) - distance(mixes[place], near)));
  assert.ok(apart(0, one, other) + apart(7, other, one) > 0);
  for (const mixes of [first, second]) {
    for (const [index, picture] of mixes.entries()) {
      assert.ok(!mixes.slice(0, index).some((before) => difference(picture, before) === 0), "all eight differ");
    }
  }
});

test("an avatar is not mixed with itself, and another can still be picked", async () => {
  await open();
  await mix(2, 2);
  await page.getByText("That is the same avatar. Pick another one to mix it with.").waitFor();
  assert.equal(await page.locator(".caption p").textContent(), "Pick the avatar to mix № 102 with.");
  await page.locator(".frame").nth(1).click();
  await page.getByText(/Eight mixes of № 102 and № 101/).waitFor();
});

test("no two avatars have one name", async () => {
  await open();
  const seen = new Set(await names());
  const add = async (what) => {
    for (const name of await names()) {
      assert.ok(!seen.has(name), `${what}: ${name} is there already`);
      seen.add(name);
    }
  };
  await vary(0);
  await add("variations");
  await vary(1);
  await add("variations of one of them");
  await mix(0, 1);
  await page.getByText(/Eight mixes/).waitFor();
  await add("mixes");
  await page.getByLabel("Describe an avatar").fill("red hair");
  await page.keyboard.press("Enter");
  await guided(page);
  await add("for words");
});
