import type { DatabaseSync } from "node:sqlite";
import type { Notice } from "../../notices/notice.ts";
import type { NoticeAnswer } from "./shapes.ts";

/** An owner's notices, newest first, below `before` (a notice's `seq`). */
export function noticesPage(
  db: DatabaseSync,
  {
    owner,
    before,
    limit,
  }: { readonly owner: string; readonly before?: number; readonly limit: number },
): readonly NoticeAnswer[] {
  const below =
    before === undefined
      ? ""
      : "AND (time, rowid) < ((SELECT time FROM notice_message WHERE rowid = $before), $before)";
  const values = {
    $owner: owner,
    $limit: limit,
    ...(before === undefined ? {} : { $before: before }),
  };
  const rows = db
    .prepare(
      `SELECT rowid AS seq, json FROM notice_message WHERE owner = $owner ${below}
       ORDER BY time DESC, rowid DESC LIMIT $limit`,
    )
    .all(values);
  return rows.map(({ seq, json }) => {
    const { id, time, type, title, text, event, proof } = JSON.parse(String(json)) as Notice;
    const { height, event: index } = proof;
    return {
      id,
      seq: Number(seq),
      time,
      type,
      title,
      text,
      slot: "slot" in event ? event.slot : null,
      contract: "contract" in event ? event.contract : null,
      proof: { height, event: index },
    };
  });
}
