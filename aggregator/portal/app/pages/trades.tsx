import { settlementId, settlements } from "../../../ledger/settlements.ts";
import type { PortalTrade } from "../../api.ts";
import { checkTrade } from "../claims.ts";
import { exactMoney, kwh, price, slotName, tradeText } from "../format.ts";
import { t } from "../language.ts";
import { model } from "../live-site.ts";
import { siteTime } from "../model.ts";
import { Keep } from "../parts/keep.tsx";
import { Card } from "../parts/loaded.tsx";
import { LongTable, type RowColumn } from "../parts/rows.tsx";
import { Verify } from "../parts/verify.tsx";
import { readBytes } from "../request.ts";
import { me } from "../session.ts";
import { useWatched } from "../store.ts";
import { pin } from "../trust.ts";

/** All trades that the viewer may see. */
export function TradesPage() {
  const { status, statusAt } = useWatched(model);
  const who = useWatched(me);
  if (status === undefined) return null;
  const now = siteTime({ status, statusAt }, Date.now()) ?? status.time;
  const columns = tradeColumns({ currency: status.currency, now, chain: status.chain });
  const verifiable = who !== undefined && !["guest", "viewer"].includes(who.role);
  return (
    <Card
      title={who?.role === "owner" ? t("Your trades") : t("Trades")}
      note={<Keep path="trades" cursor="seq" name="trades" />}
    >
      <LongTable<PortalTrade>
        path="trades"
        caption={t("Contracts, newest first")}
        empty={t("No trade yet. The first contracts follow the first cleared hour.")}
        cursorOf={({ seq }) => seq}
        columns={verifiable ? columns : columns.slice(0, -1)}
        again={status.contracts + status.settledContracts}
      />
    </Card>
  );
}

export function tradeColumns({
  currency,
  now,
  chain,
}: {
  readonly currency: string;
  readonly now: number;
  readonly chain: string;
}): readonly RowColumn<PortalTrade>[] {
  return [
    { head: t("Hour"), cell: ({ slot }) => slotName(slot, now) },
    { head: t("Seller → buyer"), cell: ({ seller, buyer }) => `${seller} → ${buyer}` },
    { head: t("Gate"), minor: true, cell: ({ scale }) => t(scale) },
    { head: "kWh", numeric: true, cell: ({ energyWh }) => kwh(energyWh) },
    {
      head: `${currency}/kWh`,
      numeric: true,
      minor: true,
      cell: (trade) => price(trade.price + trade.fee),
    },
    {
      head: t("State"),
      cell: (trade) => (
        <span title={exactMoney(trade.amount ?? 0, currency)}>{tradeText(trade, currency)}</span>
      ),
    },
    {
      head: t("Proof"),
      minor: true,
      cell: (trade) => (
        <Verify label={trade.contract} run={() => verifyTrade(trade, chain)} key={trade.contract} />
      ),
    },
  ];
}

export async function verifyTrade(trade: PortalTrade, chain: string) {
  const contract = await readBytes(statePath(`contract/${trade.contract}`));
  const payment = await readBytes(statePath(settlements.keyOf(readableSettlement(trade))));
  return checkTrade({ contract, payment }, trade, await pin(chain));
}

/** What the trade's hour came to for the party that is signed in; others who may verify see both. */
function readableSettlement({ slot, buyer, seller }: PortalTrade): string {
  return settlementId(slot, me.value?.id === seller ? seller : buyer);
}

const statePath = (key: string) => `proofs/state?key=${encodeURIComponent(key)}`;
