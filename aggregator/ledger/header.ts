import {
  type BlockHeader,
  type Council,
  membershipOf,
  type UtcMs,
  validatorsHash,
} from "@busbar/protocol";
import { type Execution, resultsRootOf, txRootOf } from "./execution.ts";
import type { StateReader } from "./state/state.ts";
import type { StateTree } from "./state/tree.ts";
import { type MemberEntry, members } from "./tables.ts";

/** What a block's maker decides; the rest of the header follows from running it. */
export type BlockFrame = {
  readonly chain: string;
  readonly height: number;
  readonly time: UtcMs;
  readonly previous: Uint8Array;
  readonly proposer: string;
  readonly view: number;
};

/** The header of a block that ran: `tree` is the state after it, `council` the one that votes on it. */
export function headerOf(
  frame: BlockFrame,
  ran: {
    readonly execution: Execution;
    readonly tree: StateTree;
    readonly council: Council;
  },
): BlockHeader {
  return {
    ...frame,
    txRoot: txRootOf(ran.execution),
    resultsRoot: resultsRootOf(ran.execution),
    appHash: ran.tree.root,
    validatorsHash: votersHash(frame.chain, ran.council),
  };
}

const votersHashes = new WeakMap<Council, Uint8Array>();

/** The name of a council's voters, computed once for many blocks. */
function votersHash(chain: string, council: Council): Uint8Array {
  const known = votersHashes.get(council);
  if (known !== undefined) return known;
  const name = validatorsHash(membershipOf(chain, council).members);
  votersHashes.set(council, name);
  return name;
}

/** The members in a state, sorted by id. */
export function membersOf(state: StateReader): readonly MemberEntry[] {
  return Array.from(members.scan(state), ([, member]) => member);
}
