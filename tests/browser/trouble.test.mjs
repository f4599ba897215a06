// Everything that may go wrong on the way: each is a sentence and a way on.

import assert from "node:assert/strict";
import { readFile, readdir, stat, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, afterEach, before, beforeEach, test } from "node:test";
import { drawn, launch, newVisitor, openSite, runFirst, visit } from "./harness.mjs";

let browser, site, context, page;

before(async () => {
  browser = await launch();
});
beforeEach(async () => {
  site = await openSite();
  context = await newVisitor(browser);
});
afterEach(async () => {
  assert.deepEqual(page.problems, []);
  await context.close();
  await site.close();
});
after(() => browser?.close());

const alert = () => page.locator(".prompt [role=alert]");
const parts = () => site.requests.filter((name) => name.endsWith(".gguf"));

test("a second visit fetches no part of the model again", async () => {
  page = await visit(context, site.url);
  await drawn(page);
  assert.ok(parts().length >= 1);
  const footer = page.locator("footer");
  await footer.getByText(/MB fetched, the page and its engine among them, and kept for your next visit/).waitFor();
  const engine = (await readdir(site.dir)).find((name) => /^engine-[0-9a-f]+_bg[.]wasm$/.test(name));
  const [said] = (await footer.textContent()).match(/\d+[.]\d(?= MB fetched)/);
  const { size } = await stat(join(site.dir, engine));
  assert.ok(Number(said) > size / 1e6, `${said} MB with an engine of ${size} bytes`);
  await page.close();
  site.requests.length = 0;
  page = await visit(context, site.url);
  await drawn(page);
  assert.deepEqual(parts(), []);
  await page.locator("footer").getByText(/nothing of it was fetched again/).waitFor();
});

test("a part that was damaged in storage is fetched again", async () => {
  page = await visit(context, site.url);
  await drawn(page);
  const kept = await page.evaluate(async () => {
    const [name] = await caches.keys();
    const cache = await caches.open(name);
    const keys = await cache.keys();
    await cache.put(keys[0], new Response("moths were here"));
    return keys.length;
  });
  assert.ok(kept >= 1);
  site.requests.length = 0;
  await page.reload();
  await drawn(page);
  assert.equal(parts().length, 1);
});

test("an updated model replaces the parts that were kept of the old one", async () => {
  page = await visit(context, site.url);
  await drawn(page);
  const count = () => page.evaluate(async () => (await (await caches.open((await caches.keys())[0])).keys()).length);
  const before = await count();
  await page.evaluate(async () => {
    const cache = await caches.open((await caches.keys())[0]);
    const [{ url }] = await cache.keys();
    await cache.put(url.replace(/[0-9a-f]{8}$/, "00000000"), new Response("an old part"));
  });
  assert.equal(await count(), before + 1);
  await page.reload();
  await drawn(page);
  assert.equal(await count(), before);
});

test("a corrupted part is thrown away, and a repaired one is taken", async () => {
  const [file] = await partFiles();
  const whole = await readFile(file);
  const broken = Buffer.from(whole);
  broken[broken.length - 1] ^= 1;
  await writeFile(file, broken);
  page = await visit(context, site.url);
  await alert().getByText(/arrived damaged .*sha256.*thrown away/).waitFor();
  assert.equal(await page.locator(".wall img").count(), 0);
  await writeFile(file, whole);
  await alert().getByRole("button", { name: "Try again" }).click();
  await drawn(page);
  assert.ok(await alert().isHidden());
});

test("a truncated part is noticed", async () => {
  const [file] = await partFiles();
  await truncate(file, 1000);
  page = await visit(context, site.url);
  await alert().getByText(/arrived damaged .*it has 1000 bytes, expected/).waitFor();
});

test("a part that is larger than promised is not read to its end", async () => {
  const [file] = await partFiles();
  const name = file.split("/").at(-1);
  site.faults[name] = (request, response) => {
    // Endless: a page that read on would never say anything.
    response.writeHead(200, { "content-type": "application/octet-stream" });
    const pour = () => {
      while (!response.destroyed && response.write(Buffer.alloc(65536)));
      response.once("drain", pour);
    };
    pour();
  };
  page = await visit(context, site.url);
  await alert().getByText(/arrived damaged .*it is larger than \d+ bytes/).waitFor();
});

