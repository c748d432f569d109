import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, test } from "node:test";
import { Failure } from "@busbar/protocol";
import { claimKeys, openSealed } from "@busbar/protocol/claim";
import { nativeScrypt } from "@busbar/protocol/node";
import fc from "fast-check";
import { testSigner } from "../../test/support/memory-registry.ts";
import { signSheet } from "../commissioning/sheet.ts";
import { labelFiles, labelFor, typedLabel } from "./labels.ts";
import { siteCardOf } from "./site.ts";

const scratch = mkdtempSync(join(tmpdir(), "busbar-site-test-"));
after(() => rmSync(scratch, { recursive: true, force: true }));

function put(name: string, content: string | Uint8Array): string {
  const path = join(scratch, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
  return path;
}

const siteFilesOf = (file: string, hasLabel = false) => siteCardOf(file, { hasLabel }).files;
const key = (n: number) => Buffer.from(testSigner(n).publicKey).toString("base64url");
const members = [{ id: "m1", key: key(1), voting: true }];
const unit = `unit:
  site: demo
  device: { id: unit-1 }
  owner: { id: anna }
  brokers: [{ url: "mqtts://broker.example:8883" }]
  meters:
    - { id: anna-grid, profile: eastron-sdm120, connection: { kind: rtu, path: /dev/ttyUSB0 } }
`;

test("one file for a site becomes the files that the image takes over", () => {
  put("site/membership.json", JSON.stringify({ chain: "demo", site: "demo", members }));
  const file = put(
    "site/site.yaml",
    `hostname: anna
network: { address: 192.168.1.20/24, gateway: 192.168.1.1, dns: [192.168.1.1, "fd00::1"] }
wifi: { country: DE, ssid: IEEE, passphrase: password }
time: { servers: [ntp.example.org, 192.168.1.1] }
membership: membership.json
updateKeys: [${key(2)}]
${unit}`,
  );
  const files = siteFilesOf(file);
  assert.equal(files.get("hostname"), "anna\n");
  assert.match(
    files.get("network/10-site.network") ?? "",
    /Type=ether\n\n\[Network\]\nAddress=192\.168\.1\.20\/24\nGateway=192\.168\.1\.1\nDNS=192\.168\.1\.1\nDNS=fd00::1\n/,
  );
  assert.equal(
    files.get("timesyncd.conf.d/site.conf"),
    "[Time]\nNTP=ntp.example.org 192.168.1.1\n",
  );
  // IEEE Std 802.11-2016, J.4.2, test case 1.
  const psk = "f42c6fc52df0ebef9ebb4b90b38a5f902e83fe1b135a70e23aed762e9710a12e";
  const wifi = files.get("wifi.conf") ?? "";
  // The image's own check takes it.
  const checked = spawnSync("sh", ["hardware/image/root/wifi-check", put("wifi.conf", wifi)]);
  assert.equal(checked.status, 0, String(checked.stdout));
  assert.equal(wifi, `country=DE\nnetwork={\n\tssid=49454545\n\tpsk=${psk}\n}\n`);
  assert.equal(files.get("update-keys"), `${key(2)}\n`);
  // What the unit reads back is what was said, and a file of setup's goes as it is.
  const edge = put("site/edge.yaml", files.get("edge.yaml") ?? "");
  assert.match(readFileSync(edge, "utf8"), /mqtts:\/\/broker\.example:8883/);
  const again = siteFilesOf(put("site/again.yaml", "configuration: edge.yaml\n"));
  assert.deepEqual([...again], [["edge.yaml", readFileSync(edge, "utf8")]]);
  const firstBoot = readFileSync("hardware/image/root/first-boot", "utf8");
  for (const name of files.keys()) assert.ok(firstBoot.includes(name.split("/")[0] ?? "?"), name);
});

test("a site's file with a fault is refused with its line and what was expected", () => {
  put("membership.json", JSON.stringify({ chain: "other", site: "other", members }));
  const cases: readonly (readonly [string, RegExp])[] = [
    ["", /site\.yaml/],
    ["{}", /says nothing/],
    ["hostname: Anna_1", /site\.yaml:1: hostname: expected small letters/],
    ['hostname: "a\\nb"', /expected small letters/],
    ["\nnetwork: { address: 192.168.1.20 }", /:2: network\.address: .*like 192\.168\.1\.20\/24/],
    ["network: { address: 192.168.1.20/33 }", /network\.address/],
    ['network: { address: 10.0.0.1/8, gateway: "x\\nDHCP=yes" }', /expected an IP address/],
    ["wifi: { country: de, ssid: a, passphrase: 12345678 }", /wifi\.country: .*like DE/],
    [`wifi: { country: DE, ssid: ${"ä".repeat(17)}, passphrase: a2345678 }`, /1 to 32 bytes/],
    ['wifi: { country: DE, ssid: a, passphrase: "a2345678\\n" }', /8 to 63 printable/],
    ['time: { servers: ["a b"] }', /expected a host/],
    ['time: { servers: ["a\\n[Time]"] }', /expected a host/],
    ["updateKeys: [abc]", /expected a public key/],
    ["claim: 1234", /unknown key claim/],
    [`${unit}secrets: [a.key]`, /sealed by a label alone; give --labels/],
    ["configuration: none.yaml", /none\.yaml: cannot be read \(ENOENT\)/],
    [`configuration: none.yaml\n${unit}`, /not both/],
    ["unit: { site: demo }", /unit\.device: missing/],
    [unit.replace("eastron-sdm120", "./mine.yaml"), /\.\/mine\.yaml is a file that a card cannot/],
    [`${unit}membership: membership.json`, /expected the membership of demo, got that of other/],
    ["hostname: [", /site\.yaml:1/],
  ];
  for (const [text, words] of cases) {
    assert.throws(
      () => siteFilesOf(put("site.yaml", text)),
      (error: unknown) => {
        assert.ok(error instanceof Failure, `${text}: ${error}`);
        assert.match(error.message, words, text);
        return true;
      },
    );
  }
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
      assert.throws(() => siteFilesOf(put("site.yaml", bytes)), Failure);
    }),
    { numRuns: 100 },
  );
});

