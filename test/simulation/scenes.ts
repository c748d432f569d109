import assert from "node:assert/strict";
import {
  digestOf,
  type Message,
  type Proposal,
  voteBytes,
} from "../../aggregator/consensus/pbft/messages.ts";
import type { Cluster } from "./cluster.ts";
import { four } from "./four.ts";
import { frameOf } from "./toy-ledger.ts";

/** What scenarios about single rules have in common. */

export type Sent = { readonly from: string; readonly to: string; readonly message: Message };

/** From now on what `drops` says gets lost; gives back how to end that. */
export function lose(cluster: Cluster, drops: (sent: Sent) => boolean): () => void {
  const { network } = cluster;
  const [send, heard] = [network.send, cluster.onSend];
  let last: { from: string; message: Message } | undefined;
  cluster.onSend = (from, message) => {
    last = { from, message };
    heard(from, message);
  };
  network.send = (from, to, deliver) => {
    const place = cluster.places[to]?.member.id ?? "";
    if (last === undefined || !drops({ ...last, to: place })) send.call(network, from, to, deliver);
  };
  return () => {
    network.send = send;
    cluster.onSend = heard;
  };
}

/** What a member says and hears of signatures over blocks. */
export const signing =
  (id: string) =>
  ({ from, to, message }: Sent): boolean =>
    (from === id || to === id) && (message.name === "block-vote" || message.name === "block");

/** A message comes to a member, whoever sent it. */
export const give = (cluster: Cluster, to: string, from: string, message: Message): void =>
  cluster.member(to).take({ kind: "message", from, message });

/** b, c, d and e vote, and a, who voted before, is an enemy with its old key. */
export function replaced(): Cluster {
  const cluster = four({ others: ["e"], liars: [{ id: "a", manner: "silent" }] });
  cluster.submit("members b,c,d,e", "b");
  // In force two heights later.
  for (const line of ["pay x y 1 #0", "pay x y 1 #1"]) {
    cluster.submit(line, "c");
    assert.ok(
      cluster.until(() => cluster.isQuiet, 60_000),
      cluster.standing,
    );
  }
  const epochs = ["b", "c", "d", "e"].map((id) => cluster.member(id).replica?.council.epoch);
  assert.deepEqual(epochs, [1, 1, 1, 1], cluster.standing);
  return cluster;
}

/** What a leader might say at height 1. */
export function firstProposal(
  { keys }: Cluster,
  at: { readonly leader: string; readonly view: number; readonly amount?: string },
) {
  const { leader: from, view, amount = "1" } = at;
  const frames = [frameOf(`pay x y ${amount} #first`)];
  const time = 1_000_000 as Proposal["time"];
  const proposal: Proposal = { height: 1, time, proposer: from, view, frames };
  const digest = digestOf(proposal);
  const vote = { phase: "pre-prepare", epoch: 0, view, height: 1, digest, from } as const;
  return { vote: { ...vote, signature: keys.sign(from, vote.phase, voteBytes(vote)) }, proposal };
}

/** The newest block, as a member that has it would send it. */
export function newestBlock(cluster: Cluster): Message {
  const members = cluster.honest.map(({ member }) => member);
  const block = members.find(({ disk }) => disk.ledger.height === cluster.auditor.height)?.disk
    .ledger.last;
  assert.ok(block);
  const { bytes: header, certificate, frames } = block;
  return { name: "block", body: { header, certificate, frames } };
}
