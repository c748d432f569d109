import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { verify } from "@busbar/protocol/node";
import fc from "fast-check";
import { Application } from "../../ledger/application.ts";
import { genesisHash } from "../../ledger/genesis.ts";
import { sha256 } from "../../ledger/sha256.ts";
import { Store } from "../../ledger/store.ts";
import {
  type Chapter,
  genesis,
  minute,
  openLedger,
  record,
  story,
} from "../../ledger/test-ledger.ts";
import { chain, signerOfName, startTime } from "../../ledger/test-site.ts";
import { version } from "../../version.ts";
import { AbciApplication } from "./abci.ts";
import { appStateOf, type Beginning, beginningIn, readBeginning } from "./beginning.ts";
import { Certifying } from "./certifying.ts";
import { Frames, framed } from "./framing.ts";
import { AbciServer } from "./server.ts";
import { TestConnection } from "./test-engine.ts";
import { addressOf, validatorsOf, validatorUpdates } from "./validators.ts";

const folder = mkdtempSync(join(tmpdir(), "busbar-cometbft-"));
const servers: AbciServer[] = [];
after(async () => {
  for (const server of servers) await server.stop();
  rmSync(folder, { recursive: true, force: true });
});
const silent = { error: () => {} };
const genesisHex = Buffer.from(genesisHash(genesis)).toString("hex");
const proposerAddress = Buffer.from(addressOf(signerOfName("member-a").publicKey), "hex");
const ofNewChain: Beginning = { genesis: genesisHex, height: 0 };
let sockets = 0;

/** What a chain of one recorder comes to: the peer of each block's app hash. */
const expected = (() => {
  const ledger = openLedger();
  return story(6).map((chapter) => Buffer.from(record(ledger, chapter).header.appHash));
})();

/** An application with its server, and what CometBFT's genesis would ask of it. */
async function serve(store = new Store(":memory:"), beginning: Beginning = ofNewChain) {
  const application = new Application({ genesis, store, verify });
  const refused: string[] = [];
  const heights: number[] = [];
  const certifying = new Certifying({
    store,
    application,
    signer: signerOfName("member-a"),
    chain,
    verify,
    onCertified: ({ header }) => heights.push(header.height),
  });
  const abci = new AbciApplication({
    application,
    chain,
    beginning,
    certifying,
    onRefused: ({ refusal }) => refused.push(refusal.code),
  });
  const faults: string[] = [];
  const server = new AbciServer({
    handle: (request) => abci.handle(request),
    log: silent,
    onFault: ({ message }) => faults.push(message),
  });
  const path = join(folder, `${sockets++}.sock`);
  await server.start({ path });
  servers.push(server);
  const open = () => TestConnection.open(path);
  return { application, server, open, refused, heights, faults };
}

const beginning = {
  chainId: chain,
  initialHeight: 1,
  consensusParams: { abci: { voteExtensionsEnableHeight: 1 } },
  appStateBytes: Buffer.from(JSON.stringify({ genesis: genesisHex })),
  validators: validatorsOf({
    voters: [{ id: "member-a", key: signerOfName("member-a").publicKey }],
  }),
};

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");

function threeBlocks() {
  const ledger = openLedger();
  for (const chapter of story(3)) record(ledger, chapter);
  return ledger;
}

const timeOf = ({ minutes }: Pick<Chapter, "minutes">) => {
  const ms = startTime + minutes * minute;
  return { seconds: Math.floor(ms / 1000), nanos: (ms % 1000) * 1_000_000 + 999 };
};

/** What CometBFT says of a block at its height. */
const blockOf = (height: number, chapter: Chapter) => ({
  height,
  time: timeOf(chapter),
  proposerAddress,
  txs: chapter.frames,
  hash: sha256(Buffer.from(`block ${height}`)),
});

test("frames come out whole for any cut of the stream, and a length that none has is refused", () => {
  const message = fc.uint8Array({ maxLength: 700 });
  fc.assert(
    fc.property(fc.array(message, { maxLength: 6 }), fc.array(fc.nat(400)), (messages, cuts) => {
      const stream = Buffer.concat(messages.map(framed));
      const frames = new Frames();
      const out: Uint8Array[] = [];
      let at = 0;
      for (const cut of [...cuts, stream.length]) {
        out.push(...frames.push(stream.subarray(at, at + cut)));
        at = Math.min(stream.length, at + cut);
      }
      assert.deepEqual(
        out.map((one) => [...one]),
        messages.map((one) => [...one]),
      );
    }),
  );
  for (const bad of [
    [0xff, 0xff, 0xff, 0xff],
    [0x80, 0x80, 0x80, 0x80, 0x01],
    [0x81, 0x08],
  ]) {
    const frames = new Frames(1024);
    assert.throws(() => frames.push(Uint8Array.from(bad)), { code: "cometbft.frame" });
  }
  assert.deepEqual([...(new Frames(1024).push(Uint8Array.of(0x80, 0x08)) ?? [])], []);
});

