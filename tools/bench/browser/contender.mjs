// One contender in one headless Chromium: Guise's engine as it is shipped, or ONNX Runtime Web. tools/bench/work.py says how
// it is spoken to; page.js does the work. The work is
// { site, side: "guise" | "onnxruntime", device: "Cpu" | "WebGpu", kind: "generator" | "upscaler", seed, output }.

import { writeFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import { launch } from "../../../tests/browser/harness.mjs";
import { serve } from "../../serve.mjs";

let page;
let stop = () => {};

async function prepare(ask) {
  const server = await serve(ask.site);
  const browser = await launch({ webgpu: ask.device === "WebGpu" });
  stop = async () => {
    await browser.close();
    server.close();
  };
  page = await browser.newPage();
  await page.goto(`http://127.0.0.1:${server.address().port}/bench.html`);
  const pixels = await page.evaluate(async (ask) => (await import("./page.js")).prepare(ask), ask);
  await writeFile(ask.output, Buffer.from(pixels));
  return "ready";
}

async function run(times) {
  const taken = await page.evaluate(async (times) => (await import("./page.js")).run(times), times);
  return taken.map((ms) => ms.toFixed(4)).join(" ");
}

for await (const line of createInterface({ input: process.stdin })) {
  const times = line.match(/^run (\d+)$/)?.[1];
  console.log(times ? await run(Number(times)) : await prepare(JSON.parse(line)));
}
await stop();
