// The tests of the kernels (src/ops/conv2d/kernel/tests) and of the operations (tests/ops), compiled to WebAssembly and run in
// a browser: with relaxed SIMD and, through web/plain.mjs, without.

import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { plain } from "../../web/plain.mjs";
import { launch, root, target } from "./harness.mjs";

let browser, dir, programs;

before(async () => {
  // The page is here for the features that it asks of its libraries: without it all of them would be compiled once more.
  const flags = ["--release", "-p", "guise", "-p", "guise-web", "--lib", "--test", "ops", "--no-run"];
  const web = ["--target", "wasm32-unknown-unknown", "--target-dir", join(target, "web")];
  const { stdout } = await promisify(execFile)("cargo", ["test", ...flags, ...web, "--message-format", "json"], {
    cwd: root,
    maxBuffer: 1 << 28,
  });
  const messages = stdout.trim().split("\n").map(JSON.parse);
  // The companion itself, which is compiled along with its tests, has the library's name.
  const program = (name) => messages.find(({ profile, target }) => profile?.test && target.name === name).executable;
  programs = { kernels: program("guise"), operations: program("ops") };
  dir = await mkdtemp(join(tmpdir(), "guise-kernels-"));
  browser = await launch();
});

after(async () => {
  await browser?.close();
  if (dir) await rm(dir, { recursive: true });
});

// Has the runner serve a program on a page of its own, opens that page in the browser, and returns what it reports.
async function run(program) {
  const runner = spawn("wasm-bindgen-test-runner", [program], {
    env: { ...process.env, NO_HEADLESS: "1", WASM_BINDGEN_USE_DEDICATED_WORKER: "1", WASM_BINDGEN_TEST_ADDRESS: "127.0.0.1:0" },
  });
  const gone = once(runner, "close");
  const page = await browser.newPage();
  try {
    let said = "";
    const address = await new Promise((resolve, reject) => {
      const listen = (data) => {
        said += data;
        const address = said.match(/http:\S+(?=\s)/);
        if (address) resolve(address[0]);
      };
      runner.stdout.on("data", listen);
      runner.stderr.on("data", listen);
      gone.then(() => reject(new Error(`the runner serves nothing:\n${said}`)), reject);
    });
    await page.goto(address);
    const reported = () => /^test result:|^error/im.test(document.querySelector("#output")?.textContent);
    await page.waitForFunction(reported, null, { timeout: 300_000 });
    return await page.locator("#output").textContent();
  } finally {
    await page.close();
    runner.kill();
    await gone;
  }
}

// What a report has to say: that something ran and nothing failed.
const passed = /^test result: ok\. [1-9]\d* passed; 0 failed; 0 ignored; 0 filtered out/m;

for (const name of ["kernels", "operations"]) {
  test(`${name}, with relaxed SIMD`, async () => {
    assert.match(await run(programs[name]), passed);
  });
  test(`${name}, without`, async () => {
    const program = join(dir, `${name}.wasm`);
    await writeFile(program, plain(await readFile(programs[name])));
    assert.match(await run(program), passed);
  });
}
