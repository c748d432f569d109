import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type CborValue,
  decodeCbor,
  encodeCbor,
  encodeMessage,
  frameBytesMax,
  type Kind,
  kinds,
  type Message,
  micro,
  microPerKwh,
  sealEnvelope,
  utcMs,
  watt,
  wh,
} from "@busbar/protocol";
import { ledgerCodes } from "../codes.ts";
import { sha256 } from "../sha256.ts";
import {
  chain,
  entry,
  frameOf,
  MeterChain,
  signerOfName,
  startTime,
  testGenesis,
} from "../test-site.ts";
import { abroad, abroadCouncil, abroadProof, hourTerms } from "./feeders/test-foreign.ts";
import { Chain, hour, mandate, minute, quote } from "./market/test-chain.ts";
import { motionOf, requestOf, termsOf, voteOf } from "./members/test-consortium.ts";
import { extremesOf } from "./test-extremes.ts";

const day = 24 * 60;
/** Hours of the fifth day: its second is traded. */
const traded = startTime + 4 * day * minute + hour;
const later = traded + 4 * hour;
const filled = (length: number, fill = 7) => new Uint8Array(length).fill(fill);

/** A site with four days behind it and a case, a motion, a contract and an order under way. */
const { parameters } = testGenesis();
const terms = { ...parameters, credit: { line: micro(500_000_000), tolerancePermille: 100 } };
const run = new Chain({
  parameters: terms,
  members: ["a", "b", "c", "d"].map((x) => ({ ...termsOf(`member-${x}`) })),
});
const user = new MeterChain("user-a");
const company = new MeterChain("company-a");
const allow: Message<"demand-mandate"> = {
  ...{
    owner: "user-a",
    device: "user-a-unit",
    version: 2,
    energyMax: wh(400),
    limitWMin: watt(300),
  },
  ...{
    priceMin: microPerKwh(400_000),
    slotsMax: 4,
    until: utcMs(later + 99 * hour),
    by: "bureau-a",
  },
};
const order: Message<"demand-order"> = {
  ...{ id: filled(16, 9), by: "bureau-a", device: "user-a-unit", action: "shed", slots: 2 },
  ...{ slot: utcMs(later), energy: wh(400), price: microPerKwh(500_000), answerBy: utcMs(later) },
};
const correction: Message<"correction"> = {
  ...{ member: "member-a", meter: "user-a-meter", slot: utcMs(startTime + hour), version: 1 },
  ...{ importWh: wh(900), exportWh: wh(0), reason: "meter-error" },
};
const pending = { ...correction, slot: utcMs(startTime + 2 * hour) };
const newcomer = motionOf("member-a", "admit", "member-e", {
  request: requestOf(termsOf("member-e"), "member-e", 1),
});
const ask = quote("company-a", 1, { side: "ask", quantity: wh(5_000) }, traded);
const reveal = { id: ask.id, quotes: ask.quotes, salt: ask.salt };
const bid = quote("user-a", 2, { quantity: wh(5_000) }, traded);
const done = (minutes: number, ...frames: Uint8Array[]) =>
  assert.deepEqual(run.block(4 * day + minutes, ...frames), []);
done(5 - 4 * day, mandate("company-a"), mandate("user-a"));
done(
  1,
  user.frame(entry(startTime, 0), entry(traded - hour, 96_000)),
  company.frame(entry(startTime, 0), entry(traded - hour, 0, 200_000)),
);
for (let i = 2; i < 11; i += 1) done(i);
done(11, frameOf("user-a", "demand-mandate", { ...allow, version: 1 }));
const early = run.copy();
done(12, ask.seal, bid.seal);
done(
  13,
  frameOf("bureau-a", "demand-order", {
    ...order,
    id: filled(16, 8),
    slot: utcMs(later + 5 * hour),
  }),
);
done(14, frameOf("member-a", "correction", pending));
done(15, frameOf("member-a", "member-motion", newcomer));
const opened: Message<"labels">["labels"][number] = {
  ...{ key: signerOfName("one").publicKey, version: 1, state: "open" },
  ...{ device: "user-l-unit", owner: "user-l", party: "user", until: utcMs(later + 99 * hour) },
};
done(16, frameOf("member-a", "labels", { member: "member-a", labels: [opened] }));
const trust: Message<"feeder-motion"> = {
  ...{ nonce: filled(16, 3), member: "member-a", action: "trust" },
  ...{ chain: abroad, council: abroadCouncil, via: "company-a" },
};
done(
  17,
  frameOf("member-a", "feeder-motion", trust),
  ...["member-b", "member-c"].map((member) => {
    const motion = sha256(encodeMessage("feeder-motion", trust));
    return frameOf(member, "ballot", { motion, member, accept: true });
  }),
);
const out = hourTerms(traded, { sellerChain: chain, seller: "user-a", buyerChain: abroad });
done(18, frameOf("user-a", "feeder-offer", { terms: out }));
const into = hourTerms(traded, { sellerChain: abroad, seller: "x", buyerChain: chain });
const shownAt = utcMs(startTime + (4 * day + 40) * minute);
done(40, bid.open);
const atGate = run.copy();
done(40, ask.open);
done(51);
const contract = run.of("contract-signed")[0]?.contract ?? "";

