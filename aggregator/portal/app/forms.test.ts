import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import { decodeMessage, encodeMessage, parseTimeZone, utcOffsetMs } from "@busbar/protocol";
import { publicKeyOf } from "@busbar/protocol/ed25519";
import { openAddresses } from "@busbar/protocol/notice";
import { encodeAs, noticePreferences } from "@busbar/protocol/schema";
import fc from "fast-check";
import type { PreferencesAnswer } from "../views/shapes.ts";
import { csvOf } from "./export.ts";
import { toBase64url } from "./key.ts";
import { moveFrom, paymentFrom } from "./moving.ts";
import { instantOf, mandateFrom, orderFrom } from "./ordering.ts";
import { posixZone } from "./posix-zone.ts";
import { addressesFor, minuteOf, preferencesFrom, secretText, timeOf } from "./preferring.ts";
import { hasFields, recall, recallAll, remember } from "./stored.ts";

/** What forms of the page come to, without a browser. */

const random = (count: number) => new Uint8Array(randomBytes(count));
const person = (id: string) => {
  const seed = random(32);
  return { id, seed, key: publicKeyOf(seed) };
};
const [anna, one, two] = [person("anna"), person("member-1"), person("member-2")];

const usual: PreferencesAnswer = {
  version: 0,
  language: "en",
  timeZone: "UTC0",
  ways: [{ channel: "mqtt", when: "at-once", quiet: false }],
  quiet: null,
  digestAt: 18 * 60,
  threshold: 0,
  muted: [],
  sealed: null,
};

const filled = (fields: Readonly<Record<string, string>>) => ({
  text: (name: string) => fields[name] ?? "",
  on: (name: string) => name in fields,
});

const fields = {
  language: "zh",
  timeZone: " CET-1CEST,M3.5.0,M10.5.0/3 ",
  email: "on",
  "email-to": "anna@example.org",
  "email-when": "daily",
  "email-quiet": "on",
  webhook: "on",
  "webhook-url": "https://hooks.example.org/a",
  "webhook-secret": secretText(new Uint8Array(32).fill(7)),
  quiet: "on",
  "quiet-from": "22:30",
  "quiet-to": "06:05",
  digestAt: "08:00",
  threshold: "0.5",
  "topic-contract": "on",
  "topic-meter": "on",
  "member-member-1": "on",
};

const about = {
  before: usual,
  known: {},
  push: undefined,
  self: anna,
  members: [one, two],
  random,
};

/** The answer of a portal that holds a message. */
function answerOf(message: ReturnType<typeof preferencesFrom>): PreferencesAnswer {
  const { addresses, quiet = null, owner: _, ...rest } = message;
  const sealed =
    addresses === undefined
      ? null
      : {
          box: toBase64url(encodeAs(noticePreferences.fields.addresses.type, addresses)),
          readers: addresses.keys.map(({ member }) => member),
        };
  return { ...rest, ways: [...rest.ways], muted: [...rest.muted], quiet, sealed };
}

test("a filled form is a message: addresses for the chosen members and oneself, nobody else", () => {
  const message = preferencesFrom(filled(fields), about);
  const { ok } = decodeMessage("notice-preferences", encodeMessage("notice-preferences", message));
  assert.ok(ok);
  const { addresses, muted, ...rest } = message;
  assert.deepEqual(rest, {
    owner: "anna",
    version: 1,
    language: "zh",
    timeZone: "CET-1CEST,M3.5.0,M10.5.0/3",
    ways: [
      { channel: "email", when: "daily", quiet: true },
      { channel: "webhook", when: "at-once", quiet: false },
    ],
    quiet: { from: 1350, to: 365, urgent: false },
    digestAt: 480,
    threshold: 500_000,
  });
  assert.equal(muted.length, 10);
  assert.ok(!muted.includes("contract") && !muted.includes("meter"));
  assert.ok(addresses !== undefined);
  const opened = openAddresses(addresses, one);
  assert.ok(opened.ok && opened.addresses.email === "anna@example.org");
  assert.equal(openAddresses(addresses, two).ok, false);
  // The owner's own browser reads them again, another one's does not.
  const answer = answerOf(message);
  assert.equal(addressesFor(answer, anna)?.webhook?.url, "https://hooks.example.org/a");
  assert.equal(addressesFor(answer, { ...anna, seed: random(32) }), undefined);
});

