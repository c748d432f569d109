import { useEffect } from "preact/hooks";
import type { AlarmAnswer } from "../../views/shapes.ts";
import { explain } from "../explain.ts";
import { dayAndClock } from "../format.ts";
import { t } from "../language.ts";
import { model } from "../live-site.ts";
import { Level } from "../parts/figures.tsx";
import { Card, Empty, Loaded, useAnswer } from "../parts/loaded.tsx";
import { useWatched } from "../store.ts";

/** Alarms come without a block, too, and the portal of many units looks for them after a block, not with it. */
const againMs = 5_000;

/** What somebody should look at, and what ended. */
export function AlarmsPage() {
  const { status } = useWatched(model);
  const alarms = useAnswer<readonly AlarmAnswer[]>("alarms", status?.height);
  const { reload } = alarms;
  useEffect(() => {
    const timer = setInterval(reload, againMs);
    return () => clearInterval(timer);
  }, [reload]);
  return (
    <Loaded {...alarms}>
      {(all) => {
        const active = all.filter(({ resolved }) => resolved === null);
        const over = all.filter(({ resolved }) => resolved !== null);
        return (
          <>
            <Card title={t("Alarms")} note={t("{count} now", { count: active.length })}>
              {active.length === 0 ? (
                <Empty title={t("No alarm. Everything is as it should be.")} />
              ) : (
                <List alarms={active} />
              )}
            </Card>
            <Card title={t("Resolved")} note={t("since this aggregator was started")}>
              {over.length === 0 ? <Empty title={t("None yet.")} /> : <List alarms={over} />}
            </Card>
          </>
        );
      }}
    </Loaded>
  );
}

function List({ alarms }: { readonly alarms: readonly AlarmAnswer[] }) {
  return (
    <ul class="lines alarms">
      {alarms.map((alarm) => {
        const { what, todo } = explain(alarm);
        return (
          <li key={`${alarm.id} ${alarm.raised}`} data-resolved={alarm.resolved !== null}>
            <b>
              {alarm.about}: {what}
            </b>
            {alarm.resolved === null ? <Level level={alarm.level} /> : null}
            <p>{alarm.resolved === null ? todo : null}</p>
            <p class="quiet">
              {alarm.resolved === null
                ? t("since {time}", { time: dayAndClock(alarm.raised) })
                : t("{from} to {to}", {
                    from: dayAndClock(alarm.raised),
                    to: dayAndClock(alarm.resolved),
                  })}
            </p>
          </li>
        );
      })}
    </ul>
  );
}
