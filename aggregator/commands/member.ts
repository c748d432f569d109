import { compareBytes, Failure, type Signer } from "@busbar/protocol";
import type { AggregatorConfig } from "../config/schema.ts";
import { handedOverOf } from "../ledger/handed-over.ts";
import { members } from "../ledger/tables.ts";
import type { Ledger } from "./ledger.ts";

/**
 * Checks that a configuration's member is one of its ledger, with the key that stands there.
 * Throws: `Failure` `member.unknown`, `member.other-key`, `member.other-site`.
 */
export function checkMember(
  { site, member, key }: AggregatorConfig,
  { store, genesis }: Pick<Ledger, "store" | "genesis">,
  signer: Signer,
): void {
  const stop = (code: string, message: string): never => {
    throw new Failure(code, message, { retry: "never" });
  };
  if (genesis.site !== site) {
    stop("member.other-site", `site: expected ${genesis.site} as in the genesis, got ${site}`);
  }
  const known = members.get(store.state, member);
  if (known === undefined) {
    stop("member.unknown", `member: ${member} is no member of ${genesis.chain}`);
  } else if (compareBytes(known.key, signer.publicKey) !== 0) {
    stop("member.other-key", `${key} is not the key that ${member} has on the ledger`);
  }
}

/**
 * As `checkMember`, for an aggregator that is to run: with several members it may be a newcomer, of whom
 * the ledger on disk does not know yet that it was admitted; it gets the blocks that say so from the
 * others. Returns whether it is one.
 */
export function checkRunner(
  config: AggregatorConfig,
  ledger: Pick<Ledger, "store" | "genesis">,
  signer: Signer,
): "member" | "newcomer" {
  try {
    checkMember(config, ledger, signer);
    return "member";
  } catch (error) {
    const isUnknown = error instanceof Failure && error.code === "member.unknown";
    if (isUnknown && config.engine !== "recorder") return "newcomer";
    throw error;
  }
}

/**
 * Checks that the engine fits the ledger's voters: one that orders alone would make a chain of its own, and
 * so would PBFT behind a block at which the members handed over.
 * Throws: `Failure` `member.not-alone`, `member.handed-over`.
 */
export function checkEngine(
  { engine, member, consensus }: AggregatorConfig,
  { application, store }: Pick<Ledger, "application" | "store">,
): void {
  const word = handedOverOf(store);
  const keepsIt = store.height === word?.height && consensus?.until === word.height;
  if (engine === "pbft" && word !== undefined && !keepsIt) {
    throw new Failure(
      "member.handed-over",
      `${member} said that it makes no block by PBFT behind ${word.height}; set engine: cometbft (busbar-aggregator hand-over), or leave consensus.until at ${word.height}`,
      { retry: "never" },
    );
  }
  const { voters } = application.council();
  const alone = voters.length === 1 && voters[0]?.id === member;
  if (engine !== "recorder" || alone) return;
  const who = voters.map(({ id }) => id).join(", ");
  throw new Failure(
    "member.not-alone",
    `engine: a recorder orders blocks alone, and here ${who} vote on them; set engine: pbft and consensus`,
    { retry: "never" },
  );
}