test("addresses that the page cannot read stay as they are, unless they are stated anew", () => {
  const before = answerOf(preferencesFrom(filled(fields), about));
  const { "email-to": _, "webhook-url": __, ...without } = fields;
  const unread = { ...about, before, known: undefined };
  const kept = preferencesFrom(filled(without), unread);
  assert.equal(kept.version, 2);
  assert.deepEqual(answerOf(kept).sealed, before.sealed);
  assert.throws(
    () => preferencesFrom(filled({ ...without, "email-to": "b@example.org" }), unread),
    /Webhook needs an address/,
  );
});

test("what a form lacks is told in words, whatever was typed", () => {
  const throws = (changes: Readonly<Record<string, string>>, message: RegExp, less?: string) => {
    const given: Record<string, string> = { ...fields, ...changes };
    if (less !== undefined) delete given[less];
    assert.throws(() => preferencesFrom(filled(given), about), message);
  };
  throws({ timeZone: "Europe/Berlin" }, /Expected a time zone such as .*, got Europe\/Berlin/);
  throws({ "email-to": "" }, /E-mail needs an address/);
  throws({ "webhook-secret": "secret" }, /whsec_/);
  throws({ "quiet-from": "25:00" }, /Expected a time as 22:30, got 25:00/);
  throws({}, /Choose at least one member/, "member-member-1");
  throws({ "email-to": "no address" }, /expected text/);
  const text = fc.dictionary(fc.constantFrom(...Object.keys(fields)), fc.string());
  fc.assert(
    fc.property(text, (changes) => {
      try {
        const message = preferencesFrom(filled({ ...fields, ...changes }), about);
        encodeMessage("notice-preferences", message);
      } catch (error) {
        assert.ok(error instanceof Error && error.message.length > 5);
        assert.ok(!(error instanceof TypeError), String(error));
      }
    }),
  );
  for (let minute = 0; minute < 1440; minute += 7) assert.equal(minuteOf(timeOf(minute)), minute);
});

const hourMs = 3_600_000;
const order = {
  device: " edge-bob ",
  action: "shift",
  slot: "2026-06-14T10:00",
  toSlot: "2026-06-14T14:00",
  slots: "2",
  kwh: "0.4",
  price: "0.61",
  kw: "0.6",
};
const field = (values: Readonly<Record<string, string>>) => (name: string) => values[name] ?? "";

test("forms of orders and mandates come to messages, in whole Wh, W and 10⁻⁶ of the currency", () => {
  const by = { by: "anna", id: random(16), slotMs: hourMs };
  const slot = Date.UTC(2026, 5, 14, 10);
  const made = orderFrom(field(order), by);
  assert.deepEqual(made, {
    ...{ id: by.id, by: "anna", device: "edge-bob", action: "shift", slot, slots: 2 },
    ...{ energy: 400, price: 610_000, answerBy: slot, toSlot: slot + 4 * hourMs },
  });
  assert.ok(decodeMessage("demand-order", encodeMessage("demand-order", made)).ok);
  const limit = orderFrom(field({ ...order, action: "limit" }), by);
  assert.equal(limit.limitW, 600);
  assert.equal(limit.toSlot, undefined);
  assert.throws(() => orderFrom(field({ ...order, slot: "2026-06-14T10:20" }), by), /beginning/);
  assert.throws(() => instantOf("tomorrow"), /Expected a day and a time, got tomorrow/);
  const mandate = mandateFrom(field({ ...order, until: "2027-01-01T00:00", by: "" }), {
    ...{ owner: "anna", device: "edge-anna", version: 3 },
  });
  assert.equal(mandate.by, undefined);
  assert.ok(decodeMessage("demand-mandate", encodeMessage("demand-mandate", mandate)).ok);
  fc.assert(
    fc.property(fc.dictionary(fc.constantFrom(...Object.keys(order)), fc.string()), (changes) => {
      try {
        encodeMessage("demand-order", orderFrom(field({ ...order, ...changes }), by));
      } catch (error) {
        assert.ok(error instanceof Error && !(error instanceof TypeError), String(error));
      }
    }),
  );
});

