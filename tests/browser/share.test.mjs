// The address is all there is to know about what the page shows: it leads a stranger to the same avatars, whatever they come
// from, and back and forward lead through everything that was done.

import assert from "node:assert/strict";
import { rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, test } from "node:test";
import { PNG } from "pngjs";
import { difference, drawn, guided, launch, newVisitor, openSite, pixels, visit, withSameChance } from "./harness.mjs";

let browser, site, context, page;

before(async () => {
  [browser, site] = await Promise.all([launch(), openSite()]);
});
after(async () => {
  await browser?.close();
  await site?.close();
});
afterEach(async () => {
  assert.deepEqual(page.problems, []);
  await context.close();
});

const START = "#seed=100&variety=0.70";
const SHOWN = ".wall li:not([hidden]) img";

async function open(fragment = START) {
  context = await withSameChance(await newVisitor(browser));
  page = await visit(context, site.url + fragment);
  await drawn(page);
}
const ask = async (sentence, quality) => {
  if (!(await page.getByLabel("Without").isVisible())) await page.getByText("More choices").click();
  await page.getByRole("radio", { name: new RegExp(quality) }).check();
  await page.getByLabel("Describe an avatar").fill(sentence);
  await page.keyboard.press("Enter");
  await guided(page);
};
const closeUp = async (place) => {
  await page.locator(".frame").nth(place).click();
  await page.getByRole("dialog").waitFor();
};
const button = (name) => page.getByRole("button", { name, exact: true });
const caption = () => page.locator(".caption p").textContent();

// Latents in links are rounded to eight bits, and the guided avatars on the wall are drawn from the exact ones.
const ROUNDED = 12;

// Holds what hangs on the wall against what a stranger finds behind its link.
async function leadsAStranger(tolerance) {
  const shown = await pixels(page, SHOWN);
  const said = await caption();
  const stranger = await newVisitor(browser);
  const other = await visit(stranger, page.url());
  await other.waitForFunction(
    () => /drawn in/.test(document.querySelector("[role=status]")?.textContent ?? "") && !document.querySelector(".frame.waiting"),
  );
  const found = await pixels(other, SHOWN);
  assert.deepEqual(found.map(({ name }) => name), shown.map(({ name }) => name));
  const worst = Math.max(...found.map((picture, index) => difference(picture, shown[index])));
  assert.ok(worst <= tolerance, `they differ by ${worst}/255`);
  assert.equal(await other.locator(".caption p").textContent(), said);
  assert.equal(other.url(), page.url(), "the address stays as it came");
  assert.deepEqual(other.problems, []);
  return [stranger, other];
}

test("a link to variations and to mixes leads to the same", async () => {
  await open();
  await closeUp(2);
  await button("Vary it").click();
  await page.getByText(/Eight variations of № 102 drawn in/).waitFor();
  assert.match(page.url(), /&vary=102~70$/);
  await (await leadsAStranger(0))[0].close();

  await closeUp(0);
  await button("Mix it with another").click();
  await page.locator(".frame").nth(3).click();
  await page.getByText(/Eight mixes of № V\d+ and № V\d+ drawn in/).waitFor();
  assert.match(page.url(), /&mix=V\d+~[\w-]+[.]V\d+~[\w-]+$/);
  await (await leadsAStranger(0))[0].close();

  // And what is made of those.
  await closeUp(4);
  await button("Vary it").click();
  await page.getByText(/Eight variations of № M\d+ drawn in/).waitFor();
  await (await leadsAStranger(0))[0].close();
});

test("a link to refined avatars leads to them without refining anything", async () => {
  await open();
  await ask("red hair", "Normal");
  const requests = site.requests.length;
  const [stranger, other] = await leadsAStranger(ROUNDED);
  assert.ok(!site.requests.slice(requests).some((name) => /text_tower/.test(name)), "nothing that reads words is fetched");
  // They can be worked on like any others, and the words are there to be asked for again.
  assert.equal(await other.getByLabel("Describe an avatar").inputValue(), "red hair");
  await other.locator(".frame").first().click();
  await other.getByRole("button", { name: "Vary it" }).click();
  await other.getByText(/Eight variations of № W\d+ drawn in/).waitFor();
  await stranger.close();
});

