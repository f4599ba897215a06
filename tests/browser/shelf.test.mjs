// My avatars: kept on the device, opened again, removed and brought back, taken along and brought in. Whatever is brought in is
// hostile until it is checked.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { PNG } from "pngjs";
import { difference, drawn, guided, launch, newVisitor, openSite, pixels, visit } from "./harness.mjs";

const NOUNS = fileURLToPath(new URL("../../models/nouns", import.meta.url));
const file = join(tmpdir(), `guise-shelf-${process.pid}`);

let browser, site, two, context, page;

before(async () => {
  [browser, site, two] = await Promise.all([launch(), openSite(), openSite(undefined, { nouns: NOUNS })]);
});
after(async () => {
  await browser?.close();
  await site?.close();
  await two?.close();
  await rm(file, { force: true });
});
afterEach(async () => {
  assert.deepEqual(page.problems, []);
  await context.close();
});

const START = "#seed=100&variety=0.70";
async function open({ at = site, options = {}, prepare = () => {} } = {}) {
  context = await newVisitor(browser, options);
  context.setDefaultTimeout(20_000);
  await prepare(context);
  page = await visit(context, at.url + START);
  await drawn(page);
}
const button = (name) => page.getByRole("button", { name, exact: true });
const closeUp = async (place) => {
  await page.locator(".frame").nth(place).click();
  await page.getByRole("dialog").waitFor();
};
const keep = async (place) => {
  await closeUp(place);
  await button("Keep").click();
  await page.getByRole("dialog").getByText(/is kept/).waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "hidden" });
  // Closing goes a step back, after which the browser scrolls to where that was.
  await page.waitForFunction(() => !/open=/.test(location.hash));
  await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
};
const names = () => page.locator(".shelf .mat:not(.removed) img").evaluateAll((all) => all.map(({ alt }) => alt));
const said = () => page.locator(".shelf > p").textContent();
const stored = () => page.evaluate(() => Object.entries(localStorage).find(([key]) => key.endsWith(" shelf"))?.[1] ?? null);
async function bring(content, as = "recipes.json") {
  await page.locator(".shelf > p").evaluate((line) => (line.dataset.before = line.textContent));
  await page.getByLabel("An export of avatars").setInputFiles({ name: as, mimeType: "", buffer: Buffer.from(content) });
  await page.waitForFunction((name) => {
    const { textContent, dataset } = document.querySelector(".shelf > p");
    return textContent.includes(name) && textContent !== dataset.before;
  }, as);
  return said();
}
async function exported() {
  const [saved] = await Promise.all([page.waitForEvent("download"), button("Export").click()]);
  assert.equal(saved.suggestedFilename(), "guise-avatars.zip");
  return readFile(await saved.path());
}
// The files of an archive, as another program reads and checks them.
async function unzipped(archive) {
  await writeFile(file, archive);
  const program = `import base64, json, sys, zipfile
archive = zipfile.ZipFile(sys.argv[1])
assert archive.testzip() is None
print(json.dumps({name: base64.b64encode(archive.read(name)).decode() for name in archive.namelist()}))`;
  const { stdout } = await promisify(execFile)("python3", ["-c", program, file], { maxBuffer: 1e8 });
  return Object.fromEntries(Object.entries(JSON.parse(stdout)).map(([name, text]) => [name, Buffer.from(text, "base64")]));
}