// Has the server cut the answer for a file, after so many bytes of it, whatever is asked for. With `ranges` it gives ranges, as
// most hosts do. The first bytes that were asked for are collected.
function cut(name, bytes, { ranges }) {
  const starts = [];
  site.faults[name] = async (request, response) => {
    const contents = await readFile(join(site.bundle, name));
    const asked = Number(request.headers.range?.match(/^bytes=(\d+)-$/)?.[1] ?? 0);
    starts.push(asked);
    const start = ranges ? asked : 0;
    const rest = contents.subarray(start);
    const head = { "content-type": "application/octet-stream", "content-length": rest.length };
    if (start > 0) head["content-range"] = `bytes ${start}-${contents.length - 1}/${contents.length}`;
    response.writeHead(start > 0 ? 206 : 200, head);
    response.write(rest.subarray(0, bytes));
    if (rest.length <= bytes) return response.end();
    setTimeout(() => response.destroy(), 100);
  };
  return starts;
}

test("a download that is cut again and again goes on where it was cut, where the host gives ranges", async () => {
  const name = "generator.gguf";
  const { size } = await stat(join(site.bundle, name));
  const third = Math.ceil(size / 3);
  const starts = cut(name, third, { ranges: true });
  page = await visit(context, site.url);
  await drawn(page);
  assert.deepEqual(starts, [0, third, 2 * third]);
});

test("what has arrived of a download is kept for the next visit", async () => {
  const name = "generator.gguf";
  const { size } = await stat(join(site.bundle, name));
  let starts = cut(name, size >> 1, { ranges: true });
  const half = site.faults[name];
  site.faults[name] = (request, response) => (request.headers.range ? response.destroy() : half(request, response));
  page = await visit(context, site.url);
  await alert().getByText(`The connection was interrupted while fetching ${name}.`).waitFor();
  await page.close();
  starts = cut(name, size, { ranges: true });
  page = await visit(context, site.url);
  await drawn(page);
  assert.deepEqual(starts, [size >> 1]);
});

test("what was kept of a download does no harm where the file has changed since", async () => {
  const name = "generator.gguf";
  const { size } = await stat(join(site.bundle, name));
  cut(name, size >> 1, { ranges: true });
  const half = site.faults[name];
  site.faults[name] = (request, response) => (request.headers.range ? response.destroy() : half(request, response));
  page = await visit(context, site.url);
  await alert().getByText(/interrupted/).waitFor();
  await page.evaluate(async () => {
    const cache = await caches.open((await caches.keys())[0]);
    const piece = (await cache.keys()).find(({ url }) => url.endsWith(".0"));
    const bytes = new Uint8Array(await (await cache.match(piece)).arrayBuffer());
    bytes[100] ^= 1;
    await cache.put(piece, new Response(bytes));
  });
  await page.close();
  const starts = cut(name, size, { ranges: true });
  page = await visit(context, site.url);
  await drawn(page);
  assert.deepEqual(starts, [size >> 1, 0]);
  const pieces = await page.evaluate(async () => {
    const cache = await caches.open((await caches.keys())[0]);
    return (await cache.keys()).filter(({ url }) => /[.][0-9]+$/.test(url)).length;
  });
  assert.equal(pieces, 0, "no piece stays once the whole is here");
});

test("an interrupted download begins again where the host gives no ranges", async () => {
  // Of the parts that every visit needs, the last.
  const last = "references.png";
  const contents = await readFile(join(site.bundle, last));
  cut(last, contents.length >> 1, { ranges: false });
  page = await visit(context, site.url);
  await alert().getByText(`The connection was interrupted while fetching ${last}.`).waitFor();
  site.faults = {};
  site.requests.length = 0;
  await alert().getByRole("button", { name: "Try again" }).click();
  await drawn(page);
  assert.ok(site.requests.includes(last));
  assert.deepEqual(parts(), [], "parts that had arrived are not fetched again");
});

