import { checkPublicKey, compareBytes, type FeederMotion, type Refusal } from "@busbar/protocol";
import { refuse } from "../../refuse.ts";
import type { BlockContext } from "../../rule.ts";
import { feeders, feederVias } from "../feeders/tables.ts";
import { marketParty } from "../market/parties.ts";

/**
 * Why a chain cannot be trusted so, or is not; codes, in order: `feeder.own-chain`; to trust: `feeder.council`,
 * `feeder.via`, `feeder.via-taken`; to revoke: `feeder.unknown`.
 */
export function checkFeeder(
  { state, chain: own }: Pick<BlockContext, "state" | "chain">,
  { action, chain, council, via }: FeederMotion,
): Refusal | undefined {
  if (chain === own) return refuse("feeder.own-chain", `${chain} is this ledger itself`);
  const known = feeders.get(state, chain);
  if (action === "revoke") {
    if (known !== undefined && known.state !== "revoked") return undefined;
    return refuse("feeder.unknown", `the members do not trust ${chain}, so it cannot be revoked`);
  }
  if (council === undefined || !isCouncil(council)) {
    const text = "expected who votes there: members with different ids and keys, sorted by id";
    return refuse("feeder.council", text);
  }
  if (via === undefined || marketParty(state, via) === undefined) {
    const text = `expected an owner whose meter stands on the line to ${chain}, got ${via ?? "nobody"}`;
    return refuse("feeder.via", text);
  }
  const taken = feederVias.get(state, via)?.chain ?? chain;
  if (taken === chain && (known?.via ?? via) === via) return undefined;
  const text = `an owner stands for one chain for ever: ${via} for ${taken}, ${known?.via ?? "nobody"} for ${chain}`;
  return refuse("feeder.via-taken", text);
}

function isCouncil({ voters }: NonNullable<FeederMotion["council"]>): boolean {
  return voters.every(({ id, key }, i) => {
    const before = voters[i - 1];
    const rest = voters.slice(i + 1);
    return (
      (before === undefined || before.id < id) &&
      checkPublicKey(key) === undefined &&
      rest.every((other) => compareBytes(key, other.key) !== 0)
    );
  });
}

/** Trusts a chain from the council that was named on, or trades with it no longer. */
export function enactFeederMotion(
  context: BlockContext,
  message: FeederMotion,
): Refusal | undefined {
  const refusal = checkFeeder(context, message);
  if (refusal !== undefined) return refusal;
  const { state, height, emit } = context;
  const { action, chain, council, via } = message;
  if (action === "trust" && council !== undefined && via !== undefined) {
    feeders.set(state, chain, { chain, via, council, state: "trusted", since: height });
    feederVias.set(state, via, { chain });
    emit({ type: "feeder-changed", chain, state: "trusted" });
    return undefined;
  }
  const known = feeders.get(state, chain);
  if (known === undefined) return undefined;
  feeders.set(state, chain, { ...known, state: "revoked", since: height });
  emit({ type: "feeder-changed", chain, state: "revoked" });
  return undefined;
}
