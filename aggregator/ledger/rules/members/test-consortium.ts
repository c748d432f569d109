import assert from "node:assert/strict";
import {
  cometbftVoteBytes,
  type DoubleVote,
  encodeMessage,
  type MemberAction,
  type MemberTerms,
  type Message,
  toBeSigned,
  type UtcMs,
  utcMs,
  type Vote,
  type VotePlace,
  voteBytes,
} from "@busbar/protocol";
import { verify } from "@busbar/protocol/node";
import { councilOf } from "../../council.ts";
import type { LedgerEvent } from "../../events.ts";
import { execute } from "../../execution.ts";
import { genesisState } from "../../genesis-state.ts";
import { sha256 } from "../../sha256.ts";
import { emptyState, Overlay } from "../../state/overlay.ts";
import { chain, frameOf, signerOfName, startTime, testGenesis } from "../../test-site.ts";
import { rules } from "../index.ts";
import { councilRule } from "./council-rule.ts";

/** A consortium's ledger, block by block, for tests of how its membership changes. */

export const keyOf = (name: string): Uint8Array => signerOfName(name).publicKey;

export const termsOf = (id: string, changes: Partial<MemberTerms> = {}): MemberTerms => ({
  id,
  key: keyOf(id),
  voting: true,
  role: "company",
  ...changes,
});

/** A newcomer's request; `key` names who signs it, the newcomer itself where left out. */
export function requestOf(terms: MemberTerms, key = terms.id, nonce = 0): Uint8Array {
  return frameOf(key, "member-request", { nonce: nonceOf(nonce), terms });
}

const nonceOf = (n: number): Uint8Array =>
  sha256(Buffer.from(`nonce ${n}`)).subarray(0, 16) as Uint8Array;

let nonces = 1_000;

/** A motion by `member`, with a nonce of its own where none is given. */
export function motionOf(
  member: string,
  action: MemberAction,
  subject: string,
  { request, nonce = nonces++ }: { request?: Uint8Array; nonce?: number } = {},
): Message<"member-motion"> {
  const about = { nonce: nonceOf(nonce), member, action, subject };
  return request === undefined ? about : { ...about, request };
}

export const hashOf = (motion: Message<"member-motion">): Uint8Array =>
  sha256(encodeMessage("member-motion", motion));

export type Votes = Omit<DoubleVote, "member" | "from" | "epoch">;

/** Two votes of a key in one round, for two blocks. */
export function votedTwice(
  changes: Partial<VotePlace> = {},
  { key = "member-d", on = chain } = {},
): Votes {
  const place = { type: 2, height: 5, round: 0, ...changes };
  const cast = (digest: number) => {
    const hash = new Uint8Array(32).fill(digest);
    const block = { hash, parts: 1, partsRoot: hash };
    const vote = { block, seconds: startTime / 1000, nanos: 7 };
    const signature = signerOfName(key).sign(cometbftVoteBytes(place, vote, on));
    return { ...vote, signature };
  };
  return { ...place, first: cast(1), second: cast(2) };
}

/** A vote of member-d, or of whom `changes` name, signed by `key`. */
export function voteOf(
  digest: number,
  changes: Partial<Vote> = {},
  key = changes.from ?? "member-d",
): Vote {
  const body = {
    ...{ phase: "commit", epoch: 0, view: 1, height: 5, from: "member-d" },
    digest: new Uint8Array(32).fill(digest),
    ...changes,
  } as Omit<Vote, "signature">;
  const signer = signerOfName(key);
  const message = toBeSigned(voteBytes(body), signer.kid, { chain, kind: body.phase });
  return { ...body, signature: signer.sign(message) };
}

export class Consortium {
  readonly state = new Overlay(emptyState);
  readonly events: LedgerEvent[] = [];
  height = 0;
  time: UtcMs = startTime;

  constructor(members: readonly MemberTerms[]) {
    for (const [key, value] of genesisState(testGenesis({ members: [...members] }))) {
      if (value !== undefined) this.state.set(key, value);
    }
  }

  /** Ids of who votes on the next height. */
  get voters(): string[] {
    return councilOf(this.state).voters.map(({ id }) => id);
  }

  /** Runs a block. Returns the codes of what was refused, or `ok`, `exists`, in the frames' order. */
  block(frames: readonly Uint8Array[] = [], afterMs = 60_000): string[] {
    this.height += 1;
    this.time = utcMs(this.time + afterMs);
    const { height, time } = this;
    const ran = execute(
      this.state,
      { height, time, previous: new Uint8Array(32), frames },
      { chain, verify, rules: { ...rules, block: [councilRule] } },
    );
    for (const [key, value] of ran.changes) {
      if (value === undefined) this.state.delete(key);
      else this.state.set(key, value);
    }
    this.events.push(...ran.taken.flatMap(({ events }) => events), ...ran.ownEvents);
    const codes = new Map<string, string>();
    for (const { hash, result } of ran.taken) codes.set(hex(hash), result);
    for (const { hash, refusal } of ran.refused) codes.set(hex(hash), refusal.code);
    return frames.map((frame) => codes.get(hex(sha256(frame))) ?? "nothing");
  }

  /** One transaction in a block of its own. */
  one<K extends "member-motion" | "ballot" | "evidence" | "deviation" | "double-vote">(
    signer: string,
    kind: K,
    message: Message<K>,
  ): string {
    const [code] = this.block([frameOf(signer, kind, message)]);
    assert.ok(code);
    return code;
  }

  /** Lets `by` move and all other voters accept, in one block each. */
  agree(by: string, motion: Message<"member-motion">): void {
    assert.equal(this.one(by, "member-motion", motion), "ok");
    for (const member of this.voters) {
      if (member !== by) {
        this.block([frameOf(member, "ballot", { motion: hashOf(motion), member, accept: true })]);
      }
    }
  }

  /** Whether the rule wants a block `afterMs` from now. */
  due(afterMs: number): boolean {
    return councilRule.due(this.state, utcMs(this.time + afterMs), {} as never);
  }
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
