import assert from "node:assert/strict";
import { test } from "node:test";
import {
  decodeStateProof,
  encodeProof,
  type Frame,
  feederPurchaseTable,
  feederSaleTable,
  type Proof,
} from "@busbar/protocol";
import { verify } from "@busbar/protocol/node";
import type { Pool } from "../consensus/pool.ts";
import { proveState } from "../ledger/prove.ts";
import { type Feeder, Pair } from "../ledger/rules/feeders/test-feeders.ts";
import { rules } from "../ledger/rules/index.ts";
import { signerOfName } from "../ledger/test-site.ts";
import { tryOut } from "../ledger/try-out.ts";
import { Relayer } from "./relayer.ts";

/** Answers as a portal of a feeder does. */
function answerOf({ application, store }: Feeder, url: string): Response {
  const asked = new URL(url).searchParams;
  const table = asked.get("way") === "sale" ? feederSaleTable : feederPurchaseTable;
  const state = proveState(application, store, `${table}/${asked.get("trade")}`);
  if (state?.value === undefined) return new Response("{}", { status: 404 });
  const steps = store.councilSteps.after(Number(asked.get("epoch"))).flatMap(({ proof }) => {
    const decoded = decodeStateProof(proof);
    return decoded.ok ? [decoded.proof] : [];
  });
  const proof: Proof = { kind: "state", state };
  return new Response(encodeProof(proof, steps) as Uint8Array<ArrayBuffer>);
}

/** The relayer of a member of `own`, whose frames are kept for the next block. */
function relayerOf(own: Feeder, fetch: (url: string) => Promise<Response> | Response) {
  const frames: Frame[] = [];
  const events: string[] = [];
  const pool: Pool = {
    submit: async (frame) => {
      frames.push(frame);
      return { ok: true, state: "stored" };
    },
  };
  const { application, state, chain } = own;
  const member = `${chain}-a`;
  const other = chain === "north" ? "south" : "north";
  const log = {
    info: (about: object) => events.push(String((about as { event: string }).event)),
    warn: (about: object) => events.push(String((about as { event: string }).event)),
  };
  const relayer = new Relayer({
    ...{ chain, pool, state, everyMs: 60_000 },
    places: [{ chain: other, portals: ["http://one/", "http://two"] }],
    signer: signerOfName(member),
    tryOut(message) {
      const signer = application.registry.byId(member);
      assert.ok(signer !== undefined);
      return tryOut({ application, state, chain, rules, verify }, "feeder-proof", message, signer);
    },
    fetch: async (url) => fetch(url),
    log: log as never,
  });
  return { relayer, events, take: () => frames.splice(0).map(({ bytes }) => bytes) };
}

test("a trade is brought to its end by each side's relayer, and nothing is handed in twice", async () => {
  const pair = new Pair();
  const { north, south } = pair;
  const ofNorth = relayerOf(north, (url) => answerOf(south, url));
  const ofSouth = relayerOf(south, (url) => answerOf(north, url));
  const trade = pair.offer(15);
  await ofNorth.relayer.round();
  assert.deepEqual(ofNorth.take(), []);
  assert.deepEqual(pair.accept(16, trade), []);
  await ofNorth.relayer.round();
  assert.deepEqual(north.block(17, ...ofNorth.take()), []);
  assert.equal(pair.sale(trade)?.stage, "confirmed");
  assert.equal(ofNorth.relayer.stageOf(trade), "escrowed");
  await ofNorth.relayer.round();
  assert.deepEqual(ofNorth.take(), []);
  pair.deliver();
  await ofSouth.relayer.round();
  assert.deepEqual(south.block(122, ...ofSouth.take()), []);
  await ofNorth.relayer.round();
  assert.deepEqual(north.block(123, ...ofNorth.take()), []);
  assert.equal(pair.sale(trade)?.stage, "closed");
  await Promise.all([ofNorth.relayer.round(), ofSouth.relayer.round()]);
  assert.deepEqual([...ofNorth.take(), ...ofSouth.take()], []);
});

test("steps to new voters go with the proof", async () => {
  const pair = new Pair();
  const { north, south } = pair;
  const trade = pair.offer(15);
  pair.accept(16, trade);
  south.relieve(17, "south-d", "south-e");
  const { relayer, take } = relayerOf(north, (url) => answerOf(south, url));
  await relayer.round();
  assert.deepEqual(north.block(24, ...take()), []);
  assert.equal(pair.sale(trade)?.stage, "confirmed");
});

test("portals that are away, lie, or answer nonsense move nothing; the next one is asked", async () => {
  const pair = new Pair();
  const { north, south } = pair;
  const trade = pair.offer(15);
  pair.accept(16, trade);
  const whole = new Uint8Array(await answerOf(south, about(trade)).arrayBuffer());
  const bad: (() => Response)[] = [
    () => {
      throw new TypeError("fetch failed");
    },
    () => new Response("gone", { status: 500 }),
    () => new Response("nonsense"),
    () => new Response(whole.slice(0, -5)),
    () => new Response(new Uint8Array(5 << 20)),
    () => answerOf(north, `${about(trade).replace("purchase", "sale")}`),
    () => new Response("{}", { status: 404 }),
  ];
  let at = 0;
  const asked: string[] = [];
  const { relayer, take, events } = relayerOf(north, (url) => {
    asked.push(new URL(url).host);
    return bad[at]?.() ?? answerOf(south, url);
  });
  for (at = 0; at < bad.length; at += 1) {
    await relayer.round();
    assert.deepEqual(take(), [], `answer ${at}`);
  }
  assert.deepEqual(asked.slice(0, 3), ["one", "two", "one"]);
  assert.equal(events.filter((event) => event === "feeder-away").length, bad.length - 1);
  await relayer.round();
  assert.deepEqual(north.block(17, ...take()), []);
  assert.equal(pair.sale(trade)?.stage, "confirmed");
});

const about = (trade: string) => `http://one/api/feeders/proof?trade=${trade}&way=purchase&epoch=0`;

test("a relayer that is stopped in the midst of a question ends", async () => {
  const pair = new Pair();
  pair.accept(16, pair.offer(15));
  const own = relayerOf(pair.north, () => new Response("", { status: 500 }));
  own.relayer.start();
  await own.relayer.stop();
  assert.deepEqual(own.take(), []);
});
