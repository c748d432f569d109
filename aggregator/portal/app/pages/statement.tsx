import type { PortalStatus } from "../../api.ts";
import type { StatementDetail, StatementRow } from "../../views/shapes.ts";
import { dayAndClock, energy, exactMoney, kwh, money, slotName, slotSpan } from "../format.ts";
import { t } from "../language.ts";
import { model } from "../live-site.ts";
import { siteTime } from "../model.ts";
import { Grid } from "../parts/grid.tsx";
import { Keep } from "../parts/keep.tsx";
import { Card, Empty, Loaded, useAnswer } from "../parts/loaded.tsx";
import { LongTable, type RowColumn } from "../parts/rows.tsx";
import { useWatched } from "../store.ts";
import { SlotCheck } from "./slot-check.tsx";
import { tradeColumns } from "./trades.tsx";

/** An owner's money hour by hour, each down to the readings that it rests on. */
export function StatementPage({ slot }: { readonly slot: string | undefined }) {
  const { status, statusAt } = useWatched(model);
  if (status === undefined) return null;
  const now = siteTime({ status, statusAt }, Date.now()) ?? status.time;
  if (slot !== undefined) return <SlotPage slot={slot} status={status} now={now} />;
  return (
    <Card
      title={t("Money, hour by hour")}
      note={
        <>
          {t("An hour opens down to its signed readings.")}{" "}
          <Keep path="statement" cursor="slot" name="statement" />
        </>
      }
    >
      <LongTable<StatementRow>
        path="statement"
        caption={t("Hours, newest first")}
        empty={t("No hour yet. The first one stands here when it was traded.")}
        cursorOf={(row) => row.slot}
        columns={columnsOf(status, now)}
        again={status.settledContracts}
      />
    </Card>
  );
}

function columnsOf({ currency }: PortalStatus, now: number): readonly RowColumn<StatementRow>[] {
  const sum = (micro: number) => (
    <span title={exactMoney(micro, currency)}>{money(micro, currency)}</span>
  );
  return [
    {
      head: t("Hour"),
      cell: ({ slot }) => <a href={`#/statement/${slot}`}>{slotName(slot, now)}</a>,
    },
    { head: t("Drawn, kWh"), numeric: true, cell: ({ importWh }) => kwh(importWh) },
    { head: t("Given, kWh"), numeric: true, minor: true, cell: ({ exportWh }) => kwh(exportWh) },
    { head: t("Bought, kWh"), numeric: true, minor: true, cell: ({ boughtWh }) => kwh(boughtWh) },
    { head: t("Sold, kWh"), numeric: true, minor: true, cell: ({ soldWh }) => kwh(soldWh) },
    {
      head: t("Difference, kWh"),
      numeric: true,
      minor: true,
      cell: ({ imbalanceWh }) => kwh(imbalanceWh),
    },
    { head: t("Money"), numeric: true, cell: (row) => sum(row.money) },
    {
      head: t("State"),
      cell: ({ versions }) =>
        versions === 0 ? t("not settled yet") : versions === 1 ? t("settled") : t("corrected"),
    },
  ];
}

function SlotPage({
  slot,
  status,
  now,
}: {
  readonly slot: string;
  readonly status: PortalStatus;
  readonly now: number;
}) {
  const detail = useAnswer<StatementDetail>(
    `statement/${encodeURIComponent(slot)}`,
    status.settledContracts,
  );
  return (
    <>
      <p>
        <a href="#/statement">← {t("All hours")}</a>
      </p>
      <Loaded {...detail}>
        {(found) => (
          <>
            <Card
              title={`${dayAndClock(found.slot).split(",")[0]}, ${slotSpan(found.slot, found.slotMinutes)} UTC`}
              note={found.owner}
            >
              <Sums detail={found} currency={status.currency} />
            </Card>
            <Contracts detail={found} status={status} now={now} />
            <SlotCheck detail={found} status={status} />
          </>
        )}
      </Loaded>
    </>
  );
}

function Sums({
  detail,
  currency,
}: {
  readonly detail: StatementDetail;
  readonly currency: string;
}) {
  const { row } = detail;
  const lines = [
    [t("Sold in the market"), energy(row.soldWh), row.income],
    [t("Bought in the market"), energy(row.boughtWh), -row.spent],
    [t("For the way over the grid"), "", -row.gridFee],
    [t("Subsidy"), "", row.subsidy],
    [t("Fees, taxes and levies"), "", -row.charges],
    [t("Differences, with the bureau"), energy(row.imbalanceWh), row.imbalanceMoney],
    [t("Together"), "", row.money],
  ] as const;
  return (
    <table>
      <caption class="visually-hidden">{t("What the hour came to")}</caption>
      <tbody>
        {lines.map(([name, wh, micro]) => (
          <tr key={name} class={name === t("Together") ? "sum" : ""}>
            <th scope="row">{name}</th>
            <td class="num">{wh}</td>
            <td class="num">{exactMoney(micro, currency)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Contracts({
  detail,
  status,
  now,
}: {
  readonly detail: StatementDetail;
  readonly status: PortalStatus;
  readonly now: number;
}) {
  const { currency, chain } = status;
  const columns = tradeColumns({ currency, now, chain });
  return (
    <Card title={t("Its contracts")}>
      {detail.contracts.length === 0 ? (
        <Empty title={t("None: all of it went to or came from the bureau.")} />
      ) : (
        <Grid
          caption={t("Its contracts")}
          heads={columns.map(({ head, numeric }) => (numeric === true ? `#${head}` : head))}
          rows={detail.contracts.map((trade) => ({
            key: trade.contract,
            cells: columns.map(({ cell }) => cell(trade)),
          }))}
        />
      )}
    </Card>
  );
}
