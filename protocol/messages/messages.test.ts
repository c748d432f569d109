import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { micro, microPerKwh, utcMs, watt, wh } from "../units/brands.ts";
import { wireCddl } from "../wire.ts";
import { batchHead, chainHead, chainHeads, chainStart } from "./chain.ts";
import { isId } from "./id.ts";
import { decodeMessage, encodeMessage, type Kind, kinds, type Message } from "./kinds.ts";
import { sealQuotes } from "./market.ts";
import { compareObis, obisKey, parseObis } from "./obis.ts";
import type { ReadingEntry } from "./readings.ts";

const bytes = (length: number, fill = 5) => new Uint8Array(length).fill(fill);
const entry: ReadingEntry = {
  time: utcMs(1_700_000_000_000),
  clock: 0x20,
  registers: new Map([
    ["1-0:1.8.0", [5, 3]],
    ["1-0:32.7.0", [2301, -1]],
    ["1-0:2.8.0", [70_000_008, 0, 8]],
  ]),
  quality: 0,
};

const vote = (digest: Uint8Array) => ({
  ...{ phase: "commit" as const, epoch: 0, view: 1, height: 2, digest, from: "m2" },
  signature: bytes(64),
});
const examples: { readonly [K in Kind]: Message<K> } = {
  login: { identity: "u1", client: "u1:phone", broker: "site-a", at: utcMs(1), until: 60_001 },
  readings: { meter: "m1", first: 1, prev: bytes(32), entries: [entry] },
  mandate: {
    owner: "u1",
    device: "d1",
    version: 1,
    askMax: wh(0),
    askPriceMin: microPerKwh(0),
    bidMax: wh(500_000),
    bidPriceMax: microPerKwh(700_000),
    until: utcMs(2_000_000_000_000),
  },
  assets: {
    owner: "u1",
    version: 3,
    until: utcMs(2_000_000_000_000),
    storages: [
      {
        capacity: wh(10_000),
        start: wh(5_000),
        charge: watt(3_000),
        discharge: watt(3_000),
        chargePermille: 950,
        dischargePermille: 940,
      },
    ],
    elastic: [
      { worth: microPerKwh(-20_000), slope: microPerKwh(10_000), down: wh(500), up: wh(900) },
    ],
    flexible: [
      { energy: wh(8_000), from: utcMs(3_600_000), to: utcMs(36_000_000), power: watt(4_000) },
    ],
    supply: { capacity: wh(1_000_000), prices: [microPerKwh(300_000)], slope: microPerKwh(0) },
  },
  "quote-commit": {
    id: bytes(16),
    owner: "u1",
    slot: utcMs(3_600_000),
    hash: bytes(32),
    gate: utcMs(1_800_000),
  },
  "quote-reveal": {
    id: bytes(16),
    quotes: [{ side: "bid", form: "any", quantity: wh(1000), limit: microPerKwh(600_000) }],
    salt: bytes(32),
  },
  labels: {
    member: "a1",
    labels: [
      {
        key: bytes(32),
        version: 1,
        state: "open",
        device: "d1",
        owner: "u1",
        party: "user",
        until: utcMs(9),
      },
    ],
  },
  claim: {
    version: 1,
    device: { id: "d1", owner: "u1", key: bytes(32), meters: [] },
    owner: { id: "u1", party: "user", name: "U", key: bytes(32), boxKey: bytes(32) },
  },
  "device-change": {
    by: "a1",
    device: "d1",
    version: 1,
    change: "suspend",
    reason: "stolen",
  },
  "release-motion": {
    nonce: bytes(16),
    member: "a1",
    release: {
      number: 1,
      version: "0.2.0-1",
      bundles: [{ arch: "arm64", bytes: 90_000_000, sha256: bytes(32) }],
      canaries: ["d1"],
      stages: [{ permille: 100, waitMinutes: 60, keptMin: 1 }],
      failuresMax: 0,
      trialMinutes: 30,
      source: "https://example.org/busbar",
    },
    reason: "leap seconds",
  },
  commissioning: {
    device: "d1",
    number: 1,
    sheet: bytes(32),
    at: utcMs(3_600_000),
    open: 0,
    installer: { key: bytes(32), signature: bytes(64) },
  },
  "device-report": {
    device: "d1",
    at: utcMs(3_600_000),
    program: "0.1.0-1",
    release: 1,
    result: "rolled-back",
    reason: "no receipt",
  },
  correction: {
    member: "a1",
    meter: "m1",
    slot: utcMs(3_600_000),
    version: 1,
    importWh: wh(100),
    exportWh: wh(0),
    reason: "meter-error",
    note: "the meter's certificate had expired",
  },
  objection: {
    by: "a1",
    contract: "000001780275600-0001",
    against: "seller",
    reason: "price-abuse",
  },
  ruling: { member: "a1", slot: utcMs(3_600_000), motion: bytes(32), word: "uphold" },
  "member-request": {
    nonce: bytes(16),
    terms: {
      id: "m2",
      key: bytes(32),
      voting: true,
      role: "bureau",
      certificate: bytes(32),
      expires: utcMs(9),
      address: "[::1]:1883",
    },
  },
  "member-motion": {
    nonce: bytes(16),
    member: "m1",
    action: "admit",
    subject: "m2",
    request: bytes(3),
    reason: "audited",
  },
  "parameters-motion": {
    nonce: bytes(16),
    member: "m1",
    from: utcMs(3_600_000),
    parameters: {
      slotMinutes: 60,
      gates: [
        {
          scale: "intraday",
          periodMinutes: 60,
          openMinutesBefore: 50,
          gateMinutesBefore: 20,
          clearMinutesBefore: 10,
          rounds: 2,
          everyMinutes: 60,
        },
      ],
      timeZone: "CET-1CEST,M3.5.0,M10.5.0/3",
      bands: {
        company: [microPerKwh(1), microPerKwh(2)],
        bureau: [microPerKwh(1), microPerKwh(2)],
        user: [microPerKwh(1), microPerKwh(2)],
      },
      weights: { company: 1, bureau: 1, user: 1 },
      ...{ feedIn: microPerKwh(1), retail: microPerKwh(2) },
      ...{ imbalancePermille: 100, subsidyPermille: 50 },
      credit: { line: micro(5_000_000), tolerancePermille: 100 },
      parties: [{ owner: "house-7", weight: 2, band: [microPerKwh(1), microPerKwh(2)] }],
    },
  },
  "contract-motion": {
    nonce: bytes(16),
    member: "m1",
    from: utcMs(3_600_000),
    contract: { version: 2, hash: bytes(32) },
    reason: "fairer",
  },
  "appeal-motion": {
    nonce: bytes(16),
    member: "m1",
    account: "u1",
    height: 7,
    kind: "under-delivery",
    reason: "the meter was exchanged that day",
  },
  "feeder-motion": {
    nonce: bytes(16),
    member: "m1",
    action: "trust",
    chain: "south",
    council: { epoch: 2, since: 70, voters: [{ id: "s1", key: bytes(32) }] },
    via: "line-south",
    reason: "the line was built",
  },
  "feeder-offer": {
    terms: {
      nonce: bytes(16),
      sellerChain: "north",
      seller: "u1",
      buyerChain: "south",
      buyer: "u2",
      slot: utcMs(3_600_000),
      slotMinutes: 60,
      energy: wh(2_000),
      price: microPerKwh(250_000),
      bond: microPerKwh(50_000),
      confirmBy: utcMs(3_600_000),
      deliverBy: utcMs(9_000_000),
      payBy: utcMs(10_000_000),
      closeBy: utcMs(11_000_000),
    },
  },
  "feeder-accept": { buyer: "u2", proof: bytes(1_500) },
  "feeder-proof": { chain: "north", steps: [bytes(1_400)], proof: bytes(1_500) },
  "account-motion": {
    nonce: bytes(16),
    member: "m1",
    account: "u1",
    action: "suspend",
    reason: "it sells what it never gives",
  },
  payment: {
    by: "c1",
    from: "u1",
    version: 1,
    amount: micro(25_000_000),
    purpose: "collateral",
    reference: "bank transfer 2026-06-02",
  },
  "demand-mandate": {
    owner: "u1",
    device: "d1",
    version: 1,
    energyMax: wh(2000),
    limitWMin: watt(1500),
    priceMin: microPerKwh(300_000),
    slotsMax: 8,
    until: utcMs(2_000_000_000_000),
    by: "c1",
  },
  "demand-order": {
    id: bytes(16),
    by: "c1",
    device: "d1",
    action: "shift",
    slot: utcMs(3_600_000),
    slots: 4,
    energy: wh(500),
    price: microPerKwh(400_000),
    answerBy: utcMs(1_800_000),
    toSlot: utcMs(36_000_000),
  },
  "demand-answer": { id: bytes(16), owner: "u1", word: "refuse", reason: "unsafe" },
  "certificate-move": {
    owner: "u1",
    version: 2,
    form: "wind",
    parts: [{ slot: utcMs(1_760_000_400_000), energy: wh(4_500) }],
    to: "u2",
    reason: "for the bakery",
  },
  "notice-preferences": {
    owner: "u1",
    version: 1,
    language: "zh",
    timeZone: "CST-8",
    ways: [{ channel: "email", when: "daily", quiet: true }],
    quiet: { from: 1320, to: 420, urgent: true },
    digestAt: 1080,
    threshold: micro(1),
    muted: ["price"],
    addresses: { nonce: bytes(24), box: bytes(90), keys: [{ member: "m1", box: bytes(130) }] },
  },
  "notice-lease": {
    member: "m1",
    channel: "push",
    number: 1,
    until: utcMs(9),
    from: 1,
    done: 7,
    behind: [{ owner: "u1", height: 5 }],
  },
  "notice-report": { member: "m1", acknowledged: [{ owner: "u1", height: 7 }] },
  ballot: { motion: bytes(32), member: "m1", accept: false },
  evidence: { member: "m1", first: vote(bytes(32)), second: vote(bytes(32, 6)) },
  deviation: {
    ...{ member: "m1", from: "m2", header: bytes(200), signature: bytes(64) },
    ...{ certified: bytes(200, 6), certificate: [{ kid: bytes(20), signature: bytes(64) }] },
  },
  "double-vote": {
    ...{ member: "m1", from: "m2", epoch: 0, type: 2, height: 9, round: 0 },
    first: {
      block: { hash: bytes(32), parts: 1, partsRoot: bytes(32, 6) },
      ...{ seconds: 1_780_000_000, nanos: 5, signature: bytes(64) },
    },
    second: { seconds: 1_780_000_000, nanos: 0, signature: bytes(64, 6) },
  },
  admission: {
    nonce: bytes(16),
    member: "a1",
    owners: [{ id: "u1", party: "user", name: "户 1", key: bytes(32), boxKey: bytes(32) }],
    devices: [
      {
        id: "d1",
        owner: "u1",
        key: bytes(32),
        meters: [{ id: "m1", role: "connection", feeder: "f1" }],
      },
    ],
  },
};

