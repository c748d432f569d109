import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { publicKeysOf, readKeyFile } from "@busbar/protocol/node";
import { parse } from "yaml";
import { loadConfig } from "../config/load.ts";
import { addressOf } from "../consensus/cometbft/validators.ts";
import { init } from "./init.ts";

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
