import { useEffect, useRef, useState } from "preact/hooks";
import type { PortalSlot, PortalStatus } from "../../api.ts";
import type { PassAnswer, QuoteAnswer } from "../../views/shapes.ts";
import { priceSeries, type Series, SlotChart } from "../charts.ts";
import { clearingText, kwh, price, priceUnit, slotName } from "../format.ts";
import { t } from "../language.ts";
import { model } from "../live-site.ts";
import { siteTime } from "../model.ts";
import { Grid } from "../parts/grid.tsx";
import { Card, Empty, Loaded, Scroll, useAnswer } from "../parts/loaded.tsx";
import { me } from "../session.ts";
import { useWatched } from "../store.ts";
import { GridFlows } from "./grid-flows.tsx";

/** How far ahead of now hours are listed. */
const aheadMs = 36 * 3_600_000;

/** Reference prices, what was cleared, and the owner's own quotes; and how a price came about. */
export function PricesPage() {
  const { status, slots, statusAt } = useWatched(model);
  const who = useWatched(me);
  const [chosen, setChosen] = useState<number>();
  const isOwner = who?.role === "owner";
  const quotes = useAnswer<readonly QuoteAnswer[]>(isOwner ? "quotes" : undefined, status?.height);
  if (status === undefined) return null;
  const now = siteTime({ status, statusAt }, Date.now()) ?? status.time;
  const own = quotes.asked.state === "there" ? quotes.asked.value : [];
  const near = slots.filter(({ slot }) => slot <= now + aheadMs);
  const slot = chosen ?? near.find(({ clearing }) => clearing !== null)?.slot;
  return (
    <>
      <PriceChart slots={slots} status={status} own={isOwner ? own : undefined} />
      {slot === undefined ? null : <Passes slot={slot} status={status} now={now} />}
      {slot === undefined || who === undefined || who.role === "guest" ? null : (
        <GridFlows slot={slot} hour={slotName(slot, now)} />
      )}
      <Card title={t("Hour by hour")}>
        <Scroll label={t("Hour by hour")} tall>
          <table>
            <caption class="visually-hidden">{t("Hours, newest first; prices per kWh")}</caption>
            <thead>
              <tr>
                <th scope="col">{t("Hour")}</th>
                <th scope="col">{t("Stage")}</th>
                <th scope="col" class="num">
                  {t("Clearing")}
                </th>
                <th scope="col" class="num minor">
                  {t("Traded, kWh")}
                </th>
                {isOwner ? (
                  <th scope="col" class="num">
                    {t("Your quote")}
                  </th>
                ) : null}
              </tr>
            </thead>
            <tbody>
              {near.map((one) => (
                <tr key={one.slot} aria-current={one.slot === slot ? "true" : undefined}>
                  <td>
                    <button type="button" class="link" onClick={() => setChosen(one.slot)}>
                      {slotName(one.slot, now)}
                    </button>
                  </td>
                  <td>
                    {t(one.scale)}: {t(one.stage)}
                  </td>
                  <td class="num">{clearingText(one)}</td>
                  <td class="num minor">{kwh(one.tradedWh)}</td>
                  {isOwner ? <td class="num">{quoteText(own, one.slot)}</td> : null}
                </tr>
              ))}
            </tbody>
          </table>
        </Scroll>
      </Card>
    </>
  );
}

function PriceChart({
  slots,
  status,
  own,
}: {
  readonly slots: readonly PortalSlot[];
  readonly status: PortalStatus;
  readonly own: readonly QuoteAnswer[] | undefined;
}) {
  const chart = useRef<SlotChart>(undefined);
  const quotes = useRef(own);
  quotes.current = own;
  const hasOwn = own !== undefined;
  useEffect(() => {
    const mine: Series = {
      id: "own",
      label: t("your quote"),
      color: "--good",
      width: 3,
      dash: [2, 4],
      value: ({ slot }) => {
        const limit = limitOf(quotes.current ?? [], slot);
        return limit === undefined ? null : limit / 1_000_000;
      },
      text: ({ slot }) => quoteText(quotes.current ?? [], slot),
    };
    chart.current = new SlotChart({
      place: "prices-chart",
      legend: "prices-legend",
      caption: "prices-when",
      isWhole: ({ stage }) => stage === "cleared" || stage === "settled",
      label: t("Prices by hour"),
      series: hasOwn ? [...priceSeries, mine] : priceSeries,
    });
    return () => chart.current?.close();
  }, [hasOwn]);
  useEffect(() => {
    const { slotMinutes: minutes, currency } = status;
    chart.current?.show(slots, { minutes, unit: priceUnit(currency) });
  }, [slots, own]);
  return (
    <section class="card" aria-label={t("Prices")}>
      <div class="card-head">
        <h2>{t("Prices")}</h2>
        <p class="quiet" id="prices-when" />
      </div>
      <ul class="legend" id="prices-legend" />
      <div class="chart alone" id="prices-chart" />
    </section>
  );
}

/** What the colony made of each gate, beside the exact price: how near it came. */
function Passes({
  slot,
  status,
  now,
}: {
  readonly slot: number;
  readonly status: PortalStatus;
  readonly now: number;
}) {
  const passes = useAnswer<readonly PassAnswer[]>(`passes?slot=${slot}`, status.height);
  const prices = [
    ["gu", t("company → users")],
    ["cu", t("bureau → users")],
    ["gc", t("company → bureau")],
    ["cg", t("bureau → company")],
  ] as const;
  return (
    <Card
      title={t("How the price of {hour} came about", { hour: slotName(slot, now) })}
      note={t("{unit}; expected → colony, and how far it is from the exact price", {
        unit: priceUnit(status.currency),
      })}
    >
      <Loaded {...passes}>
        {(all) =>
          all.length === 0 ? (
            <Empty title={t("No gate of it has opened yet.")} />
          ) : (
            <Grid
              caption={t("Its gates")}
              heads={[
                t("Gate"),
                ...prices.map(([, name]) => `#${name}`),
                `#${t("Clearing")}`,
                `#${t("Traded, kWh")}`,
              ]}
              rows={all.map((pass) => ({
                key: String(pass.pass),
                cells: [
                  t(pass.scale),
                  ...prices.map(([key]) => wayOf(pass, key)),
                  price(pass.clearing),
                  kwh(pass.quantityWh),
                ],
              }))}
            />
          )
        }
      </Loaded>
    </Card>
  );
}

function wayOf({ opened, colony, exact }: PassAnswer, key: "cg" | "cu" | "gc" | "gu"): string {
  const [expected, found, best] = [
    opened?.[key] ?? null,
    colony?.[key] ?? null,
    exact?.[key] ?? null,
  ];
  if (expected === null && found === null) return "–";
  const apart = found !== null && best !== null ? ` (±${price(Math.abs(found - best))})` : "";
  const after = colony === null ? "" : ` → ${found === null ? "–" : price(found)}`;
  return `${expected === null ? "–" : price(expected)}${after}${apart}`;
}

function limitOf(quotes: readonly QuoteAnswer[], slot: number): number | undefined {
  return quotes.filter((one) => one.slot === slot).flatMap(({ quotes: all }) => all ?? [])[0]
    ?.limit;
}

function quoteText(quotes: readonly QuoteAnswer[], slot: number): string {
  const own = quotes.filter((one) => one.slot === slot);
  if (own.length === 0) return "–";
  const limit = limitOf(own, slot);
  return limit === undefined ? t("sealed") : price(limit);
}
