// What is said is said where it can be seen, and nothing moves under the pointer.

import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import { drawn, guided, launch, newVisitor, openSite, takeTime, visit } from "./harness.mjs";

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

const SIZES = [
  { width: 1280, height: 900 },
  { width: 360, height: 740 },
];
const open = async (viewport = SIZES[0]) => {
  context = await newVisitor(browser, { viewport });
  // What moved without any input, as browsers add it up.
  await context.addInitScript(() => {
    window.moved = [];
    new PerformanceObserver((list) => {
      for (const { value, hadRecentInput, sources } of list.getEntries()) {
        if (!hadRecentInput) window.moved.push({ value, what: sources.map(({ node }) => node?.className ?? node?.nodeName) });
      }
    }).observe({ type: "layout-shift", buffered: true });
  });
  page = await visit(context, `${site.url}#seed=7&variety=0.70`);
};
const ask = async (sentence) => {
  await page.getByLabel("Describe an avatar").fill(sentence);
  await page.keyboard.press("Enter");
};
const choose = async (quality) => {
  if (!(await page.getByLabel("Without").isVisible())) await page.getByText("More choices").click();
  await page.getByRole("radio", { name: new RegExp(quality) }).check();
  await page.getByText("More choices").click();
  await page.evaluate(() => scrollTo(0, 0));
};
// Whether something is in sight without scrolling.
const inSight = (locator) =>
  locator.evaluate((element) => {
    const { top, bottom, width } = element.getBoundingClientRect();
    return width > 1 && element.checkVisibility({ visibilityProperty: true }) && top >= 0 && bottom <= innerHeight;
  });
const places = (selector) =>
  page.locator(selector).evaluateAll((all) =>
    all.map((element) => {
      const { left, top, width, height } = element.getBoundingClientRect();
      return [element.className, left, top, width, height].join(" ");
    }),
  );

for (const viewport of SIZES) {
  const size = `${viewport.width} x ${viewport.height}`;

  test(`what happens is said at the box, in sight at ${size}`, async () => {
    await open(viewport);
    await drawn(page);
    assert.ok(await inSight(page.locator("[role=status]")), "what came of it");
    assert.ok(await inSight(page.locator(".frame").first()), "an avatar");
    await choose("Better");
    await takeTime(page);
    await ask("red hair");
    await page.getByText(/^Step \d+ of 200/).waitFor();
    assert.ok(await inSight(page.locator(".prompt .doing")), "what is done");
    assert.ok(await inSight(page.locator(".prompt progress")), "how far it is");
    const stop = page.getByRole("button", { name: "Stop" });
    assert.ok(await inSight(stop), "the way to stop it");
    await stop.click();
    await page.getByText("Stopped.").waitFor();
    await page.getByRole("button", { name: "Draw", exact: true }).click();
    await page.getByRole("button", { name: "Stop" }).click();
    await page.getByLabel("Describe an avatar").fill("");
    await page.keyboard.press("Enter");
    const hint = page.getByText("Say first what you would like to see.");
    assert.ok(await inSight(hint), "a hint");
    const box = await page.locator(".ask").boundingBox();
    const said = await hint.boundingBox();
    assert.ok(said.y - (box.y + box.height) < 40, "right below the box");
  });

  test(`an error lies in sight at ${size}, and moves nothing`, async () => {
    await open(viewport);
    await drawn(page);
    const before = await places(".frame, .controls button, .primary, summary");
    site.faults["text_tower.gguf"] = (request, response) => response.destroy();
    await ask("red hair");
    const notice = page.locator(".prompt [role=alert]");
    await notice.getByText(/text_tower.gguf/).waitFor();
    site.faults = {};
    assert.ok(await inSight(notice.getByRole("button", { name: "Try again" })));
    const after = await places(".frame, .controls button, .primary, summary");
    // Four in place of eight: those that are left are where they were, and so is all above them.
    for (const place of after.filter((place) => !/ 0 0 0 0$/.test(place) && /^(frame|primary)/.test(place)).slice(0, 5)) {
      const bare = (text) => text.replace(/^[a-z ]+/, "");
      assert.ok(before.map(bare).includes(bare(place)), place);
    }
    await notice.getByRole("button", { name: "Close" }).click();
    assert.ok(await notice.isHidden());
  });

  test(`nothing moves by itself at ${size}`, async () => {
    await open(viewport);
    await drawn(page);
    await ask("red hair");
    await guided(page);
    await page.getByRole("button", { name: "Shuffle" }).click();
    await page.waitForTimeout(700);
    await guided(page);
    const moved = await page.evaluate(() => window.moved);
    const sum = moved.reduce((sum, { value }) => sum + value, 0);
    assert.ok(sum < 0.02, `${sum}: ${JSON.stringify(moved)}`);
  });

  test(`the buttons of a close-up stay where they are at ${size}, also under a double click`, async () => {
    await open(viewport);
    await drawn(page);
    await page.locator(".frame").first().click();
    const enlarge = page.getByRole("button", { name: /^Enlarge to/ });
    await enlarge.waitFor();
    const before = await places(".actions > *");
    assert.equal(before.length, 7);
    await page.evaluate(() => {
      window.seen = new Set();
      const look = () => {
        const all = [...document.querySelectorAll(".actions > *")].map((element) => {
          const { left, top, width, height } = element.getBoundingClientRect();
          return [element.className, left, top, width, height].join(" ");
        });
        window.seen.add(all.join("\n"));
        requestAnimationFrame(look);
      };
      look();
    });
    const { x, y, width, height } = await enlarge.boundingBox();
    for (const side of [64, 256]) {
      await page.mouse.dblclick(x + width / 2, y + height / 2, { delay: 30 });
      await page.getByText(`Enlarged to ${side} by ${side}`).last().waitFor();
    }
    assert.deepEqual(await page.evaluate(() => [...window.seen]), [before.join("\n")]);
    assert.ok(await page.getByRole("dialog").isVisible());
    assert.equal(await page.locator(".caption p").textContent(), "Drawn by chance");
  });
}

test("faces from before do not hang under a new caption", async () => {
  await open();
  await drawn(page);
  await page.evaluate(() => {
    const names = () => [...document.querySelectorAll(".wall li:not([hidden]) img")].map(({ alt }) => alt);
    const old = new Set(names());
    window.wrong = [];
    new MutationObserver(() => {
      if (!/red hair/.test(document.querySelector(".caption").textContent)) return;
      window.wrong.push(...names().filter((name) => old.has(name)));
    }).observe(document, { subtree: true, childList: true, characterData: true });
  });
  await choose("Normal");
  await ask("red hair");
  await guided(page);
  assert.deepEqual(await page.evaluate(() => window.wrong), []);
  assert.equal(await page.locator(".caption p").textContent(), "“red hair”");
});

test("a guidance goes on while one of its avatars is looked at", async () => {
  await open();
  await drawn(page);
  await choose("Better");
  await takeTime(page);
  await ask("red hair");
  await page.getByText(/^Step \d+ of 200/).waitFor();
  await page.locator(".frame").first().click();
  const dialog = page.getByRole("dialog");
  await dialog.waitFor();
  assert.match(await dialog.textContent(), /Still being drawn/);
  const enlarge = page.getByRole("button", { name: /^Enlarge to/ });
  assert.equal(await enlarge.getAttribute("aria-disabled"), "true");
  await enlarge.click({ force: true });
  await guided(page);
  assert.match(page.url(), /&drawn=.*&open=0$/, "it was not ended");
  await enlarge.click();
  await page.getByText(/Enlarged to 64 by 64/).last().waitFor();
});