test("a server that is gone while the engine starts is a sentence and a way on", async () => {
  const [engine] = (await readFile(join(site.bundle, "../../index.html"), "utf8")).match(/engine-[0-9a-f]+/);
  site.faults[`${engine}_bg.wasm`] = (request, response) => response.destroy();
  page = await visit(context, site.url);
  await alert().getByText(/The engine could not be loaded/).waitFor();
  site.faults = {};
  await alert().getByRole("button", { name: "Try again" }).click();
  await drawn(page);
});

test("a missing model and a lying manifest are named", async () => {
  const manifest = join(site.bundle, "model.json");
  const good = JSON.parse(await readFile(manifest, "utf8"));
  const lies = [
    [{ ...good, version: 99 }, /cannot be used: .*version/],
    [withGenerator(good, { file: "../../secret.gguf" }), /cannot be used: .*parts\.generator\.file/],
    [withGenerator(good, { bytes: 2 ** 50 }), /cannot be used: .*parts\.generator\.bytes/],
    [withGenerator(good, { sha256: "0".repeat(64) }), /arrived damaged/],
  ];
  for (const [lie, sentence] of lies) {
    await writeFile(manifest, JSON.stringify(lie));
    page = await visit(context, site.url);
    await alert().getByText(sentence).waitFor();
    assert.deepEqual(page.problems, []);
    await page.close();
  }
  await writeFile(manifest, "<!doctype html><p>not a model");
  page = await visit(context, site.url);
  await alert().getByText(/This model cannot be used/).waitFor();
  await page.close();
  site.faults["model.json"] = (request, response) => response.writeHead(404).end();
  page = await visit(context, site.url);
  await alert().getByText("The server has no model.json: it answered with status 404.").waitFor();
});

test("text in the manifest is never markup", async () => {
  const manifest = join(site.bundle, "model.json");
  const good = JSON.parse(await readFile(manifest, "utf8"));
  const name = '<img src=x onerror="document.title=1">Faces</p>';
  await writeFile(manifest, JSON.stringify({ ...good, name }));
  page = await visit(context, site.url);
  await drawn(page);
  assert.ok((await page.locator("footer").textContent()).includes(name));
  assert.equal(await page.locator("footer img").count(), 0);
});

test("asking for WebGPU where there is none says so and offers the processor", async () => {
  page = await visit(context, `${site.url}?device=webgpu`);
  await alert().getByText("This browser offers no WebGPU.").waitFor();
  await alert().getByRole("button", { name: "Continue on the processor" }).click();
  await drawn(page);
  assert.match(await page.locator("#device").textContent(), /Your processor/);
});

test("an unsafe connection, without storage, WebGPU or clipboard, is good enough", async () => {
  page = await visit(context, site.unsafeUrl);
  await drawn(page);
  assert.equal(await page.evaluate(() => isSecureContext || "caches" in window), false);
  assert.match(await page.locator("footer").textContent(), /keeps nothing for the next visit/);
  await page.getByRole("button", { name: "Copy link" }).click();
  await page.getByText(/Copy the link from the address bar/).waitFor();
});

test("an engine that does not arrive is a sentence and a way on", async () => {
  const [engine] = (await readFile(join(site.dir, "index.html"), "utf8")).match(/engine-[0-9a-f]+/);
  const half = async (_, response) => {
    const contents = await readFile(join(site.dir, `${engine}_bg.wasm`));
    response.writeHead(200, { "content-type": "application/wasm", "content-length": contents.length });
    response.write(contents.subarray(0, contents.length >> 1));
  };
  for (const [name, fault] of [[`${engine}.js`, () => {}], [`${engine}_bg.wasm`, half]]) {
    site.faults[name] = fault;
    await context.clock.install();
    page = await visit(context, site.url);
    await page.locator(".prompt").waitFor();
    await page.waitForTimeout(500);
    await page.clock.runFor(46_000);
    await alert().getByText("Nothing of the engine has arrived for 45 seconds.").waitFor();
    site.faults = {};
    await alert().getByRole("button", { name: "Try again" }).click();
    await drawn(page);
    assert.deepEqual(page.problems, []);
    await page.close();
  }
});

