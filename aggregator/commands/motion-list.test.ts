import assert from "node:assert/strict";
import { test } from "node:test";
import {
  Consortium,
  hashOf,
  motionOf,
  requestOf,
  termsOf,
} from "../ledger/rules/members/test-consortium.ts";
import { findMotion, openMotionsOf } from "./motion-list.ts";

const site = new Consortium(
  ["member-a", "member-b", "member-c", "member-d"].map((id) => termsOf(id)),
);
const request = requestOf(termsOf("member-e"));
const admit = motionOf("member-a", "admit", "member-e", { request });
const suspend = { ...motionOf("member-b", "suspend", "member-d"), reason: "key lost" };
site.one("member-a", "member-motion", admit);
site.one("member-b", "member-motion", suspend);
site.one("member-c", "ballot", { motion: hashOf(suspend), member: "member-c", accept: false });

test("open motions are told with who voted how, and what they need", () => {
  const told = openMotionsOf(site.state);
  const of = (what: string) => told.find((motion) => motion.what === what);
  const asked = of("admit member-e");
  assert.deepEqual([asked?.by, asked?.accept, asked?.needed], ["member-a", ["member-a"], 3]);
  assert.equal(asked?.request, Buffer.from(request).toString("hex"));
  const other = of("suspend member-d (key lost)");
  assert.deepEqual([other?.accept, other?.reject], [["member-b"], ["member-c"]]);
  assert.equal(told.length, 2);
});

test("a motion is meant by its member, or by enough digits of its id", () => {
  const id = Buffer.from(hashOf(admit)).toString("hex");
  for (const which of ["member-e", id, id.slice(0, 8)]) {
    assert.equal(findMotion(site.state, which).id, id);
  }
  const refused = (which: string, text: RegExp) =>
    assert.throws(() => findMotion(site.state, which), text);
  refused(id.slice(0, 7), /no open motion is about/);
  refused("member-a", /open are: .*admit member-e/);
  refused("", /no open motion/);
});
