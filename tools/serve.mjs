// A plain static file server on this machine only, as bare as the plainest host that `dist/` must work
// on: right content types, no special headers, no rewriting.
//
//   node tools/serve.mjs DIR [--port N]          serves DIR at http://127.0.0.1:N/ (8080)
//   import { serve } from "…/tools/serve.mjs"    the same for tests, under any sub-path and port

import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join, resolve, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const CONTENT_TYPES = {
  ".css": "text/css; charset=utf-8",
  ".gguf": "application/octet-stream",
  ".html": "text/html; charset=utf-8",
  ".ico": "image/x-icon",
  ".js": "text/javascript; charset=utf-8",
  ".json": "application/json",
  ".md": "text/markdown; charset=utf-8",
  ".mjs": "text/javascript; charset=utf-8",
  ".png": "image/png",
  ".svg": "image/svg+xml",
  ".txt": "text/plain; charset=utf-8",
  ".wasm": "application/wasm",
  ".webmanifest": "application/manifest+json",
};

// Serves the files of `dir` under `base` and resolves to the listening server. Port 0 takes any free one.
export function serve(dir, { port = 0, base = "/" } = {}) {
  const root = resolve(dir);
  const server = createServer(async (request, response) => {
    const refuse = (status, reason) => response.writeHead(status, { "content-type": "text/plain" }).end(reason);
    if (request.method !== "GET" && request.method !== "HEAD") return refuse(405, "only GET and HEAD");
    let path;
    try {
      path = decodeURIComponent(new URL(request.url, "http://localhost").pathname);
    } catch {
      return refuse(400, "not a path");
    }
    if (!path.startsWith(base)) return refuse(404, `nothing is served outside ${base}`);
    if (path.endsWith("/")) path += "index.html";
    const file = join(root, path.slice(base.length));
    if (!file.startsWith(root + sep) || file.includes("\0")) return refuse(404, "no such file");
    const found = await stat(file).catch(() => null);
    if (!found?.isFile()) return refuse(404, "no such file");
    response.writeHead(200, {
      "content-type": CONTENT_TYPES[extname(file)] ?? "application/octet-stream",
      "content-length": found.size,
      "cache-control": "no-cache",
    });
    if (request.method === "HEAD") return response.end();
    createReadStream(file).on("error", (error) => response.destroy(error)).pipe(response);
  });
  return new Promise((done, failed) => {
    server.once("error", failed);
    server.listen(port, "127.0.0.1", () => done(server));
  });
}

if (process.argv[1] && fileURLToPath(import.meta.url) === resolve(process.argv[1])) {
  const fail = (reason) => {
    console.error(`serve: ${reason}`);
    process.exit(1);
  };
  let dir, port;
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: { port: { type: "string", default: "8080" } },
    });
    [dir] = positionals;
    port = Number(values.port);
  } catch (error) {
    fail(error.message);
  }
  if (!dir) fail("name the folder to serve");
  if (!Number.isInteger(port) || port < 0 || port > 65535) fail("--port takes a number from 0 to 65535");
  try {
    const server = await serve(dir, { port });
    console.log(`Guise is at http://127.0.0.1:${server.address().port}/ (Ctrl-C stops it)`);
  } catch (error) {
    fail(error.code === "EADDRINUSE" ? `port ${port} is taken: choose another with --port` : error.message);
  }
}