for (const kind of Object.keys(kinds) as Kind[]) {
  test(`a message of kind ${kind} comes back as it went`, () => {
    const decoded = decodeMessage(kind, encodeMessage(kind, examples[kind]));
    assert.ok(decoded.ok, JSON.stringify(decoded));
    assert.deepEqual(decoded.message, examples[kind]);
  });
}

test("busbar.cddl is what the code checks (node protocol/write-cddl.ts writes it anew)", () => {
  const written = readFileSync(join(import.meta.dirname, "../busbar.cddl"), "utf8");
  assert.equal(written, wireCddl());
});

test("the chain covers every entry, its place, the meter and the site", () => {
  const start = chainStart("site-a", "m1");
  const later: ReadingEntry = { ...entry, time: utcMs(1_700_000_060_000) };
  const head = chainHeads(start, [entry, later]);
  assert.deepEqual(chainHead(chainHead(start, entry), later), head);
  assert.notDeepEqual(chainHeads(start, [later, entry]), head);
  assert.notDeepEqual(chainStart("site-b", "m1"), start);
  assert.notDeepEqual(chainStart("site-a", "m2"), start);
  const fast = (data: Uint8Array) => new Uint8Array(createHash("sha256").update(data).digest());
  assert.deepEqual(chainHeads(chainStart("site-a", "m1", fast), [entry, later], fast), head);
});

