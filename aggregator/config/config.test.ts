import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { loadConfig } from "./load.ts";

const folder = mkdtempSync(join(tmpdir(), "busbar-config-"));
after(() => rmSync(folder, { recursive: true }));
const file = join(folder, "aggregator.yaml");

function load(text: string) {
  writeFileSync(file, text);
  return loadConfig(file);
}

test("two keys are enough, and paths are relative to the file", () => {
  const config = load("site: elm\nmember: m1\n");
  assert.equal(config.broker.port, 1883);
  assert.equal(config.genesis, join(folder, "genesis.json"));
});

test("a wrong line is named with what was expected and the nearest known key", () => {
  const wrong: readonly (readonly [string, RegExp])[] = [
    [
      "site: elm\nmember: m1\nbroker:\n  prot: 1884\n",
      /aggregator\.yaml:4: unknown key broker\.prot; did you mean port\?/,
    ],
    [
      "site: elm\nmember: m1\nengine: paxos\n",
      /aggregator\.yaml:3: engine: expected recorder .* pbft .* or cometbft .*got "paxos"/,
    ],
    ["site: Elm\nmember: m1\n", /aggregator\.yaml:1: site: expected 1 to 32 lower-case/],
    ["member: m1\n", /aggregator\.yaml:1: site: /],
    [
      "site: elm\nmember: m1\nportal:\n  port: 99999\n",
      /:4: portal\.port: expected a port from 0 to 65535, got 99999/,
    ],
    [
      "site: elm\nmember: m1\nnotices:\n  webhooks:\n    - owner: o\n      url: ftp://x\n      secret: s\n",
      /:6: notices\.webhooks\.0\.url: expected an http:\/\/ or https:\/\/ address/,
    ],
    [
      "site: elm\nmember: m1\nfeeders:\n  others:\n    - chain: south\n      portals: [ftp://x]\n",
      /:6: feeders\.others\.0\.portals\.0: expected an http:\/\/ or https:\/\/ address/,
    ],
    ["- a\n- b\n", /aggregator\.yaml:1/],
    ["site: [\n", /aggregator\.yaml:\d+/],
  ];
  for (const [text, message] of wrong) assert.throws(() => load(text), message, text);
});

test("beyond loopback the broker needs TLS or an explicit word", () => {
  const open = "site: elm\nmember: m1\nbroker:\n  host: 0.0.0.0\n";
  assert.throws(() => load(open), { code: "config.plain-text" });
  assert.equal(load(`${open}  allowPlainText: true\n`).broker.host, "0.0.0.0");
  const tls = load(`${open}  tls: { certificate: cert.pem, key: key.pem }\n`).broker.tls;
  assert.deepEqual(tls, { certificate: join(folder, "cert.pem"), key: join(folder, "key.pem") });
  const mutual = load(`${open}  tls: { certificate: c.pem, key: k.pem, ca: clients.pem }\n`);
  assert.equal(mutual.broker.tls?.ca, join(folder, "clients.pem"));
});

test("engine pbft needs links, whose peers are others, each once, at an address", () => {
  const head = "site: elm\nmember: m1\nengine: pbft\n";
  assert.throws(() => load(head), { code: "config.no-links" });
  const peers = (...all: string[]) => load(`${head}consensus: { peers: [${all.join(", ")}] }\n`);
  const peer = (id: string, address: string) => `{ id: ${id}, address: "${address}" }`;
  const { consensus } = peers(peer("m2", "host-2.local:7600"), peer("m3", "[::1]:7601"));
  assert.deepEqual(consensus?.listen, { host: "127.0.0.1", port: 7600 });
  assert.equal(consensus.peers.length, 2);
  assert.throws(() => peers(peer("m1", "a:1")), { code: "config.own-peer" });
  assert.throws(() => peers(peer("m2", "a:1"), peer("m2", "a:2")), /expected each member once/);
  for (const address of [
    "",
    "a",
    "a:",
    ":1",
    "a:0",
    "a:65536",
    "::1:5",
    "[zz]:5",
    "a b:5",
    "a:5/x",
  ]) {
    assert.throws(
      () => peers(peer("m2", address)),
      /peers\.0\.address: expected host:port/,
      address,
    );
  }
});

test("a viewer's password is one, and a hash of what the aggregator made", () => {
  const sha = "0".repeat(64);
  const viewers = (...lines: string[]) =>
    load(`site: elm\nmember: m1\nbroker:\n  viewers:\n${lines.join("")}`).broker.viewers;
  const line = (id: string, hash = sha) =>
    `    - { id: ${id}, owner: anna, passwordSha256: "${hash}" }\n`;
  assert.equal(viewers(line("home"), line("hall")).length, 2);
  assert.throws(() => viewers(line("home"), line("home")), /each id once/);
  assert.throws(() => viewers(line("home", "secret")), /busbar-aggregator viewer printed/);
});

test("a missing file says how to make one", () => {
  assert.throws(() => loadConfig(join(folder, "none.yaml")), /init makes a working one/);
});
