import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeHeader, toBeSigned, utcMs } from "@busbar/protocol";
import { verify } from "@busbar/protocol/node";
import fc from "fast-check";
import {
  type AccountSide,
  accountSums,
  accounts,
  type Entry,
  openAccounts,
  postIfItFits,
} from "./accounts.ts";
import { Application } from "./application.ts";
import { execute } from "./execution.ts";
import { genesisState } from "./genesis-state.ts";
import type { BlockRule } from "./rule.ts";
import { rules } from "./rules/index.ts";
import { emptyState, Overlay } from "./state/overlay.ts";
import { Store } from "./store.ts";
import {
  chain,
  entry,
  MeterChain,
  money,
  signerOfName,
  startTime,
  testGenesis,
} from "./test-site.ts";
import { verifyLedger } from "./verify.ts";

const owners = ["company-a", "bureau-a", "user-a"];
const sides: readonly AccountSide[] = ["sales", "purchase"];

function opened(): Overlay {
  const state = new Overlay(emptyState);
  for (const owner of owners) openAccounts(state, owner);
  return state;
}

test("postings keep the sum over all accounts at 0, in money and in energy, or leave nothing", () => {
  const amount = fc.integer({ min: -(2 ** 52), max: 2 ** 52 });
  const line = fc.record({
    from: fc.constantFrom(...owners),
    to: fc.constantFrom(...owners),
    side: fc.constantFrom(...sides),
    money: amount,
    energyWh: amount,
  });
  fc.assert(
    fc.property(
      fc.array(fc.array(line, { minLength: 1, maxLength: 4 }), { maxLength: 20 }),
      (list) => {
        const state = opened();
        for (const lines of list) {
          const entries = lines.flatMap(({ from, to, side, energyWh, ...moved }): Entry[] => [
            { owner: from, side: "sales", money: money(moved.money), energyWh: -energyWh },
            { owner: to, side, money: money(-moved.money), energyWh },
          ]);
          const before = [...state.changes];
          if (!postIfItFits(state, entries)) assert.deepEqual([...state.changes], before);
          assert.deepEqual(accountSums(state), { money: 0n, energyWh: 0n });
        }
      },
    ),
  );
});

test("energy that a rule writes past the double entry stops the block, wherever it is written", () => {
  const genesis = new Overlay(emptyState);
  for (const [key, value] of genesisState(testGenesis())) if (value) genesis.set(key, value);
  const input = { height: 1, time: startTime, previous: new Uint8Array(32), frames: [] };
  const block = (run: BlockRule["run"]) => () =>
    execute(genesis, input, {
      chain,
      verify,
      rules: { ...rules, tx: {}, block: [{ name: "test", due: () => true, run }] },
    });
  const wrong = { money: money(0), energyWh: 1 };
  assert.throws(
    block(({ state }) => accounts.set(state, "user-a/sales", wrong)),
    /1 Wh out of nothing/,
  );
  assert.throws(
    block(({ state }) => accounts.set(state, "nobody/sales", wrong)),
    /1 Wh out of/,
  );
  const one = { money: money(5), energyWh: 0 };
  assert.doesNotThrow(
    block(({ state }) => {
      accounts.set(state, "user-a/sales", one);
      accounts.set(state, "user-a/purchase", { money: money(-5), energyWh: 0 });
    }),
  );
  assert.throws(
    block(({ state }) => {
      accounts.set(state, "user-a/sales", { money: money(5), energyWh: 3 });
      accounts.set(state, "user-a/purchase", { money: money(-5), energyWh: 0 });
    }),
    /3 Wh out of nothing/,
  );
});

test("an account whose energy was changed on the disk is found, also where the sum still holds", () => {
  const store = new Store(":memory:");
  const quiet = { ...rules, block: [] };
  const genesis = testGenesis();
  const application = new Application({ genesis, store, verify, rules: quiet });
  application.initChain();
  const { proposal } = application.prepareProposal({
    time: utcMs(startTime),
    proposer: "member-a",
    view: 0,
    frames: [new MeterChain("user-a").frame(entry(startTime, 1))],
  });
  const { header } = application.finalizeBlock(proposal);
  const signer = signerOfName("member-a");
  const message = toBeSigned(encodeHeader(header), signer.kid, { chain, kind: "block" });
  application.commit([{ kid: signer.kid, signature: signer.sign(message) }]);
  const check = () => {
    const result = verifyLedger({ store, genesis, verify, rules: quiet });
    return result.ok ? "ok" : result.code;
  };
  assert.equal(check(), "ok");
  const put = (owner: string, energyWh: number) => {
    const written = new Overlay(store.state);
    accounts.set(written, `${owner}/sales`, { money: money(0), energyWh });
    const value = written.get(`account/${owner}`) ?? new Uint8Array();
    store.db.prepare("UPDATE state SET value = ? WHERE key = ?").run(value, `account/${owner}`);
  };
  put("user-a", 7);
  assert.equal(check(), "verify.state");
  put("company-a", -7);
  assert.equal(check(), "verify.state");
});