test("a sealed quote depends on every term, on the salt, and on whose it is and for when", () => {
  const terms = examples["quote-reveal"].quotes;
  const about = examples["quote-commit"];
  const seal = sealQuotes(about, terms, bytes(32));
  assert.deepEqual(sealQuotes({ ...about }, terms, bytes(32)), seal);
  assert.notDeepEqual(sealQuotes(about, terms, bytes(32, 6)), seal);
  assert.notDeepEqual(sealQuotes(about, [...terms, ...terms], bytes(32)), seal);
  for (const other of [
    { ...about, id: bytes(16, 9) },
    { ...about, owner: "thief" },
    { ...about, slot: utcMs(about.slot + 3_600_000) },
    { ...about, gate: utcMs(about.gate + 60_000) },
  ]) {
    assert.notDeepEqual(sealQuotes(other, terms, bytes(32)), seal);
  }
});

test("OBIS codes have one text and six bytes", () => {
  for (const code of ["1-0:1.8.0", "1-0:2.8.0*255", "0-1:24.2.1*7", "255-255:255.255.255"]) {
    const parsed = parseObis(code);
    if (code.endsWith("*255")) assert.equal(parsed, undefined, "F = 255 is left out");
    else assert.equal(obisKey.decode(parsed ?? "", ""), code);
  }
  for (const bad of ["", "1.8.0", "1-0:1.8", "256-0:1.8.0", "01-0:1.8.0", "1-0:1.8.0 "]) {
    assert.equal(parseObis(bad), undefined, bad);
  }
  const mixed = ["junk", "1-0:16.7.0", "1-0:2.8.0", "1-0:2.8.0*7", "0-1:24.2.1", "1-0:1.8.0"];
  const inOrder = ["0-1:24.2.1", "1-0:1.8.0", "1-0:2.8.0*7", "1-0:2.8.0", "1-0:16.7.0", "junk"];
  assert.deepEqual(mixed.sort(compareObis), inOrder);
});

