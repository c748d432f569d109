import { memberTable, type StateProof } from "@busbar/protocol";
import type { Application } from "../ledger/application.ts";
import type { CommittedBlock } from "../ledger/block.ts";
import { membersOf } from "../ledger/header.ts";
import { proveState } from "../ledger/prove.ts";
import type { Store } from "../ledger/store.ts";

type Options = { readonly application: Application; readonly store: Store };

/**
 * What units are told of members whose brokers stand on the ledger: their entries, proven. Those of
 * members that left are among them, so that units leave their brokers alone.
 */
export class MemberProofs {
  readonly #options: Options;
  #version = 1;

  constructor(options: Options) {
    this.#options = options;
  }

  /** Grows when any member's entry may be another. */
  get version(): number {
    return this.#version;
  }

  committed({ events }: Pick<CommittedBlock, "events">): void {
    if (events.some(({ type }) => type === "member-changed")) this.#version += 1;
  }

  /** Of the last block; none before there is one. */
  list(): readonly StateProof[] {
    const { application, store } = this.#options;
    return membersOf(store.state)
      .filter(({ broker }) => broker !== undefined)
      .map(({ id }) => proveState(application, store, `${memberTable}/${id}`))
      .filter((proof) => proof !== undefined);
  }
}
