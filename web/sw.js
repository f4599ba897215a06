// Keeps the page for visits without a network. The build and `guise site` write the list of the site's own files into it, each
// with its sha256: so this script changes whenever one of them does, and that is how browsers notice an update.
//
// A version is kept as a whole before it takes over, and it takes over when all tabs of the one before are closed or a visitor
// asks for it. What models weigh is the engine's to keep; here are their manifests, asked of the server first.

const FILES = {};

const SCOPE = self.registration.scope;
const PREFIX = `guise-page ${SCOPE} `;
// How long a server may take with a manifest of which there is a copy.
const PATIENCE_MS = 4000;
const LIST = "models/index.json";

const address = (path) => new URL(path, SCOPE).href;
const version = digest(new TextEncoder().encode(JSON.stringify(FILES))).then((hash) => PREFIX + hash.slice(0, 16));
const open = async () => caches.open(await version);

async function digest(bytes) {
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return [...hash].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

// The path of one of the site's files, for the address that it is asked for by.
function pathOf(url) {
  const { origin, pathname } = new URL(url);
  const whole = origin + pathname;
  if (!whole.startsWith(SCOPE)) return null;
  return whole.slice(SCOPE.length) || "index.html";
}

// A browser takes one of the two engines, which the page names once it runs.
const isEngine = (path) => /^engine-[0-9a-f]+(-plain)?_bg[.]wasm$/.test(path);
const isPlain = (path) => path.includes("-plain");

// Fetches one of the site's files and keeps it, if it is the one that is meant.
async function keep(path) {
  const kept = await open();
  const found = await kept.match(address(path));
  if (found) return found;
  let wrong;
  for (const cache of ["force-cache", "reload"]) {
    const response = await fetch(address(path), { cache });
    if (!response.ok) throw new Error(`${path}: the server answered ${response.status}`);
    const bytes = await response.arrayBuffer();
    const hash = await digest(bytes);
    if (hash === FILES[path]) {
      const type = response.headers.get("content-type") ?? "application/octet-stream";
      await kept.put(address(path), new Response(bytes, { headers: { "content-type": type, "x-sha256": hash } }));
      return kept.match(address(path));
    }
    wrong = hash;
  }
  throw new Error(`${path} has the sha256 ${wrong}, expected ${FILES[path]}`);
}

// Takes over from an earlier version what has not changed.
async function inherit() {
  const kept = await open();
  let engine = null;
  for (const name of await earlier()) {
    const old = await caches.open(name);
    for (const { url } of await old.keys()) {
      const path = pathOf(url);
      if (isEngine(path)) engine = isPlain(path);
      const response = await old.match(url);
      const hash = response.headers.get("x-sha256");
      if (hash === null || (FILES[path] === hash && !(await kept.match(url)))) await kept.put(url, response);
    }
  }
  return engine;
}

async function earlier() {
  const own = await version;
  return (await caches.keys()).filter((name) => name.startsWith(PREFIX) && name !== own);
}

async function install() {
  // Which engine this browser takes is known where an earlier version has one.
  const plain = await inherit();
  const wanted = Object.keys(FILES).filter((path) => !isEngine(path) || isPlain(path) === plain);
  await Promise.all(wanted.map(keep));
  await keepManifests();
}

// The list of models and what each is, so that one can be chosen without a network.
async function keepManifests() {
  const list = await fresh(LIST).catch(() => null);
  const { models } = list?.ok ? await list.json().catch(() => ({})) : {};
  const paths = Array.isArray(models) ? models.filter((path) => /^models\/[a-z0-9-]+\/$/.test(path)) : [];
  await Promise.allSettled(paths.map((path) => fresh(`${path}model.json`)));
}

// A file that changes without the page: from the server, and where that does not answer, the copy of its last answer.
async function fresh(path, request = address(path)) {
  const kept = await open();
  const copy = await kept.match(address(path));
  const answer = fetch(request, { cache: "no-cache" }).then(async (response) => {
    if (response.ok) await kept.put(address(path), response.clone()).catch(() => {});
    return response;
  });
  if (!copy) return answer;
  const late = new Promise((done) => setTimeout(done, PATIENCE_MS));
  const first = await Promise.race([answer, late]).catch(() => null);
  return first ?? copy;
}

// An answer without the address that it was kept under: what reads its own address reads the one it was asked for by.
async function answer(path) {
  const { body, headers } = await keep(path);
  return new Response(body, { headers });
}

self.addEventListener("install", (event) => event.waitUntil(install()));

self.addEventListener("activate", (event) => {
  const clean = async () => {
    for (const name of await earlier()) await caches.delete(name);
    await self.clients.claim();
  };
  event.waitUntil(clean());
});

self.addEventListener("message", (event) => {
  const { takeOver, engine } = event.data ?? {};
  if (takeOver) self.skipWaiting();
  if (isEngine(String(engine)) && engine in FILES) {
    const told = () => event.source?.postMessage({ kept: engine });
    event.waitUntil(keep(engine).then(told, () => {}));
  }
});

self.addEventListener("fetch", (event) => {
  const path = event.request.method === "GET" ? pathOf(event.request.url) : null;
  if (path === null) return;
  if (path in FILES) {
    // What cannot be kept is left to the network.
    event.respondWith(answer(path).catch(() => fetch(event.request)));
  } else if (path === LIST || /^models\/[a-z0-9-]+\/(model[.]json|samples[.]png)$/.test(path)) {
    event.respondWith(fresh(path, event.request));
  }
});