type Base = {
  readonly signer: string;
  readonly payload: Uint8Array;
  readonly at?: Chain;
  readonly minutes: number;
};
const base = <K extends Kind>(signer: string, kind: K, message: Message<K>, at = run): Base => ({
  signer,
  at,
  minutes: at === early ? 12 : at === atGate ? 41 : 55,
  payload: encodeMessage(kind, message),
});

const nonce = filled(16);
const bases: { readonly [K in Exclude<Kind, "login" | "member-request">]: readonly Base[] } = {
  readings: [
    base("user-a-unit", "readings", {
      ...{ meter: "user-a-meter", first: user.next, prev: user.head },
      entries: [entry(traded - 30 * minute, 96_900), entry(traded - 29 * minute, 96_910)],
    }),
  ],
  mandate: [
    base("user-a", "mandate", {
      ...{ owner: "user-a", device: "user-a-unit", version: 2, until: utcMs(later) },
      ...{
        askMax: wh(10),
        askPriceMin: microPerKwh(5),
        bidMax: wh(10),
        bidPriceMax: microPerKwh(5),
      },
    }),
  ],
  assets: [
    base("user-a", "assets", {
      ...{ owner: "user-a", version: 1, until: utcMs(later) },
      storages: [
        {
          ...{ capacity: wh(9_000), start: wh(5_000), charge: watt(3_000), discharge: watt(3_000) },
          ...{ chargePermille: 950, dischargePermille: 940 },
        },
      ],
      elastic: [
        {
          ...{ worth: microPerKwh(20_000), slope: microPerKwh(10) },
          ...{ down: wh(500), up: wh(900) },
        },
      ],
      flexible: [{ energy: wh(800), from: utcMs(traded), to: utcMs(later), power: watt(4_000) }],
    }),
    base("bureau-a", "assets", {
      ...{ owner: "bureau-a", version: 1, until: utcMs(later) },
      supply: { capacity: wh(1_000), prices: [microPerKwh(300_000)], slope: microPerKwh(1) },
    }),
  ],
  "quote-commit": [
    base(
      "user-a-unit",
      "quote-commit",
      {
        ...{ id: nonce, owner: "user-a", slot: utcMs(traded), hash: filled(32) },
        gate: utcMs(traded - 20 * minute),
      },
      early,
    ),
  ],
  "quote-reveal": [base("company-a-unit", "quote-reveal", reveal, atGate)],
  admission: [
    base("member-a", "admission", {
      ...{ nonce, member: "member-a", until: utcMs(later) },
      owners: [
        { id: "user-n", party: "user", name: "N", key: filled(32, 1), boxKey: filled(32, 2) },
      ],
      devices: [
        {
          ...{ id: "user-n-unit", owner: "user-n", key: filled(32, 3) },
          meters: [{ id: "n-meter", role: "connection", form: "any", feeder: "feeder-1" }],
        },
      ],
    }),
  ],
  labels: [
    base("member-a", "labels", {
      member: "member-a",
      labels: [{ ...opened, key: signerOfName("two").publicKey }],
    }),
  ],
  claim: [
    base("one", "claim", {
      version: 1,
      device: {
        ...{ id: "user-l-unit", owner: "user-l", key: filled(32, 4) },
        meters: [{ id: "l-meter", role: "connection", form: "any", feeder: "feeder-1" }],
      },
      owner: { id: "user-l", party: "user", name: "L", key: filled(32, 5), boxKey: filled(32, 6) },
    }),
  ],
  "device-change": [
    base("user-a", "device-change", {
      ...{ by: "user-a", device: "user-a-unit", version: 1, change: "suspend", reason: "lost" },
    }),
  ],
  correction: [base("member-a", "correction", correction)],
  objection: [
    base("bureau-a", "objection", {
      ...{ by: "bureau-a", contract, against: "seller", reason: "price-abuse" },
    }),
  ],
  ruling: [
    base("member-b", "ruling", {
      ...{ member: "member-b", slot: pending.slot, word: "uphold" },
      motion: sha256(encodeMessage("correction", pending)),
    }),
  ],
  "member-motion": [
    base("member-a", "member-motion", motionOf("member-a", "suspend", "member-d", { nonce: 3 })),
  ],
  "parameters-motion": [
    base("member-a", "parameters-motion", {
      ...{ nonce, member: "member-a", from: utcMs(later), reason: "cheaper" },
      parameters: {
        ...terms,
        grid: [{ feeder: "feeder-1", fee: microPerKwh(5), capacity: wh(90_000), lossPermille: 5 }],
        charges: [{ id: "tax", sort: "tax", on: "import", rate: 7, to: "bureau-a" }],
        parties: [
          { owner: "user-a", weight: 2, band: [microPerKwh(400_000), microPerKwh(600_000)] },
        ],
        ...{ imbalanceGrowthPermille: 5, provisionalMinutes: 60 },
      },
    }),
  ],
  "contract-motion": [
    base("member-a", "contract-motion", {
      ...{ nonce, member: "member-a", from: utcMs(later) },
      contract: { version: 2, hash: filled(32) },
    }),
  ],
  "release-motion": [
    base("member-a", "release-motion", {
      ...{ nonce, member: "member-a", reason: "faster" },
      release: {
        ...{ number: 1, version: "0.2.0-1", canaries: ["user-a-unit"] },
        ...{ failuresMax: 1, trialMinutes: 30, source: "https://example.org/busbar" },
        bundles: [{ arch: "arm64", bytes: 90_000_000, sha256: filled(32) }],
        stages: [
          { permille: 10, waitMinutes: 60, keptMin: 1 },
          { permille: 1000, waitMinutes: 0, keptMin: 0 },
        ],
      },
    }),
  ],
  commissioning: [
    base("user-a-unit", "commissioning", {
      ...{ device: "user-a-unit", number: 1, sheet: filled(32), at: startTime, open: 3 },
    }),
  ],
  "device-report": [
    base("user-a-unit", "device-report", {
      ...{ device: "user-a-unit", at: startTime, program: "0.2.0-1" },
      ...{ release: 1, result: "kept", reason: "as before" },
    }),
  ],
  "appeal-motion": [
    base("member-a", "appeal-motion", {
      ...{ nonce, member: "member-a", account: "user-a", height: 7, kind: "non-payment" },
    }),
  ],
  "account-motion": [
    base("member-a", "account-motion", {
      ...{ nonce, member: "member-a", account: "company-a", action: "suspend" },
    }),
  ],
  payment: [
    base("bureau-a", "payment", {
      ...{
        by: "bureau-a",
        from: "user-a",
        version: 1,
        amount: micro(5_000_000),
        purpose: "balance",
      },
    }),
  ],
  "demand-mandate": [base("user-a", "demand-mandate", allow)],
  "demand-order": [
    base("bureau-a", "demand-order", order),
    base("bureau-a", "demand-order", { ...order, action: "limit", limitW: watt(900) }),
    base("bureau-a", "demand-order", {
      ...order,
      action: "shift",
      toSlot: utcMs(later + 9 * hour),
    }),
  ],
  "demand-answer": [
    base("user-a", "demand-answer", {
      ...{ id: filled(16, 8), owner: "user-a", word: "refuse", reason: "unwanted" },
    }),
  ],
  "certificate-move": [
    base("company-a", "certificate-move", {
      ...{ owner: "company-a", version: 1, form: "solar", to: "user-a" },
      parts: [{ slot: utcMs(startTime + hour), energy: wh(1) }],
    }),
  ],
  ballot: [
    base("member-b", "ballot", {
      ...{ motion: sha256(encodeMessage("member-motion", newcomer)) },
      ...{ member: "member-b", accept: true },
    }),
  ],
  evidence: [
    base("member-a", "evidence", { member: "member-a", first: voteOf(1), second: voteOf(2) }),
  ],
  deviation: [
    base("member-a", "deviation", {
      ...{ member: "member-a", from: "member-d", header: filled(200), signature: filled(64) },
      ...{ certified: filled(200, 6), certificate: [{ kid: filled(20), signature: filled(64) }] },
    }),
  ],
  "double-vote": [
    base("member-a", "double-vote", {
      ...{ member: "member-a", from: "member-d", epoch: 0, type: 1, height: 1, round: 0 },
      first: {
        block: { hash: filled(32), parts: 1, partsRoot: filled(32) },
        ...{ seconds: 1, nanos: 1, signature: filled(64) },
      },
      second: { seconds: 1, nanos: 1, signature: filled(64) },
    }),
  ],
  "notice-preferences": [
    base("user-a", "notice-preferences", {
      ...{ owner: "user-a", version: 1, language: "en", timeZone: "UTC0", digestAt: 1080 },
      ...{ ways: [{ channel: "mqtt", when: "daily", quiet: true }], threshold: micro(1) },
      ...{ quiet: { from: 1320, to: 420, urgent: true }, muted: ["price"] },
    }),
  ],
  "notice-lease": [
    base("member-a", "notice-lease", {
      ...{ member: "member-a", channel: "push", number: 1, from: 1, done: 0, behind: [] },
      until: utcMs(startTime + (4 * day + 80) * minute),
    }),
  ],
  "feeder-motion": [
    base("member-b", "feeder-motion", {
      ...{ ...trust, nonce, member: "member-b", chain: "over", via: "user-a", reason: "a line" },
    }),
    base("member-b", "feeder-motion", {
      ...{ nonce, member: "member-b", action: "revoke", chain: abroad },
    }),
  ],
  "feeder-offer": [
    base("user-a", "feeder-offer", {
      terms: { ...out, nonce, buyer: "y", price: microPerKwh(5), bond: microPerKwh(5) },
    }),
  ],
  "feeder-accept": [
    base("user-a", "feeder-accept", {
      ...{ buyer: "user-a", proof: abroadProof(shownAt, into, { sale: { stage: "offered" } }) },
    }),
  ],
  "feeder-proof": [
    base("member-a", "feeder-proof", {
      ...{ chain: abroad, steps: [] },
      proof: abroadProof(shownAt, out, { purchase: { stage: "escrowed", buyer: "y" } }),
    }),
  ],
  "notice-report": [
    base("member-a", "notice-report", {
      ...{ member: "member-a", acknowledged: [{ owner: "user-a", height: 3 }] },
    }),
  ],
};

