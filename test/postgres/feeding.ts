/**
 * `npm run test:postgres`: how blocks get into PostgreSQL, whatever dies meanwhile; what is refused, in which words;
 * schemas that older and newer programs wrote; rebuild.
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { Failure } from "@busbar/protocol";
import { rebuildCommand } from "../../aggregator/commands/rebuild.ts";
import { testHome } from "../../aggregator/commands/test-home.ts";
import { loadConfig } from "../../aggregator/config/load.ts";
import type { LedgerEvent } from "../../aggregator/ledger/events.ts";
import { Store } from "../../aggregator/ledger/store.ts";
import { schemaNumber, schemaOf } from "../../aggregator/portal/model/schema.ts";
import { examineServer } from "../../aggregator/portal/postgres/examine.ts";
import { PostgresReader } from "../../aggregator/portal/postgres/reader.ts";
import { openTables } from "../../aggregator/portal/postgres/tables.ts";
import { totals } from "../../aggregator/portal/queries.ts";
import { blockChanges, portalReadModel } from "../../aggregator/portal/read-model.ts";
import { PortalSite, portalSiteStart } from "../support/portal-site.ts";
import { Chain, Fed, owner, postgresRows, sqliteModel, sqliteRows, withClient } from "./scene.ts";
import { PostgresServer } from "./server.ts";

let server: PostgresServer;
const folder = mkdtempSync(join(tmpdir(), "busbar-pg-test-"));
before(async () => {
  server = await PostgresServer.start();
});
after(async () => {
  await server.stop();
  rmSync(folder, { recursive: true });
});

/** A block's events: two trades, of which one is paid. */
function trading(height: number): LedgerEvent[] {
  const about = { slot: 3_600_000 * Math.floor(height / 4), seller: "a", buyer: "b" };
  const signed = { type: "contract-signed", ...about, quantityWh: height, price: 5 } as const;
  const [first, second] = [`${height}-1`, `${height}-2`];
  return [
    { ...signed, contract: first, origin: "book", scale: "intraday" },
    { ...signed, contract: second, origin: "residual", scale: "real-time" },
    { type: "contract-settled", ...about, contract: first, deliveredWh: 1, amount: 7, subsidy: 0 },
  ] as LedgerEvent[];
}

/** What SQLite makes of the same blocks. */
function expected(chain: Chain): Record<string, readonly object[]> {
  const { db, read } = sqliteModel();
  for (const block of chain.blocks) read(blockChanges(block, block.events));
  return sqliteRows(db);
}

const refusedBy = (code: string) => (error: unknown) =>
  error instanceof Failure && error.code === code;

test("blocks that came while the server was killed, again and again, are each there once", async () => {
  const settings = server.settings("killed");
  const chain = new Chain();
  const fed = new Fed(settings, chain);
  await fed.feed.start();
  for (let round = 1; round <= 4; round += 1) {
    const until = chain.height() + 40;
    const mid = fed.reached(until - 20);
    while (chain.height() < until) {
      chain.add(trading(chain.height() + 1));
      fed.feed.committed();
    }
    await mid;
    // In the middle of what is on its way.
    await server.kill();
    for (let i = 0; i < 5; i += 1) chain.add(trading(chain.height() + 1));
    fed.feed.committed();
    await server.up();
    await fed.reached(chain.height());
  }
  await fed.feed.stop();
  assert.deepEqual(await postgresRows(settings), expected(chain));
  assert.ok(fed.log.includes("read-model.unreachable"), fed.log.join(", "));
  assert.equal(fed.feed.problem, undefined);
});

test("connections that are cut at any point of a feeding lose and double nothing", async () => {
  const settings = server.settings("cut");
  const chain = new Chain();
  const fed = new Fed(settings, chain);
  await fed.feed.start();
  for (let i = 0; i < 12; i += 1) {
    await fed.reached(chain.height());
    for (let j = 0; j < 6; j += 1) chain.add(trading(chain.height() + 1));
    fed.feed.committed();
    // The server takes some blocks before it hears of this, and some not.
    await server.sql(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'busbar-aggregator'",
    );
  }
  await fed.reached(chain.height());
  await fed.feed.stop();
  assert.deepEqual(await postgresRows(settings), expected(chain));
});