/** The clock of a place, as Intl has it: a peer of the rule. */
function clockOf(timeZone: string) {
  const format = new Intl.DateTimeFormat("en-GB", { timeZone, timeZoneName: "longOffset" });
  return (time: number) => {
    const text =
      format.formatToParts(time).find(({ type }) => type === "timeZoneName")?.value ?? "";
    const [, sign = "+", hours = "0", minutes = "0"] = /GMT([+-])?(\d+)?:?(\d+)?/.exec(text) ?? [];
    return (sign === "-" ? -1 : 1) * (Number(hours) * 60 + Number(minutes)) * 60_000;
  };
}

const now = Date.UTC(2026, 5, 1);

test("a browser's clock becomes the POSIX text of its place, to the hour of each turn", () => {
  for (const [place, text] of [
    ["Asia/Shanghai", "<+08>-8"],
    ["Asia/Kathmandu", "<+0545>-5:45"],
    ["UTC", "<+00>0"],
    ["Europe/Berlin", "<+01>-1<+02>-2,M3.5.0/2,M10.5.0/3"],
    ["America/New_York", "<-05>5<-04>4,M3.2.0/2,M11.1.0/2"],
    ["Australia/Sydney", "<+10>-10<+11>-11,M10.1.0/2,M4.1.0/3"],
  ] as const) {
    const clock = clockOf(place);
    assert.equal(posixZone(clock, now), text, place);
    const zone = parseTimeZone(text);
    assert.ok(zone !== undefined, place);
    for (let at = now; at < now + 400 * 86_400_000; at += 5 * 86_400_000)
      assert.equal(utcOffsetMs(zone, at), clock(at), place);
  }
});

test("a clock that follows no such rule is none", () => {
  // Ramadan moves: Morocco turns its clock four times in some years, and never on the same days.
  assert.equal(
    posixZone((at) => (Math.floor(at / (40 * 86_400_000)) % 2) * 3_600_000, now),
    undefined,
  );
});

/** A reader of RFC 4180, one character at a time. */
function readCsv(text: string): string[][] {
  const rows: string[][] = [[]];
  let [cell, quoted] = ["", false];
  const end = () => {
    rows.at(-1)?.push(cell);
    cell = "";
  };
  for (let i = 0; i < text.length; i++) {
    const char = text[i];
    if (quoted && char === '"' && text[i + 1] === '"') cell += text[i++];
    else if (char === '"') quoted = !quoted;
    else if (!quoted && char === ",") end();
    else if (!quoted && char === "\r" && text[i + 1] === "\n") {
      end();
      rows.push([]);
      i += 1;
    } else cell += char;
  }
  return rows.slice(0, -1);
}

test("rows come back from CSV as they were, whatever is in a text", () => {
  const text = fc.string({ unit: "binary" }).filter((word) => !/^[=+\-@\t\r]/.test(word));
  fc.assert(
    fc.property(fc.array(fc.tuple(text, fc.integer()), { minLength: 1 }), (rows) => {
      const read = readCsv(csvOf(rows.map(([owner, money]) => ({ owner, money }))));
      assert.deepEqual(read, [["owner", "money"], ...rows.map(([a, b]) => [a, String(b)])]);
    }),
  );
});

test("no text of somebody else's becomes a formula, and an instant is readable", () => {
  const slot = Date.UTC(2026, 5, 14, 10);
  assert.equal(
    csvOf([{ slot, name: "=HYPERLINK(1)", wh: -3 }]),
    `slot,utc,name,wh\r\n${slot},2026-06-14T10:00:00.000Z,'=HYPERLINK(1),-3\r\n`,
  );
  assert.equal(csvOf([]), "\r\n");
});

