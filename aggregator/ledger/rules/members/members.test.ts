import assert from "node:assert/strict";
import { test } from "node:test";
import { keyId, utcMs } from "@busbar/protocol";
import { councilOf, councilOfEpoch } from "../../council.ts";
import { identityByKeyId } from "../../identities.ts";
import { members } from "../../tables.ts";
import { frameOf, startTime } from "../../test-site.ts";
import { openOfOneMax } from "./motions.ts";
import { changes, motions } from "./tables.ts";
import { Consortium, hashOf, keyOf, motionOf, requestOf, termsOf } from "./test-consortium.ts";

const four = ["member-a", "member-b", "member-c", "member-d"];
const consortium = (ids: readonly string[] = four) => new Consortium(ids.map((id) => termsOf(id)));
const day = 86_400_000;
const admitE = (by = "member-a", nonce = 0) =>
  motionOf(by, "admit", "member-e", { request: requestOf(termsOf("member-e"), "member-e", nonce) });

test("a newcomer is a member two heights after a quorum has voted for it, and not before", () => {
  const site = consortium();
  const motion = admitE();
  const vote = (member: string) => ({ motion: hashOf(motion), member, accept: true });
  assert.equal(site.one("member-a", "member-motion", motion), "ok");
  assert.equal(site.one("member-b", "ballot", vote("member-b")), "ok");
  site.block();
  assert.equal(members.get(site.state, "member-e"), undefined, "two of four are no quorum");

  assert.equal(site.one("member-c", "ballot", vote("member-c")), "ok");
  const decided = site.height;
  assert.deepEqual(site.voters, four);
  const pending = Array.from(changes.scan(site.state), ([, { from }]) => from);
  assert.deepEqual(pending, [decided + 2], "the state says from when on");
  assert.ok(site.due(1), "a block is wanted for the change");
  assert.ok(!site.due(0), "and not twice at one time");
  site.block();
  assert.deepEqual(site.voters, [...four, "member-e"]);
  assert.equal(councilOf(site.state).since, decided + 2);
  assert.equal(members.get(site.state, "member-e")?.since, decided + 2);
  assert.equal(councilOf(site.state).epoch, 1);
  assert.deepEqual(
    councilOfEpoch(site.state, 0)?.voters.map(({ id }) => id),
    four,
  );
  assert.ok(!site.due(day), "nothing is under way");
  assert.equal(
    site.one("member-e", "member-motion", motionOf("member-e", "suspend", "member-a")),
    "ok",
  );
});

const refusals: readonly (readonly [
  string,
  () => [string, ReturnType<typeof motionOf>],
  string,
])[] = [
  ["of a member under another name", () => ["member-b", admitE("member-a")], "motion.rights"],
  ["of an owner", () => ["user-a", admitE("user-a")], "motion.rights"],
  [
    "without a request",
    () => ["member-a", motionOf("member-a", "admit", "member-e")],
    "member.request",
  ],
  ["with noise for a request", () => with_(Uint8Array.of(1, 2, 3)), "member.request"],
  [
    "with a request that another key signed",
    () => with_(requestOf(termsOf("member-e"), "thief")),
    "member.request",
  ],
  ["with somebody else's request", () => with_(requestOf(termsOf("member-f"))), "member.request"],
  [
    "with a request of another kind",
    () =>
      with_(
        frameOf("member-e", "ballot", {
          motion: new Uint8Array(32),
          member: "member-e",
          accept: true,
        }),
      ),
    "member.request",
  ],
  [
    "for a membership that is over already",
    () => with_(requestOf(termsOf("member-e", { expires: startTime }))),
    "member.expired",
  ],
  ["for an owner's id", () => owner(), "member.id-taken"],
  [
    "for an owner's key",
    () => with_(requestOf(termsOf("member-e", { key: keyOf("user-a") }), "user-a")),
    "member.key-taken",
  ],
  [
    "for another member's key",
    () => with_(requestOf(termsOf("member-e", { key: keyOf("member-b") }), "member-b")),
    "member.key-taken",
  ],
  [
    "to remove a stranger",
    () => ["member-a", motionOf("member-a", "remove", "nobody")],
    "member.unknown",
  ],
  [
    "to reinstate who is active",
    () => ["member-a", motionOf("member-a", "reinstate", "member-b")],
    "member.state",
  ],
];

function with_(request: Uint8Array): [string, ReturnType<typeof motionOf>] {
  return ["member-a", motionOf("member-a", "admit", "member-e", { request })];
}
function owner(): [string, ReturnType<typeof motionOf>] {
  const request = requestOf(termsOf("user-a", { key: keyOf("box") }), "box");
  return ["member-a", motionOf("member-a", "admit", "user-a", { request })];
}