test("a block of 21 MB comes through in pieces of any size, and is judged by the rules", async () => {
  const tx = new Uint8Array(21 * 1024 * 1024).fill(7);
  const message = framed(tx);
  for (const piece of [1, 1_000, 65_536, message.length]) {
    const frames = new Frames();
    const out: Uint8Array[] = [];
    // Byte by byte where something changes; the same bytes again and again in between.
    const slow = piece === 1 ? 4_096 : message.length;
    for (let at = 0; at < message.length; ) {
      const size = at < slow || at > message.length - slow ? piece : 65_536;
      out.push(...frames.push(message.subarray(at, at + size)));
      at += size;
    }
    assert.equal(out.length, 1, `${piece} bytes at a time`);
    assert.equal(Buffer.compare(out[0] ?? tx.subarray(1), tx), 0);
  }
  const { server, open } = await serve();
  const consensus = await open();
  await consensus.ask("initChain", beginning);
  const block = { ...blockOf(1, { minutes: 0, frames: [] }), txs: [tx] };
  assert.equal((await consensus.ask("processProposal", block, 60_000)).status, 2);
  await server.stop();
});

test("CometBFT's calls come to the recorder's app hashes, whatever pieces they arrive in", async () => {
  for (const pieceBytes of [undefined, 1]) {
    const { server, open, heights } = await serve();
    const [consensus, mempool] = [await open(), await open()];
    const { data, version: told, lastBlockHeight } = await consensus.ask("info", {});
    assert.deepEqual([data, told, lastBlockHeight], ["busbar", version, 0]);
    await consensus.ask("initChain", beginning, pieceBytes);
    for (const [i, chapter] of story(6).entries()) {
      const block = blockOf(i + 1, chapter);
      for (const tx of chapter.frames) assert.equal((await mempool.ask("checkTx", { tx })).code, 0);
      const { txs } = await consensus.ask("prepareProposal", { ...block, maxTxBytes: 4_000_000 });
      assert.equal(txs.length, chapter.frames.length);
      await consensus.ask("extendVote", { ...block, txs });
      // Without waiting: answers come in order on each connection.
      const [judged, flushed, finalized, committed] = await Promise.all([
        consensus.ask("processProposal", { ...block, txs }, pieceBytes),
        consensus.ask("flush", {}),
        consensus.ask("finalizeBlock", { ...block, txs }, pieceBytes),
        consensus.ask("commit", {}),
      ]);
      assert.deepEqual([judged.status, flushed], [1, {}]);
      assert.deepEqual(finalized.appHash, expected[i]);
      assert.deepEqual(
        finalized.txResults.map(({ code }) => code),
        txs.map(() => 0),
      );
      assert.deepEqual([finalized.validatorUpdates, committed], [[], { retainHeight: 0 }]);
    }
    // The sixth block is certified by the votes on the next one.
    assert.deepEqual(heights, [1, 2, 3, 4, 5]);
    const entry = await mempool.ask("query", {
      path: "/state",
      data: Buffer.from("history/blocks"),
    });
    assert.deepEqual([entry.code, entry.height], [0, 6]);
    assert.equal((await mempool.ask("query", { path: "/elsewhere" })).code, 1);
    await server.stop();
  }
});

test("killed between FinalizeBlock and Commit, the height runs again to the same hash", async () => {
  const store = new Store(":memory:");
  const chapters = story(6);
  let node = await serve(store);
  let consensus = await node.open();
  await consensus.ask("initChain", beginning);
  for (const [i, chapter] of chapters.entries()) {
    const block = blockOf(i + 1, chapter);
    const lost = await consensus.ask("finalizeBlock", block);
    // The process ends here: what is not on disk is gone, and CometBFT asks where it stands.
    await node.server.stop();
    node = await serve(store);
    consensus = await node.open();
    assert.equal((await consensus.ask("info", {})).lastBlockHeight, i);
    assert.deepEqual((await consensus.ask("finalizeBlock", block)).appHash, lost.appHash);
    await consensus.ask("commit", {});
    const { lastBlockHeight, lastBlockAppHash } = await consensus.ask("info", {});
    assert.deepEqual([lastBlockHeight, lastBlockAppHash], [i + 1, expected[i]]);
  }
  await node.server.stop();
});

