// Starts the engine in its worker and reports how much of it has arrived, in the words of web/src/protocol.rs.
// The page names the engine's files in this script's address: their names change with their contents.

const address = new URL(import.meta.url).searchParams;
const engine = address.get("engine") ?? "";
const total = Number(address.get("bytes"));

function report(done) {
  postMessage({ text: JSON.stringify({ Progress: { stage: "Engine", done, total: Math.max(total, done) } }) });
}

async function start() {
  if (!/^engine-[0-9a-f]+$/.test(engine)) throw new Error("the page names no engine");
  const [{ default: init }, response] = await Promise.all([
    import(`./${engine}.js`),
    fetch(`./${engine}_bg.wasm`),
  ]);
  if (!response.ok) throw new Error(`the server answered ${response.status}`);
  let done = 0;
  const counted = response.body.pipeThrough(
    new TransformStream({
      transform(chunk, controller) {
        done += chunk.byteLength;
        report(done);
        controller.enqueue(chunk);
      },
    }),
  );
  // The type is set here so that the engine compiles while it arrives even from servers that do not know .wasm.
  await init({ module_or_path: new Response(counted, { headers: { "content-type": "application/wasm" } }) });
}

start().catch((error) => {
  const sentence = `The engine could not be loaded (${error.message}).`;
  postMessage({ text: JSON.stringify({ Failed: { job: null, sentence, ways_on: ["TryAgain"] } }) });
});
