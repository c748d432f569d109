import type { PortalTrade, TradesAsked } from "../api.ts";
import { type Asking, all } from "../model/asking.ts";
import { tradeOf } from "../queries.ts";

const most = Number.MAX_SAFE_INTEGER;

/** One page of trades. What it costs is in the page, however many trades there are. */
export function* tradesPage({
  limit,
  before = most,
  owner,
  slot,
}: TradesAsked): Asking<readonly PortalTrade[]> {
  const page = { before, limit };
  const rows = () => {
    if (owner !== undefined && slot !== undefined) {
      return all("tradesOfOwnerInSlot", { ...page, owner, slot });
    }
    if (owner !== undefined) return all("tradesOfOwner", { ...page, owner });
    if (slot !== undefined) return all("tradesOfSlot", { ...page, slot });
    return all("trades", page);
  };
  return (yield* rows()).map(tradeOf);
}
