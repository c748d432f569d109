import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type BlockHeader,
  type Certificate,
  compareBytes,
  type Deviation,
  encodeHeader,
  toBeSigned,
} from "@busbar/protocol";
import { creditReports, creditScore, fullCredit } from "../../credit.ts";
import { chain, frameOf, signerOfName, startTime } from "../../test-site.ts";
import { deviationsMax } from "./deviation.ts";
import { Consortium, termsOf } from "./test-consortium.ts";

const four = ["member-a", "member-b", "member-c", "member-d"];

function consortium(blocks = 3): Consortium {
  const site = new Consortium(four.map((id) => termsOf(id)));
  for (let i = 0; i < blocks; i += 1) site.block();
  return site;
}

const zero = new Uint8Array(32);

function header(changes: Partial<BlockHeader> = {}): Uint8Array {
  return encodeHeader({
    ...{ chain, height: 2, time: startTime, previous: zero, proposer: "member-a", view: 0 },
    ...{ txRoot: zero, resultsRoot: zero, appHash: zero, validatorsHash: zero },
    ...changes,
  });
}

function sign(name: string, bytes: Uint8Array) {
  const signer = signerOfName(name);
  const signed = toBeSigned(bytes, signer.kid, { chain, kind: "block" });
  return { kid: signer.kid, signature: signer.sign(signed) };
}

function certify(bytes: Uint8Array, signers: readonly string[]): Certificate {
  return signers
    .map((name) => sign(name, bytes))
    .sort((a, b) => compareBytes(a.kid, b.kid)) as unknown as Certificate;
}

/** member-d's word on a header with another app hash, beside what the others signed. */
function proof(changes: Partial<Deviation> = {}, odd: Partial<BlockHeader> = {}): Deviation {
  const own = header({ appHash: new Uint8Array(32).fill(7), ...odd });
  const certified = changes.certified ?? header();
  return {
    ...{ member: "member-a", from: "member-d", header: own, certified },
    signature: sign(changes.from ?? "member-d", changes.header ?? own).signature,
    certificate: certify(certified, ["member-a", "member-b", "member-c"]),
    ...changes,
  };
}

test("who signed another result than the quorum's has it on its credit report, once a block", () => {
  const site = consortium();
  assert.equal(site.one("member-a", "deviation", proof()), "ok");
  const report = creditReports.get(site.state, "member-d");
  assert.deepEqual(report?.counts, [{ kind: "deviation", times: 1 }]);
  assert.equal(report.entries[0]?.height, site.height, "in the block that proves it");
  assert.equal(site.one("member-b", "deviation", proof({ member: "member-b" })), "tx.exists");
  assert.equal(creditScore(site.state, "member-d"), fullCredit - 100);
});

const garbage = Uint8Array.of(1, 2, 3);
const wrong: readonly (readonly [string, Deviation, string])[] = [
  ["bytes that are no header", proof({ header: garbage }), "evidence.header"],
  ["a certified one that is none", proof({ certified: garbage }), "evidence.header"],
  ["another height", proof({}, { height: 1 }), "evidence.header"],
  ["another view, whose proposal was passed over", proof({}, { view: 1 }), "evidence.header"],
  ["another chain", proof({}, { chain: "elsewhere" }), "evidence.header"],
  [
    "a height to come",
    proof({ certified: header({ height: 99 }) }, { height: 99 }),
    "evidence.header",
  ],
  ["the same header", proof({ header: header() }), "evidence.same"],
  ["a member without a vote", proof({ from: "user-a" }), "evidence.stranger"],
  [
    "two signatures of four",
    proof({ certificate: certify(header(), ["member-a", "member-b"]) }),
    "evidence.certificate",
  ],
  [
    "a certificate for another header",
    proof({ certificate: certify(header({ view: 1 }), four) }),
    "evidence.certificate",
  ],
  [
    "somebody else's signature",
    proof({ signature: sign("member-c", header()).signature }),
    "evidence.signature",
  ],
];

for (const [name, message, code] of wrong) {
  test(`a deviation with ${name} proves nothing: ${code}`, () => {
    const site = consortium();
    assert.equal(site.one("member-a", "deviation", message), code);
    assert.equal(creditScore(site.state, "member-d"), fullCredit);
  });
}

test("only members report a deviation, each under its own name", () => {
  const site = consortium();
  assert.deepEqual(site.block([frameOf("member-b", "deviation", proof())]), ["evidence.rights"]);
  const owner = proof({ member: "user-a" });
  assert.deepEqual(site.block([frameOf("user-a", "deviation", owner)]), ["evidence.rights"]);
});

test("a member cannot fill the state with results of its own", () => {
  const site = consortium(deviationsMax + 4);
  const codes = Array.from({ length: deviationsMax + 1 }, (_, i) =>
    site.one(
      "member-a",
      "deviation",
      proof({ certified: header({ height: i + 1 }) }, { height: i + 1 }),
    ),
  );
  assert.deepEqual(new Set(codes.slice(0, deviationsMax)), new Set(["ok"]));
  assert.equal(codes.at(-1), "evidence.enough");
});
