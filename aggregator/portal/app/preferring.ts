import {
  decodeCbor,
  type Micro,
  type NoticePreferences,
  type NoticeTopic,
  parseTimeZone,
} from "@busbar/protocol";
import { type NoticeAddresses, openAddresses, sealAddresses } from "@busbar/protocol/notice";
import { noticePreferences } from "@busbar/protocol/schema";
import type { PreferencesAnswer } from "../views/shapes.ts";
import { fromBase64url } from "./key.ts";
import { t } from "./language.ts";

export const channels = ["mqtt", "email", "push", "webhook", "ntfy"] as const;
export type Channel = (typeof channels)[number];

export const channelNames: Readonly<Record<Channel, string>> = {
  mqtt: t("MQTT, encrypted to your key"),
  email: t("E-mail"),
  push: t("Push to a browser"),
  webhook: t("Webhook"),
  ntfy: t("ntfy topic"),
};

export const topics = [
  "quote",
  "price",
  "contract",
  "order",
  "delivery",
  "imbalance",
  "meter",
  "unit",
  "bill",
  "correction",
  "credit",
  "certificate",
] as const satisfies readonly NoticeTopic[];

/** A member that an owner may choose to send for it. */
export type Reader = { readonly id: string; readonly key: Uint8Array };

/** The owner who signs: it can read its own addresses again with the key that it signs with. */
export type Self = Reader & { readonly seed: Uint8Array };

/** What a form's fields say, before anything of it is checked. */
export type Filled = {
  readonly text: (name: string) => string;
  readonly on: (name: string) => boolean;
};

const sealedCodec = noticePreferences.fields.addresses.type;
const whens = ["at-once", "hourly", "daily"] as const;

/** The addresses of what stands on the ledger; undefined where they were not sealed for this owner. */
export function addressesFor(
  { sealed }: Pick<PreferencesAnswer, "sealed">,
  self: Pick<Self, "id" | "seed">,
): NoticeAddresses | undefined {
  if (sealed === null) return {};
  const opened = openAddresses(boxOf(sealed.box), self);
  return opened.ok ? opened.addresses : undefined;
}

const boxOf = (box: string) => sealedCodec.decode(decodeCbor(fromBase64url(box)), "addresses");

/**
 * The message that a form comes to. `push`: a subscription of this browser, where it was made; `random(n)` gives n
 * random bytes. Throws: `Error` in words for people.
 */
export function preferencesFrom(
  filled: Filled,
  about: {
    readonly before: PreferencesAnswer;
    readonly known: NoticeAddresses | undefined;
    readonly push: NoticeAddresses["push"];
    readonly self: Self;
    readonly members: readonly Reader[];
    readonly random: (count: number) => Uint8Array;
  },
): NoticePreferences {
  const { before, self, members, random } = about;
  const timeZone = filled.text("timeZone").trim();
  if (parseTimeZone(timeZone) === undefined) {
    throw new Error(
      t("Expected a time zone such as {example}, got {text}.", {
        example: "CST-8, CET-1CEST,M3.5.0,M10.5.0/3",
        text: timeZone,
      }),
    );
  }
  const ways = channels
    .filter((channel) => filled.on(channel))
    .map((channel) => ({
      channel,
      when: whens.find((when) => when === filled.text(`${channel}-when`)) ?? "at-once",
      quiet: filled.on(`${channel}-quiet`),
    }));
  const addresses = addressesIn(filled, about);
  const lacking = ways.find(
    ({ channel }) => channel !== "mqtt" && addresses !== "kept" && addresses[channel] === undefined,
  );
  if (lacking !== undefined) {
    throw new Error(t("{channel} needs an address.", { channel: channelNames[lacking.channel] }));
  }
  const readers = members.filter(({ id }) => filled.on(`member-${id}`));
  const isAny = addresses !== "kept" && Object.keys(addresses).length > 0;
  if (isAny && readers.length === 0) {
    throw new Error(t("Choose at least one member who may send."));
  }
  const own = readers.some(({ id }) => id === self.id) ? [] : [{ id: self.id, key: self.key }];
  const sealed =
    addresses === "kept"
      ? before.sealed === null
        ? undefined
        : boxOf(before.sealed.box)
      : isAny
        ? sealAddresses(addresses, [...readers, ...own], random)
        : undefined;
  return {
    owner: self.id,
    version: before.version + 1,
    language: filled.text("language") === "zh" ? "zh" : "en",
    timeZone,
    ways,
    ...(filled.on("quiet")
      ? {
          quiet: {
            from: minuteOf(filled.text("quiet-from")),
            to: minuteOf(filled.text("quiet-to")),
            urgent: filled.on("quiet-urgent"),
          },
        }
      : {}),
    digestAt: minuteOf(filled.text("digestAt")),
    threshold: Math.round(Number(filled.text("threshold") || "0") * 1_000_000) as Micro,
    muted: topics.filter((topic) => !filled.on(`topic-${topic}`)),
    ...(sealed === undefined ? {} : { addresses: sealed }),
  };
}

/** What the fields say of addresses; `kept` where the page cannot read those of before and nothing is stated anew. */
function addressesIn(
  { text, on }: Filled,
  {
    known,
    push,
  }: { readonly known: NoticeAddresses | undefined; readonly push: NoticeAddresses["push"] },
): NoticeAddresses | "kept" {
  const [email, webhook, secret] = ["email-to", "webhook-url", "webhook-secret"].map((name) =>
    text(name).trim(),
  );
  const [ntfy, token] = ["ntfy-url", "ntfy-token"].map((name) => text(name).trim());
  const isEmpty = [email, webhook, ntfy].every((word) => !word) && push === undefined;
  if (known === undefined && isEmpty) return "kept";
  const pushed = on("push") ? (push ?? known?.push) : undefined;
  return {
    ...(email ? { email } : {}),
    ...(pushed === undefined ? {} : { push: pushed }),
    ...(webhook ? { webhook: { url: webhook, secret: secretOf(secret ?? "") } } : {}),
    ...(ntfy ? { ntfy: { url: ntfy, ...(token ? { token } : {}) } } : {}),
  };
}

/** `whsec_` and base64, as Standard Webhooks hands keys on. */
export function secretText(secret: Uint8Array): string {
  return `whsec_${btoa(String.fromCharCode(...secret))}`;
}

function secretOf(text: string): Uint8Array {
  const match = /^whsec_([A-Za-z0-9+/]{32,86}={0,2})$/.exec(text);
  if (match === null) {
    throw new Error(t("Expected a webhook’s secret as whsec_ and base64 of 24 to 64 bytes."));
  }
  return Uint8Array.from(atob(match[1] ?? ""), (char) => char.charCodeAt(0));
}

/** "22:30" → 1350. Throws: `Error` in words for people. */
export function minuteOf(text: string): number {
  const match = /^([01]\d|2[0-3]):([0-5]\d)$/.exec(text);
  if (match === null) throw new Error(t("Expected a time as 22:30, got {text}.", { text }));
  return Number(match[1]) * 60 + Number(match[2]);
}

export function timeOf(minute: number): string {
  const two = (n: number) => String(n).padStart(2, "0");
  return `${two(Math.floor(minute / 60))}:${two(minute % 60)}`;
}
