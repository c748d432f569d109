import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { EdgeReader, gpiomonArguments, gpiomonGeneration, parseEdge } from "./gpiomon-lines.ts";

const line = { chip: "gpiochip0", offset: 17, bias: "pull-up", activeLow: true } as const;

test("both generations of gpiomon are told apart by what they say of themselves", () => {
  assert.equal(gpiomonGeneration("gpiomon (libgpiod) v1.6.3\nCopyright …"), 1);
  assert.equal(gpiomonGeneration("gpiomon (libgpiod) v2.2.1\n"), 2);
  assert.equal(gpiomonGeneration("gpiomon (libgpiod) v3.0\n"), undefined);
  assert.equal(gpiomonGeneration("sh: gpiomon: not found"), undefined);
});

// Source of options and formats: libgpiod, tools/gpiomon.c of v1.6.3 and v2.2.
test("each generation is called with its own options", () => {
  assert.equal(
    gpiomonArguments(1, line).join(" "),
    "--line-buffered --bias=pull-up --active-low --format=%e %o %s %n gpiochip0 17",
  );
  assert.equal(
    gpiomonArguments(2, { ...line, bias: "disabled", activeLow: false }).join(" "),
    "--chip gpiochip0 --edges both --event-clock monotonic --bias disabled --format %e %o %S 17",
  );
});

test("generation 1 does not pad nanoseconds, and 0 is falling; in generation 2 it is 2", () => {
  assert.deepEqual(parseEdge(1, "1 17 12 5000", 17), { active: true, us: 12_000_005 });
  assert.deepEqual(parseEdge(1, "0 17 12 999999999", 17), { active: false, us: 12_999_999 });
  assert.deepEqual(parseEdge(2, "1 17 12.000005000", 17), { active: true, us: 12_000_005 });
  assert.deepEqual(parseEdge(2, "2 17 12.999999999", 17), { active: false, us: 12_999_999 });
});

test("lines that tell no edge of this GPIO line are none", () => {
  for (const text of [
    "",
    "1 17 12",
    "1 18 12 5000",
    "2 17 12 5000",
    "x1 17 12 5000",
    "1 17 -1 5",
  ]) {
    assert.equal(parseEdge(1, text, 17), undefined, text);
  }
  for (const text of ["0 17 12.000005000", "1 17 12.5", "1 17 12.000005000 ", "rising"]) {
    assert.equal(parseEdge(2, text, 17), undefined, text);
  }
  fc.assert(
    fc.property(fc.string(), fc.constantFrom(1 as const, 2 as const), (text, generation) => {
      const edge = parseEdge(generation, text, 17);
      assert.ok(edge === undefined || Number.isSafeInteger(edge.us));
    }),
  );
});

test("no chunking and no noise between lines changes which edges are told", () => {
  const told = fc.record({ rising: fc.boolean(), us: fc.nat({ max: 4e9 }) });
  // A noise line ends where it is said to: what stands in it cannot be an edge.
  const noise = fc.string({ maxLength: 400 }).map((text) => `x${text.replaceAll("\n", "")}`);
  fc.assert(
    fc.property(
      fc.array(fc.oneof(told, noise), { maxLength: 30 }),
      fc.array(fc.integer({ min: 1, max: 700 }), { minLength: 1, maxLength: 20 }),
      (parts, cuts) => {
        const lines = parts.map((part) =>
          typeof part === "string"
            ? part
            : `${part.rising ? 1 : 0} 17 ${Math.floor(part.us / 1e6)} ${(part.us % 1e6) * 1000}`,
        );
        const text = lines.map((line) => `${line}\n`).join("");
        const reader = new EdgeReader(1, 17);
        const found = [];
        let bad = 0;
        for (let at = 0, i = 0; at < text.length; i += 1) {
          const length = cuts[i % cuts.length] ?? 1;
          const { edges, malformed } = reader.push(text.slice(at, at + length));
          found.push(...edges);
          bad += malformed;
          at += length;
        }
        const wanted = parts.flatMap((part) =>
          typeof part === "string" ? [] : [{ active: part.rising, us: part.us }],
        );
        assert.deepEqual(found, wanted);
        assert.equal(bad, parts.length - wanted.length);
      },
    ),
  );
});
