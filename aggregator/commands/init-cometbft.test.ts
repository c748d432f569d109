import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { publicKeysOf, readKeyFile } from "@busbar/protocol/node";
import { parse } from "yaml";
import { loadConfig } from "../config/load.ts";
import { readBeginning } from "../consensus/cometbft/beginning.ts";
import { addressOf } from "../consensus/cometbft/validators.ts";
import { readGenesis } from "../ledger/genesis.ts";
import { init } from "./init.ts";
import { join as joinAs } from "./join.ts";
import { askMembers } from "./join-cometbft.ts";

const folder = mkdtempSync(join(tmpdir(), "busbar-init-cometbft-"));
after(() => rmSync(folder, { recursive: true, force: true }));
const options = {
  site: "elm",
  member: undefined,
  currency: "EUR",
  timeZone: "UTC0",
  time: Date.parse("2026-06-01T00:00:00Z"),
  clock: undefined,
  ...{ brokerPort: 1883, portalPort: 8080, linkPort: 7600 },
  operators: [],
  admit: [],
  members: 4,
};
const code = (wanted: string, message: RegExp) => ({ code: wanted, message });

test("init makes each member a CometBFT that knows the others, and signs with the member's key", () => {
  const home = join(folder, "elm");
  const dry = init({ ...options, home, cometbft: { rpcPort: 26_657 }, dryRun: true });
  assert.equal(existsSync(home), false);
  const { files, configs } = init({
    ...options,
    home,
    cometbft: { rpcPort: 26_657 },
    dryRun: false,
  });
  assert.deepEqual(
    dry.files.map(({ path }) => path),
    files.map(({ path }) => path),
  );
  const genesisTexts = new Set<string>();
  for (const [i, path] of configs.entries()) {
    const config = loadConfig(path);
    assert.equal(config.engine, "cometbft");
    assert.equal(config.consensus, undefined);
    assert.equal(config.cometbft?.rpc, `http://127.0.0.1:${26_657 + i}`);
    const at = (name: string) => join(config.cometbft?.home ?? "", name);
    const key = at("config/priv_validator_key.json");
    assert.equal(statSync(key).mode & 0o777, 0o600);
    const { address, pub_key } = JSON.parse(readFileSync(key, "utf8"));
    const own = publicKeysOf(readKeyFile(config.key)).key;
    assert.equal(address, addressOf(own).toUpperCase());
    assert.equal(pub_key.value, Buffer.from(own).toString("base64"));
    const genesis = readFileSync(at("config/genesis.json"), "utf8");
    genesisTexts.add(genesis);
    const { chain_id, validators, app_state } = JSON.parse(genesis);
    assert.deepEqual([chain_id, validators.length], ["elm", 4]);
    assert.match(app_state.genesis, /^[0-9a-f]{64}$/);
    assert.ok(validators.some((one: { address: string }) => one.address === address));
    const text = readFileSync(at("config/config.toml"), "utf8");
    const peers = /persistent_peers = "(.*)"/.exec(text)?.[1]?.split(",") ?? [];
    const ports = peers.map((peer) => Number(peer.split(":")[1]));
    const others = [7600, 7601, 7602, 7603].filter((port) => port !== 7600 + i);
    assert.deepEqual(ports, others);
    assert.ok(peers.every((peer) => /^[0-9a-f]{40}@127\.0\.0\.1:\d+$/.test(peer)));
  }
  assert.equal(genesisTexts.size, 1, "one genesis for all");
});