test("a server that is not there yet is waited for, and one that takes no writes", async () => {
  const settings = server.settings("late");
  const chain = new Chain();
  chain.add(trading(1));
  await server.sql("ALTER DATABASE busbar SET default_transaction_read_only = on");
  const fed = new Fed(settings, chain);
  await fed.feed.start();
  assert.equal(fed.feed.problem?.code, "read-model.read-only");
  await server.sql("ALTER DATABASE busbar RESET default_transaction_read_only", "postgres");
  await fed.reached(1);
  await server.kill();
  const other = new Fed(settings, chain);
  await other.feed.start();
  assert.equal(other.feed.problem?.code, "read-model.unreachable");
  await other.feed.stop();
  await server.up();
  chain.add(trading(2));
  fed.feed.committed();
  await fed.reached(2);
  await fed.feed.stop();
  assert.deepEqual(await postgresRows(settings), expected(chain));
});

test("one process feeds at a time; another takes over where it ended", async () => {
  const settings = server.settings("held");
  const chain = new Chain();
  chain.add(trading(1));
  const [first, second] = [new Fed(settings, chain), new Fed(settings, chain)];
  await first.feed.start();
  await first.reached(1);
  await second.feed.start();
  assert.equal(second.feed.problem?.code, "read-model.held");
  await first.feed.stop();
  chain.add(trading(2));
  second.feed.committed();
  await second.reached(2);
  await second.feed.stop();
  assert.deepEqual(await postgresRows(settings), expected(chain));
});

test("two members share a database by a schema each; one of another member or chain is refused", async () => {
  const chain = new Chain();
  chain.add(trading(1));
  for (const member of ["member-a", "member-b"]) {
    const fed = new Fed(server.settings(member.replace("-", "_")), chain, { ...owner, member });
    await fed.feed.start();
    await fed.reached(1);
    await fed.feed.stop();
  }
  const rows = await postgresRows(server.settings("member_a"));
  assert.deepEqual(rows, await postgresRows(server.settings("member_b")));
  for (const other of [{ member: "member-b" }, { genesis: "1".repeat(64) }]) {
    const fed = new Fed(server.settings("member_a"), chain, { ...owner, ...other });
    await assert.rejects(fed.feed.start(), refusedBy("read-model.foreign"));
  }
  await server.sql("CREATE SCHEMA theirs AUTHORIZATION busbar; CREATE TABLE theirs.cars (id int)");
  const theirs = new Fed(server.settings("theirs"), chain);
  await assert.rejects(theirs.feed.start(), refusedBy("read-model.foreign"));
});

test("tables of other blocks than the ledger's are refused", async () => {
  const settings = server.settings("parted");
  const [chain, other] = [new Chain(), new Chain()];
  for (let i = 1; i <= 3; i += 1) for (const one of [chain, other]) one.add(trading(i));
  const fed = new Fed(settings, chain);
  await fed.feed.start();
  await fed.reached(3);
  await fed.feed.stop();
  const [, second] = other.blocks;
  other.blocks.length = 2;
  other.blocks[1] = { ...second, hash: new Uint8Array(32).fill(99) } as never;
  await assert.rejects(new Fed(settings, other).feed.start(), refusedBy("read-model.parted"));
});

test("tables that an older program wrote are brought along or made anew; a newer one's are left alone", async () => {
  const settings = server.settings("older");
  const chain = new Chain();
  chain.add(trading(1));
  const once = async () => {
    const fed = new Fed(settings, chain);
    await fed.feed.start();
    await fed.reached(chain.height());
    await fed.feed.stop();
    return fed.log[0];
  };
  assert.equal(await once(), "made");
  // As if the last table had come with a later step.
  const whole = schemaOf("postgres");
  const step = whole.slice(0, whole.indexOf("\nCREATE TABLE portal_pass"));
  await withClient(settings, async (client) => {
    await client.query("DROP TABLE portal_pass");
    await client.query("UPDATE read_model SET number = number - 1, text = $1", [step]);
  });
  chain.add(trading(2));
  assert.equal(await once(), "brought along");
  assert.deepEqual(await postgresRows(settings), expected(chain));
  await withClient(settings, (client) =>
    client.query("UPDATE read_model SET number = 0, text = 'CREATE TABLE portal_other ()'"),
  );
  assert.equal(await once(), "made anew");
  assert.deepEqual(await postgresRows(settings), expected(chain));
  assert.equal(await once(), "as it was");
  await withClient(settings, (client) =>
    client.query("UPDATE read_model SET number = $1, text = text || ' '", [schemaNumber + 1]),
  );
  await assert.rejects(new Fed(settings, chain).feed.start(), refusedBy("read-model.newer"));
});

