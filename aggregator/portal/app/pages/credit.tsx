import type { CreditAnswer } from "../../views/shapes.ts";
import { count, dayAndClock, exactMoney, money } from "../format.ts";
import { t } from "../language.ts";
import { model } from "../live-site.ts";
import { Figures, parted } from "../parts/figures.tsx";
import { Grid } from "../parts/grid.tsx";
import { Card, Empty, Loaded, useAnswer } from "../parts/loaded.tsx";
import { me } from "../session.ts";
import { useWatched } from "../store.ts";

/** Reputation and cover: the ranking, or an owner's own report. */
export function CreditPage() {
  const { status } = useWatched(model);
  const who = useWatched(me);
  const credit = useAnswer<readonly CreditAnswer[]>("credit", status?.height);
  const currency = status?.currency ?? "";
  return (
    <Loaded {...credit}>
      {(all) => (
        <>
          <Terms all={all} currency={currency} />
          {who?.role === "owner" ? <Own all={all} currency={currency} /> : null}
          <Card title={t("Credit")} note={t("Everybody begins with 1,000; each violation costs.")}>
            <Ranking all={all} />
          </Card>
          {who?.role === "owner" ? null : <Cover all={all} currency={currency} />}
        </>
      )}
    </Loaded>
  );
}

type Props = { readonly all: readonly CreditAnswer[]; readonly currency: string };

/** What the community agreed on. */
function Terms({ all, currency }: Props) {
  const terms = all[0]?.terms ?? null;
  return (
    <Card title={t("The community’s terms")}>
      {terms === null ? (
        <p>{t("None: what accounts owe is not limited, and no delivery counts as too small.")}</p>
      ) : (
        <dl class="facts">
          <div>
            <dt>{t("What full credit may owe without collateral")}</dt>
            <dd>{money(terms.line, currency)}</dd>
          </div>
          <div>
            <dt>{t("A delivery that is smaller by more than this is a violation")}</dt>
            <dd>{(terms.tolerancePermille / 10).toFixed(1)} %</dd>
          </div>
          <div>
            <dt>{t("Of quotes at one limit")}</dt>
            <dd>
              {terms.tiesByScore
                ? t("the better score is served first")
                : t("all share what there is")}
            </dd>
          </div>
        </dl>
      )}
    </Card>
  );
}

function Own({ all, currency }: Props) {
  const [own] = all;
  if (own === undefined) return null;
  const { balance, collateral, bound, free, inDefault } = own;
  const figure = (id: string, title: string, micro: number, note: string) => ({
    id,
    title,
    ...parted(money(micro, currency)),
    note,
  });
  return (
    <Figures
      label={t("Your cover")}
      figures={[
        figure(
          "traded",
          t("Balance"),
          balance,
          balance < 0 ? t("you owe it to the others") : t("the others owe it to you"),
        ),
        figure("generation", t("Collateral"), collateral, t("kept for you by a bureau")),
        figure("load", t("Bound to"), bound, t("quotes and contracts that are not paid")),
        free === null
          ? {
              id: "clearing",
              title: t("May still bind itself to"),
              value: t("no limit"),
              tone: "words",
              note: "",
            }
          : {
              ...figure("clearing", t("May still bind itself to"), free, ""),
              ...(inDefault
                ? { tone: "bad" as const, note: t("in default: it buys and orders nothing") }
                : {}),
            },
      ]}
    />
  );
}

function Ranking({ all }: Pick<Props, "all">) {
  return (
    <ol class="lines ranking">
      {all.map(({ id, kind, score, entries }) => (
        <li key={id}>
          <b>{id}</b> <span class="quiet">{t(kind)}</span>
          <span class="score">{count(score)}</span>
          {entries.length === 0 ? (
            <p class="quiet">{t("No violation.")}</p>
          ) : (
            <ul>
              {entries.map(({ kind: what, time, reason, height, left }) => (
                <li key={`${height} ${what} ${reason}`}>
                  {t(what)}: {reason} <span class="quiet">{dayAndClock(time)}</span>{" "}
                  <span class="quiet">{t("{left} points left", { left })}</span>
                </li>
              ))}
            </ul>
          )}
        </li>
      ))}
      {all.length === 0 ? <Empty title={t("Nobody yet.")} /> : null}
    </ol>
  );
}

/** Everybody's accounts. */
function Cover({ all, currency }: Props) {
  const owners = all.filter(({ kind }) => kind === "owner");
  const sum = (micro: number) => (
    <span title={exactMoney(micro, currency)}>{money(micro, currency)}</span>
  );
  return (
    <Card title={t("What covers it")}>
      <Grid
        caption={t("What covers it")}
        heads={[
          t("Owner"),
          `#${t("Balance")}`,
          `#${t("Collateral")}`,
          `#${t("Bound to")}`,
          `#${t("May still bind itself to")}`,
        ]}
        rows={owners.map(({ id, balance, collateral, bound, free, inDefault }) => ({
          key: id,
          cells: [
            inDefault ? (
              <span key={id} class="level" data-level="bad">
                {t("{id}, in default", { id })}
              </span>
            ) : (
              id
            ),
            sum(balance),
            sum(collateral),
            sum(bound),
            free === null ? t("no limit") : sum(free),
          ],
        }))}
      />
    </Card>
  );
}
