// Starts the engine in its worker and reports how much of it has arrived, in the words of web/src/protocol.rs.
// The page names the engine's files in this script's address: their names change with their contents. An engine starts its
// assistants by the same address with `assists` at its end, and hands them its own compiled program.

const address = new URL(import.meta.url).searchParams;
const engine = address.get("engine") ?? "";
const total = Number(address.get("bytes"));

// A program that fuses one multiplication with an addition, which is all of relaxed SIMD that the engine uses. Browsers that
// do not know it get the engine that multiplies and then adds: the same pictures, a little later.
const RELAXED_SIMD = new Uint8Array([
  0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 1, 5, 1, 0x60, 0, 1, 0x7b, 3, 2, 1, 0, 10, 0x13, 1, 0x11, 0,
  ...[0x41, 0, 0xfd, 15], ...[0x41, 0, 0xfd, 15], ...[0x41, 0, 0xfd, 15], 0xfd, 0x85, 2, 0x0b,
]);

function say(reply) {
  postMessage({ text: JSON.stringify(reply) });
}

// The program that another engine hands over, with its first message: nothing is fetched, compiled or kept in memory twice.
function handedOver() {
  return new Promise((done) => addEventListener("message", ({ data }) => done(data), { once: true }));
}

async function start() {
  if (!/^engine-[0-9a-f]+$/.test(engine)) throw new Error("the page names no engine");
  const [{ default: init }, program] = await Promise.all([
    import(`./${engine}.js`),
    address.has("assists") ? handedOver() : fetched(),
  ]);
  await init({ module_or_path: program });
  if (!address.has("assists")) say({ Engine: { program: name(), bytes: fetchedBytes() } });
}

// What came over the network, where the browser says it: nothing of what a cache had.
function fetchedBytes() {
  const sizes = performance.getEntriesByType("resource").map(({ transferSize }) => transferSize ?? 0);
  return sizes.reduce((sum, size) => sum + size, 0);
}

function name() {
  return `${engine}${WebAssembly.validate(RELAXED_SIMD) ? "" : "-plain"}_bg.wasm`;
}

async function fetched() {
  const response = await fetch(`./${name()}`);
  if (!response.ok) throw new Error(`the server answered ${response.status}`);
  let done = 0;
  const counted = response.body.pipeThrough(
    new TransformStream({
      transform(chunk, controller) {
        done += chunk.byteLength;
        say({ Progress: { stage: "Engine", done, total: Math.max(total, done) } });
        controller.enqueue(chunk);
      },
    }),
  );
  // The type is set here so that the engine compiles while it arrives even from servers that do not know .wasm.
  return new Response(counted, { headers: { "content-type": "application/wasm" } });
}

start().catch((error) => {
  const sentence = `The engine could not be loaded (${error.message}).`;
  say({ Failed: { job: null, sentence, ways_on: ["TryAgain"] } });
});
