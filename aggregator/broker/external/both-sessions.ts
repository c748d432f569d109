import type { Socket } from "node:net";
import { type Failure, topicsOf } from "@busbar/protocol";
import { type BrokerLogin, dialBroker, failure, textOf } from "./address.ts";
import { encodeWill } from "./beat.ts";
import { type Message, MqttSession } from "./session.ts";

/** A worker's two connections, from its broker to its member's own. */
export type Both = {
  readonly outer: MqttSession;
  readonly inner: MqttSession;
  /** Whether the broker remembers this worker's subscriptions. */
  readonly remembered: boolean;
  /** The first end of the two. */
  readonly ended: Promise<Failure>;
  close(): void;
  cut(): void;
};

export type Sessions = {
  readonly site: string;
  readonly member: string;
  readonly name: string;
  readonly instance: string;
  readonly login: BrokerLogin & { readonly user: string };
  readonly persistent: boolean;
  readonly leaseMs: number;
  /** A socket to the member's own broker, and a sign-in there under a client id. Throws: `Failure`. */
  readonly ownBroker: (
    label: string,
  ) => Promise<{ readonly socket: Socket; readonly client: string; readonly password: Uint8Array }>;
  readonly onFrame: (message: Message) => void;
  readonly onAnswer: (message: Message) => void;
};

const dialMsMax = 10_000;

/** Opens the member's side first: without it nothing could be stored that the broker gives out.
 * Throws: `Failure` `external.*`, `worker.no-member`. */
export async function openBoth(url: string, options: Sessions): Promise<Both> {
  const inner = await openInner(options);
  try {
    const { outer, remembered } = await openOuter(url, options);
    const cut = () => {
      outer.cut();
      inner.cut();
    };
    const ended = Promise.race([outer.ended, inner.ended.then(noMember)]);
    return {
      ...{ outer, inner, remembered, ended, cut },
      close() {
        outer.close();
        inner.close();
      },
    };
  } catch (error) {
    inner.cut();
    throw error;
  }
}

async function openInner(options: Sessions): Promise<MqttSession> {
  const { member, name, ownBroker, onAnswer, leaseMs } = options;
  try {
    const { socket, client, password } = await ownBroker(`worker-${name}`);
    const { session } = await MqttSession.open({
      ...{ socket, client, password, user: member, clean: true, onMessage: onAnswer },
      answerMsMax: Math.max(10_000, leaseMs),
    });
    return session;
  } catch (error) {
    throw noMember(error);
  }
}

async function openOuter(
  url: string,
  { site, member, name, instance, login, persistent, onFrame, leaseMs }: Sessions,
) {
  const socket = await dialBroker(url, login, dialMsMax);
  const { session, connack } = await MqttSession.open({
    ...{ socket, user: login.user, password: login.password, onMessage: onFrame },
    client: `busbar-${site}-${member}-${name}`,
    clean: !persistent,
    will: {
      topic: topicsOf(site).host(member),
      payload: encodeWill({ worker: `${member}/${name}`, instance }),
      qos: 1,
      retain: true,
    },
    // The broker notices a worker that stands still about when the others do.
    keepaliveSeconds: Math.max(2, Math.round(leaseMs / 1_000)),
  });
  return { outer: session, remembered: connack.sessionPresent };
}

function noMember(cause: unknown): Failure {
  const message = `no answer from the member's own broker (${textOf(cause)}); start it with busbar-aggregator run`;
  return failure("worker.no-member", message, cause);
}
