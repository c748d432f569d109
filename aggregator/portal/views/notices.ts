import type { DatabaseSync } from "node:sqlite";
import type { Fact, Notice } from "../../notices/notice.ts";
import { type Reader, wordsOf } from "../../notices/words/words.ts";
import type { NoticeAnswer } from "./shapes.ts";

/** An owner's notices, newest first, below `before` (a notice's `seq`). */
export function noticesPage(
  db: DatabaseSync,
  {
    owner,
    before,
    limit,
    reader = { language: "en", timeZone: "UTC0" },
  }: {
    readonly owner: string;
    readonly before?: number;
    readonly limit: number;
    /** How the owner reads. */
    readonly reader?: Reader;
  },
): readonly NoticeAnswer[] {
  const below = before === undefined ? "" : "AND seq < $before";
  const values = {
    $owner: owner,
    $limit: limit,
    ...(before === undefined ? {} : { $before: before }),
  };
  const rows = db
    .prepare(
      `SELECT seq, json FROM notice_message WHERE owner = $owner ${below}
       ORDER BY seq DESC LIMIT $limit`,
    )
    .all(values);
  return rows.map(({ seq, json }) =>
    noticeRow({ seq: Number(seq), notice: JSON.parse(String(json)) as Notice }, reader),
  );
}

/** A notice as pages list it, in its owner's words. */
export function noticeRow(
  { seq, notice }: { readonly seq: number; readonly notice: Notice },
  reader: Reader,
): NoticeAnswer {
  const { id, time, type, facts, proof } = notice;
  const { title, text } = wordsOf(notice, reader);
  const { height = 0, event: index = 0, prove = [] } = proof ?? {};
  return {
    id,
    seq,
    time,
    type,
    title,
    text,
    language: reader.language,
    slot: instantOf(facts.slot),
    contract: nameOf(facts.contract),
    proof: { height, event: index },
    link: prove.map(encodeURIComponent).join("/"),
  };
}

function instantOf(fact: Fact | undefined): number | null {
  return fact !== undefined && "at" in fact ? fact.at : null;
}

function nameOf(fact: Fact | undefined): string | null {
  return fact !== undefined && "name" in fact ? fact.name : null;
}
