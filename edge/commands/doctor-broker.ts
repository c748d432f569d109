import { type Signer, topicsOf } from "@busbar/protocol";
import type { BrokerConfig } from "../config/schema.ts";
import { Connection } from "../link/connection.ts";
import { Hosts } from "../link/hosts.ts";
import { loginToken } from "../link/token.ts";

/** What one try of a broker brought. */
export type BrokerProbe =
  | { readonly ok: true; readonly hostReady: boolean }
  | { readonly ok: false; readonly reason: string };

/** How long a ready aggregator is waited for after the connection stands. */
const hostMs = 1_500;

/** Signs in once, beside a unit that runs, and looks whether an aggregator is ready. */
export async function probeBroker(
  broker: BrokerConfig,
  {
    chain,
    device,
    signer,
  }: { readonly chain: string; readonly device: string; readonly signer: Signer },
): Promise<BrokerProbe> {
  const client = `${device}:doctor`;
  const hosts = new Hosts();
  const { promise, resolve } = Promise.withResolvers<BrokerProbe>();
  const end = () => resolve({ ok: true, hostReady: hosts.anyReady });
  const connection = new Connection({
    brokers: [broker],
    client,
    username: device,
    password: ({ id = chain }) =>
      loginToken({ chain, identity: device, client, broker: id, signer, now: Date.now() }),
    will: () => undefined,
    subscriptions: [topicsOf(chain).host("+")],
    onUp: () => setTimeout(end, hostMs),
    onDown: (reason) => resolve({ ok: false, reason }),
    onFailed: (reason) => resolve({ ok: false, reason }),
    onMessage: (topic, payload) => {
      hosts.take(topic.split("/").at(-2) ?? "", payload);
      if (hosts.anyReady) end();
    },
  });
  connection.start();
  const probe = await promise;
  await connection.stop();
  return probe;
}
