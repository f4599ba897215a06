// Several workers that refine one visitor's avatars, on the processor: nothing is noticed but the speed, whatever
// becomes of them.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, afterEach, before, beforeEach, test } from "node:test";
import { changeScript, difference, guided, launch, newVisitor, openSite, pixels, takeTime, visit } from "./harness.mjs";

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

// Has the site's engine believe in a device of these properties, which decide how many assistants it calls. Assistants run
// `trouble` first, name what they hear and say in requests to the site, and are not ready before `letIn` is called.
let letIn;
function onDevice(properties, trouble = () => {}) {
  const open = new Promise((done) => (letIn = done));
  site.faults["assistant-Ready"] = (_, response) => open.then(() => response.end());
  const folder = `location.origin + "${new URL(site.url).pathname}"`;
  const first = `if (self.name === "assistant") {
    (${report})(${folder});
    (${trouble})();
  } else (${pretend})(${folder}, ${JSON.stringify(properties)});`;
  changeScript(site, (script) => `${first}\n${script}`);
}

function pretend(folder, properties) {
  for (const [name, value] of Object.entries(properties)) Object.defineProperty(navigator, name, { value });
  self.Worker = class extends Worker {
    constructor(...given) {
      super(...given);
      fetch(`${folder}assistant-called`);
    }
  };
}

function report(folder) {
  const say = self.postMessage;
  const note = async ({ text }) => {
    const [, word] = text?.match(/^\W*(Refine|Ready|Done|Cancelled)\b/) ?? [];
    if (word) await fetch(`${folder}assistant-${word}`);
    return word;
  };
  self.postMessage = async (message, ...more) => {
    const noted = note(message);
    if (/"Ready"/.test(message.text)) await noted;
    say.call(self, message, ...more);
    if (/"Ready"/.test(message.text)) fetch(`${folder}assistant-there`);
  };
  addEventListener("message", ({ data }) => note(data));
}

const happened = (word) => site.requests.filter((name) => name === `assistant-${word}`).length;
const called = () => happened("called");
const until = async (what) => {
  for (const start = performance.now(); !what(); await page.waitForTimeout(20)) {
    assert.ok(performance.now() - start < 60_000, `still not: ${what}; ${site.requests.join(" ")}`);
  }
};

const WISH = "#seed=7&variety=0.70&words=blue%20shirt&without=a%20hat&effort=normal&count=4";
const OTHER = WISH.replace("blue", "red").replace("normal", "draft");
const fits = () => page.locator(".wall li:visible .fit").evaluateAll((all) => all.map((fit) => Number(fit.dataset.score)));
const result = async () => ({
  pictures: await pixels(page, ".wall li:not([hidden]) img"),
  fits: await fits(),
});
const go = (fragment) =>
  page.evaluate(
    (fragment) =>
      new Promise((done) => {
        // The page hears of it first, and begins to draw.
        addEventListener("popstate", done, { once: true });
        location.hash = fragment;
      }).then(() => {}),
    fragment,
  );
const stopAtFirstStep = () =>
  page.evaluate(
    () =>
      new Promise((done) => {
        const look = () => {
          const stop = [...document.querySelectorAll("button")].find((button) => button.textContent === "Stop");
          if (!/^Step/.test(document.querySelector(".prompt .doing")?.textContent)) return requestAnimationFrame(look);
          stop.click();
          done();
        };
        look();
      }),
  );

// What the engine makes of the wish by itself, in a browser that has seen nothing yet.
async function alone() {
  onDevice({ hardwareConcurrency: 1 });
  const other = await newVisitor(browser);
  page = await visit(other, site.url + WISH);
  await guided(page);
  const made = await result();
  assert.deepEqual(page.problems, []);
  assert.equal(called(), 0, "there is no core to spare");
  await other.close();
  site.requests.length = 0;
  return made;
}

// Visits until `ready` assistants wait for work, with a draft on the wall. They came too late for the wish that called them.
async function withAssistants(ready) {
  page = await visit(context, site.url + WISH);
  await guided(page);
  assert.equal(happened("Refine"), 0);
  letIn();
  await until(() => happened("there") === ready);
  await go(OTHER);
  await guided(page);
}

function same(made, expected) {
  assert.equal(made.pictures.length, 4);
  for (const [index, picture] of made.pictures.entries()) {
    // Rounding differs with how many avatars are refined at once, and grows from step to step; the score of a step natively
    // and in the page may differ by as much.
    const largest = difference(picture, expected.pictures[index]);
    assert.ok(largest <= 4, `avatar ${index} differs by ${largest}/255`);
    const off = Math.abs(made.fits[index] - expected.fits[index]);
    assert.ok(off <= 0.005, `avatar ${index} fits ${made.fits[index]}, not ${expected.fits[index]}`);
  }
}