test("CometBFT that goes on behind another engine's blocks counts from 1, and comes to the same hashes", async () => {
  const ledger = openLedger();
  const chapters = story(6);
  for (const chapter of chapters.slice(0, 3)) record(ledger, chapter);
  const { hash, appHash } = ledger.application.info();
  const last = { block: hex(hash), appHash: hex(appHash) };
  const from: Beginning = { genesis: genesisHex, height: 3, last };
  const appStateBytes = Buffer.from(JSON.stringify(appStateOf(from)));
  const { server, open, heights } = await serve(ledger.store, from);
  const consensus = await open();
  assert.equal((await consensus.ask("info", {})).lastBlockHeight, 0);
  const begun = await consensus.ask("initChain", { ...beginning, appStateBytes });
  assert.deepEqual(begun.appHash, Buffer.from(appHash));
  for (const [i, chapter] of chapters.slice(3).entries()) {
    const block = blockOf(i + 1, chapter);
    await consensus.ask("extendVote", block);
    assert.equal((await consensus.ask("processProposal", block)).status, 1);
    assert.deepEqual((await consensus.ask("finalizeBlock", block)).appHash, expected[3 + i]);
    await consensus.ask("commit", {});
    const { lastBlockHeight, lastBlockAppHash } = await consensus.ask("info", {});
    assert.deepEqual([lastBlockHeight, lastBlockAppHash], [i + 1, expected[3 + i]]);
  }
  assert.deepEqual(heights, [4, 5]);
  await server.stop();
  // Another chain's block, and a ledger that has not come so far.
  const wrong = { ...from, last: { ...last, block: "0".repeat(64) } };
  for (const [store, named, told] of [
    [openLedger(), from, /stands at 0: restore a backup/],
    [threeBlocks(), wrong, /it is not the chain that was handed over/],
  ] as const) {
    const other = await serve(store.store, named);
    const bytes = Buffer.from(JSON.stringify(appStateOf(named)));
    const asked = (await other.open()).ask("initChain", { ...beginning, appStateBytes: bytes });
    await assert.rejects(asked, told);
    await other.server.stop();
  }
});

test("a CometBFT genesis says where its chain takes the ledger up, or is refused", () => {
  const hash = "a".repeat(64);
  const last = { block: hash, appHash: hash };
  assert.deepEqual(beginningIn({ genesis: hash }), { genesis: hash, height: 0 });
  const later = { genesis: hash, height: 7, last };
  assert.deepEqual(beginningIn(appStateOf(later)), later);
  for (const wrong of [
    undefined,
    null,
    [],
    {},
    { genesis: "00" },
    { genesis: hash, height: 0, ...last },
    { genesis: hash, height: 7 },
    { genesis: hash, height: 1.5, ...last },
    { genesis: hash, more: 1 },
  ]) {
    assert.equal(beginningIn(wrong), undefined, JSON.stringify(wrong));
  }
  const home = mkdtempSync(join(folder, "home-"));
  assert.throws(() => readBeginning(home), { code: "cometbft.genesis" });
  mkdirSync(join(home, "config"));
  for (const text of ["", "{", "null", "{}", '{"app_state": 5}']) {
    writeFileSync(join(home, "config", "genesis.json"), text);
    assert.throws(() => readBeginning(home), { code: "cometbft.genesis" }, text);
  }
});

test("several proposals at a height, most of them rejected: the decided one counts", async () => {
  const { server, open } = await serve();
  const consensus = await open();
  await consensus.ask("initChain", beginning);
  const [first, second] = story(2) as [Chapter, Chapter];
  const judge = async (changes: object) => {
    const block = { ...blockOf(1, first), ...changes };
    return (await consensus.ask("processProposal", block)).status;
  };
  assert.equal(await judge({ hash: sha256(Buffer.from("other")) }), 1);
  // Frames that do not continue their chains, garbage, a tick, a stranger, the wrong height, the past.
  assert.equal(await judge({ txs: second.frames }), 2);
  assert.equal(await judge({ txs: [Uint8Array.of(7, 7, 7)] }), 2);
  assert.equal(await judge({ txs: [AbciApplication.tick(5)] }), 2);
  assert.equal(await judge({ proposerAddress: new Uint8Array(20) }), 2);
  assert.equal(await judge({ height: 2 }), 2);
  assert.equal(await judge({ time: { seconds: 1, nanos: 0 } }), 2);
  const { appHash } = await consensus.ask("finalizeBlock", blockOf(1, first));
  assert.deepEqual(appHash, expected[0]);
  await server.stop();
});