test("an engine that has died in silence is a sentence and a way on, and one that is slow goes on", async () => {
  runFirst(site, () => {
    self.held = [];
    addEventListener("message", (event) => {
      if (!self.deaf) return;
      self.held.push(event.data);
      event.stopImmediatePropagation();
    });
  });
  await context.clock.install();
  page = await visit(context, site.url);
  await drawn(page);
  const silence = alert().getByText("The engine has said nothing for two minutes, so it may have stopped.");
  // It was only slow: the sentence goes away by itself.
  await page.workers()[0].evaluate(() => (self.deaf = true));
  await page.getByRole("button", { name: "Shuffle" }).click();
  await page.clock.runFor(121_000);
  await silence.waitFor();
  await page.workers()[0].evaluate(() => {
    self.deaf = false;
    for (const data of self.held) dispatchEvent(new MessageEvent("message", { data }));
  });
  await drawn(page);
  assert.ok(await alert().isHidden());
  // It is dead.
  await page.workers()[0].evaluate(() => (self.deaf = true));
  await page.getByRole("button", { name: "Shuffle" }).click();
  await page.clock.runFor(121_000);
  await silence.waitFor();
  await alert().getByRole("button", { name: "Try again" }).click();
  await drawn(page);
});

test("storage that does not answer is not waited for", async () => {
  const troubles = [
    () => (CacheStorage.prototype.open = () => new Promise(() => {})),
    () => (Cache.prototype.match = () => new Promise(() => {})),
    () => (Cache.prototype.put = () => new Promise(() => {})),
  ];
  for (const trouble of troubles) {
    runFirst(site, trouble);
    page = await visit(context, site.url);
    await drawn(page);
    assert.match(await page.locator("footer").textContent(), /keeps nothing for the next visit/);
    assert.deepEqual(page.problems, []);
    await page.close();
  }
});

test("a part of the page itself that is missing is said, with a way on", async () => {
  const parts = (await readdir(site.dir)).filter((name) => /^page.*[.](js|wasm)$/.test(name));
  assert.equal(parts.length, 2);
  for (const part of parts) {
    site.faults[part] = (_, response) => response.writeHead(404).end();
    page = await context.newPage();
    page.problems = [];
    await page.goto(site.url);
    await page.getByText(/A part of this page could not be loaded/).waitFor();
    site.faults = {};
    await page.getByRole("button", { name: "Try again" }).click();
    await drawn(page);
    await page.close();
  }
  site.faults[parts[0]] = () => {};
  page = await context.newPage();
  page.problems = [];
  await page.clock.install();
  await page.goto(site.url, { waitUntil: "commit" });
  await page.locator("#static").waitFor();
  await page.waitForTimeout(500);
  await page.clock.runFor(21_000);
  await page.getByText(/This takes long/).waitFor();
});

test("the policy lets in nothing but this site's own scripts", async () => {
  page = await visit(context, site.url);
  const blocked = await page.evaluate(async () => {
    const directives = new Set();
    addEventListener("securitypolicyviolation", (event) => directives.add(event.effectiveDirective));
    const script = document.createElement("script");
    script.textContent = "window.injected = true";
    document.body.append(script);
    const image = new Image();
    image.src = "http://unsafe.test/x.png";
    await fetch("http://unsafe.test/").catch(() => {});
    await new Promise((done) => setTimeout(done, 200));
    return { injected: "injected" in window, directives: [...directives].sort() };
  });
  assert.deepEqual(blocked, { injected: false, directives: ["connect-src", "img-src", "script-src-elem"] });
  page.problems.length = 0; // These three were meant to be blocked.
});

async function partFiles() {
  const { parts } = JSON.parse(await readFile(join(site.bundle, "model.json"), "utf8"));
  return Object.values(parts).map(({ file }) => join(site.bundle, file));
}

function withGenerator(manifest, changes) {
  const { parts } = manifest;
  return { ...manifest, parts: { ...parts, generator: { ...parts.generator, ...changes } } };
}
