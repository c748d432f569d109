import { Failure } from "@busbar/protocol";
import { type NoticeAddresses, openAddresses } from "@busbar/protocol/notice";
import type { Broker } from "../../broker/broker.ts";
import type { AggregatorConfig } from "../../config/schema.ts";
import type { StateReader } from "../../ledger/state/state.ts";
import { owners } from "../../ledger/tables.ts";
import type { Channel, ChannelName, ChannelOf } from "../channel.ts";
import { type Preferences, preferencesOf } from "../preferences.ts";
import { emailChannel, type Mailer, openMailer } from "./email.ts";
import { mqttChannel } from "./mqtt.ts";
import { ntfyChannel } from "./ntfy.ts";
import type { Poster } from "./post.ts";
import { pushChannel } from "./web-push.ts";
import { webhookChannel, webhookKey } from "./webhook.ts";

type NoticesConfig = AggregatorConfig["notices"];

/** What channels are made from. `now`: wall ms; `seed`: of the member's own key. */
export type ChannelGrounds = {
  readonly site: string;
  readonly state: StateReader;
  readonly config: NoticesConfig;
  readonly member: { readonly id: string; readonly seed: Uint8Array };
  readonly broker: Pick<Broker, "listens" | "deliver">;
  readonly post: Poster;
  readonly now: () => number;
};

/** The channels of owners, as the ledger and the member's configuration have them when they are asked for. */
export function channelsOf(grounds: ChannelGrounds): ChannelOf {
  const { email } = grounds.config;
  const mail = email === undefined ? undefined : { mailer: openMailer(email), from: email.from };
  return (owner, name) => {
    const known = owners.get(grounds.state, owner);
    if (known === undefined) return undefined;
    if (name === "member-webhook") return memberWebhook(grounds, owner);
    const preferences = preferencesOf(grounds.state, owner);
    if (!preferences.ways.some(({ channel }) => channel === name)) return undefined;
    const { site, broker } = grounds;
    if (name === "mqtt") return mqttChannel({ site, owner, boxKey: known.boxKey, broker });
    return addressed(name, { grounds, preferences, mail });
  };
}

function memberWebhook({ config, ...grounds }: ChannelGrounds, owner: string): Channel | undefined {
  const hook = config.webhooks.find((one) => one.owner === owner);
  if (hook === undefined) return undefined;
  const webhook = { name: "member-webhook", url: hook.url, key: webhookKey(hook.secret) } as const;
  // Its member wrote the address down itself.
  return webhookChannel(webhook, { post: grounds.post, now: grounds.now, allowPrivate: true });
}

type Asked = {
  readonly grounds: ChannelGrounds;
  readonly preferences: Preferences;
  readonly mail: { readonly mailer: Mailer; readonly from: string } | undefined;
};

/** A channel that goes to an address of the owner's. Throws: `Failure` `notice.sealed-to-others`, … */
function addressed(name: Exclude<ChannelName, "mqtt" | "member-webhook">, asked: Asked): Channel {
  const { grounds, preferences, mail } = asked;
  const { email, webhook, push, ntfy } = addressesOf(preferences, grounds.member);
  const { post, now, config } = grounds;
  const posting = { post, now, allowPrivate: config.privateAddresses };
  const reader = { language: preferences.language, timeZone: preferences.timeZone };
  switch (name) {
    case "email":
      if (email === undefined) break;
      if (mail !== undefined) return emailChannel({ to: email, reader }, mail);
      throw new Failure(
        "notice.no-mail-server",
        "this member has no notices.email to send through",
        {
          retry: "later",
        },
      );
    case "webhook":
      if (webhook === undefined) break;
      return webhookChannel({ name, url: webhook.url, key: webhook.secret }, posting);
    case "push":
      if (push === undefined) break;
      return pushChannel(push, { ...posting, contact: contactOf(config) });
    case "ntfy":
      if (ntfy === undefined) break;
      return ntfyChannel({ ...ntfy, reader }, posting);
    default:
      return name satisfies never;
  }
  throw new Failure("notice.no-address", `no address for ${name} is sealed in the preferences`, {
    retry: "never",
  });
}

function addressesOf(
  { addresses }: Preferences,
  member: ChannelGrounds["member"],
): NoticeAddresses {
  if (addresses === undefined) return {};
  const opened = openAddresses(addresses, member);
  if (opened.ok) return opened.addresses;
  // Another member may be able to; its owner can seal them anew.
  throw new Failure(opened.code, opened.message, { retry: "later" });
}

/** RFC 8292 §2.1: whom a push service may ask about what is sent. */
function contactOf({ contact, email }: NoticesConfig): string | undefined {
  if (contact !== undefined) return contact;
  const from = email?.from.match(/[^\s<>]+@[^\s<>]+/)?.[0];
  return from === undefined ? undefined : `mailto:${from}`;
}
