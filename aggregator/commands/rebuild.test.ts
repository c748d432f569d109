import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { PortalSite, portalSiteStart } from "../../test/support/portal-site.ts";
import { missingUpTo, olderIn } from "../ledger/archive/older.ts";
import { prune } from "../ledger/archive/pruning.ts";
import { SnapshotMaking } from "../ledger/snapshots/making.ts";
import { Store } from "../ledger/store.ts";
import { countDeliveries } from "../notices/delivery-table.ts";
import { outbox } from "../notices/outbox.ts";
import { portalReadModel } from "../portal/read-model.ts";
import { missingText } from "./missing-blocks.ts";
import { rebuildCommand } from "./rebuild.ts";
import { testHome } from "./test-home.ts";

const folder = mkdtempSync(join(tmpdir(), "busbar-rebuild-"));
after(() => rmSync(folder, { recursive: true }));

/** In the currency of the folder's genesis. */
const notices = outbox({
  ...{ currency: "EUR", member: "recorder-1", send: true, webhooks: new Set<string>() },
});

/** A member's folder whose ledger is that of a site which has traded for some hours. */
function home(): { readonly config: string; readonly store: string } {
  const made = testHome(join(folder, "home"), 0);
  made.ledger.store.close();
  for (const end of ["", "-wal", "-shm"]) rmSync(`${made.store}${end}`, { force: true });
  const store = new Store(made.store, [portalReadModel, notices]);
  new PortalSite(store).runUntil(portalSiteStart + 4 * 3_600_000);
  store.close();
  return made;
}

async function rebuild(
  config: string,
): Promise<{ changed: string[]; height: number; from: number; missing: object[] }> {
  const told: object[] = [];
  await rebuildCommand({ config, json: true }, (value) => told.push(value));
  return told[0] as never;
}

test("what the portal reads is made anew from the blocks, whatever became of it", async () => {
  const { config, store } = home();
  const sound = await rebuild(config);
  assert.deepEqual([sound.changed, sound.height], [[], 25]);
  const open = new Store(store);
  open.db.exec("DELETE FROM portal_trade WHERE seq = 1");
  open.db.exec("UPDATE portal_party_slot SET income = income + 1");
  open.db.exec("DELETE FROM notice_message WHERE seq < 9");
  const queued = countDeliveries(open.db);
  open.close();
  assert.deepEqual((await rebuild(config)).changed, [
    ...["notice_message", "portal_party_slot", "portal_trade"],
  ]);
  assert.deepEqual((await rebuild(config)).changed, []);
  const after = new Store(store);
  assert.ok(queued.queued > 0);
  assert.deepEqual(countDeliveries(after.db), queued, "nothing is sent again");
  after.close();
});

test("a file that an older version wrote is brought along at the start", async () => {
  const { store } = { store: join(folder, "home", "ledger.sqlite") };
  const old = new Store(store);
  old.db.exec("UPDATE projection SET schema = 'of before'; DROP TABLE portal_party_slot;");
  old.close();
  const open = new Store(store, [portalReadModel]);
  const row = open.db.prepare("SELECT count(*) AS n FROM portal_party_slot").get();
  assert.ok(Number(row?.n) > 0);
  open.close();
});

test("a pruned ledger's portal is made anew from the archive, and what no file has is told of", async () => {
  const at = join(folder, "home");
  const [file, archive] = [join(at, "ledger.sqlite"), join(at, "archive")];
  const store = new Store(file, [portalReadModel]);
  const making = new SnapshotMaking(store, 1024);
  while (making.step() === undefined);
  const before = store.header(21)?.header.time ?? 0;
  const work = prune(store, { folder: archive, before });
  while (!work.next().done);
  const trades = () => store.db.prepare("SELECT count(*) AS n FROM portal_trade").get()?.n;
  const traded = Number(trades());
  assert.ok(traded > 0 && store.base === 20);
  store.close();

  const config = join(at, "aggregator.yaml");
  const made = await rebuild(config);
  assert.deepEqual([made.from, made.changed], [1, []]);

  const old = new Store(file);
  old.db.exec("UPDATE projection SET schema = 'of before'");
  old.close();
  const open = new Store(file, [portalReadModel], { older: olderIn(archive) });
  assert.equal(open.db.prepare("SELECT count(*) AS n FROM portal_trade").get()?.n, traded);
  open.close();
  assert.deepEqual((await rebuild(config)).changed, []);

  const [name = ""] = readdirSync(archive);
  renameSync(join(archive, name), join(at, name));
  const less = await rebuild(config);
  assert.deepEqual([less.from, less.missing], [21, [{ from: 1, to: 20 }]]);
  assert.ok(less.changed.length > 0);
  // A start that makes them anew says the same.
  const bare = new Store(file);
  bare.db.exec("UPDATE projection SET schema = 'of before'");
  bare.close();
  const started = new Store(file, [portalReadModel, notices], { older: olderIn(archive) });
  assert.deepEqual(
    started.lacks.map((lack) =>
      missingText(lack, "archive").replace(/ owners .*| the portal .*/, ""),
    ),
    Array(2).fill("blocks 1 to 20 are neither in the ledger's file nor in archive:"),
  );
  started.close();
  renameSync(join(at, name), join(archive, name));
  const again = await rebuild(config);
  assert.equal(again.from, 1);
  assert.deepEqual((await rebuild(config)).changed, []);
});

test("which blocks are missing is said exactly, whatever files there are", () => {
  const files = (...all: readonly (readonly [number, number])[]) =>
    all.map(([from, to]) => ({ from, to }));
  for (const [base, known, missing] of [
    [0, files(), files()],
    [30, files(), files([1, 30])],
    [30, files([1, 30]), files()],
    [30, files([1, 40]), files()],
    [30, files([21, 30], [1, 10]), files([11, 20])],
    [30, files([5, 10], [8, 12], [20, 25]), files([1, 4], [13, 19], [26, 30])],
    [30, files([1, 30], [41, 50]), files()],
    [3, files([5, 9]), files([1, 3])],
  ] as const) {
    assert.deepEqual(missingUpTo(base, known), missing, JSON.stringify(known));
  }
});
