import assert from "node:assert/strict";
import { test } from "node:test";
import { wh } from "@busbar/protocol";
import fc from "fast-check";
import { busesOf, type Line, leastLossWay } from "./network.ts";
import { flowsSvg, flowsText } from "./picture.ts";
import { routeTrades, type Transport } from "./route.ts";

const line = (
  id: string,
  from: string,
  to: string,
  lossPermille: number,
  capacity?: number,
): Line => ({
  id,
  from,
  to,
  lossPermille,
  ...(capacity === undefined ? {} : { capacity: wh(capacity) }),
});
const send = (id: string, from: string, to: string, energy: number): Transport => {
  return { id, from, to, energy: wh(energy) };
};

const buses = ["a", "b", "c", "d", "e"];
const networks = fc
  .array(
    fc.record({
      from: fc.constantFrom(...buses),
      to: fc.constantFrom(...buses),
      lossPermille: fc.nat(80),
      capacity: fc.option(fc.nat(500).map(wh), { nil: undefined }),
    }),
    { maxLength: 9 },
  )
  .map((all) =>
    all
      .filter(({ from, to }) => from !== to)
      .map(({ capacity, ...rest }, i): Line => {
        return { id: `l${i}`, ...rest, ...(capacity === undefined ? {} : { capacity }) };
      }),
  );
const trades = fc
  .array(
    fc.record({
      from: fc.constantFrom(...buses),
      to: fc.constantFrom(...buses),
      energy: fc.nat(600).map(wh),
    }),
    { maxLength: 6 },
  )
  .map((all) => all.map((one, i): Transport => ({ id: `t${i}`, ...one })));
const total = (values: readonly number[]) => values.reduce((all, value) => all + value, 0);

test("no line carries more than it can, what enters a bus leaves it, and cut and sent are the whole", () => {
  fc.assert(
    fc.property(networks, trades, (lines, all) => {
      const { trades: routed, lines: flows } = routeTrades(lines, all);
      for (const { id, flowWh, capacity = Number.POSITIVE_INFINITY } of flows) {
        assert.ok(Math.abs(flowWh) <= capacity, id);
      }
      for (const [i, { energy, cutWh, legs, reason }] of routed.entries()) {
        assert.equal(energy + cutWh, all[i]?.energy);
        assert.equal(total(legs.map((leg) => leg.energy)), energy);
        assert.equal(reason === undefined, cutWh === 0);
      }
      for (const bus of buses) {
        const out = total(flows.map(({ from, flowWh }) => (from === bus ? flowWh : 0)));
        const into = total(flows.map(({ to, flowWh }) => (to === bus ? flowWh : 0)));
        const sent = routed.map(({ energy }, i) => {
          const { from, to } = all[i] ?? { from: "", to: "" };
          return (from === bus ? energy : 0) - (to === bus ? energy : 0);
        });
        assert.equal(out - into, total(sent), bus);
      }
      // Each line's loss once, on those who use it.
      assert.equal(
        total(routed.map(({ lossWh }) => lossWh)),
        total(flows.map(({ lossWh }) => lossWh)),
      );
    }),
  );
});

test("the order of lines and trades changes nothing", () => {
  fc.assert(
    fc.property(networks, trades, (lines, all) => {
      const there = routeTrades(lines, all);
      const back = routeTrades(lines.toReversed(), all.toReversed());
      assert.deepEqual(back.trades.toReversed(), there.trades);
      assert.deepEqual(back.lines.toReversed(), there.lines);
    }),
  );
});

test("the way found has the least loss of all ways", () => {
  const lossOf = (
    lines: readonly Line[],
    from: string,
    to: string,
    seen: readonly string[],
  ): number => {
    if (from === to) return 0;
    return Math.min(
      ...lines.flatMap((one) => {
        const next = one.from === from ? one.to : one.to === from ? one.from : undefined;
        if (next === undefined || seen.includes(next)) return [];
        return [one.lossPermille + lossOf(lines, next, to, [...seen, next])];
      }),
      Number.POSITIVE_INFINITY,
    );
  };
  fc.assert(
    fc.property(
      networks,
      fc.constantFrom(...buses),
      fc.constantFrom(...buses),
      (lines, from, to) => {
        const way = leastLossWay(lines, { from, to });
        const least = lossOf(lines, from, to, [from]);
        if (way === undefined) assert.equal(least, Number.POSITIVE_INFINITY);
        else assert.equal(total(way.map(({ line: one }) => one.lossPermille)), least);
      },
    ),
  );
});

/** A ring: a to c by b with little loss and little room, or straight with much of both. */
const ring = [
  line("ab", "a", "b", 10, 100),
  line("bc", "b", "c", 10, 100),
  line("ac", "a", "c", 50, 50),
];