test("what was made of an uploaded picture, or of very long words, is in the link", async () => {
  await open();
  await page.getByText("More choices").click();
  const picture = new PNG({ width: 40, height: 40 });
  for (let i = 0; i < picture.data.length; i += 4) picture.data.set([40, 80, 200, 255], i);
  const path = join(tmpdir(), `guise-share-${process.pid}.png`);
  await writeFile(path, PNG.sync.write(picture));
  await page.getByLabel("Like this picture").setInputFiles(path);
  await page.getByText(`guise-share-${process.pid}.png`).waitFor();
  await ask("", "Draft");
  assert.equal(await caption(), "Like a picture");
  const [stranger, other] = await leadsAStranger(ROUNDED);
  await other.getByRole("button", { name: "Shuffle" }).click();
  await other.getByText(/The picture itself is in no link/).waitFor();
  await stranger.close();
  await rm(path);
  await page.getByRole("button", { name: "Remove" }).click();

  const long = "a very long sentence about green hair, ".repeat(20);
  assert.ok(long.length > 300 && long.length < 2000);
  await ask(long, "Draft");
  const [reader, book] = await leadsAStranger(ROUNDED);
  assert.equal(await book.getByLabel("Describe an avatar").inputValue(), long.trim());
  await reader.close();

  await ask(long.repeat(3), "Draft");
  await page.getByText(/A link holds at most 2000 characters of words/).waitFor();
  const shown = await pixels(page, SHOWN);
  await page.reload();
  await page.getByText(/Four avatars for these words drawn in/).waitFor();
  const found = await pixels(page, SHOWN);
  assert.ok(found.every((picture, index) => difference(picture, shown[index]) <= ROUNDED));
  assert.equal(await caption(), "From a long description");
});

