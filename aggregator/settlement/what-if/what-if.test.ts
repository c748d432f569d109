import assert from "node:assert/strict";
import { test } from "node:test";
import { microPerKwh, utcMs, wh } from "@busbar/protocol";
import fc from "fast-check";
import { paperRules } from "../../market/game/paper-rules.ts";
import type { Community, CommunityMember, CommunityTerms, MemberEnergy } from "./community.ts";
import { whatIfPage } from "./page.ts";
import { netRetail, schemes } from "./schemes.ts";
import { whatIf } from "./what-if.ts";

const terms: CommunityTerms = {
  ...paperRules,
  feedIn: microPerKwh(400_000),
  retail: microPerKwh(700_000),
  sharePrice: microPerKwh(550_000),
};
const slotMs = 900_000;
const start = Date.parse("2026-06-01T00:00:00Z");

const energy = fc.option(
  fc.record(
    {
      importWh: fc.nat(4000).map(wh),
      exportWh: fc.nat(4000).map(wh),
      generationWh: fc.nat(9000).map(wh),
    },
    { requiredKeys: ["importWh", "exportWh"] },
  ),
  { freq: 9, nil: undefined },
);
const communities = fc.integer({ min: 1, max: 6 }).chain((count) =>
  fc.record({
    slotMs: fc.constant(slotMs),
    members: fc.tuple(
      ...Array.from({ length: count }, (_, i) =>
        fc.record({
          id: fc.constant(`m${i}`),
          party: fc.constantFrom("company" as const, "user" as const),
          weight: fc.nat(5),
          gameWeight: fc.integer({ min: 1, max: 9 }),
          band: fc
            .constantFrom([500_000, 700_000], [420_000, 690_000])
            .map(([low = 0, high = 0]) => [microPerKwh(low), microPerKwh(high)] as const),
          // Shared energy costs 0.55, so up to there a way leaves nobody worse off under a key.
          fee: fc.nat(100_000).map(microPerKwh),
        }),
      ),
    ),
    slots: fc
      .array(fc.tuple(...Array.from({ length: count }, () => energy)), {
        minLength: 1,
        maxLength: 4,
      })
      .map((all) => all.map((energy, i) => ({ start: utcMs(start + i * slotMs), energy }))),
  }),
);

/** Whatever is owed besides, it keeps the order of what schemes cost. */
const withCharges: CommunityTerms = {
  ...terms,
  charges: [
    { id: "metering", sort: "fee", on: "import", rate: 5_000 },
    { id: "vat", sort: "tax", on: "cost", rate: 190 },
  ],
};
const total = (values: readonly number[]) => values.reduce((all, value) => all + value, 0);

test("with limits at what the bureau would take or give, no scheme makes anybody worse off", () => {
  fc.assert(
    fc.property(communities, (community) => {
      const { members } = whatIf(community, withCharges);
      // Each of a member's payments in a slot is rounded by half a unit at most.
      const rounding = 6 * community.slots.length;
      for (const { id, totals } of members) {
        for (const { scheme, savingMicro } of totals) {
          assert.ok(savingMicro >= -rounding, `${id} ${scheme} ${savingMicro}`);
        }
      }
    }),
  );
});

test("every scheme moves the meters' energy, each Wh once, and members' sums are the community's", () => {
  fc.assert(
    fc.property(communities, (community) => {
      const { members, community: all } = whatIf(community, terms);
      for (const [s, scheme] of schemes.entries()) {
        const own = members.map(({ totals }) => totals[s]);
        const of = (key: "costMicro" | "receivedWh" | "givenWh" | "boughtWh" | "soldWh") =>
          total(own.map((totals) => totals?.[key] ?? 0));
        const sum = all[s];
        assert.equal(sum?.scheme, scheme);
        assert.equal(of("costMicro"), sum?.costMicro);
        assert.equal(of("receivedWh"), of("givenWh"), scheme);
        for (const [i, totals] of own.entries()) {
          const retail = members[i]?.totals[0];
          assert.equal((totals?.receivedWh ?? 0) + (totals?.boughtWh ?? 0), retail?.boughtWh);
          assert.equal((totals?.givenWh ?? 0) + (totals?.soldWh ?? 0), retail?.soldWh);
          assert.ok((totals?.peakW ?? 0) <= (retail?.peakW ?? 0));
        }
      }
      const shared = all.map(({ receivedWh }) => receivedWh);
      // Retail shares nothing; all but the static key share all that can be.
      assert.equal(shared[0], 0);
      assert.equal(new Set(shared.slice(2)).size, 1);
      assert.ok((shared[1] ?? 0) <= (shared[2] ?? 0));
    }),
  );
});

const member = (id: string, party: "company" | "user", weight: number): CommunityMember => {
  return { id, party, weight };
};
const flow = (importWh: number, exportWh: number, generationWh?: number): MemberEnergy => ({
  importWh: wh(importWh),
  exportWh: wh(exportWh),
  ...(generationWh === undefined ? {} : { generationWh: wh(generationWh) }),
});

