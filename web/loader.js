// The end of the engine's script: what wasm-bindgen made comes first (web/finish.mjs puts both together). What starts this
// worker hands over the compiled program with the first message: the page to its engine, and an engine to its assistants, so
// that nothing is fetched, compiled or kept in memory twice.

import init from "./engine.js";

addEventListener(
  "message",
  ({ data }) =>
    init({ module_or_path: data }).catch((error) => {
      const sentence = `The engine could not be started (${error.message}).`;
      // In the words of web/src/protocol.rs.
      postMessage({ text: JSON.stringify({ Failed: { job: null, sentence, ways_on: ["TryAgain"] } }) });
    }),
  { once: true },
);