for (const [name, make, code] of refusals) {
  test(`a motion ${name} is refused: ${code}`, () => {
    const site = consortium();
    const before = new Map(site.state.scan(""));
    const [signer, motion] = make();
    assert.equal(site.one(signer, "member-motion", motion), code);
    assert.deepEqual(new Map(site.state.scan("")), before, "and changes nothing");
  });
}

test("a vote counts once, stands, and is of a motion that is open", () => {
  const site = consortium();
  const motion = admitE();
  const ballot = (member: string, accept: boolean, of = motion) => ({
    motion: hashOf(of),
    member,
    accept,
  });
  assert.equal(site.one("member-b", "ballot", ballot("member-b", true)), "ballot.unknown");
  assert.equal(site.one("member-a", "member-motion", motion), "ok");
  assert.equal(site.one("member-a", "member-motion", motion), "tx.exists");
  assert.equal(site.one("member-b", "member-motion", admitE("member-b")), "motion.open");
  assert.equal(site.one("member-a", "ballot", ballot("member-a", true)), "tx.exists");
  assert.equal(
    site.one("member-a", "ballot", ballot("member-a", false)),
    "ballot.exists-different",
  );
  assert.equal(site.one("member-b", "ballot", ballot("member-a", true)), "motion.rights");
  assert.equal(site.one("user-a", "ballot", ballot("user-a", true)), "motion.rights");
  assert.equal(site.one("member-b", "ballot", ballot("member-b", false)), "ok");
  assert.equal(site.one("member-c", "ballot", ballot("member-c", false)), "ok");
  const id = Buffer.from(hashOf(motion)).toString("hex");
  assert.equal(motions.get(site.state, id)?.outcome, "rejected", "three of four can agree no more");
  assert.equal(site.one("member-d", "ballot", ballot("member-d", true)), "ballot.closed");
  assert.equal(site.one("member-b", "ballot", ballot("member-b", false)), "tx.exists");
  assert.equal(
    site.one("member-b", "member-motion", admitE("member-b")),
    "ok",
    "it may be moved anew",
  );
});

test("the vote of who has left counts no more", () => {
  const site = consortium();
  const motion = admitE("member-d");
  assert.equal(site.one("member-d", "member-motion", motion), "ok");
  site.agree("member-a", motionOf("member-a", "remove", "member-d"));
  site.block();
  const vote = { motion: hashOf(motion), member: "member-a", accept: true };
  assert.equal(site.one("member-a", "ballot", vote), "ok");
  const id = Buffer.from(hashOf(motion)).toString("hex");
  assert.equal(motions.get(site.state, id)?.outcome, "open", "one of three who vote");
});

test("nobody buries the others in motions, and what nobody decides expires", () => {
  const site = consortium();
  for (let i = 0; i < openOfOneMax; i++) {
    const request = requestOf(termsOf(`new-${i}`));
    const motion = motionOf("member-a", "admit", `new-${i}`, { request });
    assert.equal(site.one("member-a", "member-motion", motion), "ok");
  }
  assert.equal(site.one("member-a", "member-motion", admitE()), "motion.too-many");
  assert.ok(site.due(14 * day));
  site.block([], 15 * day);
  const outcomes = [...motions.scan(site.state)].map(([, { outcome }]) => outcome);
  assert.deepEqual(new Set(outcomes), new Set(["expired"]));
  assert.equal(site.one("member-a", "member-motion", admitE()), "ok");
});

test("a membership expires by block time: no vote, no key, and its id stays its own", () => {
  const expires = utcMs(startTime + day);
  const site = new Consortium([...four.map((id) => termsOf(id)), termsOf("member-e", { expires })]);
  assert.ok(!site.due(day - 1) && site.due(day));
  site.block([], day);
  assert.equal(site.voters.length, 5, "two heights from now");
  site.block();
  assert.deepEqual(site.voters, four);
  assert.equal(members.get(site.state, "member-e")?.state, "expired");
  assert.equal(identityByKeyId(site.state, keyId(keyOf("member-e"))), undefined);
  assert.equal(
    site.one("member-e", "member-motion", motionOf("member-e", "suspend", "member-a")),
    "tx.key-unknown",
  );

  const again = termsOf("member-e", { expires: utcMs(site.time + 30 * day), role: "bureau" });
  site.agree("member-b", motionOf("member-b", "admit", "member-e", { request: requestOf(again) }));
  site.block();
  assert.deepEqual(site.voters, [...four, "member-e"]);
  assert.equal(members.get(site.state, "member-e")?.role, "bureau");
});

