// Several models on one site: which one draws is chosen, is in the address, and nothing of one is taken for the other's.

import assert from "node:assert/strict";
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, test } from "node:test";
import { BUNDLE, drawn, launch, newVisitor, openSite, visit } from "./harness.mjs";

let browser, site, context, page, other;

// A second model: the same networks under a name that would like to be markup, with colors of its own by another license.
const NAME = '<img src=x onerror="document.title=1">Blue faces';

before(async () => {
  other = await mkdtemp(join(tmpdir(), "guise-other-"));
  await cp(BUNDLE, other, { recursive: true });
  const path = join(other, "model.json");
  const manifest = JSON.parse(await readFile(path, "utf8"));
  manifest.name = NAME;
  manifest.truncation_psi = 0.5;
  // Its reference pictures are drawn with another.
  delete manifest.self_check;
  manifest.art = { license: "CC-BY-4.0", attribution: "Somebody", source: "https://example.org/art" };
  await writeFile(path, JSON.stringify(manifest));
  [browser, site] = await Promise.all([launch(), openSite(BUNDLE, { blue: other })]);
});
after(async () => {
  await browser?.close();
  await site?.close();
  await rm(other, { recursive: true });
});
afterEach(async () => {
  assert.deepEqual(page.problems, []);
  await context.close();
});

const open = async (fragment = "", options) => {
  context = await newVisitor(browser, options);
  page = await visit(context, site.url + fragment);
  await drawn(page);
};
const button = () => page.locator("#model button");
const dialog = () => page.getByRole("dialog", { name: "Who draws?" });
const choose = async (name) => {
  await button().click();
  await dialog().getByRole("button", { name }).click();
  await dialog().waitFor({ state: "hidden" });
};
const shows = (name) => page.waitForFunction((name) => document.querySelector(".label dd")?.textContent === name, name);

test("a model is chosen, is in the address, and Back leads to the one before", async () => {
  await open();
  assert.match(page.url(), /#model=pixel-art&seed=\d+&variety=0.70$/);
  const first = page.url();
  await choose(/Blue faces/);
  await shows(NAME);
  await drawn(page);
  assert.match(page.url(), /#model=blue&seed=\d+&variety=0.50$/, "with the variety that it likes");
  assert.equal(await page.evaluate(() => document.activeElement.closest("#model") !== null), true, "the focus is where it was");
  const second = page.url();
  await page.goBack();
  await shows("Tiny");
  await drawn(page);
  assert.equal(page.url(), first);
  await page.goForward();
  await shows(NAME);
  await drawn(page);
  assert.equal(page.url(), second);
  // Nothing that is kept of one is thrown away for the other.
  site.requests.length = 0;
  await page.goBack();
  await shows("Tiny");
  await drawn(page);
  assert.deepEqual(site.requests.filter((name) => name.endsWith(".gguf")), []);
});

test("a link names its model, one without opens the default, and one that is not there is a sentence", async () => {
  await open("#model=blue&seed=7&variety=0.50");
  await shows(NAME);
  assert.ok(page.url().endsWith("#model=blue&seed=7&variety=0.50"));
  await context.close();

  await open("#seed=7&variety=0.70");
  await shows("Tiny");
  assert.ok(page.url().endsWith("#model=pixel-art&seed=7&variety=0.70"));
  await context.close();

  await open("#model=gone&seed=7&variety=0.70");
  await shows("Tiny");
  await page.getByText(/This site does not have the model of that link/).waitFor();
  assert.match(page.url(), /#model=pixel-art&seed=\d+&variety=0.70$/);
  await context.close();

  for (const name of ["..", "%2e%2e", "a/b", "", "A"]) {
    await open(`#model=${name}&seed=7&variety=0.70`);
    await page.getByText(/The link could not be read/).waitFor();
    assert.deepEqual(page.problems, []);
    await context.close();
  }
  await open();
});

test("the list says what each model is, what it takes and what may be done with it, and none of it is markup", async () => {
  await open();
  await button().click();
  await dialog().getByText("Blue faces").waitFor();
  const cards = dialog().locator("li");
  assert.equal(await cards.count(), 2);
  const text = await cards.nth(1).textContent();
  assert.ok(text.includes(NAME), text);
  assert.match(text, /16 × 16 pixels, \d+\.\d MB, and \d+\.\d MB more for words\./);
  const license = cards.nth(1).getByRole("link", { name: "CC BY 4.0" });
  assert.equal(await license.getAttribute("href"), "https://creativecommons.org/licenses/by/4.0/");
  assert.equal(await page.locator("img[src=x]").count(), 0);
  assert.equal(await cards.nth(0).getByRole("button").getAttribute("aria-current"), "true");
  assert.equal(await cards.nth(1).getByRole("button").getAttribute("aria-current"), null);
  await page.keyboard.press("Escape");
  await dialog().waitFor({ state: "hidden" });
  assert.equal(await page.title(), await page.evaluate(() => document.title));
  assert.notEqual(await page.title(), "1");
});

test("a model is chosen with the keyboard alone", async () => {
  await open();
  await page.keyboard.press("Tab");
  assert.match(await page.evaluate(() => document.activeElement.textContent), /^Model: Tiny/);
  await page.keyboard.press("Enter");
  await dialog().getByText("Blue faces").waitFor();
  const inside = () => page.evaluate(() => document.activeElement.textContent);
  for (let i = 0; i < 6 && !(await inside()).includes(NAME); i++) await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await shows(NAME);
  await drawn(page);
});

test("whether these may be used is said, with real links", async () => {
  await open("#model=blue&seed=7&variety=0.50");
  const label = page.locator("footer .label");
  await label.getByText("May I use these?").waitFor();
  await label.getByText("Yes, for anything, if you credit its makers.").waitFor();
  const art = label.getByRole("link", { name: "CC BY 4.0" });
  assert.equal(await art.first().getAttribute("href"), "https://creativecommons.org/licenses/by/4.0/");
  const source = label.getByRole("link", { name: "https://example.org/art" });
  assert.equal(await source.getAttribute("href"), "https://example.org/art");
  const hrefs = await page.locator("footer a").evaluateAll((all) => all.map(({ href }) => href));
  assert.ok(hrefs.every((href) => href.startsWith("https://")), hrefs.join(" "));
});

test("a site with one model, or without a list that can be read, offers no choice", async () => {
  const path = join(site.dir, "models/index.json");
  const list = await readFile(path, "utf8");
  const lists = [
    JSON.stringify({ models: ["models/pixel-art/"] }),
    JSON.stringify({ models: ["../secret/", "models/../pixel-art/", "https://unsafe.test/models/a/", "models/A/", 7] }),
    JSON.stringify({ models: ["../secret/", "models/x/../y/", "models//"] }),
    "<!doctype html>",
    null,
  ];
  try {
    for (const text of lists) {
      if (text === null) await rm(path);
      else await writeFile(path, text);
      await open("#seed=7&variety=0.70");
      assert.equal(await button().count(), 0, String(text));
      assert.ok(page.url().endsWith("#seed=7&variety=0.70"), "and links need not name it");
      assert.deepEqual(page.problems, []);
      await context.close();
    }
  } finally {
    await writeFile(path, list);
  }
  await open();
});
