// Keyboard, screen reader, small screens, quiet motion.

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

const open = async (options) => {
  context = await newVisitor(browser, options);
  page = await visit(context, `${site.url}#seed=7&variety=0.70`);
  await drawn(page);
};
const focused = () =>
  page.evaluate(() => {
    const { activeElement: element } = document;
    const label = element.getAttribute("aria-label") ?? element.labels?.[0]?.textContent ?? element.querySelector("img")?.alt;
    return label ?? element.textContent.trim();
  });

test("everything is reached and worked with the keyboard alone", async () => {
  await open();
  const stops = [];
  for (let i = 0; i < 14; i++) {
    await page.keyboard.press("Tab");
    stops.push(await focused());
  }
  const avatars = Array.from({ length: 8 }, (_, index) => `Avatar ${7 + index}`);
  const box = ["Describe an avatar", "Draw", "More choices"];
  assert.deepEqual(stops, [...box, ...avatars, "Shuffle", "Variety", "Copy link"]);

  for (let i = 0; i < 10; i++) await page.keyboard.press("Shift+Tab");
  assert.equal(await focused(), "Avatar 7");
  await page.keyboard.press("Enter");
  await page.getByRole("dialog", { name: "№ 7" }).waitFor();
  for (let i = 0; i < 6; i++) {
    await page.keyboard.press("Tab");
    const inside = await page.evaluate(() => document.activeElement === document.body || !!document.activeElement.closest("dialog"));
    assert.ok(inside, "focus stays in the open dialog");
  }
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "hidden" });
  assert.equal(await focused(), "Avatar 7", "focus returns to where it was");
});

test("a sentence, its quality and its number are chosen with the keyboard alone", async () => {
  await open();
  await page.keyboard.press("Tab");
  await page.keyboard.type("pink hair");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Tab");
  assert.equal(await focused(), "More choices");
  await page.keyboard.press("Enter");
  const reached = [];
  for (let i = 0; i < 4; i++) {
    await page.keyboard.press("Tab");
    reached.push(await focused());
    if (i === 1) await page.keyboard.press("ArrowRight");
    if (i === 2) await page.keyboard.type("2");
  }
  assert.ok(reached[0].startsWith("Without") && reached[1].startsWith("Draft"), reached.join(", "));
  assert.ok(reached[2].startsWith("How many") && reached[3].startsWith("Like this picture"), reached.join(", "));
  await page.getByLabel("Describe an avatar").focus();
  await page.keyboard.press("Enter");
  await guided(page);
  assert.match(page.url(), /&words=pink%20hair&without=&effort=normal&count=2&drawn=/);
});

test("focus can be seen", async () => {
  await open();
  await page.keyboard.press("Tab");
  const width = await page.evaluate(() => parseFloat(getComputedStyle(document.activeElement).outlineWidth));
  assert.ok(width >= 2);
});

test("every control has a name, every picture a text, and the page its structure", async () => {
  await open();
  await page.getByText("More choices").click();
  await page.getByRole("button", { name: "Avatar 8" }).click();
  const nameless = await page.evaluate(() =>
    [...document.querySelectorAll("button, a, input, textarea, select, img, progress, dialog")]
      .filter((element) => {
        const text = element.textContent.trim() || element.querySelector("img")?.alt;
        const label = element.getAttribute("aria-label") || element.getAttribute("aria-labelledby");
        return !(text || label || element.alt || element.labels?.[0]?.textContent);
      })
      .map((element) => element.outerHTML),
  );
  assert.deepEqual(nameless, []);
  assert.equal(await page.locator("h1").count(), 1);
  assert.equal(await page.locator("main").count(), 1);
  assert.equal(await page.locator("[role=status]").count(), 1);
  assert.equal(await page.getAttribute("html", "lang"), "en");
});

