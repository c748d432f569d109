import { useState } from "preact/hooks";
import type { Bill } from "../../../settlement/bill/document.ts";
import {
  accountWhat,
  accountWhy,
  byKind,
  carbonRows,
  type KindOfLines,
  lineState,
  otherSide,
} from "../bill-words.ts";
import { count, dayAndClock, exactKwh, exactMoney, price } from "../format.ts";
import { t } from "../language.ts";
import { Grid } from "../parts/grid.tsx";
import { Card, Scroll } from "../parts/loaded.tsx";

/** What a bill's sum is made of; what it has none of is not there. */
export function BillSections({ bill }: { readonly bill: Bill }) {
  return (
    <>
      <Lines bill={bill} />
      <Account bill={bill} />
      <Carbon bill={bill} />
    </>
  );
}

/** Names and sums, the last one below a line. */
export function Sums({
  label,
  currency,
  rows,
}: {
  readonly label: string;
  readonly currency: string;
  readonly rows: readonly (readonly [name: string, micro: number])[];
}) {
  return (
    <Scroll label={label}>
      <table>
        <caption class="visually-hidden">{label}</caption>
        <tbody>
          {rows.map(([name, micro], i) => (
            <tr key={name} class={i === rows.length - 1 ? "sum" : ""}>
              <th scope="row">{name}</th>
              <td class="num">{exactMoney(micro, currency)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

function Lines({ bill: { slots, currency } }: { readonly bill: Bill }) {
  const [shown, setShown] = useState("");
  const kinds = byKind(slots);
  if (kinds.length === 0) return null;
  const chosen = kinds.find(({ name }) => name === shown);
  return (
    <Card title={t("Lines by kind")}>
      <Grid
        caption={t("Lines by kind")}
        heads={[t("Kind"), `#${t("Lines")}`, "#kWh", `#${t("Money")}`]}
        rows={kinds.map(({ name, lines, energyWh, money: micro }) => ({
          key: name,
          cells: [
            name,
            count(lines.length),
            energyWh === 0 ? "" : exactKwh(energyWh),
            exactMoney(micro, currency),
          ],
        }))}
      />
      <label class="inline">
        <span>{t("Show the lines of")}</span>
        <select onChange={(event) => setShown(event.currentTarget.value)}>
          <option value="">–</option>
          {kinds.map(({ name }) => (
            <option key={name} selected={name === shown}>
              {name}
            </option>
          ))}
        </select>
      </label>
      {chosen === undefined ? null : <LinesOf kind={chosen} currency={currency} />}
    </Card>
  );
}

function LinesOf({ kind, currency }: { readonly kind: KindOfLines; readonly currency: string }) {
  return (
    <Grid
      caption={kind.name}
      tall
      heads={[
        t("Line no."),
        t("Hour"),
        "#kWh",
        `#${t("Price")}`,
        `#${t("Money")}`,
        t("With"),
        t("State"),
      ]}
      rows={kind.lines.map(({ slot, line }) => ({
        key: String(line.line),
        cells: [
          line.line,
          dayAndClock(slot.slot),
          line.energyWh === 0 ? "" : exactKwh(line.energyWh),
          line.price === null ? "" : price(line.price),
          exactMoney(line.money, currency),
          otherSide(line.with),
          lineState(slot, line),
        ],
      }))}
    />
  );
}

function Account({ bill: { account, accounts, currency } }: { readonly bill: Bill }) {
  const { sales, purchase, paid, collateral, balance } = accounts;
  return (
    <Card title={t("Payments, collateral and orders")}>
      {account.length === 0 ? null : (
        <Grid
          caption={t("Payments, collateral and orders")}
          heads={[
            t("Line no."),
            t("Time"),
            t("What"),
            `#${t("Money")}`,
            t("With"),
            t("What it rests on"),
          ]}
          rows={account.map((line) => ({
            key: String(line.line),
            cells: [
              line.line,
              dayAndClock(line.time),
              accountWhat(line),
              exactMoney(line.money, currency),
              otherSide(line.with),
              accountWhy(line),
            ],
          }))}
        />
      )}
      <h3>{t("Accounts since the beginning")}</h3>
      <Sums
        label={t("Accounts since the beginning")}
        currency={currency}
        rows={[
          [t("Sales"), sales],
          [t("Purchases"), purchase],
          [t("Payments"), paid],
          [t("Collateral"), collateral],
          [t("Owed to this account; below 0 by it"), balance],
        ]}
      />
    </Card>
  );
}

function Carbon({ bill: { carbon } }: { readonly bill: Bill }) {
  if (carbon === null) return null;
  const { takenWh, greenTakenWh, source, grams } = carbon;
  return (
    <Card
      title={`${t("Carbon figure")}: ${(grams / 1000).toFixed(3)} kg CO₂e`}
      note={t("{taken} kWh drawn, {green} of them with certificates. Factors: {source}", {
        taken: exactKwh(takenWh),
        green: exactKwh(greenTakenWh),
        source,
      })}
    >
      <Grid
        caption={t("Carbon figure")}
        heads={[t("Energy"), "#kWh", `#${t("g CO₂e per kWh")}`]}
        rows={carbonRows(carbon).map(([name, energyWh, factor]) => ({
          key: name,
          cells: [name, exactKwh(energyWh), String(factor)],
        }))}
      />
    </Card>
  );
}

/** A bill's sums down to what is due, for its head. */
export function billSums({ totals }: Bill): readonly (readonly [name: string, micro: number])[] {
  const { received, paid, fees, taxes, subsidies, orders, takings, rounding, pending } = totals;
  const some = (name: string, micro: number) => (micro === 0 ? [] : [[name, micro] as const]);
  return [
    [t("Received"), received],
    [t("Paid"), -paid],
    [t("Fees"), -fees],
    [t("Taxes and levies"), -taxes],
    [t("Subsidies"), subsidies],
    ...some(t("Demand response"), orders),
    ...some(t("For what others did"), takings),
    ...some(t("Rounded to hundredths"), rounding),
    ...some(t("Of it not paid yet"), pending),
    [totals.due < 0 ? t("To be paid") : t("To be received"), Math.abs(totals.due)],
  ];
}
