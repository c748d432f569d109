import {
  CouncilChain,
  decodeStateProof,
  encodeStateProof,
  epochOf,
  type Membership,
  type PinnedMembership,
  type StateProof,
} from "@busbar/protocol";
import { verify } from "@busbar/protocol/node";

/** Where a unit notes what it learned; over restarts. */
export type StepNotes = {
  read(name: string): string | undefined;
  write(name: string, value: string): void;
};

/** Steps that came before the one they follow, kept until it comes: a flood of them is a liar's. */
const earlyMax = 32;

const noteOf = (epoch: number): string => `council-step/${epoch}`;

/**
 * Who votes since when, from the pinned membership on. What it learned is noted as it was proven and
 * checked again at each start, so the pinned file stays what everything rests on.
 */
export class Councils {
  readonly #chain: CouncilChain;
  readonly #notes: StepNotes | undefined;
  readonly #members: readonly string[];
  readonly #early = new Map<number, StateProof>();

  constructor(pinned: PinnedMembership, notes?: StepNotes) {
    const { chain, members, epoch = 0, since = 1 } = pinned;
    const voters = members.filter(({ voting }) => voting).map(({ id, key }) => ({ id, key }));
    this.#chain = new CouncilChain(chain, { epoch, since, voters });
    this.#members = members.map(({ id }) => id);
    this.#notes = notes;
    this.#recall();
  }

  get epoch(): number {
    return this.#chain.newest.epoch;
  }

  /** Everybody whose word as a host counts: members of the file, and voters of any known council. */
  get members(): readonly { readonly id: string }[] {
    const voters = this.#chain.councils.flatMap((council) => council.voters.map(({ id }) => id));
    return Array.from(new Set([...this.#members, ...voters]), (id) => ({ id }));
  }

  /** Whom a block of this height is checked against. */
  membershipAt(height: number): Membership {
    return this.#chain.membershipAt(height);
  }

  /** Takes a step. Returns `learned` or `known`, `early` for one that waits for the step before it,
   * or why it proves nothing. Throws what the notes throw. */
  take(step: StateProof): "learned" | "known" | "early" | { code: string; message: string } {
    const epoch = epochOf(step);
    if (epoch !== undefined && epoch > this.epoch + 1) {
      if (this.#early.size >= earlyMax)
        return { code: "step.order", message: "too many early steps" };
      this.#early.set(epoch, step);
      return "early";
    }
    const taken = this.#chain.take(step, verify);
    if (!taken.ok) return taken;
    if (!taken.learned) return "known";
    this.#notes?.write(noteOf(this.epoch), Buffer.from(encodeStateProof(step)).toString("base64"));
    const next = this.#early.get(this.epoch + 1);
    this.#early.delete(this.epoch + 1);
    if (next !== undefined) this.take(next);
    return "learned";
  }

  /** Follows what was noted, as far as it proves itself from the pinned membership on. */
  #recall(): void {
    for (;;) {
      const noted = this.#notes?.read(noteOf(this.epoch + 1));
      if (noted === undefined) return;
      const decoded = decodeStateProof(new Uint8Array(Buffer.from(noted, "base64")));
      if (!decoded.ok) return;
      const taken = this.#chain.take(decoded.proof, verify);
      if (!taken.ok || !taken.learned) return;
    }
  }
}
