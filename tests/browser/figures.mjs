// Measures what a visit costs: `npm run figures --prefix tests/browser [BUNDLE]`. Not a test: it prints, it does not judge.
//
// Times are from navigation to the eighth avatar, over a loopback connection: a first visit in a fresh profile, a second
// one in the same profile. Memory is the resident set of the tab's process. Words are asked for four avatars at a time.

import { readFileSync } from "node:fs";
import { cpus } from "node:os";
import { BUNDLE, drawn, guided, launch, newVisitor, openSite, visit } from "./harness.mjs";

const bundle = process.argv[2] ?? BUNDLE;
const median = (values) => values.sort((a, b) => a - b)[values.length >> 1];

console.log(`${cpus().length} x ${cpus()[0].model}; bundle ${bundle}`);
const ways = { CPU: ["cpu", {}], "WebGPU (SwiftShader)": ["webgpu", { webgpu: true }] };
for (const [name, [device, options]] of Object.entries(ways)) {
  const site = await openSite(bundle);
  const browser = await launch(options);
  const context = await newVisitor(browser);
  const timed = async () => {
    const start = performance.now();
    const page = await visit(context, `${site.url}?device=${device}#seed=100&variety=0.70`);
    await drawn(page, 600_000);
    return [page, (performance.now() - start) / 1000];
  };
  const [first, firstSecs] = await timed();
  await first.close();
  const [page, secondSecs] = await timed();

  const secs = [];
  for (let i = 0; i < 5; i++) {
    await page.getByRole("button", { name: "Shuffle" }).click();
    await page.waitForTimeout(50);
    await drawn(page, 600_000);
    secs.push(Number((await page.locator("[role=status]").textContent()).match(/in ([\d.]+) s/)[1]));
  }
  const words = [];
  for (const [quality, sentence] of [["Draft", "pink hair"], ["Draft", "blue hair, red shirt"], ["Normal", "green hair"], ["Better", "black hair"]]) {
    if (!(await page.getByLabel("Without").isVisible())) await page.getByText("More choices").click();
    await page.getByRole("radio", { name: new RegExp(quality) }).check();
    await page.getByLabel("Describe an avatar").fill(sentence);
    await page.getByRole("button", { name: "Draw", exact: true }).click();
    await page.waitForTimeout(50);
    await guided(page, 3_600_000);
    words.push(Number((await page.locator("[role=status]").textContent()).match(/in ([\d.]+) s/)[1]));
    if (device === "webgpu" && quality === "Normal") break;
  }
  await page.getByRole("button", { name: "Start over" }).click();
  await drawn(page, 600_000);
  const { processInfo } = await (await browser.newBrowserCDPSession()).send("SystemInfo.getProcessInfo");
  const tabs = processInfo.filter(({ type }) => type === "renderer").map(({ id }) => residentBytes(id));
  console.log(name);
  console.log(`  first visit to first avatars   ${firstSecs.toFixed(1)} s`);
  console.log(`  second visit                   ${secondSecs.toFixed(1)} s`);
  console.log(`  eight avatars, warm            ${median(secs).toFixed(1)} s, ${((median(secs) / 8) * 1000).toFixed(0)} ms each`);
  console.log(`  first draft, words fetched     ${words[0].toFixed(1)} s`);
  console.log(`  draft                          ${words[1].toFixed(1)} s`);
  console.log(`  normal, 30 steps               ${words[2].toFixed(1)} s`);
  if (words[3]) console.log(`  better, 200 steps              ${words[3].toFixed(1)} s, ${((words[3] / 200) * 1000).toFixed(0)} ms a step`);
  console.log(`  memory of the tab              ${(Math.max(...tabs) / 2 ** 20).toFixed(0)} MiB`);
  await page.locator(".frame").first().click();
  const enlarge = page.locator(".viewer .primary");
  while ((await enlarge.getAttribute("aria-disabled")) === "false") {
    const target = (await enlarge.textContent()).match(/\d+/)[0];
    const start = performance.now();
    await enlarge.click();
    await page.getByAltText(`${target} by ${target} pixels`).waitFor({ timeout: 600_000 });
    console.log(`  enlarging to ${target.padEnd(4)}              ${((performance.now() - start) / 1000).toFixed(1)} s`);
    if (device === "webgpu") break;
  }
  await browser.close();
  await site.close();
}

function residentBytes(id) {
  return Number(readFileSync(`/proc/${id}/status`, "utf8").match(/VmRSS:\s+(\d+)/)[1]) * 1024;
}