test("what is wrong with a server is said in words, and no secret is", async () => {
  const chain = new Chain();
  const startAt = (url: string, more: object = {}) =>
    new Fed({ ...server.settings("wrong", url), ...more }, chain).feed.start();
  const overTcp = `postgresql://busbar@127.0.0.1:${server.port}/busbar`;
  const secret = join(folder, "password");
  writeFileSync(secret, "not the right one\n");
  await assert.rejects(startAt(overTcp, { passwordFile: secret }), (error: Failure) => {
    assert.equal(error.code, "read-model.sign-in");
    assert.doesNotMatch(error.message, /not the right one/);
    return true;
  });
  writeFileSync(secret, "the right one\n");
  const settings = { ...server.settings("wrong", overTcp), passwordFile: secret };
  assert.match(await examineServer(settings), /PostgreSQL 1\d.*no tables yet/);
  await assert.rejects(
    startAt(overTcp, { passwordFile: `${secret}-none` }),
    refusedBy("read-model.secret"),
  );
  await assert.rejects(startAt(server.url("nowhere")), refusedBy("read-model.no-database"));
  await assert.rejects(
    startAt(`${overTcp}?sslmode=verify-full`, { passwordFile: secret }),
    refusedBy("read-model.tls"),
  );
  await server.sql(
    "CREATE DATABASE latin OWNER busbar ENCODING 'LATIN1' LOCALE_PROVIDER libc LOCALE 'C' TEMPLATE template0",
  );
  await assert.rejects(startAt(server.url("latin")), refusedBy("read-model.encoding"));
  await server.sql("CREATE DATABASE strangers", "postgres");
  await server.sql("REVOKE CREATE ON DATABASE strangers FROM public", "postgres");
  await assert.rejects(startAt(server.url("strangers")), refusedBy("read-model.rights"));
  await withClient(server.settings("wrong"), (client) =>
    assert.rejects(
      openTables(client, { schema: "wrong", owner, where: "here", versionMin: 990_000 }),
      (error: Failure) =>
        error.code === "read-model.too-old" && /expected 99 or newer/.test(error.message),
    ),
  );
  const reader = new PostgresReader(server.settings("nothing_here"));
  await assert.rejects(reader.read(totals()), refusedBy("read-model.not-there"));
  await reader.close();
});

test("rebuild makes the tables in PostgreSQL anew, says which differed, and waits for nobody who writes them", async () => {
  const made = testHome(join(folder, "home"), 0);
  made.ledger.store.close();
  for (const end of ["", "-wal", "-shm"]) rmSync(`${made.store}${end}`, { force: true });
  const store = new Store(made.store, [portalReadModel]);
  new PortalSite(store).runUntil(portalSiteStart + 3 * 3_600_000);
  const { height } = store;
  store.close();
  const url = server.url();
  writeFileSync(
    made.config,
    `site: busbar-demo\nmember: member-a\nportal: { port: 1 }\nreadModel: { postgres: "${url}" }\n`,
  );
  const rebuild = async () => {
    const told: { changed: string[]; height: number }[] = [];
    await rebuildCommand({ config: made.config, json: true }, (value) => told.push(value as never));
    return told[0];
  };
  assert.equal(loadConfig(made.config).readModel?.postgres, url);
  assert.equal((await rebuild())?.height, height);
  const settings = server.settings("busbar_member_a");
  const sound = await postgresRows(settings);
  assert.ok((sound.trade?.length ?? 0) > 5);
  assert.deepEqual((await rebuild())?.changed, []);
  await withClient(settings, async (client) => {
    await client.query("DELETE FROM portal_trade WHERE seq = 1");
    await client.query("UPDATE portal_party_slot SET income = income + 1");
  });
  assert.deepEqual((await rebuild())?.changed, ["portal_party_slot", "portal_trade"]);
  assert.deepEqual(await postgresRows(settings), sound);
  await withClient(settings, async (client) => {
    await client.query(
      "SELECT pg_advisory_lock(hashtext(current_database() || '.busbar_member_a'))",
    );
    await assert.rejects(rebuild(), refusedBy("read-model.held"));
  });
});
