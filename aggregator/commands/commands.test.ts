import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { after, test } from "node:test";
import { setTimeout as tick } from "node:timers/promises";
import { requestText } from "@busbar/protocol";
import { readKeyFile, signerOf } from "@busbar/protocol/node";
import { loadConfig } from "../config/load.ts";

const cli = join(import.meta.dirname, "../cli.ts");
const folder = mkdtempSync(join(tmpdir(), "busbar-commands-"));
after(() => rmSync(folder, { recursive: true }));

/** Runs the real command. */
function busbar(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [cli, ...args], {
    encoding: "utf8",
    cwd: folder,
  });
  return { status, stdout, stderr };
}

const key = Buffer.alloc(32, 1).toString("base64url");
const request = {
  owner: { id: "house-7", party: "user", name: "House 7", key, boxKey: key },
  device: {
    id: "unit-7",
    owner: "house-7",
    key: Buffer.alloc(32, 2).toString("base64url"),
    meters: [{ id: "house-7-net", role: "connection", feeder: "main" }],
  },
};

test("init makes an aggregator whose ledger verifies, proves and tells its state", () => {
  const home = join(folder, "good");
  writeFileSync(join(folder, "request.json"), JSON.stringify(request));
  const made = busbar("init", "--site", "elm", "--home", home, "--admit", "request.json", "--json");
  assert.equal(made.status, 0, made.stderr);
  assert.equal(JSON.parse(made.stdout).files.length, 3);
  const config = join(home, "aggregator.yaml");
  const verified = busbar("verify", "--config", config, "--json");
  assert.equal(verified.status, 0, verified.stderr);
  const { ok, height, moneySum } = JSON.parse(verified.stdout);
  assert.deepEqual([ok, height, moneySum], [true, 0, 0]);
  const status = busbar("status", "--config", config, "--json");
  assert.equal(JSON.parse(status.stdout).chain, "elm");
  const genesis = JSON.parse(readFileSync(join(home, "genesis.json"), "utf8"));
  assert.match(genesis.contract.hash, /^[\w-]{43}$/, "a later program's versions change nothing");
  assert.equal(genesis.devices[0].id, "unit-7");
  assert.equal(genesis.parameters.weights.company, 3, "the parameters are spelled out");

  const again = busbar("init", "--site", "elm", "--home", home);
  assert.equal(again.status, 1);
  assert.match(again.stderr, /a chain is made once[\s\S]*init\.exists/);
});

test("init of several members makes one chain, and a folder for each that starts beside the others", () => {
  const home = join(folder, "four");
  const options = ["--site", "elm", "--home", home, "--members", "4", "--operator", "flows"];
  const dry = busbar("init", ...options, "--dry-run");
  assert.equal(dry.status, 0, dry.stderr);
  assert.match(dry.stdout, /would make .*member-4\/aggregator\.yaml/);
  assert.equal(existsSync(home), false);

  const made = busbar("init", ...options);
  assert.equal(made.status, 0, made.stderr);
  assert.match(made.stdout, /4 members, of which 1 may fail or lie/);
  const configs = [...made.stdout.matchAll(/run --config (\S+)/g)].map((match) => match[1] ?? "");
  assert.equal(configs.length, 4);
  const loaded = configs.map(loadConfig);
  const ids = ["member-1", "member-2", "member-3", "member-4"];
  assert.deepEqual(
    loaded.map(({ member }) => member),
    ids,
  );
  const links = loaded.map(({ member, consensus }) => {
    const { host, port } = consensus?.listen ?? {};
    return { id: member, address: `${host}:${port}` };
  });
  for (const [i, { consensus, engine, genesis, notices }] of loaded.entries()) {
    assert.equal(engine, "pbft");
    assert.equal(genesis, join(home, "genesis.json"));
    assert.deepEqual(consensus?.peers, links.toSpliced(i, 1));
    assert.equal(notices.send, true, "one at a time does, by a lease");
  }
  const ports = loaded.flatMap(({ broker, portal, consensus }) => [
    broker.port,
    portal.port,
    consensus?.listen.port,
  ]);
  assert.equal(new Set(ports).size, 12);
  const genesis = JSON.parse(readFileSync(join(home, "genesis.json"), "utf8"));
  const membership = JSON.parse(readFileSync(join(home, "membership.json"), "utf8"));
  assert.equal(membership.brokers.length, 4);
  for (const [i, { id, key, voting }] of genesis.members.entries()) {
    const signer = signerOf(readKeyFile(join(home, id, "member.key")));
    assert.deepEqual([key, voting], [Buffer.from(signer.publicKey).toString("base64url"), true]);
    assert.equal(membership.members[i].key, key);
  }
  const [first = ""] = configs;
  writeFileSync(first, readFileSync(first, "utf8").replace("engine: pbft", "engine: recorder"));
  const alone = busbar("run", "--config", first);
  assert.equal(alone.status, 1);
  assert.match(alone.stderr, /a recorder orders blocks alone.*member-4.*[\s\S]*member\.not-alone/);

  rmSync(join(home, "genesis.json"));
  const again = busbar("init", ...options);
  assert.match(again.stderr, /member-1\/aggregator\.yaml exists: a chain is made once/);
  assert.equal(existsSync(join(home, "genesis.json")), false);
});

