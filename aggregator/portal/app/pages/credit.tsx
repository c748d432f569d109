import type { CreditAnswer } from "../../views/shapes.ts";
import { count, dayAndClock } from "../format.ts";
import { t } from "../language.ts";
import { model } from "../live-site.ts";
import { Card, Empty, Loaded, useAnswer } from "../parts/loaded.tsx";
import { useWatched } from "../store.ts";

/** Reputation: the ranking, or an owner's own report. */
export function CreditPage() {
  const { status } = useWatched(model);
  const credit = useAnswer<readonly CreditAnswer[]>("credit", status?.height);
  return (
    <Card title={t("Credit")} note={t("Everybody begins with 1,000; each violation costs.")}>
      <Loaded {...credit}>
        {(all) => (
          <ol class="lines ranking">
            {all.map(({ id, kind, score, entries }) => (
              <li key={id}>
                <b>{id}</b> <span class="quiet">{t(kind)}</span>
                <span class="score">{count(score)}</span>
                {entries.length === 0 ? (
                  <p class="quiet">{t("No violation.")}</p>
                ) : (
                  <ul>
                    {entries.map(({ kind: what, time, reason, height }) => (
                      <li key={`${height} ${what} ${reason}`}>
                        {t(what)}: {reason} <span class="quiet">{dayAndClock(time)}</span>
                      </li>
                    ))}
                  </ul>
                )}
              </li>
            ))}
            {all.length === 0 ? <Empty title={t("Nobody yet.")} /> : null}
          </ol>
        )}
      </Loaded>
    </Card>
  );
}
