import type { topicsOf } from "@busbar/protocol";
import type { OpenOptions, ProbeClient, ProbeTarget } from "./client.ts";
import type { Facts } from "./facts.ts";

/** Opens connections that are closed when the look is over. */
export type Look = {
  readonly target: ProbeTarget;
  readonly topics: ReturnType<typeof topicsOf>;
  open(options: OpenOptions): Promise<ProbeClient>;
};

/** One look at a broker. Each leaves it as it was. */
export type Probe = { readonly name: string; readonly look: (at: Look) => Promise<Facts> };

const orderedCount = 50;
const sharedCount = 20;
const queuedCount = 20;
/** Some brokers send again by a clock rather than at the next sign-in. */
const replayMs = 8_000;
const filterCount = 500;
const filtersAtOnce = 50;
/** Payloads tried in turn, bytes; frames have at most 16 KiB, proofs and answers fewer. */
export const payloadsTried = [1_024, 16_384, 65_536, 262_144, 1_048_576] as const;

export const probes: readonly Probe[] = [
  {
    name: "connect",
    async look({ open }) {
      const began = performance.now();
      await open({ label: "first" });
      return { mqtt311: true, connectMs: Math.round(performance.now() - began) };
    },
  },
  {
    name: "anonymous",
    async look({ open }) {
      try {
        await open({ label: "nobody", anonymous: true });
        return { anonymous: true };
      } catch {
        // Whatever it says or does: nobody without a name came in.
        return { anonymous: false };
      }
    },
  },
  { name: "MQTT 5", look: lookAtVersion5 },
  {
    name: "order",
    async look({ open, topics, target }) {
      const [hears, says] = [await open({ label: "hears" }), await open({ label: "says" })];
      await hears.session.insist([topics.receipts(target.device)]);
      const topic = topics.receipts(target.device);
      const texts = Array.from({ length: orderedCount }, (_, n) => `${n}`);
      await Promise.all(texts.map((payload) => says.session.publish({ topic, payload, qos: 1 })));
      const came = (await hears.until(orderedCount)).map(textOf);
      const ordered = came.every((text, n) => n === 0 || Number(text) > Number(came[n - 1]));
      return { inOrder: { came: new Set(came).size, of: orderedCount, ordered } };
    },
  },
  {
    name: "retained",
    async look({ open, topics, target }) {
      const topic = topics.state(target.device);
      const says = await open({ label: "says" });
      await says.session.publish({ topic, payload: "kept", qos: 1, retain: true });
      const [byName, byWildcard] = [await open({ label: "named" }), await open({ label: "wild" })];
      await byName.session.insist([topic]);
      await byWildcard.session.insist([topics.state("+")]);
      const kept = async (client: ProbeClient) => {
        // Others' states may come in between.
        for (let n = 1; ; n++) {
          const all = await client.until(n);
          if (all.some((one) => one.topic === topic && one.retain)) return true;
          if (all.length < n) return false;
        }
      };
      const retained = { byName: await kept(byName), byWildcard: await kept(byWildcard) };
      await says.session.publish({ topic, payload: "", qos: 1, retain: true });
      return { retained };
    },
  },
  {
    name: "$share",
    async look({ open, topics, target }) {
      const topic = topics.acks(target.device);
      const filter = `$share/${target.device}/${topic}`;
      const both = [await open({ label: "share-1" }), await open({ label: "share-2" })];
      const granted: boolean[] = [];
      for (const { session } of both) {
        const [qos = 128] = await session.subscribe([filter]).catch(() => [128]);
        granted.push(qos < 128);
      }
      if (granted.includes(false)) return { share: { granted: false, got: [0, 0], of: 0 } };
      const says = await open({ label: "says" });
      for (let n = 0; n < sharedCount; n++) {
        await says.session.publish({ topic, payload: `${n}`, qos: 1 });
      }
      const got: number[] = [];
      for (const client of both) got.push((await client.until(sharedCount)).length);
      return { share: { granted: true, got, of: sharedCount } };
    },
  },
  { name: "packet size", look: lookAtSizes },
  {
    name: "offline queue",
    async look({ open, topics, target }) {
      const topic = topics.commands(target.device);
      const away = await open({ label: "away", clean: false });
      await away.session.insist([topic]);
      away.session.close();
      const says = await open({ label: "says" });
      for (let n = 0; n < queuedCount; n++) {
        await says.session.publish({ topic, payload: `${n}`, qos: 1 });
      }
      const back = await open({ label: "away", clean: false });
      const came = new Set((await back.until(queuedCount)).map(textOf)).size;
      const remembered = back.connack.sessionPresent;
      await forget({ open }, back, "away");
      return { queued: { came, of: queuedCount, remembered } };
    },
  },
  {
    name: "replay",
    async look({ open, topics, target }) {
      const topic = topics.commands(target.device);
      const mute = await open({ label: "mute", clean: false, silent: true });
      await mute.session.insist([topic]);
      const says = await open({ label: "says" });
      await says.session.publish({ topic, payload: "once", qos: 1 });
      await mute.until(1);
      mute.session.cut();
      const back = await open({ label: "mute", clean: false });
      const [again] = await back.until(1, replayMs);
      await forget({ open }, back, "mute");
      return { replayed: { again: again !== undefined, marked: again?.again === true } };
    },
  },
  {
    name: "last will",
    async look({ open, topics, target }) {
      const topic = topics.state(target.device);
      const hears = await open({ label: "hears" });
      await hears.session.insist([topic]);
      const dies = await open({ label: "dies", will: { topic, payload: "gone", qos: 1 } });
      dies.session.cut();
      const will = (await hears.until(1)).some((one) => textOf(one) === "gone");
      return { will };
    },
  },
  {
    name: "filters",
    async look({ open, topics, target }) {
      const client = await open({ label: "many" });
      let granted = 0;
      try {
        for (let at = 0; at < filterCount; at += filtersAtOnce) {
          const part = Array.from({ length: filtersAtOnce }, (_, n) =>
            topics.receipts(`${target.device}-${at + n}`),
          );
          granted += (await client.session.subscribe(part)).filter((qos) => qos < 128).length;
        }
      } catch {
        // It ended the connection, or took longer than an answer may: so many it granted before.
      }
      return { filters: { granted, of: filterCount } };
    },
  },
  {
    name: "takeover",
    async look({ open, target }) {
      const first = await open({ label: "twice" });
      await open({ label: "twice" });
      const late = Promise.withResolvers<boolean>();
      const timer = setTimeout(() => late.resolve(false), target.quietMs);
      const ended = first.session.ended.then(() => true);
      const takesOver = await Promise.race([ended, late.promise]);
      clearTimeout(timer);
      return { takesOver };
    },
  },
];

