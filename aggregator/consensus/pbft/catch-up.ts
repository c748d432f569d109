import { certifyWith, headerIn, isCertified, isOfOneView, outvoted, stepTo } from "./certifying.ts";
import { blockBytesMax, blocksPerAnswer } from "./limits.ts";
import type { Block, Body } from "./messages.ts";
import type { Event } from "./ports.ts";
import { count, hex, isInForce, type Replica, same, send } from "./state.ts";

/** Where another member stands: whoever is behind is helped, whoever is ahead is asked. */
export function onStatus(
  replica: Replica,
  from: string,
  { epoch, view, height }: Body<"status">,
): void {
  if (replica.council.members.includes(from)) replica.heights.set(from, height);
  if (height > replica.height) askForBlocks(replica, from);
  const sameEpoch = epoch === replica.council.epoch;
  if (sameEpoch && view < replica.view && replica.newView !== undefined) {
    send(replica, { name: "new-view", body: replica.newView }, from);
  }
}

/**
 * A member that has left the view runs nothing that is ordered in it, and hears all the same when a
 * quorum has signed the next block: it asks one of them for it, and does not wait to be told. So does
 * one that ran another view's proposal.
 */
export function followOthers(replica: Replica): void {
  const { height, slots, council, applying } = replica;
  if (applying || replica.blocks.has(height + 1)) return;
  const slot = slots.get(height + 1);
  if (slot === undefined || (isInForce(replica) && slot.ran === undefined)) return;
  const { ran, blockVotes } = slot;
  if (blockVotes.size < council.quorum) return;
  const others = [...blockVotes.values()].filter(
    ({ header }) => ran === undefined || !same(header, ran.header),
  );
  const newest = others.at(-1)?.from;
  if (newest !== undefined && others.length >= council.quorum) askForBlocks(replica, newest);
}

/** Asks a member for what follows this one's newest block, no more often than things are sent again. */
export function askForBlocks(replica: Replica, member: string): void {
  const { ports, times, timing, self, height } = replica;
  const now = ports.clock.now();
  if (now - (times.asked.get(member) ?? Number.NEGATIVE_INFINITY) < timing.resendMs) return;
  times.asked.set(member, now);
  send(replica, { name: "fetch-blocks", body: { above: height, from: self } }, member);
}

/** Whoever asks for the same blocks over and over is served at a measured pace; who goes on is not, nor is
 * who asks for the next one before it is there. */
export function onFetchBlocks(
  replica: Replica,
  from: string,
  { above }: Body<"fetch-blocks">,
): void {
  const { ports, times, timing } = replica;
  const now = ports.clock.now();
  if (above === replica.height) replica.followers.set(from, above);
  if (above >= replica.height) return;
  const last = times.served.get(from);
  const goesOn = last === undefined || above >= last.above + blocksPerAnswer;
  if (!goesOn && now - last.at < timing.resendMs / 2) return;
  times.served.set(from, { at: now, above });
  replica.out.push({ do: "serve", to: from, above });
}

/** Sends the newest block to those who wait for it. */
export function serveFollowers(replica: Replica): void {
  for (const [to, above] of replica.followers) {
    if (above >= replica.height) continue;
    replica.followers.delete(to);
    replica.out.push({ do: "serve", to, above });
  }
}

export function onFetchProposal(
  replica: Replica,
  from: string,
  { height, digest }: Body<"fetch-proposal">,
): void {
  const proposal = replica.slots.get(height)?.proposals.get(hex(digest));
  if (proposal !== undefined) send(replica, { name: "held-proposal", body: { proposal } }, from);
}

/** A block that others certified; it is looked at when its turn comes. */
export function onBlock(replica: Replica, from: string, block: Block): void {
  const height = headerIn(block.header)?.height;
  if (height === undefined) return count(replica, "consensus.bad-block");
  if (height <= replica.height || height > replica.height + blocksPerAnswer) return;
  if (replica.blocks.has(height)) return;
  const kept = [...replica.blocks.values()].reduce((sum, one) => sum + bytesOf(one.block), 0);
  if (height > replica.height + 1 && kept + bytesOf(block) > blockBytesMax) return;
  replica.blocks.set(height, { block, from });
}

function bytesOf({ header, frames }: Block): number {
  return frames.reduce((sum, { length }) => sum + length, header.length);
}

/** Takes the next block that others certified, if it is here and nothing else is at work on its height. */
export function applyNext(replica: Replica): void {
  const height = replica.height + 1;
  const block = replica.blocks.get(height)?.block;
  const slot = replica.slots.get(height);
  if (block === undefined || replica.applying || slot?.running !== undefined) return;
  if (!isCertified(replica, block)) {
    replica.blocks.delete(height);
    return count(replica, "consensus.bad-block");
  }
  const own = slot?.ran?.header;
  if (slot !== undefined && own !== undefined && same(own, block.header)) {
    return certifyWith(replica, slot, block.certificate);
  }
  if (own !== undefined && isOfOneView(own, block.header)) throw outvoted(own, block.header);
  replica.applying = true;
  replica.out.push({ do: "apply", height, block });
}

/** The block is on disk, or its transactions were not those of its header. */
export function onApplied(replica: Replica, event: Extract<Event, { kind: "applied" }>): void {
  const { block, from } = replica.blocks.get(event.height) ?? {};
  replica.applying = false;
  replica.blocks.delete(event.height);
  if (event.result === undefined || block === undefined) {
    return count(replica, "consensus.bad-block");
  }
  const { header, certificate } = block;
  stepTo(replica, { header, certificate }, event.result.next);
  if (replica.blocks.size > 0 || from === undefined) return;
  // Whoever served these may have more: it need not say so first.
  replica.times.asked.delete(from);
  askForBlocks(replica, from);
}