const fieldIn = (given: Readonly<Record<string, string>>) => (name: string) => given[name] ?? "";

test("certificates that are handed on are the earliest that are held, as many as were asked for", () => {
  const line = (slot: number, form: string, heldWh: number) => ({
    ...{ key: `${slot}`, slot, form, heldWh, issuedWh: 0, boughtWh: 0, soldWh: 0, retiredWh: 0 },
  });
  const lines = fc.uniqueArray(
    fc.tuple(fc.integer({ min: 1, max: 50 }), fc.constantFrom("solar", "wind"), fc.nat(5_000)),
    { selector: ([slot, form]) => `${slot} ${form}`, maxLength: 40 },
  );
  fc.assert(
    fc.property(lines, fc.integer({ min: 1, max: 60_000 }), fc.boolean(), (all, asked, retires) => {
      const held = all.map(([slot, form, wh]) => line(slot * 3_600_000, form, wh));
      const about = { owner: "anna", version: 3, lines: held };
      const given = {
        form: "wind",
        kwh: String(asked / 1000),
        to: "bob",
        what: retires ? "retire" : "give",
      };
      const own = held.filter(({ form, heldWh }) => form === "wind" && heldWh > 0);
      const sum = own.reduce((total, { heldWh }) => total + heldWh, 0);
      if (sum < asked) {
        assert.throws(() => moveFrom(fieldIn(given), about), /You hold/);
        return;
      }
      const { parts, to, version } = moveFrom(fieldIn(given), about);
      assert.deepEqual([to, version], [retires ? undefined : "bob", 3]);
      assert.equal(
        parts.reduce((total, { energy }) => total + energy, 0),
        asked,
      );
      // The ledger's own form: each slot once, the earliest first, with some energy.
      encodeMessage("certificate-move", moveFrom(fieldIn(given), about));
      for (const [i, { slot, energy }] of parts.entries()) {
        assert.ok(energy > 0 && slot > (parts[i - 1]?.slot ?? 0));
        const { heldWh = 0 } = own.find((one) => one.slot === slot) ?? {};
        assert.ok(i === parts.length - 1 ? energy <= heldWh : energy === heldWh);
      }
    }),
  );
  const about = { owner: "anna", version: 1, lines: [line(1, "solar", 10)] };
  for (const given of [
    { kwh: "0" },
    { kwh: "-1" },
    { kwh: "x" },
    { kwh: "0.005", what: "give", to: " " },
  ])
    assert.throws(() => moveFrom(fieldIn(given), about), Error);
});

test("an acknowledgement is of what was typed, to the last millionth, and of nothing that is no money", () => {
  const about = { by: "anna", version: 2 };
  const given = { from: " bob ", amount: "12.345678", purpose: "collateral", reference: "" };
  assert.deepEqual(paymentFrom(fieldIn(given), about), {
    ...{ by: "anna", from: "bob", version: 2, amount: 12_345_678, purpose: "collateral" },
  });
  for (const amount of ["0", "-3", "", "1e12", "NaN", "a"])
    assert.throws(() => paymentFrom(fieldIn({ ...given, amount }), about), /above 0/);
});

test("storage that holds anything, or nothing, or may not be asked, ends nothing", () => {
  const fits = (one: unknown): one is { readonly id: string } => hasFields(one, { id: "string" });
  assert.deepEqual([recall("x"), recallAll("x", fits), remember("x", 1)], [undefined, [], false]);
  const held = new Map<string, string>();
  const storage = {
    getItem: (name: string) => held.get(name) ?? null,
    setItem: (name: string, text: string) => void held.set(name, text),
  };
  Object.assign(globalThis, { localStorage: storage });
  try {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
        held.set("x", text);
        recall("x");
        for (const one of recallAll("x", fits)) assert.equal(typeof one.id, "string");
      }),
    );
    assert.ok(remember("x", [{ id: "a" }, { id: 1 }, null, "a"]));
    assert.deepEqual(recallAll("x", fits), [{ id: "a" }]);
  } finally {
    Reflect.deleteProperty(globalThis, "localStorage");
  }
});