test("a request is taken as the text that the unit printed, but not one that was copied wrong", () => {
  const bytes = (text: string) => new Uint8Array(Buffer.from(text, "base64url"));
  const { owner, device } = request;
  const sha256 = (data: Uint8Array) => createHash("sha256").update(data).digest();
  const word = requestText(
    {
      owner: { ...owner, party: "user", key: bytes(owner.key), boxKey: bytes(owner.boxKey) },
      device: {
        ...device,
        key: bytes(device.key),
        meters: [{ id: "house-7-net", role: "connection", feeder: "main" }],
      },
    },
    sha256,
  );
  const home = join(folder, "By Text, 7");
  const made = busbar("init", "--home", home, "--admit", word);
  assert.equal(made.status, 0, made.stderr);
  const genesis = JSON.parse(readFileSync(join(home, "genesis.json"), "utf8"));
  assert.equal(
    genesis.chain,
    "by-text-7",
    "a site is named after its folder, where nothing else is said",
  );
  assert.deepEqual(genesis.devices[0], request.device);
  writeFileSync(join(folder, "request.txt"), `${word.slice(0, -9)}\n`);
  const wrong = busbar("init", "--site", "elm", "--home", `${home}-2`, "--admit", "request.txt");
  assert.equal(wrong.status, 1);
  assert.match(wrong.stderr, /request\.txt: a part is missing or was copied wrong/);
});

