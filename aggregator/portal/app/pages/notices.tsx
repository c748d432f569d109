import { useState } from "preact/hooks";
import type { DeliveryAnswer } from "../../views/deliveries.ts";
import type { NoticeAnswer } from "../../views/shapes.ts";
import { dayAndClock } from "../format.ts";
import { langOf, t } from "../language.ts";
import { model } from "../live-site.ts";
import { Card, Problem, useAnswer } from "../parts/loaded.tsx";
import { LongTable } from "../parts/rows.tsx";
import { type Channel, channelNames } from "../preferring.ts";
import { post, told } from "../request.ts";
import { useWatched } from "../store.ts";

/** All that the owner was told, each with the way to its proof; and what did not arrive. */
export function NoticesPage() {
  const { status } = useWatched(model);
  const again =
    status === undefined ? 0 : status.notices.delivered + status.notices.queued + status.height;
  return (
    <>
      <GivenUp again={status?.notices.dead} />
      <Card title={t("Notices")}>
        <LongTable<NoticeAnswer>
          path="notices"
          caption={t("Notices, newest first")}
          empty={t("Nothing happened yet.")}
          cursorOf={({ seq }) => seq}
          again={again}
          columns={[
            { head: t("At"), minor: true, cell: ({ time }) => dayAndClock(time) },
            {
              head: t("Notice"),
              cell: ({ title, text, language }) => (
                <span lang={langOf(language)}>
                  <b>{title}</b> <span class="quiet">{text}</span>
                </span>
              ),
            },
            {
              head: t("Proof"),
              cell: ({ link, title }) =>
                link === "" ? (
                  "–"
                ) : (
                  <a href={`#/proof/${link}`} aria-label={`${t("check")}: ${title}`}>
                    {t("check")}
                  </a>
                ),
            },
          ]}
        />
      </Card>
    </>
  );
}

/** What was tried for as long as it is, and did not arrive. Stands there only where there is some. */
function GivenUp({ again }: { readonly again: number | undefined }) {
  const { asked, reload } = useAnswer<readonly DeliveryAnswer[]>(
    "deliveries?state=dead&limit=20",
    again,
  );
  const [error, setError] = useState<{ message: string; code: string }>();
  if (asked.state !== "there" || asked.value.length === 0) return null;
  const send = (notice: string, channel: string) => {
    setError(undefined);
    post("deliveries/resend", { notice, channel }).then(reload, (problem: unknown) =>
      setError(told(problem)),
    );
  };
  return (
    <Card
      title={t("Given up")}
      note={t("They did not arrive, however often this member tried. All of them stand below.")}
    >
      <ul class="lines">
        {asked.value.map(({ seq, notice, time, title, channel, attempts, error: why }) => (
          <li key={seq}>
            <b>{title}</b> <span class="quiet">{dayAndClock(time)}</span>
            <p class="quiet">
              {t("{channel}: {state}, attempts: {attempts}", {
                channel: channelNames[channel as Channel] ?? channel,
                state: t("given up"),
                attempts,
              })}{" "}
              <span lang="en">{why}</span>{" "}
              <button type="button" class="small" onClick={() => send(notice, channel)}>
                {t("Send it again")}
              </button>
            </p>
          </li>
        ))}
      </ul>
      {error === undefined ? null : <Problem error={error} />}
    </Card>
  );
}
