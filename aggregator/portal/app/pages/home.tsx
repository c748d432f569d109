import type { PortalStatus } from "../../api.ts";
import type { AccountAnswer, AlarmAnswer, NoticeAnswer } from "../../views/shapes.ts";
import { explain } from "../explain.ts";
import {
  count,
  dayAndClock,
  energy,
  exactMoney,
  money,
  power,
  price,
  slotSpan,
} from "../format.ts";
import { langOf, t } from "../language.ts";
import { model } from "../live-site.ts";
import { siteTime, slotAt } from "../model.ts";
import { type Figure, Figures, parted } from "../parts/figures.tsx";
import { Card, Empty, Loaded, useAnswer } from "../parts/loaded.tsx";
import { useWatched } from "../store.ts";

/** An owner's energy and money at one glance. */
export function HomePage() {
  const { status, ...site } = useWatched(model);
  const again = Math.floor((status?.height ?? 0) / 3);
  const account = useAnswer<AccountAnswer>("account", again);
  const notices = useAnswer<readonly NoticeAnswer[]>("notices?limit=6", again);
  const alarms = useAnswer<readonly AlarmAnswer[]>("alarms", again);
  if (status === undefined) return null;
  const slot = slotAt({ status, ...site }, siteTime({ status, ...site }, Date.now()) ?? 0);
  return (
    <>
      <Loaded {...account}>
        {(own) => (
          <>
            <Figures
              label={t("At a glance")}
              figures={[
                nowFigure(own),
                todayEnergy(own),
                todayMoney(own, status),
                {
                  id: "clearing",
                  title: t("Price now"),
                  ...(slot?.clearing == null
                    ? { value: price(null), tone: "words" as const }
                    : { value: price(slot.clearing), unit: `${status.currency}/kWh` }),
                  note: slot === undefined ? "" : `${slotSpan(slot.slot, status.slotMinutes)} UTC`,
                },
              ]}
            />
            <div class="pair">
              <Money own={own} status={status} />
              <Card title={t("Newest notices")} note={<a href="#/notices">{t("all of them")}</a>}>
                <Loaded {...notices}>{(all) => <Newest notices={all} />}</Loaded>
              </Card>
            </div>
          </>
        )}
      </Loaded>
      <Card title={t("What needs you")} note={<a href="#/alarms">{t("all of them")}</a>}>
        <Loaded {...alarms}>
          {(all) => <Troubles alarms={all.filter(({ resolved }) => resolved === null)} />}
        </Loaded>
      </Card>
    </>
  );
}

function nowFigure({ powerW }: AccountAnswer): Figure {
  const words = powerW === null ? "–" : power(powerW);
  const note =
    powerW === null
      ? t("no reading yet")
      : powerW < 0
        ? t("given to the feeder")
        : t("drawn from the feeder");
  return {
    id: powerW !== null && powerW < 0 ? "generation" : "load",
    title: t("Power now"),
    ...parted(words),
    note,
  };
}

function todayEnergy({ today }: AccountAnswer): Figure {
  const note = t("drawn today; {given} given", { given: energy(today.exportWh) });
  return { id: "load", title: t("Energy today"), ...parted(energy(today.importWh)), note };
}

function todayMoney({ today, month }: AccountAnswer, { currency }: PortalStatus): Figure {
  const note = t("this month {sum}", { sum: money(month.money, currency) });
  return { id: "traded", title: t("Money today"), ...parted(money(today.money, currency)), note };
}

function Money({ own, status }: { readonly own: AccountAnswer; readonly status: PortalStatus }) {
  const { currency } = status;
  const { today, sales, purchase, credit } = own;
  const rows = [
    [t("Sold in the market"), energy(today.soldWh), money(today.income, currency)],
    [t("Bought in the market"), energy(today.boughtWh), money(-today.spent, currency)],
    [t("For the way over the grid"), "", money(-today.gridFee, currency)],
    [t("Subsidy"), "", money(today.subsidy, currency)],
    [t("Fees, taxes and levies"), "", money(-today.charges, currency)],
    [
      t("Differences, with the bureau"),
      energy(today.imbalanceWh),
      money(today.imbalanceMoney, currency),
    ],
  ] as const;
  return (
    <Card title={t("Today")} note={<a href="#/statement">{t("hour by hour")}</a>}>
      <table>
        <caption class="visually-hidden">{t("Today’s energy and money")}</caption>
        <tbody>
          {rows.map(([name, wh, sum]) => (
            <tr key={name}>
              <th scope="row">{name}</th>
              <td class="num">{wh}</td>
              <td class="num">{sum}</td>
            </tr>
          ))}
          <tr class="sum">
            <th scope="row">{t("Together")}</th>
            <td />
            <td class="num">{money(today.money, currency)}</td>
          </tr>
        </tbody>
      </table>
      <dl class="facts">
        <div>
          <dt>{t("Sales account")}</dt>
          <dd title={exactMoney(sales.money, currency)}>{money(sales.money, currency)}</dd>
        </div>
        <div>
          <dt>{t("Purchase account")}</dt>
          <dd title={exactMoney(purchase.money, currency)}>{money(purchase.money, currency)}</dd>
        </div>
        <div>
          <dt>{t("Credit")}</dt>
          <dd>{t("{score} of 1,000", { score: count(credit) })}</dd>
        </div>
      </dl>
    </Card>
  );
}

function Newest({ notices }: { readonly notices: readonly NoticeAnswer[] }) {
  if (notices.length === 0) return <Empty title={t("Nothing happened yet.")} />;
  return (
    <ul class="lines">
      {notices.map(({ id, title, text, time, language }) => (
        <li key={id}>
          <b lang={langOf(language)}>{title}</b>
          <span class="quiet">{dayAndClock(time)}</span>
          <p class="quiet" lang={langOf(language)}>
            {text}
          </p>
        </li>
      ))}
    </ul>
  );
}

function Troubles({ alarms }: { readonly alarms: readonly AlarmAnswer[] }) {
  if (alarms.length === 0)
    return <Empty title={t("Nothing. Your meters are read, your readings arrive.")} />;
  return (
    <ul class="lines">
      {alarms.slice(0, 6).map((alarm) => (
        <li key={alarm.id}>
          <b>
            {alarm.about}: {explain(alarm).what}
          </b>
          <p class="quiet">{explain(alarm).todo}</p>
        </li>
      ))}
    </ul>
  );
}