test("nothing sticks out at 360 px, in light and in dark, and text has contrast", async () => {
  for (const colorScheme of ["light", "dark"]) {
    await open({ viewport: { width: 360, height: 740 }, colorScheme });
    const wide = () => page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    await page.getByText("More choices").click();
    assert.equal(await wide(), 0);
    assert.deepEqual(await page.evaluate(faintTexts), []);
    await page.getByRole("button", { name: "Avatar 9" }).click();
    await page.getByRole("button", { name: "Other sizes and formats" }).click();
    assert.equal(await wide(), 0);
    assert.deepEqual(await page.evaluate(faintTexts), []);
    const small = await page.evaluate(() =>
      [...document.querySelectorAll("dialog button, dialog select, dialog input, .prompt button, .prompt select, .prompt summary, .efforts label")]
        .filter((element) => {
          const { width, height } = element.getBoundingClientRect();
          return Math.min(width, height) < 44;
        })
        .map((element) => element.textContent),
    );
    assert.deepEqual(small, [], "everything to touch is at least 44 px");
    if (colorScheme === "light") await context.close();
  }
});

test("who asks for less motion gets none", async () => {
  await open({ reducedMotion: "reduce" });
  await page.getByRole("button", { name: "Shuffle" }).click();
  assert.equal(await page.evaluate(() => document.getAnimations().length), 0);
});

for (const colorScheme of ["light", "dark"]) {
  test(`nothing sticks out at 320 px, and what can be worked with has an edge to see, in ${colorScheme}`, async () => {
    await open({ viewport: { width: 320, height: 640 }, colorScheme });
    const wide = () => page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    assert.equal(await wide(), 0, "the page");
    await page.getByText("More choices").click();
    assert.equal(await wide(), 0, "with more choices");
    assert.deepEqual(await page.evaluate(faintEdges), []);
    await page.getByRole("button", { name: "Avatar 9" }).click();
    await page.getByRole("button", { name: "Other sizes and formats" }).click();
    const dialog = page.getByRole("dialog");
    assert.ok(await dialog.evaluate((element) => element.scrollWidth <= element.clientWidth), "the close-up");
    assert.deepEqual(await page.evaluate(faintEdges), []);
  });
}

test("the chosen quality can be seen in forced colors", async () => {
  await open({ forcedColors: "active" });
  await page.getByText("More choices").click();
  const backgrounds = () =>
    page.locator(".efforts span").evaluateAll((all) => all.map((element) => getComputedStyle(element).backgroundColor));
  const [draft, normal, better] = await backgrounds();
  assert.notEqual(draft, normal, "the first is chosen");
  assert.equal(normal, better);
  await page.getByRole("radio", { name: /Better/ }).check();
  assert.deepEqual(await backgrounds(), [normal, normal, draft]);
});

test("the focus is never lost, whatever goes away under it", async () => {
  await open();
  const at = () => page.evaluate(() => document.activeElement.id || document.activeElement.tagName);
  const holds = async (what) => {
    await page.waitForTimeout(300);
    assert.notEqual(await at(), "BODY", what);
  };
  const press = async (name) => {
    await page.getByRole("button", { name, exact: true }).focus();
    await page.keyboard.press("Enter");
  };
  await page.getByLabel("Describe an avatar").fill("red hair");
  await page.getByText("More choices").click();
  await page.getByRole("radio", { name: /Better/ }).check();
  await takeTime(page);
  await press("Draw");
  await page.getByText(/^Step \d+ of 200/).waitFor();
  await press("Stop");
  await page.getByText("Stopped.").waitFor();
  await holds("after Stop");
  await press("Start over");
  await holds("after Start over");
  await drawn(page);
  assert.equal(await at(), "caption", "where it is said what hangs there");
  await page.locator(".frame").first().focus();
  await page.keyboard.press("Enter");
  await page.getByRole("dialog").waitFor();
  await press("Mix it with another");
  await holds("after choosing to mix");
  await page.locator(".frame").nth(3).focus();
  await page.keyboard.press("Enter");
  await page.getByText(/Eight mixes of .* drawn in/).waitFor();
  await holds("after mixing");
  await page.locator(".frame").first().focus();
  await page.keyboard.press("Enter");
  await page.getByRole("dialog").waitFor();
  await press("Vary it");
  await page.getByText(/Eight variations of .* drawn in/).waitFor();
  await holds("after varying");
});

