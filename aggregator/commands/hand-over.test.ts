import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { verify } from "@busbar/protocol/node";
import { stringify } from "yaml";
import { Random } from "../../test/simulation/random.ts";
import { RealCluster } from "../../test/simulation/real-cluster.ts";
import { loadConfig } from "../config/load.ts";
import { AbciApplication } from "../consensus/cometbft/abci.ts";
import { readBeginning } from "../consensus/cometbft/beginning.ts";
import { Certifying } from "../consensus/cometbft/certifying.ts";
import { signWord } from "../consensus/cometbft/hand-over-word.ts";
import { decodeResponse } from "../consensus/cometbft/wire/codec.ts";
import { sha256 } from "../ledger/sha256.ts";
import { signerOfName } from "../ledger/test-site.ts";
import { giveWord, takeWords, withdrawWord } from "./hand-over.ts";
import { openLedger } from "./ledger.ts";
import { checkEngine } from "./member.ts";

const folder = mkdtempSync(join(tmpdir(), "busbar-hand-over-"));
after(() => rmSync(folder, { recursive: true, force: true }));

/** PBFT's last block. */
const last = 8;
const cluster = new RealCluster({ random: new Random(1), snapshots: { until: last } });
after(() => cluster.end());

const ids = cluster.members.map(({ id }) => id);
const fileOf = (id: string, name = "aggregator.yaml") => join(folder, id, name);
const wordOf = (id: string) => fileOf(id, `hand-over-${id}.json`);
const usual = { address: undefined, rpcPort: 26_657, dryRun: false };
const asked = (id: string, words: readonly string[] = []) => ({
  ...usual,
  config: fileOf(id),
  words,
});
const code = (wanted: string, message = /./) => ({ code: wanted, message });

function configure(id: string, until: number | null = last): void {
  const place = ids.indexOf(id);
  const consensus = {
    listen: { host: "127.0.0.1", port: 7600 + place },
    peers: [],
    ...(until === null ? {} : { until }),
  };
  const config = { site: cluster.genesis.site, member: id, engine: "pbft", consensus };
  const store = cluster.member(id).path;
  writeFileSync(fileOf(id), `# kept\n${stringify({ ...config, store })}`);
}

test("with a last block PBFT ends there on all members, however much waits, and nobody is suspected", () => {
  for (let n = 0; n < 20; n += 1) {
    cluster.agenda.at(cluster.agenda.now + n * 20, () => cluster.read(n, cluster.up.slice(0, 1)));
  }
  const isThere = () => cluster.up.every(({ height }) => height >= last);
  assert.ok(cluster.until(isThere, 30_000), cluster.standing);
  cluster.live(20_000);
  for (const { height, life } of cluster.members) {
    assert.equal(height, last);
    const { view, asked: wished, waiting } = life.engine.status() ?? {};
    assert.deepEqual([view, wished], [0, 0]);
    assert.ok((waiting ?? 0) > 0, "what waits is kept");
    assert.ok(life.store.votes().every((vote) => vote.height <= last));
  }
  for (const member of cluster.members) member.crash();
  const base64url = (_: string, value: unknown) =>
    value instanceof Uint8Array ? Buffer.from(value).toString("base64url") : value;
  for (const id of ids) {
    mkdirSync(join(folder, id));
    const seed = sha256(Buffer.from(`test key of ${id}`));
    writeFileSync(fileOf(id, "member.key"), JSON.stringify({ seed, box: seed }, base64url));
    writeFileSync(fileOf(id, "genesis.json"), JSON.stringify(cluster.genesis, base64url));
    configure(id);
  }
});

