// server - the same update as people write it: fastify, better-sqlite3, a transaction for each
// request, flushed before it is answered (WAL, synchronous = FULL).
//
//     node server.mjs FILE ROWS       prints where it listens; makes the rows that are not there
//
// The paths are ours, so that the same scripts drive it. One process: better-sqlite3 is synchronous,
// and of several processes only one could write at a time.
import Database from "better-sqlite3";
import Fastify from "fastify";

const [file, rows] = process.argv.slice(2);
const db = new Database(file);
db.pragma("journal_mode = WAL");
db.pragma("synchronous = FULL");
db.exec(`
	CREATE TABLE IF NOT EXISTS stock (
		id INTEGER PRIMARY KEY, sku TEXT NOT NULL, location TEXT NOT NULL,
		on_hand INTEGER NOT NULL CHECK (on_hand >= 0), version INTEGER NOT NULL,
		UNIQUE (sku, location)) STRICT;
	CREATE TABLE IF NOT EXISTS movement (
		seq INTEGER PRIMARY KEY, stock_id INTEGER NOT NULL, delta INTEGER NOT NULL,
		on_hand INTEGER NOT NULL, version INTEGER NOT NULL, reason TEXT NOT NULL,
		at INTEGER NOT NULL) STRICT;`);

const add = db.prepare("INSERT OR IGNORE INTO stock (sku, location, on_hand, version) VALUES (?, 'WH1', 1000000000, 0)");
const find = db.prepare("SELECT id, on_hand, version FROM stock WHERE sku = ? AND location = ?");
const update = db.prepare("UPDATE stock SET on_hand = ?, version = ? WHERE id = ?");
const append = db.prepare("INSERT INTO movement (stock_id, delta, on_hand, version, reason, at) VALUES (?, ?, ?, ?, 'adjust', ?)");

db.transaction(() => {
	for (let row = 1; row <= Number(rows); row++) add.run(`BENCH-${String(row).padStart(4, "0")}`);
})();

const adjust = db.transaction((sku, location, delta) => {
	const row = find.get(sku, location);
	if (!row) return { status: 404, code: "unknown-row" };
	const level = { on_hand: row.on_hand + delta, version: row.version + 1 };
	if (level.on_hand < 0) return { status: 409, code: "insufficient-stock" };
	update.run(level.on_hand, level.version, row.id);
	const { lastInsertRowid } = append.run(row.id, delta, level.on_hand, level.version, Date.now());
	return { status: 201, seq: Number(lastInsertRowid), sku, location, delta, ...level };
});

const body = { type: "object", required: ["delta"], properties: { delta: { type: "integer" } } };
const app = Fastify({ logger: false });
app.get("/v1/stock/:sku/:location", async (request, reply) => {
	const row = find.get(request.params.sku, request.params.location);
	return row ?? reply.code(404).send({ code: "unknown-row" });
});
app.post("/v1/stock/:sku/:location/adjust", { schema: { body } }, async (request, reply) => {
	const { sku, location } = request.params;
	const { status, ...answer } = adjust.immediate(sku, location, request.body.delta);
	return reply.code(status).send(answer);
});
process.on("SIGTERM", () => process.exit(0));
console.error(`listening on ${await app.listen({ host: "127.0.0.1", port: 0 })}`);