test("the focus stays when what went wrong is put away", async () => {
  site.faults["text_tower.gguf"] = (request, response) => response.destroy();
  try {
    await open();
    await page.getByLabel("Describe an avatar").fill("red hair");
    await page.keyboard.press("Enter");
    const notice = page.locator(".prompt [role=alert]").filter({ hasText: "text_tower" });
    await notice.getByRole("button", { name: "Close" }).focus();
    await page.keyboard.press("Enter");
    await page.waitForTimeout(300);
    assert.equal(await page.evaluate(() => document.activeElement.id), "caption");
  } finally {
    site.faults = {};
  }
});

test("how far something is is read aloud every quarter of the way", async () => {
  await open();
  await page.evaluate(() => {
    window.heard = [];
    const region = document.querySelector(".report [aria-live=polite]");
    new MutationObserver(() => window.heard.push(region.textContent)).observe(region, {
      subtree: true,
      childList: true,
      characterData: true,
    });
  });
  await page.getByLabel("Describe an avatar").fill("red hair");
  await page.getByText("More choices").click();
  await page.getByRole("radio", { name: /Normal/ }).check();
  await page.getByLabel("Describe an avatar").focus();
  await page.keyboard.press("Enter");
  await guided(page);
  const heard = (await page.evaluate(() => window.heard)).filter((text) => /closer/.test(text));
  assert.ok(heard.includes("Coming closer to your words: 50 percent."), heard.join(" "));
  assert.ok(heard.length <= 6, `not every step: ${heard.join(" ")}`);
});

// Controls whose border, or where they have none their background, has a contrast under 3 against what is around them (WCAG
// 1.4.11). Runs in the page.
function faintEdges() {
  const channels = (color) => color.match(/[\d.]+/g).map(Number);
  const luminance = (color) => {
    const [r, g, b] = channels(color).slice(0, 3).map((value) => {
      const part = value / 255;
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const isPainted = (color) => (channels(color)[3] ?? 1) === 1;
  const around = (element) => {
    for (let at = element.parentElement; at; at = at.parentElement) {
      const color = getComputedStyle(at).backgroundColor;
      if (isPainted(color)) return color;
    }
    return "rgb(255, 255, 255)";
  };
  const contrast = (a, b) => {
    const [light, dark] = [luminance(a), luminance(b)].sort((a, b) => b - a);
    return (light + 0.05) / (dark + 0.05);
  };
  const controls = ".ask, .chip, .primary, .quiet, .efforts span, .field input:is([type=text], [type=number]), .field select, .model";
  return [...document.querySelectorAll(controls)]
    .filter((element) => element.checkVisibility({ visibilityProperty: true }) && element.ariaDisabled !== "true")
    .filter((element) => {
      const { borderTopColor, borderTopWidth, backgroundColor } = getComputedStyle(element);
      const edges = [backgroundColor];
      if (parseFloat(borderTopWidth) > 0) edges.push(borderTopColor);
      return !edges.filter(isPainted).some((color) => contrast(color, around(element)) >= 3);
    })
    .map((element) => element.className || element.id || element.tagName);
}

// Texts whose contrast against the nearest painted background is under 4.5 (WCAG AA). Runs in the page.
function faintTexts() {
  const channels = (color) => color.match(/[\d.]+/g).map(Number);
  const luminance = (color) => {
    const [r, g, b] = channels(color).slice(0, 3).map((value) => {
      const part = value / 255;
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const background = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const color = getComputedStyle(at).backgroundColor;
      if ((channels(color)[3] ?? 1) === 1) return color;
    }
    return "rgb(255, 255, 255)";
  };
  return [...document.querySelectorAll("body *")]
    .filter((element) => [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim()))
    .filter((element) => element.checkVisibility() && !element.disabled)
    .filter((element) => {
      const [light, dark] = [luminance(getComputedStyle(element).color), luminance(background(element))].sort((a, b) => b - a);
      return (light + 0.05) / (dark + 0.05) < 4.5;
    })
    .map((element) => element.textContent.trim());
}
