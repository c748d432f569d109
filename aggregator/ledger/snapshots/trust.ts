import {
  compareBytes,
  encodeHeader,
  type Refusal,
  type Verify,
  validatorsHash,
  verifyCertificate,
} from "@busbar/protocol";
import type { CouncilStep } from "../council-step-table.ts";
import { followCouncils } from "../council-steps.ts";
import type { Genesis } from "../genesis.ts";
import { refuse } from "../refuse.ts";
import type { Store } from "../store.ts";
import { type Manifest, stepsBytesMax } from "./format.ts";

/** What a snapshot is trusted on: the genesis, and what this member knows of later voters. */
export type Grounds = { readonly genesis: Genesis; readonly verify: Verify };

/**
 * Whether a snapshot's block is the chain's: a quorum of those signed it whom the genesis leads to,
 * over each change of voters that the store keeps and the snapshot shows. Returns the steps that were
 * new here, to be kept once the snapshot is in force.
 *
 * Codes, in order: `snapshot.chain`, `snapshot.steps` (one shown proves nothing), `snapshot.council`
 * (they do not lead to the block's voters), `snapshot.certificate`.
 */
export function trustSnapshot(
  { header, certificate, steps }: Pick<Manifest, "header" | "certificate" | "steps">,
  { councilSteps }: Pick<Store, "councilSteps">,
  { genesis, verify }: Grounds,
): { readonly ok: true; readonly learned: readonly CouncilStep[] } | Refusal {
  if (header.chain !== genesis.chain) {
    return refuse("snapshot.chain", "the snapshot is of another chain");
  }
  const shown = steps === undefined ? {} : { shown: steps };
  const followed = followCouncils(genesis, { kept: councilSteps.after(0), ...shown }, verify);
  if (!followed.ok) {
    return refuse(
      "snapshot.steps",
      `a step from voters to voters proves nothing: ${followed.message} (${followed.code})`,
    );
  }
  const membership = followed.councils.membershipAt(header.height);
  if (compareBytes(header.validatorsHash, validatorsHash(membership.members)) !== 0) {
    const { epoch } = followed.councils.newest;
    return refuse(
      "snapshot.council",
      `its block was signed by other voters than the steps lead to, up to epoch ${epoch}; ask a member that has all of them`,
    );
  }
  const checked = verifyCertificate(encodeHeader(header), certificate, membership, verify);
  if (!checked.ok) {
    return refuse("snapshot.certificate", `its block is not certified: ${checked.message}`);
  }
  // Of epochs that begin later its state knows nothing.
  const known = followed.councils.councils.filter(({ since }) => since <= header.height + 1);
  const epochs = new Set(known.map(({ epoch }) => epoch));
  return { ok: true, learned: followed.learned.filter(({ epoch }) => epochs.has(epoch)) };
}

/** The steps that a store keeps, as many from the end as a manifest may carry. */
export function stepsToShow({
  councilSteps,
}: Pick<Store, "councilSteps">): Pick<Manifest, "steps"> {
  const steps = councilSteps.after(0).map(({ proof }) => proof);
  let bytes = 0;
  const tooMany = steps.findLastIndex(({ length }) => {
    // Some bytes of CBOR stand before each.
    bytes += length + 8;
    return bytes > stepsBytesMax;
  });
  return steps.length === 0 ? {} : { steps: steps.slice(tooMany + 1) };
}
