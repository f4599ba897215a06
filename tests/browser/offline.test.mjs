// After a first visit everything works without a network; an update is offered and never forced; what is kept can be seen and
// cleared. Here the service worker is let in.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, beforeEach, test } from "node:test";
import { serve } from "../../tools/serve.mjs";
import { BUNDLE, drawn, guided, guise, launch, newVisitor, openSite, root, visit } from "./harness.mjs";

let browser, site, context, page;

before(async () => {
  browser = await launch();
});
after(() => browser?.close());
beforeEach(async () => {
  site = await openSite(BUNDLE, { second: BUNDLE });
  context = await newVisitor(browser, { serviceWorkers: "allow" });
});
afterEach(async () => {
  assert.deepEqual(page.problems, []);
  await context.close();
  await site.close();
});

const HERE = "#model=pixel-art&seed=7&variety=0.70";
// Waits until the service worker has all that the page takes. Playwright's waitForFunction does not wait for promises: one is
// as good as true to it.
async function kept(page) {
  const hasAll = async () => {
    const registration = await navigator.serviceWorker.ready;
    const names = (await caches.keys()).filter((name) => name.startsWith("guise-page "));
    if (registration.active?.state !== "activated" || names.length !== 1) return false;
    const keys = (await (await caches.open(names[0])).keys()).map(({ url }) => url);
    return keys.some((url) => /engine-.*_bg[.]wasm$/.test(url)) && keys.filter((url) => url.endsWith("model.json")).length === 2;
  };
  for (const start = performance.now(); !(await page.evaluate(hasAll)); await page.waitForTimeout(20)) {
    assert.ok(performance.now() - start < 60_000, "the service worker does not keep everything");
  }
}

// A new version of the page: another sentence in its document, and its hash in the service worker.
async function publish(text) {
  const path = join(site.dir, "index.html");
  const html = (await readFile(path, "utf8")).replace(/<h1>[^<]*<\/h1>/, `<h1>${text}</h1>`);
  await writeFile(path, html);
  const worker = join(site.dir, "sw.js");
  const hash = createHash("sha256").update(html).digest("hex");
  await writeFile(worker, (await readFile(worker, "utf8")).replace(/"index[.]html":"[0-9a-f]{64}"/, `"index.html":"${hash}"`));
}
const look = (page) => page.evaluate(async () => (await navigator.serviceWorker.ready).update().then(() => {}));
const title = () => page.locator("h1").textContent();

test("the list in the service worker is of every file of the page, by its hash", async () => {
  page = await visit(context, site.url + HERE);
  const worker = await readFile(join(site.dir, "sw.js"), "utf8");
  const files = JSON.parse(worker.match(/^const FILES = (.*);$/m)[1]);
  const names = (await readdir(site.dir, { withFileTypes: true })).filter((entry) => entry.isFile()).map(({ name }) => name);
  assert.deepEqual(Object.keys(files).sort(), names.filter((name) => name !== "sw.js").sort());
  for (const [name, hash] of Object.entries(files)) {
    assert.equal(createHash("sha256").update(await readFile(join(site.dir, name))).digest("hex"), hash, name);
  }
});

test("everything works without a network after a first visit", async () => {
  page = await visit(context, site.url + HERE);
  await drawn(page);
  await page.getByLabel("Describe an avatar").fill("blue hair");
  await page.keyboard.press("Enter");
  await guided(page);
  await page.locator(".frame").first().click();
  await page.getByRole("button", { name: /^Enlarge to/ }).click();
  await page.getByText(/Enlarged to/).last().waitFor();
  await kept(page);
  const link = page.url();
  await page.close();

  // No answer at all, as behind a cable that was pulled.
  await context.setOffline(true);
  site.requests.length = 0;
  page = await visit(context, link);
  await page.getByRole("dialog").waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: "Start over" }).click();
  await drawn(page);
  await page.getByLabel("Describe an avatar").fill("red hair");
  await page.keyboard.press("Enter");
  await guided(page);
  await page.locator(".frame").first().click();
  await page.getByRole("button", { name: /^Enlarge to/ }).click();
  await page.getByText(/Enlarged to/).last().waitFor();
  await page.keyboard.press("Escape");
  // The other model was never opened; what it is is known, and that its files are not here is a sentence.
  await page.locator("#model button").click();
  await page.getByRole("dialog", { name: "Who draws?" }).getByRole("button").nth(1).click();
  await page.getByText(/The connection was interrupted while fetching generator.gguf/).first().waitFor();
  await page.goBack();
  await guided(page);
  assert.deepEqual(site.requests, []);
});