const small: Community = {
  slotMs: 3_600_000,
  members: [member("roof", "company", 0), member("anna", "user", 3), member("ben", "user", 1)],
  slots: [
    { start: utcMs(start + 43_200_000), energy: [flow(0, 1000, 1500), flow(800, 0), flow(400, 0)] },
    { start: utcMs(start + 79_200_000), energy: [flow(200, 0, 0), flow(500, 0), undefined] },
  ],
};

test("a noon and an evening, by hand", () => {
  const report = whatIf(small, terms);
  const of = (id: string, scheme: (typeof schemes)[number]) =>
    report.members.find((one) => one.id === id)?.totals.find((one) => one.scheme === scheme);
  // κ · 0.7² = 0.0245 off a kWh from the bureau: 0.6755.
  assert.equal(netRetail(terms), 675_500);
  assert.equal(of("roof", "retail")?.costMicro, 0.2 * 675_500 - 400_000);
  assert.equal(of("anna", "retail")?.costMicro, 1.3 * 675_500);
  // Anna is entitled to 750 of 1000 Wh, Ben to 250; both need more.
  assert.equal(of("anna", "static-key")?.receivedWh, 750);
  assert.equal(of("anna", "static-key")?.costMicro, 0.75 * 550_000 + 0.55 * 675_500);
  assert.equal(of("anna", "dynamic-key")?.receivedWh, 667);
  // At the buyers' own limits nothing is left to them; the roof gets all of it.
  assert.equal(of("anna", "pay-as-bid")?.savingMicro, 0);
  assert.equal(of("roof", "pay-as-bid")?.savingMicro, 675_500 - 400_000);
  // Both bids stay in part unserved: only their limit supports the optimum.
  assert.equal(of("roof", "uniform-price")?.savingMicro, 275_500);
  const roof = of("roof", "dynamic-key");
  assert.equal(roof?.selfConsumption, 1);
  assert.equal(roof?.selfSufficiency, 500 / 700);
  assert.equal(of("roof", "retail")?.selfConsumption, 500 / 1500);
  assert.equal(of("anna", "retail")?.peakW, 800);
  assert.equal(of("anna", "static-key")?.peakW, 500);
  assert.deepEqual(
    report.members.map(({ id, slots, generationKnown }) => [id, slots, generationKnown]),
    [
      ["roof", 2, true],
      ["anna", 2, false],
      ["ben", 1, false],
    ],
  );
  const static_ = report.worstOff.find(({ scheme }) => scheme === "static-key");
  assert.deepEqual(static_, { scheme: "static-key", id: "ben", savingMicro: 0.25 * 125_500 });
  const [retail, shared] = report.community;
  assert.equal(retail?.selfSufficiency, 500 / 2400);
  assert.equal(shared?.selfSufficiency, 1500 / 2400);
  assert.equal(retail?.peakW, 1200);
  assert.equal(report.to - report.from, 11 * 3_600_000);
});

test("with more sun than need the price is what bargaining says, or the middle", () => {
  const sunny = {
    ...small,
    slots: [{ start: utcMs(start), energy: [flow(0, 3000), flow(800, 0), flow(400, 0)] }],
  };
  const [roof] = whatIf(sunny, terms).members;
  const cost = (scheme: (typeof schemes)[number]) =>
    roof?.totals.find((one) => one.scheme === scheme)?.costMicro ?? 0;
  // The asks' limit bounds below, nothing above: a book of one ask that is not sold out.
  assert.equal(cost("uniform-price"), -3 * 400_000);
  assert.ok(cost("bargaining") <= cost("uniform-price"));
});

test("own limits are kept: who asks more than anybody pays sells to the bureau", () => {
  const [roof, anna, ben] = small.members;
  assert.ok(roof !== undefined && anna !== undefined && ben !== undefined);
  const proud = { ...small, members: [{ ...roof, ask: microPerKwh(690_000) }, anna, ben] };
  const report = whatIf(proud, terms);
  for (const { scheme, receivedWh } of report.community) {
    assert.equal(receivedWh > 0, scheme.endsWith("key"), scheme);
  }
});

test("a community of nobody, or of no slot, is refused", () => {
  assert.throws(() => whatIf({ ...small, slots: [] }, terms), RangeError);
  assert.throws(() => whatIf({ ...small, members: [] }, terms), RangeError);
});

test("the page is whole by itself, escapes names, and draws many members by rank", () => {
  const page = whatIfPage(whatIf(small, terms), "a<b>.csv");
  assert.equal(page.match(/<svg viewBox="0 0 760 320"/g)?.length, 3);
  assert.doesNotMatch(page, /https?:|<script|NaN|Infinity|undefined|a<b>/);
  assert.match(page, /prefers-color-scheme: dark/);
  assert.match(page, /<td>ben<\/td>/);
  const many: Community = {
    ...small,
    members: Array.from({ length: 30 }, (_, i) => member(`m${i}`, "user", 1)),
    slots: [
      { start: utcMs(start), energy: Array.from({ length: 30 }, (_, i) => flow(i * 10, 300)) },
    ],
  };
  assert.match(whatIfPage(whatIf(many, terms), "x"), /members, the worst off first/);
});