test("an empty block leaves the app hash as it was, and a tick stands in none", async () => {
  const { server, open, refused } = await serve();
  const consensus = await open();
  await consensus.ask("initChain", beginning);
  const [first, second] = story(2) as [Chapter, Chapter];
  await consensus.ask("finalizeBlock", blockOf(1, first));
  await consensus.ask("commit", {});
  const tick = AbciApplication.tick(1);
  assert.equal((await consensus.ask("checkTx", { tx: tick })).code, 0);
  assert.equal((await consensus.ask("checkTx", { tx: tick, type: 1 })).code, 1, "done with");
  const offered = [tick, Uint8Array.of(9), ...first.frames, ...second.frames];
  const block = { ...blockOf(2, second), txs: offered };
  const { txs } = await consensus.ask("prepareProposal", { ...block, maxTxBytes: 4_000_000 });
  assert.deepEqual(
    txs.map((tx) => [...tx]),
    second.frames.map((tx) => [...tx]),
  );
  assert.ok(refused.length > 0 && refused.length === 1 + first.frames.length);
  const again = await consensus.ask("checkTx", { tx: first.frames[0] ?? tick, type: 1 });
  assert.equal(again.code, 1, "what the rules refused leaves CometBFT's mempool");
  const anew = await consensus.ask("checkTx", { tx: first.frames[0] ?? tick });
  assert.equal(anew.code, 0, "sent anew it is looked at anew");
  const small = await consensus.ask("prepareProposal", {
    ...block,
    txs: second.frames,
    maxTxBytes: 500,
  });
  assert.ok(small.txs.reduce((sum, { length }) => sum + length, 0) <= 500);
  const idle = { ...blockOf(2, { minutes: 0, frames: [] }), txs: [] };
  const { appHash } = await consensus.ask("finalizeBlock", idle);
  assert.deepEqual(appHash, expected[0]);
  await server.stop();
});

test("another chain's genesis, and bytes that are no request, end CometBFT with what was expected", async () => {
  for (const [wrong, told] of [
    [{ chainId: "elsewhere" }, /chain elsewhere, this ledger of testsite/],
    [{ appStateBytes: Buffer.from("{}") }, /names the ledger genesis \(none/],
    [{ appStateBytes: Buffer.from('{"genesis":"00"}') }, /names the ledger genesis \(none/],
    [
      { appStateBytes: Buffer.from(`{"genesis":"${"0".repeat(64)}"}`) },
      /names the ledger genesis 0{64}, this member/,
    ],
    [{ validators: [] }, /not the ledger's voting members/],
    [{ initialHeight: 7 }, /initial_height 1/],
    [
      { consensusParams: { abci: { voteExtensionsEnableHeight: 0 } } },
      /vote_extensions_enable_height 1/,
    ],
    [{ consensusParams: null }, /vote_extensions_enable_height 1/],
  ] as const) {
    const { server, open } = await serve();
    const consensus = await open();
    await assert.rejects(consensus.ask("initChain", { ...beginning, ...wrong }), told);
    await server.stop();
  }
  for (const bytes of [
    framed(Uint8Array.of(0xff, 0x01)),
    framed(new Uint8Array()),
    new Uint8Array(9).fill(0xff),
  ]) {
    const { server, open, faults } = await serve();
    const connection = await open();
    connection.write(bytes);
    assert.equal((await connection.next()).verb, "exception");
    assert.equal(faults.length, 1);
    // The others go on until CometBFT ends them.
    const other = await open();
    assert.equal((await other.ask("echo", { message: "here" })).message, "here");
    await server.stop();
  }
});

test("any bytes at the socket are answered or end the connection, and the process stays", async () => {
  const { server, open } = await serve();
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ minLength: 1, maxLength: 60 }), async (bytes) => {
      const connection = await open();
      const answered = connection.next().catch(() => undefined);
      connection.write(framed(bytes));
      await answered;
      connection.close();
    }),
    { numRuns: 60 },
  );
  const other = await open();
  assert.equal((await other.ask("echo", { message: "here" })).message, "here");
  await server.stop();
});

test("a council's change is the least number of validator updates", () => {
  const voter = (id: string, key = id) => ({ id, key: signerOfName(key).publicKey });
  const before = { voters: [voter("a"), voter("b")] };
  const updates = validatorUpdates(before, {
    voters: [voter("a"), voter("b", "b anew"), voter("c")],
  });
  const power = new Map(
    updates.map(({ pubKey, power: votes }) => [addressOf(pubKey.ed25519), votes]),
  );
  assert.equal(updates.length, 3);
  assert.equal(power.get(addressOf(signerOfName("b").publicKey)), 0);
  assert.equal(power.get(addressOf(signerOfName("b anew").publicKey)), 1);
  assert.equal(power.get(addressOf(signerOfName("c").publicKey)), 1);
  assert.deepEqual(validatorUpdates(before, before), []);
});
