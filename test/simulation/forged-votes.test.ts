import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type BlockVote,
  type Message,
  type Vote,
  voteBytes,
} from "../../aggregator/consensus/pbft/messages.ts";
import type { Cluster } from "./cluster.ts";
import { four } from "./four.ts";
import { give, lose } from "./scenes.ts";

/** Signatures are checked when a vote is needed, and not before: no vote may gain by that. */

const garbage = new Uint8Array(64).fill(7);

const vote = (body: Vote): Message => ({ name: "vote", body });

/** d is away, so that c's word is needed; whatever a and b say, `echo` turns into what all others hear of d. */
function withoutOne(echo: (heard: Message, from: string) => readonly Message[]): Cluster {
  const cluster = four();
  cluster.member("d").crash();
  cluster.onSend = (from, message) => {
    for (const said of echo(message, from)) {
      for (const to of ["a", "b", "c"]) {
        cluster.agenda.at(cluster.agenda.now, () => give(cluster, to, "d", said));
      }
    }
  };
  return cluster;
}

test("a commit under another's name counts for nothing", () => {
  const cluster = withoutOne((message, from) =>
    message.name === "vote" && message.body.phase === "commit" && from !== "c"
      ? [vote({ ...message.body, from: "c", signature: garbage })]
      : [],
  );
  // Signatures over the block go with commits: a quorum of them says that a quorum committed.
  const isCommit = ({ from, to, message }: { from: string; to: string; message: Message }) =>
    [from, to].includes("c") &&
    (message.name === "block-vote" || (message.name === "vote" && message.body.phase === "commit"));
  const hear = lose(cluster, isCommit);
  cluster.submit("pay x y 1 #0", "a");
  cluster.live(600);
  const ordered = ["a", "b"].map((id) => cluster.member(id).replica?.slots.get(1)?.ordered);
  assert.deepEqual(ordered, [undefined, undefined], "two of four order nothing");
  assert.equal(cluster.auditor.height, 0);
  assert.ok((cluster.counts.get("consensus.forged") ?? 0) > 0);
  hear();
  assert.ok(
    cluster.until(() => cluster.auditor.height === 1, 10_000),
    cluster.standing,
  );
});

test("a prepare that is badly signed prepares nothing, though its own member brings it", () => {
  const cluster = four();
  cluster.member("d").crash();
  const isPrepare = ({ from, message }: { from: string; message: Message }) =>
    from === "c" && message.name === "vote" && message.body.phase === "prepare";
  const hear = lose(cluster, isPrepare);
  const heard = cluster.onSend;
  cluster.onSend = (from, message) => {
    heard(from, message);
    if (!isPrepare({ from, message }) || message.name !== "vote") return;
    const said = vote({ ...message.body, signature: garbage });
    for (const to of ["a", "b"]) {
      cluster.agenda.at(cluster.agenda.now, () => give(cluster, to, "c", said));
    }
  };
  cluster.submit("pay x y 1 #0", "a");
  cluster.live(600);
  const prepared = ["a", "b"].map((id) => cluster.member(id).replica?.slots.get(1)?.prepared);
  assert.deepEqual(prepared, [undefined, undefined], "what nobody could show to others");
  assert.ok((cluster.counts.get("consensus.forged") ?? 0) > 0);
  hear();
  assert.ok(
    cluster.until(() => cluster.auditor.height === 1, 10_000),
    cluster.standing,
  );
});

test("votes for another digest, well signed, count for nothing", () => {
  // c says prepare and commit to whatever is proposed, and means something else.
  const cluster = four({ liars: [{ id: "c", manner: "silent" }] });
  cluster.member("d").crash();
  cluster.onSend = (_, message) => {
    if (message.name !== "pre-prepare") return;
    for (const phase of ["prepare", "commit"] as const) {
      const body = { ...message.body.vote, phase, from: "c", digest: new Uint8Array(32).fill(9) };
      const signature = cluster.keys.sign("c", phase, voteBytes(body));
      for (const to of ["a", "b"]) {
        cluster.agenda.at(cluster.agenda.now, () =>
          give(cluster, to, "c", vote({ ...body, signature })),
        );
      }
    }
  };
  cluster.submit("pay x y 1 #0", "a");
  cluster.live(600);
  const slots = ["a", "b"].map((id) => cluster.member(id).replica?.slots.get(1));
  assert.deepEqual(
    slots.map((slot) => [slot?.prepares.get("c")?.from, slot?.prepared]),
    [
      ["c", undefined],
      ["c", undefined],
    ],
  );
  cluster.member("d").start();
  assert.ok(
    cluster.until(() => cluster.auditor.height === 1, 10_000),
    cluster.standing,
  );
});

test("votes forged in each one's name, its hearer's own too, come first and hold nothing up", () => {
  let forged = 0;
  const names = ["a", "b", "c"];
  const cluster = withoutOne((message) => {
    if (message.name === "pre-prepare") {
      const { vote: word } = message.body;
      return names.flatMap((from) =>
        (["prepare", "commit"] as const).map((phase) => {
          forged += 1;
          return vote({ ...word, phase, from, signature: garbage });
        }),
      );
    }
    if (message.name !== "block-vote") return [];
    return names.map((from): Message => {
      const body: BlockVote = { ...message.body, from, signature: garbage };
      return { name: "block-vote", body };
    });
  });
  for (let n = 0; n < 5; n += 1) {
    cluster.submit(`pay x y 1 #${n}`, "a");
    // Nothing is said again so soon.
    assert.ok(
      cluster.until(() => cluster.isQuiet, 200),
      cluster.standing,
    );
  }
  assert.ok(forged >= 30 && (cluster.counts.get("consensus.forged") ?? 0) >= 30);
});