test("wrong words and files end with one readable message and a code", () => {
  const bad = join(folder, "bad.json");
  const market = join(folder, "market.json");
  const named = { ...request, device: { ...request.device, id: "market" } };
  writeFileSync(market, JSON.stringify(named));
  writeFileSync(join(folder, "one.json"), JSON.stringify(request));
  const two = join(folder, "two.json");
  const other = { ...request.owner, key: Buffer.alloc(32, 3).toString("base64url") };
  writeFileSync(two, JSON.stringify({ ...request, owner: other }));
  const wrong: readonly (readonly [string[], RegExp])[] = [
    [["init", "--home", "/"], /no site can be named after the folder ""/],
    [["init", "--site", "Elm"], /expected 1 to 32 of a-z/],
    [["init", "--site", "elm", "--home", "x", "--broker-port", "x"], /expected a port/],
    [["init", "--site", "elm", "--members", "0"], /expected 1 to 16 members/],
    [["init", "--site", "elm", "--members", "2.5"], /expected 1 to 16 members/],
    [
      ["init", "--site", "elm", "--home", "x", "--members", "4", "--portal-port", "1885"],
      /the broker of member-3 and the portal of member-1 would share port 1885/,
    ],
    [
      ["init", "--site", "elm", "--home", "x", "--members", "2", "--link-port", "0"],
      /the link of member-1 needs a port of its own/,
    ],
    [
      ["init", "--site", "elm", "--home", "x", "--members", "2", "--link-port", "65535"],
      /the link of member-2 would have port 65536/,
    ],
    [["init", "--site", "elm", "--home", "x", "--time", "soon"], /expected a time like/],
    [
      ["init", "--site", "elm", "--home", "x", "--admit", "none.json"],
      /none\.json: cannot read the unit's request/,
    ],
    [["init", "--site", "elm", "--home", "x", "--admit", bad], /bad\.json:1: .*owner/],
    [
      ["init", "--site", "elm", "--home", "bad.json/x"],
      /bad\.json[^\n]*\n\(system\.(enotdir|eexist)\)/,
    ],
    [["init", "--site", "elm", "--home", "y", "--admit", market], /market is a topic's name/],
    [
      ["init", "--site", "elm", "--home", "z", "--operator", "member"],
      /shares|the key of member is that of member recorder-1/,
    ],
    [
      ["init", "--site", "elm", "--home", "w", "--admit", join(folder, "one.json"), two],
      /two\.json: .*house-7.*differs/,
    ],
    [["run", "--config", "none.yaml"], /none\.yaml: cannot read the configuration/],
    [["frobnicate"], /unknown command/],
  ];
  writeFileSync(bad, '{"device": 5}');
  for (const [args, message] of wrong) {
    const { status, stderr } = busbar(...args);
    assert.notEqual(status, 0, args.join(" "));
    assert.match(stderr, message);
    assert.doesNotMatch(stderr, /\n\s+at /, "no stack for a user's mistake");
  }
});

test("proofs of what is not there are refused", () => {
  const home = join(folder, "proofs");
  busbar("init", "--site", "elm", "--home", home);
  const config = ["--config", join(home, "aggregator.yaml")];
  assert.match(
    busbar("prove", "reading", "m", "1", ...config).stderr,
    /no block holds reading 1 of meter m/,
  );
  assert.match(busbar("prove", "reading", "m", "x", ...config).stderr, /prove\.usage/);
  assert.match(
    busbar("prove", "soul", "m", ...config).stderr,
    /expected reading, result, payment, state or consistency, got soul/,
  );
});

test("verify says what is wrong with a ledger that does not even start", () => {
  const home = join(folder, "damaged");
  busbar("init", "--site", "elm", "--home", home);
  const config = ["--config", join(home, "aggregator.yaml")];
  assert.equal(busbar("verify", ...config).status, 0);
  const db = new DatabaseSync(join(home, "ledger.sqlite"));
  db.exec("UPDATE state SET value = x'00' WHERE key LIKE 'account/%'");
  db.close();
  for (const json of [[], ["--json"]]) {
    const { status, stdout, stderr } = busbar("verify", ...config, ...json);
    assert.equal(status, 1);
    assert.match(stdout + stderr, /stored value of account\/.* differs/);
    assert.doesNotMatch(stderr, /\n\s+at /);
  }
  writeFileSync(join(home, "ledger.sqlite"), Buffer.alloc(8192, 7));
  const garbage = busbar("verify", ...config);
  assert.equal(garbage.status, 1);
  assert.match(garbage.stderr, /store\.open/);
});

test("a signal ends an aggregator that still waits for its site's clock", async () => {
  const home = join(folder, "early");
  const ports = ["--broker-port", "0", "--portal-port", "0"];
  busbar("init", "--site", "elm", "--home", home, "--clock", join(home, "clock.json"), ...ports);
  const config = join(home, "aggregator.yaml");
  const child = spawn(process.execPath, [cli, "run", "--config", config], { stdio: "ignore" });
  const exit = once(child, "exit");
  // Its log is there as soon as it listens to signals.
  while (!existsSync(join(home, "ledger.sqlite-wal"))) await tick(20);
  child.kill("SIGTERM");
  assert.deepEqual(await exit, [0, null]);
});

test("config explains every key", () => {
  assert.match(
    busbar("config").stdout,
    /broker\.port: integer \(default 1883\)\n {4}Port to listen on/,
  );
});