test("ports that meet, and an engine without its section, are told of", () => {
  const home = join(folder, "ash");
  const wrong = (rpcPort: number) => () =>
    init({ ...options, home, cometbft: { rpcPort }, dryRun: true });
  assert.throws(wrong(7602), code("init.ports", /share port 7602.*--rpc-port/));
  assert.throws(wrong(0), code("init.ports", /rpc of member-1 needs a port of its own/));
  assert.throws(wrong(65_534), code("init.ports", /above the last one/));
  const path = join(folder, "elm", "member-1", "aggregator.yaml");
  const { cometbft: _, ...config } = parse(readFileSync(path, "utf8"));
  const other = join(folder, "no-section.yaml");
  writeFileSync(other, JSON.stringify(config));
  assert.throws(() => loadConfig(other), code("config.no-cometbft", /add cometbft: \{ home/));
  writeFileSync(other, JSON.stringify({ ...config, cometbft: { rpc: "ftp://x", homes: 1 } }));
  assert.throws(() => loadConfig(other), /http:\/\/ or https:\/\/|homes/);
});

/** CometBFT's RPC of a running member, with these answers instead of its usual ones. */
async function rpcOf(answers: Readonly<Record<string, unknown>> = {}): Promise<string> {
  const genesis = readFileSync(
    join(folder, "elm", "member-1", "cometbft", "config", "genesis.json"),
    "utf8",
  );
  const node = (digit: string, listen: string) => ({ id: digit.repeat(40), listen_addr: listen });
  const usual: Readonly<Record<string, unknown>> = {
    genesis: { genesis: JSON.parse(genesis) },
    status: {
      node_info: node("a", "tcp://0.0.0.0:7600"),
      sync_info: { latest_block_height: "12", latest_block_hash: "AB" },
    },
    net_info: {
      peers: [
        { node_info: node("b", "tcp://0.0.0.0:7601"), remote_ip: "192.0.2.7" },
        { node_info: node("c", "tcp://192.0.2.9:7602"), remote_ip: "192.0.2.8" },
        { node_info: node("d", "nowhere"), remote_ip: "192.0.2.8" },
      ],
    },
  };
  const server = createServer(({ url = "" }, response) => {
    const result = { ...usual, ...answers }[url.slice(1)];
    response.end(typeof result === "string" ? result : JSON.stringify({ result }));
  });
  server.listen(0, "127.0.0.1").unref();
  after(() => server.close());
  await new Promise((resolve) => server.once("listening", resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

test("a newcomer learns from a running member's CometBFT whom to dial and where the chain begins", async () => {
  const genesis = join(folder, "elm", "genesis.json");
  const home = join(folder, "five");
  const rpc = await rpcOf();
  const found = await askMembers([rpc], readGenesis(genesis), { stateSync: true });
  const wishes = {
    ...{ home, genesis, member: "member-5", role: "company" as const, vote: true },
    ...{ expires: undefined, certificate: undefined, broker: undefined, peers: [] },
    ...{ clock: undefined, brokerPort: 0, portalPort: 0, linkPort: undefined, renew: false },
    ...{ address: "192.0.2.5:7605", dryRun: false, cometbft: { ...found, rpcPort: 26_661 } },
  };
  const dry = joinAs({ ...wishes, dryRun: true });
  assert.equal(existsSync(join(home, "cometbft")), false);
  const { files } = joinAs(wishes);
  assert.ok(files.length > dry.files.length && files.every(({ path }) => existsSync(path)));
  const config = loadConfig(join(home, "aggregator.yaml"));
  assert.deepEqual([config.engine, config.cometbft?.rpc], ["cometbft", "http://127.0.0.1:26661"]);
  const own = config.cometbft?.home ?? "";
  assert.deepEqual(readBeginning(own), readBeginning(join(folder, "elm", "member-1", "cometbft")));
  assert.equal(statSync(join(own, "config", "priv_validator_key.json")).mode & 0o777, 0o600);
  const toml = readFileSync(join(own, "config", "config.toml"), "utf8");
  const [a, b, c] = ["a", "b", "c"].map((digit) => digit.repeat(40));
  assert.match(toml, /laddr = "tcp:\/\/0\.0\.0\.0:7605"/);
  assert.ok(toml.includes(`"${a}@127.0.0.1:7600,${b}@192.0.2.7:7601,${c}@192.0.2.9:7602"`), toml);
  assert.ok(toml.includes(`rpc_servers = "${rpc},${rpc}"\ntrust_height = 12\ntrust_hash = "AB"`));
});

test("another chain's CometBFT, none, and answers that are not its are refused", async () => {
  const genesis = readGenesis(join(folder, "elm", "genesis.json"));
  const ask = (rpc: readonly string[]) => askMembers(rpc, genesis, { stateSync: true });
  await assert.rejects(ask([]), code("join.cometbft", /--rpc <url>/));
  await assert.rejects(ask(["http://127.0.0.1:1"]), code("join.cometbft", /no CometBFT answers/));
  await assert.rejects(ask(["no url"]), code("join.cometbft", /no CometBFT answers/));
  const state = { genesis: "0".repeat(64) };
  for (const answers of [
    { genesis: { genesis: { chain_id: "elm", app_state: state } } },
    { genesis: { genesis: { chain_id: "oak", app_state: {} } } },
    { genesis: "garbage" },
    { genesis: {} },
    { status: { node_info: { id: "short", listen_addr: "" } } },
    { net_info: { peers: 5 } },
    { net_info: "null" },
  ]) {
    const rpc = await rpcOf(answers);
    await assert.rejects(ask([rpc]), { code: "join.cometbft" }, JSON.stringify(answers));
  }
});
