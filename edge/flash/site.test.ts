import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, test } from "node:test";
import { Failure } from "@busbar/protocol";
import fc from "fast-check";
import { testSigner } from "../../test/support/memory-registry.ts";
import { siteFilesOf } from "./site.ts";

const scratch = mkdtempSync(join(tmpdir(), "busbar-site-test-"));
after(() => rmSync(scratch, { recursive: true, force: true }));

function put(name: string, content: string | Uint8Array): string {
  const path = join(scratch, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
  return path;
}

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
