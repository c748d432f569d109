import type { NoticeAnswer } from "../../views/shapes.ts";
import { dayAndClock } from "../format.ts";
import { t } from "../language.ts";
import { model } from "../live-site.ts";
import { Card } from "../parts/loaded.tsx";
import { LongTable } from "../parts/rows.tsx";
import { useWatched } from "../store.ts";

/** All that the owner was told, each with the way to its proof. */
export function NoticesPage() {
  const { status } = useWatched(model);
  const told =
    status === undefined ? 0 : status.notices.delivered + status.notices.queued + status.height;
  return (
    <Card title={t("Notices")}>
      <LongTable<NoticeAnswer>
        path="notices"
        caption={t("Notices, newest first")}
        empty={t("Nothing happened yet.")}
        cursorOf={({ seq }) => seq}
        again={told}
        columns={[
          { head: t("At"), minor: true, cell: ({ time }) => dayAndClock(time) },
          {
            head: t("Notice"),
            cell: ({ title, text }) => (
              <>
                <b>{title}</b> <span class="quiet">{text}</span>
              </>
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
  );
}
