import { useState } from "preact/hooks";
import type { ReportAnswer, SchemeTotals } from "../../views/shapes-community.ts";
import { dayAndClock, kwh, money, power, price } from "../format.ts";
import { t } from "../language.ts";
import { model } from "../live-site.ts";
import { DaysChoice } from "../parts/fields.tsx";
import { Grid } from "../parts/grid.tsx";
import { Card, Loaded, useAnswer } from "../parts/loaded.tsx";
import { me } from "../session.ts";
import { useWatched } from "../store.ts";

const spans = [1, 7, 31] as const;

const schemeNames: Readonly<Record<string, string>> = {
  retail: t("retail only"),
  "static-key": t("static key"),
  "dynamic-key": t("dynamic key"),
  "hybrid-key": t("hybrid key"),
  "pay-as-bid": t("pay-as-bid"),
  "uniform-price": t("uniform price"),
  bargaining: t("bargaining (this market)"),
};

const schemeName = (scheme: string) => schemeNames[scheme] ?? scheme;
const percent = (part: number | null) => (part === null ? "–" : `${(100 * part).toFixed(1)} %`);

/** What the same meters would have paid under other rules. */
export function ReportPage() {
  const { status } = useWatched(model);
  const who = useWatched(me);
  const [days, setDays] = useState(7);
  const report = useAnswer<ReportAnswer>(`report?days=${days}`);
  if (status === undefined || who === undefined) return null;
  const { currency } = status;
  return (
    <>
      <Card title={t("What if")} note={t("The same meters under seven schemes.")}>
        <DaysChoice spans={spans} days={days} onDays={setDays} />
      </Card>
      <Loaded {...report}>
        {(found) => (
          <>
            {found.parties.length === 1 && who.role === "owner" ? (
              <Card title={t("You")} note={t("saved against retail alone")}>
                <Savings totals={found.parties[0]?.totals ?? []} currency={currency} />
                <Totals
                  caption={t("You, under each scheme")}
                  totals={found.parties[0]?.totals ?? []}
                  currency={currency}
                />
              </Card>
            ) : null}
            <Card
              title={t("The community")}
              note={t("{members} parties, {slots} hours, {from} to {to}", {
                members: found.members,
                slots: found.slots,
                from: dayAndClock(found.from),
                to: dayAndClock(found.to),
              })}
            >
              {who.role === "owner" ? null : (
                <Savings totals={found.community} currency={currency} />
              )}
              <Totals
                caption={t("The community, under each scheme")}
                totals={found.community}
                currency={currency}
              />
              <p class="quiet">
                {t(
                  "The bureau pays {feedIn} and asks {retail}; shared energy costs {share} a kWh under the keys. Fees, taxes and levies of the community are in it.",
                  {
                    feedIn: price(found.feedIn),
                    retail: price(found.retail),
                    share: price(found.sharePrice),
                  },
                )}
              </p>
            </Card>
            {who.role === "owner" ? null : <Parties found={found} currency={currency} />}
          </>
        )}
      </Loaded>
    </>
  );
}

/** What each scheme saves, as bars to both sides of nothing. */
function Savings({
  totals,
  currency,
}: {
  readonly totals: readonly SchemeTotals[];
  readonly currency: string;
}) {
  const compared = totals.filter(({ scheme }) => scheme !== "retail");
  const most = Math.max(1, ...compared.map(({ savingMicro }) => Math.abs(savingMicro)));
  return (
    <ul class="bars" aria-label={t("Saved against retail alone")}>
      {compared.map(({ scheme, savingMicro }) => (
        <li key={scheme}>
          <span>{schemeName(scheme)}</span>
          <meter
            min={0}
            max={most}
            value={Math.abs(savingMicro)}
            data-tone={savingMicro < 0 ? "bad" : "good"}
            aria-label={schemeName(scheme)}
          />
          <b class="num">{money(savingMicro, currency)}</b>
        </li>
      ))}
    </ul>
  );
}

function Totals({
  caption,
  totals,
  currency,
}: {
  readonly caption: string;
  readonly totals: readonly SchemeTotals[];
  readonly currency: string;
}) {
  return (
    <Grid
      caption={caption}
      heads={[
        t("Scheme"),
        `#${t("Paid")}`,
        `#${t("Saved")}`,
        `#${t("From others, kWh")}`,
        `#${t("To others, kWh")}`,
        `#${t("Self-sufficiency")}`,
        `#${t("Self-consumption")}`,
        `#${t("Peak")}`,
      ]}
      rows={totals.map((one) => ({
        key: one.scheme,
        cells: [
          schemeName(one.scheme),
          money(one.costMicro, currency),
          money(one.savingMicro, currency),
          kwh(one.receivedWh),
          kwh(one.givenWh),
          percent(one.selfSufficiency),
          percent(one.selfConsumption),
          power(one.peakW),
        ],
      }))}
    />
  );
}

function Parties({ found, currency }: { readonly found: ReportAnswer; readonly currency: string }) {
  const schemes = found.community.map(({ scheme }) => scheme).filter((one) => one !== "retail");
  return (
    <Card title={t("Each party")} note={t("saved against retail alone")}>
      <Grid
        caption={t("Each party")}
        heads={[t("Party"), ...schemes.map((scheme) => `#${schemeName(scheme)}`)]}
        rows={found.parties.map(({ id, totals }) => ({
          key: id,
          cells: [
            id,
            ...schemes.map((scheme) =>
              money(totals.find((one) => one.scheme === scheme)?.savingMicro ?? 0, currency),
            ),
          ],
        }))}
      />
      <p class="quiet">
        {found.worstOff
          .filter(({ scheme }) => scheme === "bargaining")
          .map(({ id, savingMicro }) =>
            t("Worst off in this market: {id}, {money} saved", {
              id,
              money: money(savingMicro, currency),
            }),
          )
          .join("")}
      </p>
    </Card>
  );
}
