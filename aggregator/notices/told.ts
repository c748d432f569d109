import type { NoticeLanguage } from "@busbar/protocol";
import type { Facts, Notice, NoticeProof } from "./notice.ts";
import { digestItemsMax } from "./plan.ts";
import { phraseOf, type Reader, type Words, wordsOf } from "./words/words.ts";

/**
 * A notice as it leaves: in its owner's words, with the facts for programs and the way to its proof. It
 * is the JSON that MQTT and webhooks carry, and what mails and pushes are made of.
 */
export type Told = Words & {
  /** The receiver's idempotency key. */
  readonly id: string;
  readonly owner: string;
  readonly type: Notice["type"] | "digest";
  readonly topic: Notice["topic"] | "digest";
  /** Site ms. */
  readonly time: number;
  readonly urgent: boolean;
  readonly language: NoticeLanguage;
  readonly facts: Facts;
  readonly proof?: NoticeProof & { readonly command: string; readonly link: string };
  /** The notices of a digest, the oldest first; `more`: how many are not told one by one. */
  readonly items?: readonly Told[];
  readonly more?: number;
};

/** `portal`: the address at which owners open the portal. */
export type Telling = { readonly reader: Reader; readonly portal: string };

export function toldOf(notice: Notice, { reader, portal }: Telling): Told {
  const { id, owner, type, topic, time, urgent, facts, proof } = notice;
  return {
    id,
    owner,
    type,
    topic,
    time,
    ...wordsOf(notice, reader),
    urgent,
    language: reader.language,
    facts,
    ...(proof === undefined ? {} : { proof: { ...proof, ...waysTo(proof, portal) } }),
  };
}

/** Several notices as one. `at`: the instant (site ms) whose digest it is. One that holds more has another id. */
export function digestOf(
  notices: readonly Notice[],
  about: { readonly owner: string; readonly channel: string; readonly at: number },
  telling: Telling,
): Told {
  const { owner, channel, at } = about;
  const shown = notices.slice(0, digestItemsMax);
  const more = notices.length - shown.length;
  const { reader } = telling;
  const facts: Facts = { items: { count: notices.length } };
  const words = wordsOf({ key: "digest", facts, currency: "" }, reader);
  return {
    id: `digest-${owner}-${channel}-${at}-${notices.length}`,
    owner,
    type: "digest",
    topic: "digest",
    time: at,
    ...words,
    ...(more === 0
      ? {}
      : { text: `${words.text} ${phraseOf("more", { count: { count: more } }, reader)}` }),
    urgent: false,
    language: reader.language,
    facts,
    items: shown.map((notice) => toldOf(notice, telling)),
    ...(more === 0 ? {} : { more }),
  };
}

function waysTo({ prove }: NoticeProof, portal: string): { command: string; link: string } {
  const path = prove.map(encodeURIComponent).join("/");
  return {
    command: `busbar-aggregator prove ${prove.join(" ")}`,
    link: `${portal.replace(/\/$/, "")}/#/proof/${path}`,
  };
}