test("an avatar is kept for later visits, opened again, and taken off", async () => {
  await open();
  assert.match(await said(), /Open an avatar and choose “Keep”/);
  const shown = (await pixels(page, ".wall img"))[3];
  await closeUp(3);
  assert.equal(await button("Keep").getAttribute("aria-pressed"), "false");
  await button("Keep").click();
  await page.locator('[aria-pressed="true"]').waitFor();
  const link = new URL(page.url()).hash;
  await page.close();

  page = await visit(context, `${site.url}#seed=500&variety=0.70`);
  await drawn(page);
  assert.deepEqual(await names(), ["Open № 103"]);
  assert.equal(difference((await pixels(page, ".shelf img"))[0], shown), 0, "its picture, as it was drawn");
  await button("Open № 103").click();
  await page.getByRole("dialog", { name: "№ 103" }).waitFor();
  assert.equal(difference((await pixels(page, ".viewer img"))[0], shown), 0, "and it is drawn again");
  assert.equal(new URL(page.url()).hash, "#seed=103&variety=0.70&open=0", link);
  assert.equal(await button("Keep").getAttribute("aria-pressed"), "true", "wherever it hangs");
  await button("Keep").click();
  await page.locator('[aria-pressed="false"]').waitFor();
  assert.equal(await stored(), null);
  await page.goBack();
  await drawn(page);
  assert.match(page.url(), /#seed=500/);
});

test("one that words made is kept with what it is drawn from", async () => {
  await open();
  await page.getByText("More choices").click();
  await page.getByRole("radio", { name: /Normal/ }).check();
  await page.getByLabel("Describe an avatar").fill("red hair");
  await page.keyboard.press("Enter");
  await guided(page);
  const shown = (await pixels(page, ".wall li:not([hidden]) img"))[1];
  await keep(1);
  await button("Start over").click();
  await drawn(page);
  const requests = site.requests.length;
  await page.locator(".shelf .mat").click();
  await page.getByRole("dialog").waitFor();
  const [again] = await pixels(page, ".viewer img");
  // Latents in links are rounded to eight bits.
  assert.ok(difference(again, shown) <= 12);
  const fetched = site.requests.slice(requests).filter((name) => !/^icon-/.test(name));
  assert.deepEqual(fetched, [], "nothing is fetched or refined for it");
});

test("one is removed and brought back where it was, and nothing moves", async () => {
  await open();
  for (const place of [0, 1, 2]) await keep(place);
  const places = () => page.locator(".shelf li, .shelf button, footer").evaluateAll((all) => all.map((it) => JSON.stringify(it.getBoundingClientRect())));
  await page.evaluate(() => scrollTo(0, 1e6));
  const before = await places();
  await button("Remove № 101").focus();
  await page.keyboard.press("Enter");
  await page.getByText("№ 101 is removed. You can still bring it back.").waitFor();
  assert.deepEqual(await names(), ["Open № 100", "Open № 102"]);
  assert.equal(JSON.parse(await stored()).avatars.length, 2);
  assert.deepEqual(await places(), before);
  assert.equal(await page.evaluate(() => document.activeElement.getAttribute("aria-label")), "Bring back № 101");
  await page.keyboard.press("Enter");
  await page.getByText("№ 101 is back.").waitFor();
  assert.deepEqual(await names(), ["Open № 100", "Open № 101", "Open № 102"]);
  assert.deepEqual(await places(), before);
  await button("Remove № 100").click();
  await page.reload();
  await drawn(page);
  assert.deepEqual(await names(), ["Open № 101", "Open № 102"]);
  assert.equal(await button("Bring back № 100").count(), 0);
});

test("an export has pictures and recipes, and another device takes it in", async () => {
  await open({ at: two });
  await page.locator("#model button").click();
  await page.getByRole("dialog", { name: "Who draws?" }).getByText("Nouns", { exact: true }).click();
  await page.waitForFunction(() => /model=nouns/.test(location.hash));
  await drawn(page);
  const art = (await pixels(page, ".wall img"))[5];
  await keep(5);
  await page.goBack();
  await drawn(page);
  const smooth = (await pixels(page, ".wall img"))[0];
  await keep(0);
  const archive = await exported();
  const files = await unzipped(archive);
  const [recipes, first, second] = Object.keys(files);
  assert.equal(recipes, "recipes.json");
  assert.match(first, /^001-guise-\d+[.]png$/);
  assert.equal(second, "002-guise-100.png");
  const large = PNG.sync.read(files[first]);
  assert.deepEqual([large.width, large.height], [1024, 1024]);
  for (let y = 0; y < 1024; y += 11) {
    for (let x = 0; x < 1024; x += 11) {
      const [from, to] = [4 * ((y >> 5) * 32 + (x >> 5)), 4 * (y * 1024 + x)];
      assert.deepEqual([...large.data.subarray(to, to + 4)], [...art.data.subarray(from, from + 4)], `${x}, ${y}`);
    }
  }
  assert.equal(difference(PNG.sync.read(files[second]), smooth), 0);
  const { version, avatars } = JSON.parse(files[recipes]);
  assert.equal(version, 1);
  assert.deepEqual(avatars.map(({ model }) => model), ["nouns", "pixel-art"]);
  await context.close();

  await open({ at: two });
  assert.match(await bring(archive, "guise-avatars.zip"), /^2 avatars from guise-avatars.zip[.]$/);
  assert.match(await bring(files[recipes]), /^0 avatars from recipes.json[.] 2 were here already[.]$/);
  await page.reload();
  await drawn(page);
  assert.equal((await names()).length, 2);
  await page.locator(".shelf .mat").first().click();
  await page.getByRole("dialog").waitFor();
  assert.match(page.url(), /#model=nouns&/);
  assert.equal(difference((await pixels(page, ".viewer img"))[0], art), 0);
  await context.close();

  // A site without that model says so, and changes nothing.
  await open();
  await bring(archive, "guise-avatars.zip");
  await page.locator(".shelf .mat").first().click();
  await page.getByText(/is by the model “nouns”, which this site does not have/).waitFor();
  assert.equal(new URL(page.url()).hash, START);
  await page.locator(".shelf .mat").nth(1).click();
  await page.getByRole("dialog", { name: "№ 100" }).waitFor();
});

test("recipes of others are checked, and nothing in them becomes part of the page", async () => {
  await open();
  await keep(0);
  const good = JSON.parse(await stored()).avatars[0];
  const text = (avatars, version = 1) => JSON.stringify({ version, avatars });
  for (const wrong of [
    "",
    "<svg onload=alert(1)>",
    "{}",
    "[".repeat(100_000),
    text([good], 2),
    text(Array(201).fill(good)),
    JSON.stringify({ version: 1, avatars: [], more: 1 }),
    Buffer.concat([Buffer.from("PK\x03\x04"), Buffer.alloc(40, 0xff)]),
    Buffer.from([0xff, 0xfe, 0x00]),
  ]) {
    assert.equal(await bring(wrong), "recipes.json is no export of avatars. Choose guise-avatars.zip, or the recipes.json in it.");
    await bring(text([good]));
  }
  const png = (width, height) => {
    const bytes = Buffer.from(good.picture, "base64url");
    bytes.writeUInt32BE(width, 16);
    bytes.writeUInt32BE(height, 20);
    return bytes.toString("base64url");
  };
  const link = "#seed=7&variety=0.70&open=0";
  const wrong = [
    { ...good, link: "#seed=7&variety=0.70" },
    { ...good, link: "#seed=7&variety=0.70&open=9" },
    { ...good, link: "javascript:alert(1)" },
    { ...good, link: "#<img src=x onerror=alert(1)>" },
    { ...good, link: `${link}&words=${"a".repeat(70_000)}` },
    { ...good, link, model: "../../evil" },
    { ...good, link, model: "<b>" },
    { ...good, link: "#model=nouns&seed=7&variety=0.70&open=0" },
    { ...good, link, picture: "" },
    { ...good, link, picture: "data:image/svg+xml,<svg/>" },
    { ...good, link, picture: "A".repeat(200_000) },
    { ...good, link, picture: png(40_000, 40_000) },
    { ...good, link, picture: png(16, 17) },
    // The header says less than what is in it.
    { ...good, link: link.replace("7", "9"), picture: png(8, 8) },
    { ...good, link: link.replace("7", "8"), picture: png(17, 17) },
    { ...good, link, more: 1 },
    null,
    7,
  ];
  assert.equal(await bring(text(wrong)), `0 avatars from recipes.json. ${wrong.length} could not be read.`);
  assert.deepEqual(await names(), ["Open № 100"]);
  assert.equal(await bring(text([{ ...good, link }, { ...good, link }, ...wrong])), `1 avatar from recipes.json. ${wrong.length} could not be read.`);
  assert.deepEqual(await names(), ["Open № 100", "Open № 7"]);
  // The same holds for what lies in the browser's storage.
  for (const kept of ["<img src=x>", text([...wrong, good])]) {
    await page.evaluate((kept) => {
      const key = Object.keys(localStorage).find((key) => key.endsWith(" shelf"));
      localStorage.setItem(key, kept);
    }, kept);
    await page.reload();
    await drawn(page);
  }
  assert.ok((await names()).includes("Open № 100"));
});

test("the shelf has an end, and says so", async () => {
  await open();
  await keep(0);
  const good = JSON.parse(await stored()).avatars[0];
  const all = Array.from({ length: 200 }, (_, i) => ({ ...good, link: `#seed=${1000 + i}&variety=0.70&open=0` }));
  assert.equal(await bring(JSON.stringify({ version: 1, avatars: all })), "199 avatars from recipes.json. 1 found no more room.");
  await closeUp(5);
  await button("Keep").click();
  await page.getByRole("dialog").getByText(/Your shelf is full/).waitFor();
  assert.equal(await button("Keep").getAttribute("aria-pressed"), "false");
});

test("where the browser keeps nothing or is full, it is said, and the page goes on", async () => {
  for (const prepare of [
    () => Object.defineProperty(window, "localStorage", { get() { throw new DOMException("no", "SecurityError"); } }),
    () => (Storage.prototype.setItem = () => { throw new DOMException("full", "QuotaExceededError"); }),
  ]) {
    await open({ prepare: (context) => context.addInitScript(prepare) });
    await closeUp(0);
    await button("Keep").click();
    await page.getByRole("dialog").getByText(/is kept until you leave. This browser has no room left/).waitFor();
    assert.equal(await button("Keep").getAttribute("aria-pressed"), "true");
    await page.keyboard.press("Escape");
    assert.deepEqual(await names(), ["Open № 100"]);
    assert.equal(Object.keys(await unzipped(await exported())).length, 2);
    await button("Shuffle").click();
    await drawn(page);
    assert.deepEqual(page.problems, []);
    await context.close();
  }
  await open();
});

test("what is kept is said with the avatars, and they are cleared only when that is asked for", async () => {
  await open();
  await keep(0);
  await keep(1);
  await page.getByText(/MB and 2 avatars of yours are kept on this device/).waitFor();
  const clear = button("Clear it");
  await clear.click();
  await page.getByText("Kept on this device: 2 avatars of yours.").waitFor();
  assert.equal(await clear.getAttribute("aria-disabled"), "true");
  assert.equal((await names()).length, 2);
  await page.getByLabel("My avatars as well").check();
  assert.equal(await clear.getAttribute("aria-disabled"), "false");
  await clear.click();
  await page.getByText("Nothing is kept on this device.").waitFor();
  assert.equal(await page.evaluate(() => localStorage.length), 0);
  assert.deepEqual(await names(), []);
  assert.ok(await page.getByLabel("My avatars as well").isHidden());
});

test("two tabs have one shelf", async () => {
  await open();
  const other = await visit(context, site.url + START);
  await drawn(other);
  await keep(0);
  await other.getByRole("button", { name: "Open № 100" }).waitFor();
  await other.getByRole("button", { name: "Remove № 100" }).click();
  await page.waitForFunction(() => !document.querySelector(".shelf li"));
  assert.deepEqual(other.problems, []);
});

test("the shelf fits 320 px, and what is pressed can be seen in forced colors", async () => {
  await open({ options: { viewport: { width: 320, height: 640 } } });
  for (const place of [0, 1, 2]) await keep(place);
  assert.equal(await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth), 0);
  const tiny = await page.locator(".shelf button, .take button, .too").evaluateAll((all) =>
    all.filter((it) => Math.min(it.offsetWidth, it.offsetHeight) < 44).map((it) => it.outerHTML),
  );
  assert.deepEqual(tiny, []);
  await context.close();
  await open({ options: { forcedColors: "active" } });
  await closeUp(0);
  const colors = () => button("Keep").evaluate((it) => getComputedStyle(it).backgroundColor);
  const before = await colors();
  await button("Keep").click();
  await page.locator('[aria-pressed="true"]').waitFor();
  await page.mouse.move(0, 0);
  assert.notEqual(await colors(), before);
});