test("ids stand in topics, so they are short, lower case and plain", () => {
  for (const good of ["a", "a1", "house-7", "x".repeat(32)]) assert.ok(isId(good), good);
  for (const bad of ["", "-a", "a-", "A", "a.b", "a/b", "#", "+", "ä", "x".repeat(33)]) {
    assert.equal(isId(bad), false, bad);
  }
});

test("a batch that was decoded has the head of its entries, whatever they hold and however many", () => {
  const number = fc.integer({ min: 0, max: 2 ** 40 });
  const code = fc
    .tuple(fc.nat(255), fc.nat(255), fc.nat(255))
    .map(([c, d, e]) => `1-0:${c}.${d}.${e}`);
  const any: fc.Arbitrary<ReadingEntry> = fc.record({
    time: number.map((ms) => utcMs(ms)),
    clock: fc.nat(255),
    registers: fc
      .array(fc.tuple(code, fc.tuple(fc.integer(), fc.integer({ min: -9, max: 9 }))))
      .map((pairs) => new Map<string, readonly [number, number]>(pairs)),
    quality: fc.nat(5),
  });
  const batches = fc.record({
    meter: fc.constantFrom("m", "a-meter-with-a-name-of-32-letters"),
    first: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
    prev: fc.uint8Array({ minLength: 32, maxLength: 32 }),
    entries: fc.array(any, { minLength: 1, maxLength: 64 }),
  });
  fc.assert(
    fc.property(batches, (batch) => {
      const meter = batch.meter.slice(0, 32);
      const decoded = decodeMessage("readings", encodeMessage("readings", { ...batch, meter }));
      assert.ok(decoded.ok);
      const head = chainHeads(batch.prev, batch.entries);
      assert.deepEqual(batchHead(decoded.message), head);
      // One that was made here has no bytes yet.
      assert.deepEqual(batchHead(batch), head);
    }),
  );
});