async function lookAtVersion5({ open }: Look): Promise<Facts> {
  try {
    const { connack } = await open({ label: "five", version: 5 });
    const {
      maximumPacketSize,
      receiveMaximum,
      sharedSubscriptionAvailable,
      retainAvailable,
      sessionExpiryInterval,
    } = connack.properties ?? {};
    const promises = {
      ...(maximumPacketSize === undefined ? {} : { packetBytes: maximumPacketSize }),
      ...(receiveMaximum === undefined ? {} : { receiveMaximum }),
      ...(sharedSubscriptionAvailable === undefined ? {} : { share: sharedSubscriptionAvailable }),
      ...(retainAvailable === undefined ? {} : { retain: retainAvailable }),
      ...(sessionExpiryInterval === undefined ? {} : { sessionSeconds: sessionExpiryInterval }),
    };
    return { mqtt5: true, promises };
  } catch {
    // It closes the connection, or answers that it does not speak it.
    return { mqtt5: false };
  }
}

/** From the smallest on, each on connections of its own: a broker ends those that send too much. */
async function lookAtSizes({ open, topics, target }: Look): Promise<Facts> {
  let payloadBytes = 0;
  for (const size of payloadsTried) {
    const topic = topics.live(target.device);
    try {
      const hears = await open({ label: `hears-${size}` });
      const says = await open({ label: `says-${size}` });
      await hears.session.insist([topic]);
      const payload = new Uint8Array(size).fill(size % 251);
      await says.session.publish({ topic, payload, qos: 1 });
      const [message] = await hears.until(1);
      if (message === undefined || !Buffer.from(message.payload).equals(payload)) break;
      payloadBytes = size;
    } catch {
      // The broker ended the connection: too large.
      break;
    }
  }
  return { payloadBytes, payloadTriedBytes: payloadsTried.at(-1) ?? 0 };
}

/** Ends a session that the broker would keep: who signs in clean has none. */
async function forget({ open }: Pick<Look, "open">, client: ProbeClient, label: string) {
  client.session.close();
  const clean = await open({ label });
  clean.session.close();
}

export function textOf({ payload }: { readonly payload: Uint8Array }): string {
  return Buffer.from(payload).toString("utf8");
}