for (const [cores, assistants] of [[2, 1], [3, 1], [4, 3], [64, 3]]) {
  test(`on ${cores} cores, ${assistants} assistants make what the engine makes alone`, async () => {
    const expected = await alone();
    onDevice({ hardwareConcurrency: cores });
    await withAssistants(assistants);
    const draft = await result();
    await go(WISH);
    await guided(page);
    const made = await result();
    same(made, expected);
    for (const [index, picture] of made.pictures.entries()) {
      assert.ok(difference(picture, draft.pictures[index]) > 10, `avatar ${index} is still the draft for other words`);
    }
    assert.equal(called(), assistants);
    await until(() => happened("Done") === assistants);
    assert.equal(happened("Refine"), assistants);
  });
}

test("none is called that would have nothing to do, or no room", async () => {
  const cases = [
    [{ hardwareConcurrency: 8 }, OTHER],
    [{ hardwareConcurrency: 8 }, WISH.replace("count=4", "count=1")],
    [{ hardwareConcurrency: 8, deviceMemory: 2 }, WISH],
  ];
  for (const [properties, wish] of cases) {
    onDevice(properties);
    site.requests.length = 0;
    page = await visit(context, site.url + wish);
    await guided(page);
    assert.equal(called(), 0, `${JSON.stringify(properties)} ${wish}`);
    assert.deepEqual(page.problems, []);
    await page.close();
  }
});

test("what is stopped is stopped everywhere, and what follows is shared again", async () => {
  onDevice({ hardwareConcurrency: 4 });
  await withAssistants(3);
  site.requests.length = 0;
  await go(WISH.replace("normal", "better"));
  await stopAtFirstStep();
  await page.getByText("Stopped.").waitFor();
  await until(() => happened("Cancelled") === 3);
  assert.deepEqual([happened("Refine"), happened("Done")], [3, 0]);
  await go(WISH);
  await guided(page);
  await until(() => happened("Done") === 3);
});

test("a newer wish takes the place of one that is shared", async () => {
  const expected = await alone();
  onDevice({ hardwareConcurrency: 4 });
  await withAssistants(3);
  await takeTime(page);
  await go(WISH.replace("normal", "better").replace("seed=7", "seed=8"));
  await page.getByText(/^Step \d+ of 200/).waitFor();
  await go(WISH);
  await guided(page);
  same(await result(), expected);
});

test("assistants end with their engine", async () => {
  onDevice({ hardwareConcurrency: 4 });
  await withAssistants(3);
  assert.equal(page.workers().length, 4);
  await page.reload();
  await guided(page);
  assert.equal(page.workers().length, 1);
});

// Each in the place of an assistant's own program, or in its way.
const troubles = {
  "throw before they run": () => {
    throw new Error("meant to happen");
  },
  "are not handed the program": () => {
    addEventListener("message", (event) => event.stopImmediatePropagation());
  },
  "cannot run the program": () => {
    WebAssembly.instantiate = () => Promise.reject(new Error("meant to happen"));
  },
};
for (const [name, trouble] of Object.entries(troubles)) {
  test(`assistants that ${name} are done without`, async () => {
    const expected = await alone();
    onDevice({ hardwareConcurrency: 2 }, trouble);
    await withAssistants(0);
    await go(WISH);
    await guided(page);
    same(await result(), expected);
    assert.deepEqual([called(), happened("Refine")], [1, 0]);
  });
}

test("weights that are gone when assistants ask for them are done without", async () => {
  const expected = await alone();
  const file = "image_tower.gguf";
  onDevice({ hardwareConcurrency: 2 });
  let refused = 0;
  site.faults[file] = (_, response) => {
    if (site.requests.filter((name) => name === file).length === 1) {
      return readFile(join(site.bundle, file)).then((it) => response.end(it));
    }
    refused += 1;
    response.writeHead(404).end();
  };
  // Over an unsafe connection nothing is kept, so that assistants fetch the weights again.
  page = await visit(context, site.unsafeUrl + WISH);
  await guided(page);
  await until(() => refused >= 1);
  await go(OTHER);
  await guided(page);
  await go(WISH);
  await guided(page);
  same(await result(), expected);
  assert.deepEqual([refused > 0, called(), happened("Refine")], [true, 1, 0]);
});

// What becomes of an assistant in the middle of its work: each does something to itself at its third step.
const ends = {
  crash: () => setTimeout(() => { throw new Error("meant to happen"); }),
  fail: () => postMessage({ text: '{"Failed":{"job":null,"sentence":"","ways_on":[]}}' }),
  "fall silent": () => close(),
};
for (const [name, end] of Object.entries(ends)) {
  test(`the part of assistants that ${name} is refined by the engine`, async () => {
    const expected = await alone();
    const trouble = `() => {
      const say = self.postMessage;
      let steps = 0;
      self.postMessage = (message, ...more) => {
        say(message, ...more);
        if (/^{"Scores"/.test(message.text) && ++steps === 3) (${end})();
      };
    }`;
    onDevice({ hardwareConcurrency: 2 }, trouble);
    await withAssistants(1);
    site.requests.length = 0;
    await go(WISH);
    await guided(page);
    same(await result(), expected);
    assert.deepEqual([happened("Refine"), happened("Done")], [1, 0]);
    assert.equal(page.workers().length, 1);
    await go(WISH.replace("seed=7", "seed=8"));
    await guided(page);
    assert.equal(happened("Refine"), 1, "it is not asked again");
  });
}
