import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { readKeyFile, signerOf } from "@busbar/protocol/node";
import { loadConfig } from "../config/load.ts";
import { init } from "./init.ts";
import { openLedger } from "./ledger.ts";
import { checkEngine, checkMember, checkRunner } from "./member.ts";

const home = mkdtempSync(join(tmpdir(), "busbar-member-"));
after(() => rmSync(home, { recursive: true }));

const chain = {
  site: "elm",
  member: undefined,
  currency: "EUR",
  timeZone: "UTC0",
  time: 0,
  clock: undefined,
  brokerPort: 0,
  portalPort: 0,
  linkPort: 7600,
  operators: [],
  admit: [],
  dryRun: false,
};

function opened(name: string, members: number) {
  const { configs } = init({ ...chain, home: join(home, name), members });
  const config = loadConfig(configs[0] ?? "");
  const ledger = openLedger(config);
  after(() => ledger.store.close());
  return { config, ledger, signer: signerOf(readKeyFile(config.key)) };
}

test("a member runs with its own key on its own site only", () => {
  const { config, ledger, signer } = opened("own", 4);
  assert.equal(checkRunner(config, ledger, signer), "member");
  const other = { ...config, member: "member-2" };
  assert.throws(() => checkRunner(other, ledger, signer), { code: "member.other-key" });
  assert.throws(() => checkRunner({ ...config, site: "oak" }, ledger, signer), {
    code: "member.other-site",
  });
});

test("who is no member yet runs beside others, and neither alone nor as one that admits", () => {
  const { config, ledger, signer } = opened("newcomer", 4);
  const newcomer = { ...config, member: "member-5" };
  assert.equal(checkRunner(newcomer, ledger, signer), "newcomer");
  const unknown = { code: "member.unknown" };
  assert.throws(() => checkMember(newcomer, ledger, signer), unknown);
  const alone = { ...newcomer, engine: "recorder" as const };
  assert.throws(() => checkRunner(alone, ledger, signer), unknown);
});

test("a recorder runs only where it is the one that votes", () => {
  const one = opened("one", 1);
  checkEngine(one.config, one.ledger);
  assert.throws(() => checkEngine({ ...one.config, member: "member-9" }, one.ledger), {
    code: "member.not-alone",
  });
  const { config, ledger } = opened("several", 2);
  checkEngine(config, ledger);
  assert.throws(() => checkEngine({ ...config, engine: "recorder" }, ledger), {
    code: "member.not-alone",
    message: /member-1, member-2 vote on them; set engine: pbft/,
  });
});
