// The end of the engine's script, which web/finish.mjs puts together: what wasm-bindgen made comes first. Fetches the engine's
// program and starts it, and reports how much of it has arrived, in the words of web/src/protocol.rs.
//
// The page starts the script from a blob, so that its own policy holds in the worker as well. A blob has no place on the site:
// the worker's name is the address of the script there, without its ending. An engine starts its assistants from the same blob,
// with `#assists` at the end of the name, and hands them its own compiled program.

import init from "./engine.js";

// The two programs by the endings of their names: how many bytes they have, and their sha256. Written by web/finish.mjs.
const PROGRAMS = {};

const address = new URL(self.name);
const assists = address.hash === "#assists";
address.hash = "";

// A program that fuses one multiplication with an addition, which is all of relaxed SIMD that the engine uses. Browsers that
// do not know it get the engine that multiplies and then adds: the same pictures, a little later.
const RELAXED_SIMD = new Uint8Array([
  0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 1, 5, 1, 0x60, 0, 1, 0x7b, 3, 2, 1, 0, 10, 0x13, 1, 0x11, 0,
  ...[0x41, 0, 0xfd, 15], ...[0x41, 0, 0xfd, 15], ...[0x41, 0, 0xfd, 15], 0xfd, 0x85, 2, 0x0b,
]);

const ending = WebAssembly.validate(RELAXED_SIMD) ? "_bg.wasm" : "-plain_bg.wasm";
const program = address.href + ending;
const { bytes: total, sha256 } = PROGRAMS[ending];

class Changed extends Error {
  constructor() {
    super("its program is not the one that this page was built with");
  }
}

function say(reply) {
  postMessage({ text: JSON.stringify(reply) });
}

// The program that another engine hands over, with its first message: nothing is fetched, compiled or kept in memory twice.
function handedOver() {
  return new Promise((done) => addEventListener("message", ({ data }) => done(data), { once: true }));
}

async function start() {
  // What was changed may be the copy in the browser's own cache.
  const fetched = () => compiled("default").catch((error) => (error instanceof Changed ? compiled("reload") : Promise.reject(error)));
  await init({ module_or_path: await (assists ? handedOver() : fetched()) });
  if (!assists) say({ Engine: { program: program.split("/").at(-1), bytes: fetchedBytes() } });
}

// What came over the network, where the browser says it: nothing of what a cache had.
function fetchedBytes() {
  const sizes = performance.getEntriesByType("resource").map(({ transferSize }) => transferSize ?? 0);
  return sizes.reduce((sum, size) => sum + size, 0);
}

// The program, compiled while it arrives and looked at before it runs.
async function compiled(cache) {
  // Over an unsafe connection scripts can hash nothing. There the browser checks the file, and gives it out only after that.
  const integrity = crypto.subtle ? "" : `sha256-${sha256}`;
  const response = await fetch(program, { cache, integrity });
  if (!response.ok) throw new Error(`the server answered ${response.status}`);
  const pieces = [];
  let done = 0;
  const counted = response.body.pipeThrough(
    new TransformStream({
      transform(piece, controller) {
        pieces.push(piece);
        done += piece.byteLength;
        say({ Progress: { stage: "Engine", done, total: Math.max(total, done) } });
        controller.enqueue(piece);
      },
    }),
  );
  // The type is set here so that the engine compiles while it arrives even from servers that do not know .wasm.
  const typed = new Response(counted, { headers: { "content-type": "application/wasm" } });
  const result = await WebAssembly.compileStreaming(typed).catch((error) => error);
  if (result instanceof Error && !(result instanceof WebAssembly.CompileError)) throw result;
  if (!integrity && (await digest(pieces)) !== sha256) throw new Changed();
  if (result instanceof Error) throw result;
  return result;
}

async function digest(pieces) {
  const hash = await crypto.subtle.digest("SHA-256", await new Blob(pieces).arrayBuffer());
  return btoa(String.fromCharCode(...new Uint8Array(hash)));
}

start().catch((error) => {
  const sentence = `The engine could not be loaded (${error.message}).`;
  say({ Failed: { job: null, sentence, ways_on: ["TryAgain"] } });
});
