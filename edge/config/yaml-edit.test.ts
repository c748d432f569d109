import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parse } from "yaml";
import { editYaml } from "./yaml-edit.ts";

const file = `# top
site:   demo   # the site
device: {id: unit-1}   # flow, tight
owner: { id: sunny, party: company, name: 'Sunny Ltd', key: owner.key }

# meters below
meters:
  - id: a   # first
    profile: eastron-sdm630
    # about the line
    connection: { kind: tcp, host: 127.0.0.1, port: 502 }
  # second
  - {id: b, profile: x, connection: {kind: rtu, path: /dev/x}}   # flow item

# end
status: { port: 0 }
`;

type Meter = Record<string, unknown>;
type Content = Record<string, unknown> & { meters: Meter[] };

/** The file with its content changed. */
function edited(text: string, change: (content: Content) => void): string {
  const content = parse(text) as Content;
  change(content);
  const result = editYaml(text, content);
  assert.deepEqual(parse(result), content);
  return result;
}

/** The lines that are not the same in both, gone and new. */
function changedLines(before: string, after: string): [string[], string[]] {
  const [a, b] = [before.split("\n"), after.split("\n")];
  return [a.filter((line) => !b.includes(line)), b.filter((line) => !a.includes(line))];
}

test("nothing to change leaves every byte", () => {
  assert.equal(
    edited(file, () => {}),
    file,
  );
});

test("a value changes in its place; comments, quotes and spacing around it stay", () => {
  const after = edited(file, (content) => {
    content.site = "other";
    (content.meters[0]?.connection as Meter).port = 503;
  });
  const tcp = "    connection: { kind: tcp, host: 127.0.0.1, port: 503 }";
  assert.deepEqual(changedLines(file, after)[1], ["site:   other   # the site", tcp]);
  assert.equal(after.length, file.length + 1);
});

test("a meter is put behind the last one, in the manner of the list", () => {
  const meter = { id: "c", profile: "sml", connection: { kind: "rtu", path: "/dev/y" } };
  const after = edited(file, ({ meters }) => meters.push(meter));
  const [gone, come] = changedLines(file, after);
  assert.deepEqual(gone, []);
  assert.deepEqual(come, [
    "  - id: c",
    "    profile: sml",
    "    connection: { kind: rtu, path: /dev/y }",
  ]);
  assert.ok(after.indexOf("- id: c") > after.indexOf("# flow item"));
  assert.ok(after.indexOf("- id: c") < after.indexOf("# end"));
});

test("a meter that goes takes its lines and no others", () => {
  const after = edited(file, (content) => content.meters.shift());
  assert.deepEqual(changedLines(file, after)[1], []);
  for (const comment of ["# top", "# second", "# flow item", "# end"])
    assert.ok(after.includes(comment));
});

test("keys are added to maps of either style, and lists where there was none", () => {
  const after = edited(file, (content) => {
    content.device = { id: "unit-1", key: "k.key" };
    content.meters[0] = { ...content.meters[0], unit: 3 };
    content.brokers = [{ url: "mqtts://a:8883" }];
  });
  assert.match(after, /^device: \{id: unit-1, key: k\.key\} {3}# flow, tight$/m);
  assert.match(after, /port: 502 \}\n {4}unit: 3\n {2}# second$/m);
  assert.match(after, /\nbrokers:\n {2}- url: mqtts:\/\/a:8883\n$/);
});

test("text that would read as something else is quoted, and Windows line ends stay", () => {
  const windows = file.replaceAll("\n", "\r\n");
  const after = edited(windows, ({ meters }) => {
    meters.push({ id: "d", profile: "mbus", address: "00012345", name: "yes: # no" });
  });
  assert.match(after, /address: "00012345"/);
  assert.equal(after.replaceAll("\r\n", "").includes("\n"), false);
});

test("a file without a last line end, with anchors or blocks of text is changed all the same", () => {
  const odd = "site: &s demo\ndevice: { id: *s }\nnote: |\n  a\n  b\nmeters:\n- id: a # x";
  const after = edited(odd, (content) => {
    content.meters.push({ id: "b" });
    content.note = "short";
  });
  assert.match(after, /&s demo/);
  assert.match(after, /# x/);
});

const scalar = fc.oneof(
  fc.string(),
  fc.integer(),
  fc.boolean(),
  fc.constantFrom("yes", "1e3", "# x", "a: b", "-", ""),
);
const id = fc.stringMatching(/^[a-z]{1,5}$/);
const map = fc.dictionary(id, scalar, { maxKeys: 4, noNullPrototype: true });
const plain = { noNullPrototype: true } as const;
const meter = fc.record({ id, connection: map, unit: scalar }, plain);
const meters = fc.uniqueArray(meter, { selector: (one) => one.id, maxLength: 4 });
const content = fc.record({ site: scalar, device: map, meters }, plain);

test("whatever is asked for is what the file then says, from any file and twice over", () => {
  fc.assert(
    fc.property(content, content, content, (first, second, third) => {
      const base = editYaml(file, first);
      assert.deepEqual(parse(base), first);
      const next = editYaml(base, second);
      assert.deepEqual(parse(next), second);
      assert.deepEqual(parse(editYaml(next, third)), third);
    }),
    { numRuns: 50 },
  );
});