const sheet = (changes: object = {}, label: object = {}) => ({
  ...{ form: "busbar-labels-1", site: "demo", member: "m1", until: "2026-07-01T00:00:00.000Z" },
  labels: [
    { device: "unit-1", owner: "anna", party: "user", code: "0000-0000-0000-0000", ...label },
  ],
  ...changes,
});
const june = Date.parse("2026-06-01T00:00:00Z");
const who = {
  site: "demo",
  device: { id: "unit-1", key: "device.key" },
  owner: { id: "anna", party: "user", name: "Anna" },
} as const;

test("with its label a card takes secrets along, and nobody reads them there", async () => {
  const owner = put("label/owner.key", "the owner's own key");
  put("label/unit.key", "a key for the broker");
  const tls = "tls: { cert: /var/lib/busbar/unit.pem, key: /var/lib/busbar/unit.key }";
  put("label/unit.pem", "a certificate");
  const broker = `[{ url: "mqtts://broker.example:8883", ${tls} }]`;
  const text = unit.replace(/brokers: .*/, `brokers: ${broker}`);
  const file = put("label/site.yaml", `secrets: [owner.key, unit.key, unit.pem]\n${text}`);
  const card = siteCardOf(file, { hasLabel: true });
  assert.equal(card.files.get("hostname"), "unit-1\n", "where the label's code leads to");
  const label = labelFor(put("labels.json", JSON.stringify(sheet())), who, june);
  const files = await labelFiles(label, card.secrets, { codeOnCard: false });
  assert.deepEqual([...files.keys()], ["sealed.txt"]);
  const all = [...card.files.values(), ...files.values()].join("");
  for (const secret of [readFileSync(owner, "utf8"), "a key for the broker", "0000-0000"]) {
    assert.ok(!all.includes(secret), secret);
    assert.ok(!all.includes(Buffer.from(secret).toString("base64").slice(0, 12)), secret);
  }
  const { sealing } = await claimKeys(label.code, "demo", nativeScrypt);
  const opened = openSealed(files.get("sealed.txt") ?? "", sealing);
  assert.ok(opened.ok);
  assert.deepEqual(
    opened.sealed.files.map(({ name, content }) => [name, Buffer.from(content).toString()]),
    [
      ["owner.key", "the owner's own key"],
      ["unit.key", "a key for the broker"],
      ["unit.pem", "a certificate"],
    ],
  );
  assert.deepEqual(
    [opened.sealed.device, opened.sealed.until],
    ["unit-1", Date.parse("2026-07-01")],
  );
  const typed = typedLabel("http://unit-1.local:8080/claim#0000-0000-0000-0000@demo", who);
  assert.deepEqual(typed, { ...label, until: undefined });
  assert.throws(() => typedLabel("0000", who), /16 letters/);
  assert.throws(() => typedLabel("#0000-0000-0000-0000@elm", who), /of site elm/);
  const withCode = await labelFiles(label, [], { codeOnCard: true });
  assert.equal(withCode.get("claim.txt"), "0000-0000-0000-0000\n");
  // Without a label the same site's file is refused, and so is what would take a unit's own file's place.
  assert.throws(() => siteCardOf(file, { hasLabel: false }), /sealed by a label alone/);
  for (const [secrets, words] of [
    ["[device.key]", /each unit makes of its own/],
    ["[a/owner.key, owner.key]", /two files are called owner\.key/],
    ["[none.key]", /none\.key: cannot be read/],
    ["[Owner_1.key]", /expected a name of small letters/],
  ] as const) {
    put("label/device.key", "");
    put("label/a/owner.key", "");
    const odd = put("label/odd.yaml", `secrets: ${secrets}\n${unit}`);
    assert.throws(() => siteCardOf(odd, { hasLabel: true }), words);
  }
  const foreign = put("label/foreign.yaml", text);
  assert.throws(() => siteCardOf(foreign, { hasLabel: true }), /list the file under secrets/);
});

