// Counts what one picture costs on the graphics adapter: `npm run launches --prefix tests/browser [BUNDLE]`.

import { BUNDLE, countLaunches, drawn, launch, newVisitor, openSite, visit } from "./harness.mjs";

const site = await openSite(process.argv[2] ?? BUNDLE);
const count = countLaunches(site);
const browser = await launch({ webgpu: true });
const page = await visit(await newVisitor(browser), `${site.url}?device=webgpu#seed=100&variety=0.70`);
await drawn(page, 600_000);
const before = await count(page);
await page.getByRole("button", { name: "Shuffle" }).click();
await page.waitForTimeout(50);
await drawn(page, 600_000);
const after = await count(page);
let total = 0;
for (const [name, launches] of Object.entries(after).sort(([, a], [, b]) => b - a)) {
  const each = (launches - (before[name] ?? 0)) / 8;
  total += each;
  if (each) console.log(`${each.toFixed(2).padStart(8)}  ${name}`);
}
console.log(`${total.toFixed(2).padStart(8)}  in all, for one of eight pictures`);
await browser.close();
await site.close();
