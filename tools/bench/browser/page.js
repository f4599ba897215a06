// What contender.mjs has its page do. Both sides are timed inside the browser, from the request until the result is in memory
// that JavaScript can read. Guise's time includes what it does for a page: encoding a PNG and answering messages in between.

let once;

// Opens one side, does the work once and returns the picture's RGB bytes.
export async function prepare(ask) {
  once = await (ask.side === "guise" ? openGuise(ask) : openOnnxRuntime(ask));
  return (await once(true)).pixels;
}

// Does the work `times` times and returns how many milliseconds each took.
export async function run(times) {
  const taken = [];
  for (let i = 0; i < times; i++) taken.push((await once(false)).ms);
  return taken;
}

async function openGuise({ device, kind, seed }) {
  const html = await (await fetch("index.html")).text();
  const engine = html.match(/name="guise-engine" content="([^"]+)"/)[1];
  const worker = new Worker(`${engine}.js`, { type: "module" });
  worker.postMessage(await WebAssembly.compileStreaming(fetch(`${engine}_bg.wasm`)));
  let answer;
  let picture;
  worker.onmessage = ({ data: { text, bytes } }) => {
    const message = JSON.parse(text);
    if (bytes) picture = bytes;
    if (message.Failed || message.Lost) answer.fail(new Error((message.Failed ?? message.Lost).sentence));
    if (message === "Awake" || message.Ready || message.Done) answer.give(message.Done);
  };
  const next = () => new Promise((give, fail) => (answer = { give, fail }));
  const request = (message, bytes) => {
    worker.postMessage({ text: JSON.stringify(message), bytes });
    return next();
  };
  await next();
  await request({ Load: { bundle: new URL("bundle/", location).href, device } });
  const small = await (await fetch("picture.png")).arrayBuffer();
  let job = 0;
  return async (wanted) => {
    job += 1;
    const { duration_ms: ms } = await (kind === "generator"
      ? request({ Sample: { job, seeds: [seed], truncation_psi: 1 } })
      : request({ Upscale: { job } }, small));
    return { ms, pixels: wanted && (await decode(picture)).rgb };
  };
}

async function openOnnxRuntime({ device, kind }) {
  const gpu = device === "WebGpu";
  const ort = await import(gpu ? "./ort/ort.webgpu.min.mjs" : "./ort/ort.wasm.min.mjs");
  ort.env.wasm.wasmPaths = new URL("ort/", location).href;
  ort.env.wasm.numThreads = 1;
  const session = await ort.InferenceSession.create(`${kind}.onnx`, { executionProviders: [gpu ? "webgpu" : "wasm"] });
  let x;
  if (kind === "generator") {
    const z = new Float32Array(await (await fetch("z.bin")).arrayBuffer());
    x = new ort.Tensor("float32", z, [1, z.length]);
  } else {
    const { rgb, side } = await decode(await (await fetch("picture.png")).arrayBuffer());
    const planes = new Float32Array(rgb.length);
    for (let i = 0; i < rgb.length; i++) planes[(i % 3) * side * side + Math.floor(i / 3)] = rgb[i] / 255;
    x = new ort.Tensor("float32", planes, [1, 3, side, side]);
  }
  // The bytes that Guise makes of the same numbers: src/pipeline.
  const byte = kind === "generator" ? (v) => Math.floor(v * 127.5 + 128) : (v) => Math.round(v * 255);
  return async (wanted) => {
    const began = performance.now();
    const { y } = await session.run({ x });
    const values = y.data;
    const ms = performance.now() - began;
    const area = values.length / 3;
    const pixels = wanted && Array.from(values, (_, i) => Math.min(255, Math.max(0, byte(values[(i % 3) * area + Math.floor(i / 3)]))));
    return { ms, pixels };
  };
}

async function decode(png) {
  const image = await createImageBitmap(new Blob([png], { type: "image/png" }));
  const context = new OffscreenCanvas(image.width, image.height).getContext("2d");
  context.drawImage(image, 0, 0);
  const { data } = context.getImageData(0, 0, image.width, image.height);
  return { rgb: Array.from(data).filter((_, i) => i % 4 !== 3), side: image.width };
}