test("a visit of the page by its own name and with a device works without a network, too", async () => {
  page = await visit(context, site.url + HERE);
  await drawn(page);
  await kept(page);
  await page.close();
  await context.setOffline(true);
  for (const address of [`${site.url}index.html${HERE}`, `${site.url}?device=cpu${HERE}`]) {
    page = await visit(context, address);
    await drawn(page);
    assert.deepEqual(page.problems, []);
    await page.close();
  }
  page = await visit(context, site.url + HERE);
});

test("an update is offered, waits, and is taken when asked for", async () => {
  page = await visit(context, site.url + HERE);
  await drawn(page);
  await kept(page);
  const before = await title();
  await publish("Eight newer faces");
  await page.reload();
  await drawn(page);
  await look(page);
  const offer = page.getByText("There is a new version of this page.");
  await offer.waitFor();
  assert.equal(await title(), before, "what is open stays as it is");
  await page.getByRole("button", { name: "Later" }).click();
  assert.ok(await offer.isHidden());
  assert.notEqual(await page.evaluate(() => document.activeElement.tagName), "BODY");
  await page.reload();
  await drawn(page);
  assert.equal(await title(), before, "and a reload does not force it");
  await offer.waitFor();
  const shown = page.url();
  await page.getByRole("button", { name: "Use it now" }).click();
  await page.getByRole("heading", { name: "Eight newer faces" }).waitFor();
  await drawn(page);
  assert.equal(page.url(), shown, "with the same avatars");
  // The version before is gone, and the new one is there without a network as well, its engine among it.
  await kept(page);
  await context.setOffline(true);
  await page.reload();
  await drawn(page);
  assert.equal(await title(), "Eight newer faces");
});

test("a file that is not the one of the list is not kept, and the version before goes on", async () => {
  page = await visit(context, site.url + HERE);
  await drawn(page);
  await kept(page);
  const before = await title();
  await publish("Eight newer faces");
  await writeFile(join(site.dir, "start.js"), "// half an upload");
  const worker = join(site.dir, "sw.js");
  await writeFile(worker, (await readFile(worker, "utf8")).replace(/"start[.]js":"[0-9a-f]{8}/, '"start.js":"00000000'));
  await look(page).catch(() => {});
  await page.reload();
  await drawn(page);
  assert.equal(await title(), before);
  assert.ok(await page.getByText("There is a new version of this page.").isHidden());
});

test("what is kept on the device is said, and can be cleared", async () => {
  page = await visit(context, site.url + HERE);
  await drawn(page);
  await kept(page);
  await page.reload();
  await drawn(page);
  const line = page.getByText(/\d+\.\d MB are kept on this device/);
  await line.waitFor();
  const [said] = (await line.textContent()).match(/[\d.]+/);
  const real = await page.evaluate(async () => {
    let bytes = 0;
    for (const name of await caches.keys()) {
      const cache = await caches.open(name);
      for (const key of await cache.keys()) bytes += (await (await cache.match(key)).blob()).size;
    }
    return bytes;
  });
  assert.ok(Math.abs(Number(said) - real / 1e6) < 0.1, `${said} of ${real}`);
  assert.ok(real > 10e6, "the engine is among it");
  await page.getByRole("button", { name: "Clear it" }).click();
  await page.getByText("Nothing is kept on this device.").waitFor();
  assert.deepEqual(await page.evaluate(() => caches.keys()), []);
  assert.notEqual(await page.evaluate(() => document.activeElement.tagName), "BODY");
  // It goes on, and keeps again what it takes.
  await page.reload();
  await drawn(page);
});

test("a site that guise wrote works without a network as well, its licenses among it", async () => {
  const dir = await mkdtemp(join(tmpdir(), "guise-made-"));
  await guise(["site", BUNDLE, join(root, "models/pixel-art"), "--out", join(dir, "site"), "--page", join(root, "dist")]);
  const server = await serve(join(dir, "site"), { base: "/made/" });
  const url = `http://127.0.0.1:${server.address().port}/made/`;
  try {
    page = await visit(context, `${url}#seed=7&variety=0.70`);
    await drawn(page);
    await kept(page);
    await page.close();
    await context.setOffline(true);
    page = await visit(context, `${url}#model=bundle-tiny&seed=7&variety=0.70`);
    await drawn(page);
    await page.locator("#model button").click();
    await page.getByRole("dialog").getByText("Pixel people").waitFor();
    await page.keyboard.press("Escape");
    await page.getByRole("link", { name: "Licenses" }).click();
    await page.getByText("May you use what it draws?").first().waitFor();
  } finally {
    server.closeAllConnections();
    server.close();
    await rm(dir, { recursive: true });
  }
});
