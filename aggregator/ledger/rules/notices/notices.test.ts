import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type Kind,
  type Message,
  type Micro,
  type NoticeLease,
  type NoticePreferences,
  utcMs,
} from "@busbar/protocol";
import fc from "fast-check";
import { ledgerCodes } from "../../codes.ts";
import type { LedgerEvent } from "../../events.ts";
import { genesisState } from "../../genesis-state.ts";
import { parametersTable } from "../../parameters.ts";
import type { Identity } from "../../registry.ts";
import type { TxRule } from "../../rule.ts";
import { emptyState, Overlay } from "../../state/overlay.ts";
import { machineFacts, startTime, testGenesis } from "../../test-site.ts";
import { rules } from "../index.ts";
import { leaseMsMax } from "./lease-rule.ts";
import { noticeLeases, noticePreferencesTable, noticesHeard } from "./tables.ts";

/** A ledger's state and what its rules say to one message after the other. */
class Desk {
  readonly state = new Overlay(emptyState);
  readonly events: LedgerEvent[] = [];
  time = startTime;
  height = 10;

  constructor() {
    for (const [key, value] of genesisState(testGenesis())) {
      if (value !== undefined) this.state.set(key, value);
    }
  }

  /** `ok`, `exists` or the code of the refusal, which leaves nothing behind. */
  say<K extends Kind>(kind: K, message: Message<K>, signer: Pick<Identity, "kind" | "id">): string {
    const parameters = parametersTable.get(this.state, "current");
    assert.ok(parameters);
    const own = new Overlay(this.state);
    const rule = rules.tx[kind] as TxRule<K>;
    const context = {
      ...machineFacts,
      ...{ height: this.height, time: utcMs(this.time), seed: new Uint8Array(32) },
      ...{ state: own, parameters, emit: (event: LedgerEvent) => void this.events.push(event) },
    };
    const outcome = rule(context, message, signer as Identity);
    if (!outcome.ok) return outcome.code;
    own.applyTo(this.state);
    return "code" in outcome ? outcome.code : "ok";
  }
}

const userA = { kind: "owner", id: "user-a" } as const;
const wishes: NoticePreferences = {
  owner: "user-a",
  version: 1,
  language: "zh",
  timeZone: "CST-8",
  ways: [{ channel: "mqtt", when: "at-once", quiet: false }],
  quiet: { from: 1320, to: 420, urgent: true },
  digestAt: 1080,
  threshold: 100_000 as Micro,
  muted: ["price"],
};

test("an owner alone says how it is told, a later version in place of an earlier one", () => {
  const desk = new Desk();
  const say = (
    changes: Partial<NoticePreferences>,
    signer: Pick<Identity, "kind" | "id"> = userA,
  ) => desk.say("notice-preferences", { ...wishes, ...changes }, signer);
  assert.equal(say({}, { kind: "owner", id: "company-a" }), "preferences.rights");
  assert.equal(say({}, { kind: "device", id: "user-a" }), "preferences.rights");
  assert.equal(say({ timeZone: "Asia/Shanghai" }), "preferences.time-zone");
  assert.equal(say({ muted: ["price", "price"] }), "preferences.twice");
  const email = { channel: "email", when: "daily", quiet: true } as const;
  assert.equal(say({ ways: [email, email] }), "preferences.twice");
  assert.equal(say({ ways: [email] }), "preferences.addresses");
  assert.equal(noticePreferencesTable.get(desk.state, "user-a"), undefined);
  assert.equal(say({ version: 3 }), "ok");
  assert.equal(say({ version: 3 }), "exists");
  assert.equal(say({ version: 3, digestAt: 0 }), "preferences.exists-different");
  assert.equal(say({ version: 2 }), "preferences.version");
  const key = { member: "member-a", box: new Uint8Array(130) };
  const addresses = { nonce: new Uint8Array(24), box: new Uint8Array(60), keys: [key] };
  assert.equal(
    say({ version: 4, ways: [email], addresses: { ...addresses, keys: [key, key] } }),
    "preferences.twice",
  );
  assert.equal(say({ version: 4, ways: [email], addresses }), "ok");
  assert.deepEqual(noticePreferencesTable.get(desk.state, "user-a")?.ways, [email]);
  assert.deepEqual(
    desk.events.map(({ type }) => type),
    ["notice-preferences-set", "notice-preferences-set"],
  );
});

