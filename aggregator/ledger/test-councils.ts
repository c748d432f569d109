import assert from "node:assert/strict";
import {
  type BlockHeader,
  type Certificate,
  compareBytes,
  encodeHeader,
  type MemberTerms,
  type StateProof,
  toBeSigned,
  utcMs,
} from "@busbar/protocol";
import { verify } from "@busbar/protocol/node";
import { Application } from "./application.ts";
import type { CommittedBlock } from "./block.ts";
import type { Genesis } from "./genesis.ts";
import { rules } from "./rules/index.ts";
import { councilRule } from "./rules/members/council-rule.ts";
import { hashOf, motionOf, requestOf, termsOf } from "./rules/members/test-consortium.ts";
import { Store } from "./store.ts";
import {
  chain,
  entry,
  frameOf,
  MeterChain,
  signerOfName,
  startTime,
  testGenesis,
} from "./test-site.ts";
import { rememberingVerify } from "./verified.ts";

/** A consortium's ledger with store and certificates, for tests of how others follow its voters. */

export const four = ["member-a", "member-b", "member-c", "member-d"];
export const councilGenesis: Genesis = testGenesis({ members: four.map((id) => termsOf(id)) });
/** Without the market, so that a block costs little. */
export const councilRules = { ...rules, block: [councilRule] };
/** One memory for all: they see the same signatures. */
export const verifyVotes = rememberingVerify(verify);

/** Who signed, by name, as a certificate has it. */
export function certificateOf(header: BlockHeader, names: readonly string[]): Certificate {
  return names
    .map(signerOfName)
    .map(({ kid, sign }) => {
      const message = toBeSigned(encodeHeader(header), kid, { chain, kind: "block" });
      return { kid, signature: sign(message) };
    })
    .sort((a, b) => compareBytes(a.kid, b.kid));
}

/** The same step, certified by whoever is named instead. */
export function certifiedBy(step: StateProof, names: readonly string[]): StateProof {
  return { ...step, certificate: certificateOf(step.header, names) };
}

export class CouncilStory {
  readonly store: Store;
  readonly application: Application;
  /** The batch of readings of each block so far. */
  readonly readings: Uint8Array[] = [];
  #requests = 0;
  readonly #meter = new MeterChain("user-a");

  /** The rules of a ledger that commands look at are all of them. */
  constructor(store = new Store(":memory:"), whole = false) {
    this.store = store;
    this.application = new Application({
      genesis: councilGenesis,
      store,
      verify: verifyVotes,
      rules: whole ? rules : councilRules,
    });
    this.application.initChain();
  }

  /** A block with a reading and these frames, certified by all who vote on it. */
  block(frames: readonly Uint8Array[] = []): CommittedBlock {
    const { application } = this;
    const height = application.info().height + 1;
    const reading = this.#meter.frame(entry(startTime + height * 60_000, height));
    this.readings.push(reading);
    const { voters } = application.council();
    const { proposal, refused } = application.prepareProposal({
      time: utcMs(startTime + height * 60_000),
      proposer: voters[0]?.id ?? "",
      view: 0,
      frames: [...frames, reading],
    });
    assert.deepEqual(refused, []);
    const { header } = application.finalizeBlock(proposal);
    const names = voters.map(({ id }) => id);
    return application.commit(certificateOf(header, names));
  }

  /** All voters but one accept; two blocks later it is in force. */
  agree(motion: ReturnType<typeof motionOf>): void {
    this.block([frameOf(motion.member, "member-motion", motion)]);
    const { voters } = this.application.council();
    const others = voters.filter(({ id }) => id !== motion.member);
    const ballot = (member: string) => ({ motion: hashOf(motion), member, accept: true });
    this.block(others.slice(0, -1).map(({ id }) => frameOf(id, "ballot", ballot(id))));
    this.block();
  }

  admit(id: string, changes: Partial<MemberTerms> = {}): void {
    const request = requestOf(termsOf(id, changes), id, this.#requests++);
    this.agree(motionOf("member-a", "admit", id, { request }));
  }

  remove(id: string): void {
    this.agree(motionOf("member-a", "remove", id));
  }

  /** Four members, one of them replaced, a fifth, and one more leaves: four epochs later. */
  static told(store?: Store, whole?: boolean): CouncilStory {
    const told = new CouncilStory(store, whole);
    told.block();
    told.admit("member-e");
    told.remove("member-b");
    told.admit("member-f");
    told.remove("member-d");
    told.block();
    return told;
  }
}
