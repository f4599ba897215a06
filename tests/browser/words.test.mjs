// A visitor who says what they want: sentences, pictures as targets, variations and mixes, on the processor.
//
// The towers and the mapper of the tiny bundle have random weights, so that what fits means nothing to people here; that the
// networks of a trained model draw what was asked for is measured by `guise evaluate prompts`.

import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, test } from "node:test";
import { PNG } from "pngjs";
import { difference, drawn, guided, guise, launch, newVisitor, openSite, pixels, takeTime, visit } from "./harness.mjs";

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
  await (fragment.includes("words=") ? guided(page) : drawn(page));
};
const box = () => page.getByLabel("Describe an avatar");
const ask = async (sentence) => {
  await box().fill(sentence);
  await page.keyboard.press("Enter");
};
const choose = async (quality) => {
  const choices = page.getByText("More choices");
  if (!(await page.locator(".prompt details").getAttribute("open"))?.length && !(await page.getByLabel("Without").isVisible())) {
    await choices.click();
  }
  if (quality) await page.getByRole("radio", { name: new RegExp(quality) }).check();
};
const shown = () => page.locator(".wall li:visible img");
const fits = () => page.locator(".wall li:visible .fit").evaluateAll((all) => all.map((fit) => Number(fit.dataset.score)));

test("what understands words is fetched when it is first needed, and a sentence draws four avatars", async () => {
  await open();
  await page.getByText("Your first sentence fetches 0.1 MB, once.").waitFor();
  assert.ok(!site.requests.some((name) => /tower|mapper|vocabulary/.test(name)), "words have not been asked for yet");
  const before = await pixels(page, ".wall li:first-child img");
  await ask("pink hair and round glasses");
  await guided(page);
  assert.ok(site.requests.some((name) => /text/.test(name)), site.requests.join(" "));
  assert.equal(await page.locator(".cost").textContent(), "", "and is not fetched again");
  assert.equal(await shown().count(), 4);
  const scores = await fits();
  assert.ok(scores.length === 4 && scores.every(Number.isFinite), `${scores}`);
  assert.match(page.url(), /&words=pink%20hair%20and%20round%20glasses&without=&effort=draft&count=4&drawn=[\w-]+([.][\w-]+){3}$/);
  assert.match(await page.locator(".caption").textContent(), /“pink hair and round glasses”/);
  const after = await pixels(page, ".wall li:first-child img");
  assert.ok(difference(before[0], after[0]) > 5);

  await page.getByRole("button", { name: "Start over" }).click();
  await drawn(page);
  assert.equal(await shown().count(), 8);
});