test("one avatar has a link of its own, which opens it", async () => {
  await open();
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  const copied = async () => {
    await page.getByRole("dialog").getByRole("button", { name: "Copy link" }).click();
    await page.getByText("The link to this avatar is on your clipboard.").last().waitFor();
    return page.evaluate(() => navigator.clipboard.readText());
  };
  const leads = async (link, tolerance) => {
    const shown = await pixels(page, ".viewer img");
    const stranger = await newVisitor(browser);
    const other = await visit(stranger, link);
    await other.getByRole("dialog").waitFor();
    const found = await pixels(other, ".viewer img");
    assert.equal(found[0].name, shown[0].name);
    const worst = difference(found[0], shown[0]);
    assert.ok(worst <= tolerance, `it differs by ${worst}/255`);
    // Closing it leaves a wall behind, and no other page.
    await other.keyboard.press("Escape");
    await other.getByRole("dialog").waitFor({ state: "hidden" });
    await other.waitForFunction(() => !/open=/.test(location.hash));
    assert.ok((await other.locator(SHOWN).count()) >= 1);
    await stranger.close();
  };
  await closeUp(3);
  const plain = await copied();
  assert.match(plain, /#seed=103&variety=0.70&open=0$/);
  await leads(plain, 0);
  await page.keyboard.press("Escape");
  await ask("red hair", "Normal");
  await closeUp(1);
  const refined = await copied();
  assert.ok(new URL(refined).hash.length < 400, refined);
  await leads(refined, ROUNDED);
});

test("back and forward go through everything, and back closes a close-up", async () => {
  await open();
  const first = await pixels(page, SHOWN);
  await closeUp(1);
  await button("Close").click();
  await page.getByRole("dialog").waitFor({ state: "hidden" });
  await closeUp(1);
  assert.match(page.url(), /&open=1$/);
  await page.goBack();
  await page.getByRole("dialog").waitFor({ state: "hidden" });
  assert.ok(page.url().endsWith(START));
  assert.deepEqual(await pixels(page, SHOWN), first, "nothing else has changed");
  await page.goForward();
  await page.getByRole("dialog", { name: "№ 101" }).waitFor();

  await button("Vary it").click();
  await page.getByText(/Eight variations of № 101 drawn in/).waitFor();
  await closeUp(0);
  await button("Mix it with another").click();
  await page.getByText(/^Pick the avatar to mix/).waitFor();
  await page.locator(".frame").nth(5).click();
  await page.getByText(/Eight mixes of/).waitFor();
  await button("Shuffle").click();
  await page.waitForTimeout(50);
  await drawn(page);
  await ask("red hair", "Draft");

  const back = async (sentence) => {
    await page.goBack();
    await page.getByText(sentence).last().waitFor();
  };
  await back(/^Mixes of/);
  assert.equal(await page.getByLabel("Describe an avatar").inputValue(), "");
  await back(/^Mixes of/);
  await back(/^Pick the avatar to mix/);
  await back(/^№ V\d+$/);
  assert.ok(await page.getByRole("dialog").isVisible());
  await page.goBack();
  await page.getByRole("dialog").waitFor({ state: "hidden" });
  await page.getByText(/^Variations of № 101$/).waitFor();
  await page.goBack();
  await page.getByRole("dialog", { name: "№ 101" }).waitFor();
  await page.goBack();
  await page.getByRole("dialog").waitFor({ state: "hidden" });
  await drawn(page);
  assert.deepEqual(await pixels(page, SHOWN), first);

  // All the way forward again: what was asked for is drawn from what it came to.
  for (let i = 0; i < 7; i++) await page.goForward();
  await page.getByText("Four avatars for these words drawn in").waitFor();
});

test("links of today's page and before it are read, and hostile ones are refused", async () => {
  await open();
  await closeUp(0);
  await button("Vary it").click();
  await page.getByText(/Eight variations/).waitFor();
  await closeUp(0);
  await button("Vary it").click();
  await page.getByText(/Eight variations of № V/).waitFor();
  const good = page.url().match(/~([\w-]+)$/)[1];
  const bytes = Buffer.from(good, "base64url");
  const changed = (change) => {
    const copy = Buffer.from(bytes);
    change(copy);
    return copy.toString("base64url");
  };
  const base = "#seed=5&variety=0.70";
  const words = "&words=red&without=&effort=draft&count=4";
  const refused = {
    "a part that is not known": `${base}&x=1`,
    "a part twice": `${base}&seed=6`,
    "an empty part": `${base}&`,
    "a place that is not there": `${base}&open=8`,
    "a place beyond a byte": `${base}&open=256`,
    "latents by chance": `${base}&drawn=${good}`,
    "too many latents": `${base}${words}&drawn=${Array(9).fill(good).join(".")}`,
    "no latent": `${base}${words}&drawn=`,
    "half a latent": `${base}&vary=V1~${good.slice(0, good.length >> 1)}`,
    "a format to come": `${base}&vary=V1~${changed((it) => (it[0] = 2))}`,
    "a row that is not there": `${base}&vary=V1~${changed((it) => (it[4] = 9))}`,
    "no layers": `${base}&vary=V1~${changed((it) => (it[3] = 0))}`,
    "no width": `${base}&vary=V1~${changed((it) => it.writeUInt16LE(0, 1))}`,
    "an infinite scale": `${base}&vary=V1~${changed((it) => it.writeFloatLE(Infinity, 4 + it[3]))}`,
    "no number for a scale": `${base}&vary=V1~${changed((it) => it.writeFloatLE(NaN, 4 + it[3]))}`,
    "a huge scale": `${base}&vary=V1~${changed((it) => it.writeFloatLE(1e30, 4 + it[3]))}`,
    "other letters": `${base}&vary=V1~${good.replace(/..../, "%20*")}`,
    "a seed with a latent": `${base}&vary=1~${good}`,
    "a variety beyond": `${base}&vary=1~101`,
    "a mix of one": `${base}&mix=1~70`,
    "a mix for words": `${base}${words}&mix=1~70.2~70`,
    "too many words": `${base}&words=${"a".repeat(2001)}&without=&effort=draft&count=4`,
    "broken escapes": `${base}&words=%E0%A4%A&without=&effort=draft&count=4`,
    "a fragment without end": `${base}&vary=V1~${"A".repeat(1_000_000)}`,
  };
  // An address that is typed over changes nothing, and says so.
  const before = page.url();
  for (const [what, link] of Object.entries(refused)) {
    await page.evaluate((link) => (location.hash = link), link);
    await page.waitForFunction((before) => location.href === before, before).catch(() => assert.fail(what));
    assert.match(await page.locator("[role=status]").textContent(), /That link could not be read/, what);
    assert.deepEqual(page.problems, [], what);
  }
  // One that is opened leads to others.
  for (const what of ["no number for a scale", "a fragment without end"]) {
    await page.close();
    page = await visit(context, site.url + refused[what]);
    await page.getByText(/The link could not be read, so these are new ones/).waitFor();
    assert.match(page.url(), /#seed=\d+&variety=\d\.\d\d$/, what);
  }
  // Of another model: as well made, and of no use here.
  const wide = changed((it) => it.writeUInt16LE(it.readUInt16LE(1) + 1, 1));
  const other = Buffer.concat([Buffer.from(wide, "base64url"), Buffer.from([7])]).toString("base64url");
  await page.close();
  page = await visit(context, `${site.url}${base}&vary=V1~${other}`);
  await page.getByText(/The link is of another model, so these are new ones/).waitFor();
  assert.match(page.url(), /#seed=\d+&variety=\d\.\d\d$/);
  // Links from before there was more than seeds and words.
  await page.close();
  page = await visit(context, `${site.url}#seed=7&variety=0.70&words=blue%20shirt&without=a%20hat&effort=draft&count=2`);
  await guided(page);
  assert.equal(await page.locator(SHOWN).count(), 2);
  assert.equal(await caption(), "“blue shirt”, without “a hat”");
});
