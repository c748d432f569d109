import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { after, before, test } from "node:test";
import { decodeProof, encodeProof, type StateProof } from "@busbar/protocol";
import { councilHome, type TestHome, testHome } from "./test-home.ts";

const cli = join(import.meta.dirname, "../cli.ts");
const folder = mkdtempSync(join(tmpdir(), "busbar-proofs-"));
let home: TestHome;

before(() => {
  const { ledger, ...rest } = testHome(join(folder, "home"), 20);
  ledger.store.close();
  home = rest;
});
after(() => rmSync(folder, { recursive: true }));

function busbar(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [cli, ...args], {
    encoding: "utf8",
    cwd: folder,
  });
  return { status, stdout, stderr };
}

const prove = (...args: string[]) => busbar("prove", ...args, "--config", home.config);
const check = (file: string, ...args: string[]) =>
  busbar("verify-proof", file, "--membership", home.membership, ...args);

test("each proof that prove prints is good with the members' keys alone, as text and as CBOR", () => {
  const contract = JSON.parse(
    stored(`SELECT json FROM event WHERE type = 'contract-settled' LIMIT 1`),
  ).contract;
  const asked: readonly (readonly [string[], string])[] = [
    [["reading", "user-a-meter", "5"], "receipt"],
    [["result", "3", "0"], "result"],
    [["result", "3", "block"], "result"],
    [["payment", contract], "payment"],
    [["state", "account/user-a"], "state"],
    [["state", "account/nobody"], "state"],
    [["consistency", "2", "17"], "consistency"],
  ];
  for (const [args, kind] of asked) {
    const printed = prove(...args);
    assert.equal(printed.status, 0, printed.stderr);
    const file = join(folder, "proof.json");
    writeFileSync(file, printed.stdout);
    const good = check(file, "--json");
    assert.equal(good.status, 0, good.stdout + good.stderr);
    const said = JSON.parse(good.stdout);
    assert.deepEqual([said.ok, said.kind, said.signers], [true, kind, ["member-a"]]);

    const binary = join(folder, "proof.cbor");
    assert.equal(prove(...args, "--cbor", binary).status, 0);
    const plain = check(binary);
    assert.match(plain.stdout, new RegExp(`^${kind}: good, by block \\d+ of testsite`));
    const bent = readFileSync(binary);
    const middle = bent.length >> 1;
    bent[middle] = (bent[middle] ?? 0) ^ 1;
    writeFileSync(binary, bent);
    const bad = check(binary);
    assert.equal(bad.status, 1, plain.stdout);
    assert.doesNotMatch(bad.stderr, /\n\s+at /);
  }
});

test("after changes of voters a proof carries the steps, and the first membership is enough", () => {
  const { ledger, config, membership } = councilHome(join(folder, "council"));
  const { height } = ledger.store;
  const now = ledger.application.council();
  ledger.store.close();
  const file = join(folder, "step-proof");
  const ask = (...args: string[]) => busbar("prove", ...args, "--config", config);
  const checkWith = (at: string) => {
    const { status, stdout, stderr } = busbar("verify-proof", file, "--membership", at, "--json");
    return { status, said: JSON.parse(stdout === "" ? "{}" : stdout), stderr };
  };
  const newest = ["reading", "user-a-meter", String(height)];
  const cases: readonly (readonly [string[], number])[] = [
    [["reading", "user-a-meter", "4"], 0],
    [["reading", "user-a-meter", "5"], 1],
    [newest, 4],
  ];
  for (const [args, count] of cases) {
    const printed = ask(...args);
    assert.equal(printed.status, 0, printed.stderr);
    assert.equal(JSON.parse(printed.stdout).steps?.length ?? 0, count, args.join(" "));
    writeFileSync(file, printed.stdout);
    assert.equal(checkWith(membership).said.ok, true, args.join(" "));
  }

  ask(...newest, "--cbor", file);
  assert.equal(checkWith(membership).said.ok, true);
  const decoded = decodeProof(new Uint8Array(readFileSync(file)));
  assert.ok(decoded.ok);
  const { proof, steps } = decoded;
  const codeWith = (list: readonly StateProof[], at = membership) => {
    writeFileSync(file, encodeProof(proof, list));
    return checkWith(at).said.code ?? "ok";
  };
  assert.equal(codeWith([]), "certificate.quorum");

  // A membership of today needs no steps, and is not asked about what was before it.
  const later = join(folder, "later.json");
  const members = now.voters.map(({ id, key }) => {
    return { id, key: Buffer.from(key).toString("base64url"), voting: true };
  });
  const { epoch, since } = now;
  writeFileSync(later, JSON.stringify({ chain: "testsite", members, epoch, since }));
  assert.equal(codeWith(steps, later), "ok");
  writeFileSync(file, ask("reading", "user-a-meter", "1").stdout);
  const early = checkWith(later);
  assert.deepEqual([early.status, early.said.code], [1, "proof.earlier"]);
});

test("what proves nothing, is no proof or cannot be proved ends with one readable message", () => {
  const file = join(folder, "some");
  for (const content of ["", "{", "{}", '{"cbor": 5}', '{"cbor": "AA"}', "\u0000\u0001", "[]"]) {
    writeFileSync(file, content);
    const { status, stderr } = check(file);
    assert.equal(status, 1, content);
    assert.match(stderr, /\((proof|cbor|message)\.[a-z-]+\)/, content);
    assert.doesNotMatch(stderr, /\n\s+at /);
  }
  assert.match(check(join(folder, "none")).stderr, /proof\.file/);
  writeFileSync(file, prove("reading", "user-a-meter", "5").stdout);
  assert.match(busbar("verify-proof", file).stderr, /membership\.missing/);
  const stranger = JSON.parse(readFileSync(home.membership, "utf8"));
  stranger.members[0].key = Buffer.alloc(32, 9).toString("base64url");
  const other = join(folder, "other.json");
  writeFileSync(other, JSON.stringify(stranger));
  const refused = busbar("verify-proof", file, "--membership", other, "--json");
  assert.deepEqual([refused.status, JSON.parse(refused.stdout).code], [1, "certificate.quorum"]);

  assert.match(prove("payment", "none").stderr, /no block holds a payment of contract none/);
  assert.match(prove("payment", "user-a", "soon").stderr, /prove\.usage/);
  assert.match(prove("result", "3", "99").stderr, /prove\.nothing/);
  assert.match(prove("consistency", "20").stderr, /the last block is 20/);
  assert.match(prove("consistency", "x").stderr, /prove\.usage/);
});

/** One value out of the ledger's file. */
function stored(sql: string): string {
  const db = new DatabaseSync(home.store, { readOnly: true });
  const row = db.prepare(sql).get();
  db.close();
  return String(Object.values(row ?? {})[0]);
}