test("what the best way cannot carry takes the next one, and what no way can is cut in proportion", () => {
  const { trades: routed, lines } = routeTrades(ring, [
    send("x", "a", "c", 120),
    send("y", "a", "c", 60),
  ]);
  assert.deepEqual(
    routed.map(({ energy, cutWh, legs }) => [
      energy,
      cutWh,
      legs.map((leg) => [leg.lines, leg.energy]),
    ]),
    [
      [
        100,
        20,
        [
          [["ab", "bc"], 67],
          [["ac"], 33],
        ],
      ],
      [
        50,
        10,
        [
          [["ab", "bc"], 33],
          [["ac"], 17],
        ],
      ],
    ],
  );
  assert.match(routed[0]?.reason ?? "", /lines ab, bc full, and no other way has room/);
  assert.deepEqual(
    lines.map(({ lossWh }) => lossWh),
    [1, 1, 2],
  );
});

test("what flows against each other cancels, and a trade within a bus needs no line", () => {
  const { trades: routed, lines } = routeTrades(
    [line("ab", "a", "b", 20, 100)],
    [
      send("x", "a", "b", 400),
      send("y", "b", "a", 350),
      send("z", "a", "a", 5000),
      send("w", "a", "q", 1),
    ],
  );
  assert.deepEqual(
    routed.map(({ energy }) => energy),
    [400, 350, 5000, 0],
  );
  assert.equal(lines[0]?.flowWh, 50);
  assert.equal(routed[3]?.reason, "no way leads from a to q");
});

test("cuts that follow from each other a Wh at a time come to an end", () => {
  // x needs y against it on ab, y needs x against it on bc and has a Wh too little of it there.
  const lines = [line("ab", "a", "b", 0, 0), line("bc", "b", "c", 0, 1), line("cd", "c", "d", 0)];
  const huge = 1_000_000_000;
  const all = [send("x", "a", "d", huge), send("y", "c", "a", huge), send("z", "c", "b", 3)];
  const { lines: flows } = routeTrades(lines, all);
  for (const { flowWh, capacity = huge * 3 } of flows) assert.ok(Math.abs(flowWh) <= capacity);
});

test("wrong networks and trades are refused", () => {
  const bad: readonly (readonly Line[])[] = [
    [line("x", "a", "b", 0), line("x", "b", "c", 0)],
    [line("x", "a", "a", 0)],
    [line("x", "a", "b", -1)],
    [line("x", "a", "b", 1001)],
    [{ ...line("x", "a", "b", 0), capacity: 1.5 as never }],
  ];
  for (const lines of bad) assert.throws(() => routeTrades(lines, []), RangeError);
  assert.throws(
    () => routeTrades([], [send("x", "a", "b", 1), send("x", "a", "b", 1)]),
    RangeError,
  );
});

test("flows are told as text and drawn: each bus, each line with its flow, full lines marked", () => {
  const routing = routeTrades(ring, [send("x", "a", "c", 180)]);
  const text = [...flowsText(routing)].join("\n");
  assert.match(text, /ab +a → b +0\.100 +0\.100 +100 % +0\.001/);
  assert.match(text, /x +0\.150 +0\.030 +.*full/);
  const svg = flowsSvg(routing, { title: "12:00 <noon>", root: "b" });
  for (const bus of busesOf(ring)) assert.match(svg, new RegExp(`>${bus}</text>`));
  assert.equal(svg.match(/class="line full"/g)?.length, 3);
  assert.doesNotMatch(svg, /NaN|undefined|<noon>|https?:(?!\/\/www\.w3\.org)/);
  assert.match(flowsSvg({ trades: [], lines: [] }, { title: "none" }), /^<svg/);
});

test("the rest is cut nowhere, takes nobody's room, and its way and loss are shown", () => {
  const lines = [line("ab", "a", "b", 10, 100), line("bc", "b", "c", 20)];
  const rest = { ...send("bureau", "a", "c", 150), isRest: true };
  const book = send("trade", "a", "b", 90);
  const alone = routeTrades(lines, [book]);
  const { trades: routed, lines: flows } = routeTrades(lines, [rest, book]);
  assert.deepEqual(
    routed.map(({ id, energy, cutWh }) => [id, energy, cutWh]),
    [
      ["bureau", 150, 0],
      ["trade", 90, 0],
    ],
  );
  assert.deepEqual(routed[1]?.legs, alone.trades[0]?.legs);
  assert.deepEqual(
    flows.map(({ id, flowWh, lossWh }) => [id, flowWh, lossWh]),
    [
      ["ab", 240, 2],
      ["bc", 150, 3],
    ],
  );
  // Where there is no way, it is told like any other.
  const lost = { ...send("lost", "a", "z", 5), isRest: true };
  assert.deepEqual(routeTrades(lines, [lost]).trades[0]?.reason, "no way leads from a to z");
});
