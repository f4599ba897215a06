// What is fetched is said before, and nothing is fetched before it is needed.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, afterEach, before, test } from "node:test";
import { drawn, guided, launch, newVisitor, openSite, root, visit } from "./harness.mjs";

let browser, site, context, page, bytes;

before(async () => {
  // The published model: its words are too large to be fetched unasked.
  [browser, site] = await Promise.all([launch(), openSite(join(root, "models/pixel-art"))]);
  const { parts } = JSON.parse(await readFile(join(site.bundle, "model.json"), "utf8"));
  bytes = Object.fromEntries(Object.entries(parts).map(([name, part]) => [name, part.bytes]));
});
after(async () => {
  await browser?.close();
  await site?.close();
});
afterEach(async () => {
  assert.deepEqual(page.problems, []);
  await context.close();
});

const open = async (connection, fragment = "#seed=7&variety=0.70") => {
  context = await newVisitor(browser);
  if (connection) {
    await context.addInitScript((connection) => {
      Object.defineProperty(Navigator.prototype, "connection", { get: () => connection });
    }, connection);
  }
  site.requests.length = 0;
  page = await visit(context, site.url + fragment);
};
const parts = () => site.requests.filter((name) => /gguf$|vocabulary/.test(name)).sort();
const ask = async (sentence) => {
  await page.getByLabel("Describe an avatar").fill(sentence);
  await page.keyboard.press("Enter");
};
const megabytes = (bytes) => `${(bytes / 1e6).toFixed(1)} MB`;
const words = () =>
  megabytes(bytes.text_tower + bytes.image_tower + bytes.vocabulary + bytes.mapper + bytes.population);
const question = () => page.locator(".prompt .notice").filter({ hasText: "Your connection seems to be slow or metered" });

test("a first visit fetches what draws, says what words and enlarging will fetch, and fetches it then", async () => {
  await open();
  await drawn(page, 120_000);
  assert.deepEqual(parts(), ["generator.gguf"]);
  await page.getByText(`Your first sentence fetches ${words()}, once.`).waitFor();
  await page.locator(".frame").first().click();
  await page.getByRole("button", { name: `Enlarge to 128 px (${megabytes(bytes.upscaler)})` }).click();
  await page.getByText(/Enlarged to 128 by 128/).last().waitFor({ timeout: 120_000 });
  assert.deepEqual(parts(), ["generator.gguf", "upscaler.gguf"]);
  await page.getByRole("button", { name: "Enlarge to 512 px", exact: true }).waitFor();
  await page.keyboard.press("Escape");
  await ask("pink hair");
  await guided(page, 120_000);
  assert.equal(await question().isVisible(), false, "no one is asked on a good connection");
  assert.equal(parts().length, 7);
  assert.equal(await page.locator(".cost").textContent(), "");
  // A second visit has all of it, and has nothing to say.
  await page.close();
  site.requests.length = 0;
  page = await visit(context, `${site.url}#seed=7&variety=0.70`);
  await drawn(page, 120_000);
  assert.deepEqual(parts(), []);
  assert.equal(await page.locator(".cost").textContent(), "");
});

for (const connection of [{ saveData: true }, { saveData: false, effectiveType: "3g" }]) {
  test(`on a connection of ${JSON.stringify(connection)} words are asked for first`, async () => {
    await open(connection);
    await drawn(page, 120_000);
    const before = await page.locator(".wall img").evaluateAll((all) => all.map(({ alt }) => alt));
    await ask("pink hair");
    await question().waitFor();
    assert.ok((await question().textContent()).includes(words()));
    await question().getByRole("button", { name: "Not now" }).click();
    await question().waitFor({ state: "hidden" });
    assert.deepEqual(parts(), ["generator.gguf"]);
    const after = await page.locator(".wall img").evaluateAll((all) => all.map(({ alt }) => alt));
    assert.deepEqual(after, before, "what hangs there stays");
    assert.notEqual(await page.evaluate(() => document.activeElement.tagName), "BODY");
    await ask("pink hair");
    await question().getByRole("button", { name: /^Fetch / }).click();
    await guided(page, 120_000);
    // Once is enough.
    await ask("green hair");
    await guided(page, 120_000);
    assert.equal(await question().isVisible(), false);
  });
}

test("a link with words asks as well, and shows others by chance where it may not", async () => {
  await open({ saveData: true }, "#seed=7&variety=0.70&words=pink%20hair&without=&effort=draft&count=4");
  await question().waitFor({ timeout: 120_000 });
  assert.deepEqual(parts(), ["generator.gguf"]);
  await question().getByRole("button", { name: "Not now" }).click();
  await drawn(page, 120_000);
  await page.getByText(/by chance, because nothing was fetched for words/).waitFor();
  assert.deepEqual(parts(), ["generator.gguf"]);
});