test("a label of another site, unit, owner or time, mistyped or no label at all, is refused in words", () => {
  const cases: readonly (readonly [object | string, RegExp])[] = [
    [sheet({ site: "elm" }), /labels of site elm, and the card is for demo/],
    [sheet({}, { device: "unit-2" }), /no label for unit-1 in it, but for unit-2/],
    [sheet({}, { owner: "bob" }), /is for user bob, the configuration says user anna/],
    [sheet({}, { party: "company" }), /is for company anna/],
    [sheet({ until: "2026-06-01T00:00:00Z" }), /ended on 2026-06-01/],
    [
      sheet({}, { code: "0000-0000-0000-0001" }),
      /the code of unit-1: a character was read or typed/,
    ],
    [sheet({}, { code: "" }), /expected 16 letters/],
    [sheet({ form: "busbar-labels-2" }), /labels\.json:1: form/],
    [sheet({ labels: [] }), /labels\.json:1: labels/],
    [sheet({ until: "tomorrow" }), /labels\.json:1: until/],
    ["", /labels\.json/],
    ["{", /labels\.json:1/],
    ["[]", /labels\.json/],
  ];
  for (const [content, words] of cases) {
    const text = typeof content === "string" ? content : JSON.stringify(content);
    const path = put("labels.json", text);
    assert.throws(
      () => labelFor(path, who, june),
      (error: unknown) => {
        assert.ok(error instanceof Failure, `${text}: ${error}`);
        assert.match(error.message, words, text);
        return true;
      },
    );
  }
  assert.throws(() => labelFor(join(scratch, "none.json"), who, june), /cannot be read \(ENOENT\)/);
});

test("a commissioning sheet brings the configuration back, unless somebody changed it", () => {
  const signer = testSigner(5);
  const configuration = unit.replace(/^unit:\n/, "").replaceAll(/^ {2}/gm, "");
  const made = {
    form: "busbar-commissioning-1",
    ...{ site: "demo", device: "unit-1", owner: "anna" },
    ...{ unitKey: key(5), configuration, version: "1", at: "2026-06-01T00:00:00Z" },
    ...{ installer: "Ivo", meters: [], displays: [], trials: [], open: [] },
  } as const;
  const signed = signSheet(made, signer);
  put("sheet.json", JSON.stringify(signed));
  const file = put("again.yaml", "configuration: sheet.json\n");
  assert.equal(siteFilesOf(file).get("edge.yaml"), configuration);
  const changed = { ...signed, sheet: { ...made, configuration: `${configuration}log: debug\n` } };
  put("sheet.json", JSON.stringify(changed));
  assert.throws(() => siteFilesOf(file), /not what the unit signed/);
  const { configuration: _, ...older } = made;
  put("sheet.json", JSON.stringify(signSheet(older, signer)));
  assert.throws(() => siteFilesOf(file), /before sheets held the configuration/);
});
