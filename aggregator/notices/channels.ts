import type { Broker } from "../broker/broker.ts";
import type { AggregatorConfig } from "../config/schema.ts";
import type { StateReader } from "../ledger/state/state.ts";
import { owners } from "../ledger/tables.ts";
import type { Channel, ChannelsOf } from "./channel.ts";
import { mqttChannel } from "./mqtt-channel.ts";
import { webhookChannel } from "./webhook-channel.ts";

type Webhooks = AggregatorConfig["notices"]["webhooks"];

/**
 * The names of an owner's channels: MQTT for everybody, a webhook where one is configured, none where
 * another member sends the notices.
 */
export function channelNames(
  { send, webhooks }: AggregatorConfig["notices"],
  owner: string,
): readonly Channel["name"][] {
  if (!send) return [];
  return webhooks.some((hook) => hook.owner === owner) ? ["mqtt", "webhook"] : ["mqtt"];
}

/** The channels themselves. An owner that the ledger does not know has none. */
export function channelsFor(options: {
  readonly site: string;
  readonly state: StateReader;
  readonly webhooks: Webhooks;
  readonly broker: Pick<Broker, "listens" | "deliver">;
  readonly now: () => number;
}): ChannelsOf {
  const { site, state, webhooks, broker, now } = options;
  return (owner) => {
    const boxKey = owners.get(state, owner)?.boxKey;
    if (boxKey === undefined) return [];
    const mqtt = mqttChannel({ site, owner, boxKey, broker });
    const hooks = webhooks.filter((hook) => hook.owner === owner);
    return [mqtt, ...hooks.map((hook) => webhookChannel(hook, { now }))];
  };
}