test("a member gives its word at PBFT's last block only, and is bound by it", () => {
  const [a = ""] = ids;
  for (const [until, told] of [
    [null, /does not say which block is PBFT's last/],
    [last + 1, /stands at 8: let it catch up/],
    [last - 1, /set a later one on all members/],
  ] as const) {
    configure(a, until);
    assert.throws(() => giveWord(asked(a)), code("hand-over.until", told));
  }
  configure(a);
  assert.throws(() => takeWords(asked(a)), code("hand-over.own"));
  assert.throws(() => withdrawWord(asked(a)), code("hand-over.own"));
  giveWord({ ...asked(a), dryRun: true });
  assert.equal(existsSync(wordOf(a)), false);
  const { word } = giveWord(asked(a));
  assert.deepEqual([word.height, word.address], [last, "127.0.0.1:7600"]);
  assert.equal(giveWord(asked(a)).word.node, word.node, "said again it is the same node");
  const engineOf = (until: number | null) => {
    configure(a, until);
    const config = loadConfig(fileOf(a));
    const ledger = openLedger(config);
    try {
      checkEngine(config, ledger);
    } finally {
      ledger.store.close();
    }
  };
  assert.throws(() => engineOf(null), code("member.handed-over"));
  assert.throws(() => engineOf(last + 1), code("member.handed-over"));
  assert.deepEqual(withdrawWord(asked(a)).height, last);
  engineOf(null);
  configure(a);
  for (const id of ids) giveWord(asked(id));
});

test("too few words, another's checkpoint, forged ones and garbage are refused, and nothing is written", () => {
  const [a = "", b = "", c = "", d = ""] = ids;
  const refused = (words: readonly string[], wanted: string, message?: RegExp) =>
    assert.throws(() => takeWords(asked(a, words)), code(wanted, message));
  refused([wordOf(b)], "hand-over.quorum", /2 voters are here and 3 of 4.*member-c, member-d/);
  refused([wordOf(a), wordOf(a), wordOf(b)], "hand-over.quorum");
  const other = fileOf(a, "other.json");
  const good = JSON.parse(readFileSync(wordOf(c), "utf8")) as object;
  const write = (value: unknown) => writeFileSync(other, JSON.stringify(value));
  for (const change of [
    { height: last + 1 },
    { member: d },
    { address: "127.0.0.1:9" },
    { node: "0".repeat(40) },
    { block: "0".repeat(64) },
    { member: "stranger" },
    { more: 1 },
    { height: "8" },
    { signature: "A".repeat(86) },
  ]) {
    write({ ...good, ...change });
    refused([wordOf(b), other], "hand-over.word");
  }
  for (const garbage of ["", "{", "null", "[]", "\u0000"]) {
    writeFileSync(other, garbage);
    refused([wordOf(b), other], "hand-over.word");
  }
  refused([fileOf(a, "none.json")], "hand-over.word", /cannot be read/);
  // Good signatures over checkpoints that are not ours, and two words of one member.
  const { signature: _, ...said } = giveWord({ ...asked(c), dryRun: true }).word;
  const away = { height: last - 1, block: "0".repeat(64) };
  for (const change of [away, { appHash: away.block }, { chain: "elsewhere" }]) {
    write(signWord({ ...said, ...change }, signerOfName(c)));
    refused([wordOf(b), other], "hand-over.differs");
  }
  const elsewhere = giveWord({ ...asked(c), address: "127.0.0.1:9" });
  writeFileSync(other, JSON.stringify(elsewhere.word));
  writeFileSync(wordOf(c), JSON.stringify(good));
  refused([wordOf(c), other], "hand-over.word", /said something else/);
  assert.equal(existsSync(fileOf(a, "cometbft/config/genesis.json")), false);
  assert.match(readFileSync(fileOf(a), "utf8"), /engine: pbft/);
});

test("with the words of all, each member's CometBFT begins behind the same block, and answers to it", () => {
  const words = ids.map(wordOf);
  const genesis = ids.map((id) => {
    takeWords({ ...asked(id, words), dryRun: true });
    assert.equal(existsSync(fileOf(id, "cometbft/config/genesis.json")), false);
    const { checkpoint, bound, missing } = takeWords(asked(id, words));
    assert.deepEqual([checkpoint.height, bound, missing], [last, 4, []]);
    assert.match(readFileSync(fileOf(id), "utf8"), /^# kept\n(.*\n)*engine: cometbft/);
    const toml = readFileSync(fileOf(id, "cometbft/config/config.toml"), "utf8");
    const peers = /persistent_peers = "(.*)"/.exec(toml)?.[1]?.split(",") ?? [];
    assert.deepEqual(
      peers.map((peer) => Number(peer.split(":")[1])).sort(),
      [7600, 7601, 7602, 7603].filter((port) => port !== 7600 + ids.indexOf(id)),
    );
    return readFileSync(fileOf(id, "cometbft/config/genesis.json"), "utf8");
  });
  assert.equal(new Set(genesis).size, 1);
  const { chain_id: chainId, validators, app_state: state } = JSON.parse(genesis[0] ?? "");
  const [a = ""] = ids;
  const config = loadConfig(fileOf(a));
  assert.throws(() => giveWord(asked(a)), code("hand-over.engine"));
  const { store, application } = openLedger(config);
  after(() => store.close());
  const told: number[] = [];
  const certifying = new Certifying({
    ...{ store, application, verify, chain: chainId, signer: signerOfName(a) },
    onCertified: ({ header }) => told.push(header.height),
  });
  const beginning = readBeginning(config.cometbft?.home ?? "");
  const abci = new AbciApplication({ application, chain: chainId, beginning, certifying });
  const begun = abci.handle({
    verb: "initChain",
    body: {
      chainId,
      initialHeight: 1,
      consensusParams: { abci: { voteExtensionsEnableHeight: 1 } },
      appStateBytes: Buffer.from(JSON.stringify(state)),
      validators: validators.map(({ pub_key: key }: { pub_key: { value: string } }) => ({
        pubKey: { ed25519: new Uint8Array(Buffer.from(key.value, "base64")) },
        power: 1,
      })),
    },
  });
  const { appHash } = decodeResponse(begun).body as { appHash: Uint8Array };
  assert.deepEqual(new Uint8Array(appHash), application.info().appHash);
  assert.deepEqual([certifying.size, told], [0, []], "PBFT's blocks are certified and told");
});
