import { type Signer, topicsOf } from "@busbar/protocol";
import type { BrokerConfig } from "../config/schema.ts";
import { Connection } from "./connection.ts";
import { Hosts } from "./hosts.ts";
import type { LinkProblem } from "./problem.ts";
import { brokerPassword } from "./token.ts";

/** What one try of a broker brought. */
export type BrokerProbe =
  | { readonly ok: true; readonly hostReady: boolean }
  | { readonly ok: false; readonly problem: LinkProblem };

/** Who tries. `label`: the client id is `<device>:<label>`, so that a unit that runs stays connected. */
export type Prober = {
  readonly chain: string;
  readonly device: string;
  readonly signer: Signer;
  readonly label: string;
  readonly members?: readonly { readonly id: string }[] | undefined;
};

/** How long a ready aggregator is waited for after the connection stands. */
const hostMs = 1_500;

/** Signs in once, beside a unit that runs, and looks whether an aggregator is ready. */
export async function probeBroker(
  broker: BrokerConfig,
  { chain, device, signer, label, members }: Prober,
): Promise<BrokerProbe> {
  const client = `${device}:${label}`;
  const hosts = new Hosts(members);
  const { promise, resolve } = Promise.withResolvers<BrokerProbe>();
  let timer: NodeJS.Timeout | undefined;
  const end = () => resolve({ ok: true, hostReady: hosts.anyReady });
  const failed = (problem: LinkProblem) => resolve({ ok: false, problem });
  const connection = new Connection({
    brokers: [broker],
    client,
    username: device,
    password: (to) => brokerPassword(to, { chain, identity: device, client, signer }),
    will: () => undefined,
    subscriptions: [topicsOf(chain).host("+")],
    onUp: () => {
      timer = setTimeout(end, hostMs);
    },
    onDown: failed,
    onFailed: (_, problem) => failed(problem),
    onMessage: (topic, payload) => {
      hosts.take(topic.split("/").at(-2) ?? "", payload);
      if (hosts.anyReady) end();
    },
  });
  connection.start();
  const probe = await promise;
  clearTimeout(timer);
  await connection.stop();
  return probe;
}