/** Bases that this site cannot take as they are; their edges are tried all the same. */
const notTaken = new Set<string>(["appeal-motion", "certificate-move", "deviation", "double-vote"]);

const sealed = (kind: Kind, payload: Uint8Array, name: string) =>
  encodeCbor([kind, sealEnvelope(payload, { chain, kind }, signerOfName(name))]);

/** What follows: the traded slot ends, and the order's. */
function goOn(site: Chain): void {
  site.block(4 * day + 125);
  site.block(4 * day + 600);
}

for (const [kind, list] of Object.entries(bases) as [Kind, readonly Base[]][]) {
  test(`a ${kind} at any edge of what it may say is taken or refused, and the ledger goes on`, () => {
    for (const { signer, payload, minutes, at = run } of list) {
      const first = at.copy();
      const codes = first.block(4 * day + minutes, sealed(kind, payload, signer));
      if (!notTaken.has(kind)) assert.deepEqual(codes, [], "it is sound as it is");
      for (const value of extremesOf(decodeCbor(payload), kinds[kind].name)) {
        const frame = sealed(kind, encodeCbor(value as CborValue), signer);
        if (frame.length > frameBytesMax) continue;
        const site = at.copy();
        const [code] = site.block(4 * day + minutes, frame);
        assert.ok(code === undefined || code in ledgerCodes || code === "message.shape", code);
        assert.notEqual(code, "tx.beyond-range", "its rule bounds what it takes");
        if (code === undefined) goOn(site);
      }
    }
  });
}
