import { type ContractVersion, decodeMessage, Failure } from "@busbar/protocol";
import {
  type ContractFrom,
  contractName,
  contractsOf,
  knowsContract,
} from "../ledger/contract/state.ts";
import { contractVersions } from "../ledger/contract/versions.ts";
import { cursors } from "../ledger/rules/market/tables.ts";
import { motions } from "../ledger/rules/members/tables.ts";
import type { StateReader } from "../ledger/state/state.ts";

/** A version of the market's contract as people see it. */
export type ContractAbout = {
  readonly version: number;
  /** SHA-256 over its sources, hex. */
  readonly hash: string;
  /** Start of the first slot that has it; null for genesis' own. */
  readonly from: string | null;
  /** Whether this program has it. */
  readonly known: boolean;
};

/** What a version is to this program. */
export function contractAbout(
  { version, hash, from }: ContractFrom,
  known: readonly ContractVersion[] = contractVersions,
): ContractAbout {
  return {
    version,
    hash: Buffer.from(hash).toString("hex"),
    from: from === 0 ? null : new Date(from).toISOString(),
    known: knowsContract(known, { version, hash }),
  };
}

/** The version of the newest open slot, and those that were decided for later ones. */
export function contractStatus(state: StateReader): {
  readonly current: ContractAbout;
  readonly coming: readonly ContractAbout[];
} {
  const next = cursors.get(state, "open")?.next ?? 1;
  const all = contractsOf(state);
  const current = all.findLast(({ from }) => from < next);
  if (current === undefined) throw new Error("genesis wrote the contract");
  const coming = all.filter(({ from }) => from >= next).map((one) => contractAbout(one));
  return { current: contractAbout(current), coming };
}

/** A version in a line of text. */
export function contractText({ version, hash, from, known }: ContractAbout): string {
  const since = from === null ? "" : ` from ${from}`;
  const ours = known ? "known to this program" : "UNKNOWN to this program: upgrade it before";
  return `version ${version} (${hash.slice(0, 12)})${since}, ${ours}`;
}

/** The version of this program that somebody names. Throws: `Failure` `propose.contract`. */
export function contractToPropose(
  text: string,
  known: readonly ContractVersion[] = contractVersions,
): ContractVersion {
  const contract = known.find(({ version }) => String(version) === text);
  if (contract !== undefined) return contract;
  const own = known.map((one) => contractName(one)).join(", ");
  const message = `expected a version of the contract that this program has, ${own}, got ${text}; propose it with a program that has it`;
  throw new Failure("propose.contract", message, { retry: "never" });
}

/**
 * Keeps a member from voting for what its own program could not run.
 * Throws: `Failure` `vote.unknown-version` where the motion is for such a version.
 */
export function insistOnKnown(
  state: StateReader,
  id: string,
  known: readonly ContractVersion[] = contractVersions,
): void {
  const motion = motions.get(state, id);
  if (motion?.kind !== "contract-motion") return;
  const decoded = decodeMessage(motion.kind, motion.message);
  if (decoded.ok && knowsContract(known, decoded.message.contract)) return;
  const name = decoded.ok ? contractName(decoded.message.contract) : "that cannot be read";
  const message = `the motion is for version ${name} of the contract, which this program does not have; upgrade it first, or vote --against`;
  throw new Failure("vote.unknown-version", message, { retry: "never" });
}