test("a membership that is renewed in time does not end", () => {
  const expires = utcMs(startTime + day);
  const site = new Consortium([...four.map((id) => termsOf(id)), termsOf("member-e", { expires })]);
  const longer = termsOf("member-e", { expires: utcMs(startTime + 3 * day) });
  site.agree("member-a", motionOf("member-a", "admit", "member-e", { request: requestOf(longer) }));
  site.block();
  site.block([], day);
  site.block();
  site.block();
  assert.equal(members.get(site.state, "member-e")?.state, "active");
  assert.equal(councilOf(site.state).epoch, 0, "the vote is what it was");
  site.block([], 2 * day);
  site.block();
  assert.equal(members.get(site.state, "member-e")?.state, "expired");
});

test("who is suspended has no vote and no key until it is reinstated", () => {
  const site = consortium();
  site.agree("member-a", motionOf("member-a", "suspend", "member-d"));
  site.block();
  assert.deepEqual(site.voters, ["member-a", "member-b", "member-c"]);
  assert.equal(
    site.one("member-d", "member-motion", motionOf("member-d", "suspend", "member-a")),
    "tx.key-unknown",
  );
  assert.equal(
    site.one("member-a", "member-motion", motionOf("member-a", "suspend", "member-d")),
    "member.state",
  );
  site.agree("member-a", motionOf("member-a", "reinstate", "member-d"));
  site.block();
  assert.deepEqual(site.voters, four);
});

test("a key is changed by a request that the new key signs; the old one counts no more", () => {
  const site = consortium();
  const terms = termsOf("member-d", { key: keyOf("new-key") });
  const request = requestOf(terms, "new-key");
  site.agree("member-a", motionOf("member-a", "admit", "member-d", { request }));
  site.block();
  assert.equal(councilOf(site.state).epoch, 1, "other keys vote: an epoch begins");
  assert.deepEqual(site.voters, four);
  const motion = motionOf("member-d", "suspend", "member-a");
  assert.equal(site.one("member-d", "member-motion", motion), "tx.key-unknown");
  assert.equal(site.one("new-key", "member-motion", motion), "ok");
  const again = motionOf("member-a", "admit", "member-d", { request });
  assert.equal(site.one("member-a", "member-motion", again), "tx.exists");
});

test("a request is granted once: who was removed does not come back by an old one", () => {
  const site = consortium([...four, "member-e"]);
  const request = requestOf(termsOf("member-e", { role: "bureau" }));
  site.agree("member-a", motionOf("member-a", "admit", "member-e", { request }));
  site.block();
  site.agree("member-a", motionOf("member-a", "remove", "member-e"));
  site.block();
  assert.deepEqual(site.voters, four);
  const again = motionOf("member-b", "admit", "member-e", { request });
  assert.equal(site.one("member-b", "member-motion", again), "member.request-used");
});

test("the last voter stays until there is another one, and its turn is not forgotten", () => {
  const expires = utcMs(startTime + day);
  const site = new Consortium([termsOf("member-a", { expires })]);
  site.block([], 2 * day);
  for (let i = 0; i < 3; i++) site.block();
  assert.deepEqual(site.voters, ["member-a"]);
  assert.equal([...changes.scan(site.state)].length, 1);
  assert.ok(!site.due(day), "no block is made for what cannot be");
  site.agree(
    "member-a",
    motionOf("member-a", "admit", "member-b", { request: requestOf(termsOf("member-b")) }),
  );
  for (let i = 0; i < 4; i++) site.block();
  assert.deepEqual(site.voters, ["member-b"]);
  assert.equal(councilOf(site.state).epoch, 2, "first the one, then the other");
});

test("a motion that the voters who are left have the votes for is decided by that", () => {
  const site = consortium();
  const motion = admitE();
  site.one("member-a", "member-motion", motion);
  site.one("member-b", "ballot", { motion: hashOf(motion), member: "member-b", accept: true });
  site.agree("member-b", motionOf("member-b", "remove", "member-c"));
  assert.deepEqual(site.voters, ["member-a", "member-b", "member-d"]);
  const id = Buffer.from(hashOf(motion)).toString("hex");
  assert.equal(motions.get(site.state, id)?.outcome, "accepted");
  site.block();
  site.block();
  assert.deepEqual(site.voters, ["member-a", "member-b", "member-d", "member-e"]);
});