test("what of a sentence is not read is said with the result", async () => {
  await open();
  await ask(`${"very ".repeat(60)}long hair`);
  await guided(page);
  await page.getByText(/Note: only the first 30 pieces of words are read of "very very/).waitFor();
  await ask("long hair");
  await guided(page);
  assert.equal(await page.getByText(/Note: only/).count(), 0);
});

test("a link with words leads to the same pictures, and other words to others", async () => {
  const link = "#seed=8&variety=0.70&words=blue%20shirt&without=a%20hat&effort=draft&count=2";
  await open(link);
  const first = await pixels(page, ".wall li:not([hidden]) img");
  assert.equal(first.length, 2);
  await page.close();
  await open(link);
  assert.deepEqual(await pixels(page, ".wall li:not([hidden]) img"), first);
  await page.close();
  await open(link.replace("blue%20shirt", "%E2%9C%A8%20old%20wizard"));
  const other = await pixels(page, ".wall li:not([hidden]) img");
  assert.ok(difference(first[0], other[0]) > 2);
});

test("what understands words says when it does not arrive, and comes at the second try", async () => {
  const other = await newVisitor(browser);
  page = await visit(other, `${site.url}#seed=100&variety=0.70`);
  await drawn(page);
  site.faults["text_tower.gguf"] = (request, response) => response.destroy();
  await ask("pink hair");
  const notice = page.locator(".prompt [role=alert]");
  await notice.getByText(/fetching text_tower.gguf/).waitFor();
  site.faults = {};
  await notice.getByRole("button", { name: "Try again" }).click();
  await guided(page);
  assert.deepEqual(page.problems, []);
  await other.close();
  page = await visit(context, site.url);
});

test("the page refines as the native program does, step by step", async () => {
  await context.addInitScript(() => {
    window.fits = [];
    const first = () => document.querySelector(".wall li .fit")?.dataset.score ?? "";
    new MutationObserver(() => {
      if (first() && first() !== window.fits.at(-1)) window.fits.push(first());
    }).observe(document, { subtree: true, childList: true, attributes: true });
  });
  await open("#seed=7&variety=0.70&words=blue%20shirt&without=a%20hat&effort=normal&count=2");
  const shown = (await page.evaluate(() => window.fits)).map(Number);
  const dir = await mkdtemp(join(tmpdir(), "guise-native-"));
  const stats = join(dir, "stats.jsonl");
  await guise([
    ...["generate", "--model", site.bundle, "--prompt", "blue shirt | a hat:-0.5", "--quality", "normal"],
    ...["--seed", "7", "--count", "2", "--truncation-psi", "0.7", "--stats", stats, "--out", `${dir}/`],
  ]);
  const lines = (await readFile(stats, "utf8")).trim().split("\n");
  const native = lines.map((line) => JSON.parse(line).scores[0]);
  await rm(dir, { recursive: true });
  assert.equal(native.length, 30);
  assert.ok(native[29] > native[0] + 0.02, `it climbs: ${native}`);
  // Two steps in a row that look alike are seen once, and the last of the page's is after the last step.
  assert.ok(shown.length > 20 && shown.length <= 31, `${shown}`);
  const off = (value) => Math.min(...native.map((score) => Math.abs(score - value)));
  const worst = Math.max(...shown.slice(0, -1).map(off));
  assert.ok(Math.abs(shown[0] - native[0]) <= 0.002, `it begins at ${shown[0]}, natively at ${native[0]}`);
  assert.ok(worst <= 0.005, `a step is off by ${worst}: ${shown}; natively ${native}`);
});

test("refining shows its steps, ends better than it began, and can be stopped", async () => {
  await open();
  await choose("Normal");
  await ask("red hair");
  await guided(page);
  const numbers = await fits();
  await choose("Draft");
  await ask("red hair");
  await guided(page);
  const drafts = await fits();
  const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
  assert.ok(mean(numbers) > mean(drafts), `${numbers} after 30 steps, ${drafts} after none`);

  await choose("Better");
  await takeTime(page);
  await ask("green hair");
  await page.getByText(/^Step \d+ of 200/).waitFor();
  await page.getByRole("button", { name: "Stop" }).click();
  await page.getByText("Stopped.").waitFor();
  assert.ok(!(await page.locator(".prompt progress").isVisible()));
  await page.getByRole("button", { name: "Start over" }).click();
  await drawn(page);
});

test("sentences of every kind are taken or answered, and none is markup", async () => {
  await open();
  await choose();
  await ask("   ");
  assert.match(await page.locator("[role=status]").textContent(), /Say first what you would like to see/);
  const sentences = [
    "a".repeat(10_000),
    "🦊🧢👓",
    "رجل بشعر وردي ونظارات",
    "<img src=x onerror=alert(1)> & <b>bold</b>",
    "hair: pink | glasses: -0.5",
    "pink hair:1e999",
  ];
  for (const sentence of sentences) {
    await ask(sentence);
    await page.waitForFunction(
      () =>
        /drawn in/.test(document.querySelector("[role=status]").textContent) ||
        document.querySelector(".prompt [role=alert]:not([hidden])"),
    );
    assert.equal(await page.locator("main b, main img[src=x]").count(), 0);
  }
  await page.getByLabel("Without").fill("a hat");
  await ask("blue hair");
  await guided(page);
  assert.match(await page.locator(".caption").textContent(), /“blue hair”, without “a hat”/);
});

test("a picture can be the target, and what is none says so", async () => {
  await open();
  await choose();
  const dir = tmpdir();
  const picture = new PNG({ width: 90, height: 60 });
  for (let i = 0; i < picture.data.length; i += 4) picture.data.set([200, 40, 40, 255], i);
  const good = PNG.sync.write(picture);
  // The size in the header is all that a picture bomb needs.
  const bomb = Buffer.from(good);
  bomb.writeUInt32BE(10_000, 16);
  bomb.writeUInt32BE(10_000, 20);
  const files = {
    "target.png": [good, null],
    "notes.png": [Buffer.from("no picture at all"), /no picture that is known here/],
    "bomb.png": [bomb, /100 megapixels, and at most 40/],
    "half.png": [good.subarray(0, good.length >> 1), /damaged/],
  };
  for (const [name, [contents, complaint]] of Object.entries(files)) {
    const path = join(dir, `guise-${process.pid}-${name}`);
    await writeFile(path, contents);
    await page.getByLabel("Like this picture").setInputFiles(path);
    await page.getByText(`guise-${process.pid}-${name}`).waitFor();
    await box().fill("");
    await page.getByRole("button", { name: "Draw", exact: true }).click();
    if (complaint) {
      const notice = page.locator(".prompt [role=alert]:not([hidden])");
      await notice.waitFor();
      assert.match(await notice.textContent(), complaint, name);
    } else {
      await guided(page);
      assert.match(await page.locator(".caption").textContent(), /Like a picture/);
    }
    await rm(path);
  }
  await page.getByRole("button", { name: "Remove" }).click();
  await ask("pink hair");
  await guided(page);
});

test("an avatar is varied, and mixed with another, and that takes nothing that understands words", async () => {
  const other = await newVisitor(browser);
  site.requests.length = 0;
  page = await visit(other, `${site.url}#seed=100&variety=0.70`);
  await drawn(page);
  const [original] = await pixels(page, ".wall li:first-child img");
  await page.getByRole("button", { name: "Avatar 100" }).click();
  await page.getByRole("button", { name: "Vary it" }).click();
  await page.getByText("Variations of № 100", { exact: true }).waitFor();
  await drawn(page);
  const variations = await pixels(page, ".wall img");
  assert.equal(variations.length, 8);
  const distances = variations.map((picture) => difference(picture, original));
  assert.ok(distances.every((distance) => distance > 0), distances.join(" "));

  await page.locator(".frame").first().click();
  await page.getByRole("button", { name: "Mix it with another" }).click();
  await page.getByText(/^Pick the avatar to mix № V\d+ with/).waitFor();
  await page.locator(".frame").nth(3).click();
  await page.getByText(/^Mixes of № V\d+ and № V\d+$/).waitFor();
  await drawn(page);
  const mixes = await pixels(page, ".wall img");
  assert.ok(difference(mixes[0], mixes[7]) > 2);
  assert.deepEqual(site.requests.filter((name) => /tower|mapper|vocabulary/.test(name)), []);
  assert.deepEqual(page.problems, []);
  await other.close();
  page = await visit(context, site.url);
});