test("one member at a time sends by a channel, and another goes on once its lease has ended", () => {
  const desk = new Desk();
  const memberA = { kind: "member", id: "member-a" } as const;
  const memberB = { kind: "member", id: "member-b" } as const;
  const lease = (
    changes: Partial<NoticeLease>,
    signer: Pick<Identity, "kind" | "id"> = memberA,
  ) => {
    const member = signer.id;
    const until = utcMs(desk.time + 600_000);
    const usual = {
      member,
      channel: "email",
      number: 1,
      until,
      from: 1,
      done: 4,
      behind: [],
    } as const;
    return desk.say("notice-lease", { ...usual, ...changes }, signer);
  };
  assert.equal(lease({ member: "member-b" }), "lease.rights");
  assert.equal(lease({}, userA), "lease.rights");
  assert.equal(lease({ number: 2 }), "lease.number");
  assert.equal(lease({ until: utcMs(desk.time + leaseMsMax + 1) }), "lease.until");
  assert.equal(lease({ done: 10 }), "lease.progress");
  assert.equal(lease({ from: 11 }), "lease.progress");
  const lag = { owner: "user-a", height: 4 };
  assert.equal(lease({ behind: [lag, lag] }), "lease.progress");
  assert.equal(lease({ behind: [{ ...lag, height: 5 }] }), "lease.progress");
  assert.equal(lease({ behind: [lag] }), "ok");
  assert.equal(lease({ behind: [lag] }), "exists");
  assert.equal(lease({}), "lease.exists-different");
  assert.equal(lease({ number: 2 }, memberB), "lease.held");
  assert.equal(lease({ channel: "push" }, memberB), "ok", "each channel has its own");
  assert.equal(lease({ number: 2 }), "ok", "its holder renews it");
  desk.time = utcMs(desk.time + 600_000);
  assert.equal(lease({ number: 3 }, memberB), "ok", "it has ended");
  assert.equal(lease({ number: 4 }), "lease.held");
  assert.equal(lease({ number: 4, until: desk.time }, memberB), "ok", "its holder ends it");
  assert.equal(lease({ number: 5 }), "ok");
  assert.equal(noticeLeases.get(desk.state, "email")?.member, "member-a");
});

test("what owners acknowledged at a member's broker is known to all, and only goes up", () => {
  const desk = new Desk();
  const memberA = { kind: "member", id: "member-a" } as const;
  const report = (owner: string, height: number, signer: Pick<Identity, "kind" | "id"> = memberA) =>
    desk.say("notice-report", { member: "member-a", acknowledged: [{ owner, height }] }, signer);
  assert.equal(report("user-a", 3, { kind: "member", id: "member-b" }), "report.rights");
  assert.equal(report("user-a", 3, { kind: "owner", id: "member-a" }), "report.rights");
  assert.equal(report("user-a", 10), "report.height");
  assert.equal(report("nobody", 3), "exists");
  assert.equal(report("user-a", 3), "ok");
  assert.equal(report("user-a", 2), "exists");
  assert.equal(report("user-a", 9), "ok");
  assert.equal(noticesHeard.get(desk.state, "user-a")?.height, 9);
  assert.equal(desk.events.length, 2);
});

test("whatever preferences and leases say, the rules answer with a code of the catalogue", () => {
  const desk = new Desk();
  const most = Number.MAX_SAFE_INTEGER;
  const who = fc.constantFrom("user-a", "member-a", "company-a", "nobody");
  const number = fc.oneof(fc.constantFrom(0, 1, 2, most), fc.nat(20));
  const channel = fc.constantFrom("mqtt", "email", "push", "webhook", "ntfy");
  const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
  const minute = fc.nat(1439);
  const preferences = fc.record(
    {
      owner: who,
      version: number.filter((n) => n > 0),
      language: fc.constantFrom("en", "zh"),
      timeZone: fc.oneof(
        fc.constantFrom("UTC0", "CST-8"),
        fc.string({ minLength: 1, maxLength: 64 }),
      ),
      ways: fc.array(
        fc.record({ channel, when: fc.constantFrom("at-once", "daily"), quiet: fc.boolean() }),
        { maxLength: 5 },
      ),
      quiet: fc.record({ from: minute, to: minute, urgent: fc.boolean() }),
      digestAt: minute,
      threshold: number,
      muted: fc.array(fc.constantFrom("price", "bill"), { maxLength: 3 }),
      addresses: fc.record({
        nonce: bytes(24),
        box: fc.uint8Array({ minLength: 16, maxLength: 40 }),
        keys: fc.array(fc.record({ member: who, box: bytes(16) }), { minLength: 1, maxLength: 3 }),
      }),
    },
    {
      requiredKeys: [
        "owner",
        "version",
        "language",
        "timeZone",
        "ways",
        "digestAt",
        "threshold",
        "muted",
      ],
    },
  );
  const lease = fc.record({
    member: who,
    channel: fc.constantFrom("email", "push", "webhook", "ntfy"),
    number: number.filter((n) => n > 0),
    until: fc.oneof(fc.constantFrom(0, most, startTime as number), fc.nat(most)),
    from: number.filter((n) => n > 0),
    done: number,
    behind: fc.array(fc.record({ owner: who, height: number.filter((n) => n > 0) }), {
      maxLength: 3,
    }),
  });
  const report = fc.record({
    member: who,
    acknowledged: fc.array(fc.record({ owner: who, height: number.filter((n) => n > 0) }), {
      maxLength: 3,
    }),
  });
  const met = new Set<string>();
  fc.assert(
    fc.property(
      fc.oneof(
        preferences.map((message) => ["notice-preferences", message] as const),
        lease.map((message) => ["notice-lease", message] as const),
        report.map((message) => ["notice-report", message] as const),
      ),
      fc.constantFrom("owner", "member", "device"),
      fc.option(who),
      ([kind, message], signerKind, other) => {
        const id = other ?? ("member" in message ? message.member : message.owner);
        const code = desk.say(kind, message as Message<typeof kind>, { kind: signerKind, id });
        assert.ok(code === "ok" || code === "exists" || code in ledgerCodes, code);
        met.add(code);
      },
    ),
    { numRuns: 1000, seed: 3 },
  );
  assert.ok(met.has("ok") && met.size >= 7, [...met].join(", "));
});
