import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { addressAgain, placeOf } from "./join-address.ts";

const home = mkdtempSync(join(tmpdir(), "busbar-join-"));
after(() => rmSync(home, { recursive: true }));

const listening = (host: string) =>
  writeFileSync(
    join(home, "aggregator.yaml"),
    `site: elm
member: member-5
engine: pbft
consensus: { listen: { host: "${host}", port: 7601 }, peers: [{ id: member-1, address: "127.0.0.1:7600" }] }
`,
  );

test("a new member is reached on this machine unless it says where, and listens there", () => {
  const place = (address?: string, linkPort?: number) => {
    const { listen, address: told } = placeOf({ address, linkPort });
    return `${told} at ${listen.host} ${listen.port}`;
  };
  assert.equal(place(), "127.0.0.1:7600 at 127.0.0.1 7600");
  assert.equal(place(undefined, 7610), "127.0.0.1:7610 at 127.0.0.1 7610");
  assert.equal(place("127.0.0.1:7610"), "127.0.0.1:7610 at 127.0.0.1 7610");
  assert.equal(place("192.0.2.7:7700"), "192.0.2.7:7700 at 0.0.0.0 7700");
  assert.equal(place("[2001:db8::7]:7700", 7600), "[2001:db8::7]:7700 at :: 7600");
  assert.throws(() => place("192.0.2.7"), {
    code: "join.address",
    message: /expected host:port, got 192\.0\.2\.7/,
  });
});

test("a renewed request keeps where its member is reached, or asks for it", () => {
  listening("127.0.0.1");
  assert.equal(addressAgain(home, undefined), "127.0.0.1:7601");
  assert.equal(addressAgain(home, "192.0.2.7:7700"), "192.0.2.7:7700");
  listening("0.0.0.0");
  assert.throws(() => addressAgain(home, undefined), {
    code: "join.address",
    message: /expected --address host:port/,
  });
});
