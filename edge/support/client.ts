import {
  openSupport,
  parseTopic,
  type Signer,
  type SupportAnswer,
  type SupportCommand,
  sealSupport,
  topicsOf,
  utcMs,
} from "@busbar/protocol";
import { openNotice } from "@busbar/protocol/notice";
import type { BrokerConfig } from "../config/schema.ts";
import { Connection } from "../link/connection.ts";
import type { LinkProblem } from "../link/problem.ts";
import { loginToken } from "../link/token.ts";

/** Who signs in at a unit's broker to ask it, or to look on. */
export type Visitor = {
  readonly broker: BrokerConfig;
  readonly site: string;
  readonly device: string;
  /** A member, or the unit's owner, and its key. */
  readonly identity: string;
  readonly signer: Signer;
};

export type Reply =
  | { readonly ok: true; readonly code: string; readonly text: string }
  | { readonly ok: false; readonly problem: LinkProblem }
  | { readonly ok: false; readonly problem: undefined };

/**
 * Asks a unit one thing and waits for its answer, boxed to who asked. Undefined problem: none came in time.
 */
export async function askUnit(
  visitor: Visitor,
  question: {
    readonly session: Uint8Array;
    readonly approval: Uint8Array;
    readonly command: SupportCommand;
    readonly args: readonly string[];
    readonly supporter: Signer;
    /** X25519 secret that opens the answer. */
    readonly box: Uint8Array;
    readonly now: number;
    readonly waitMs: number;
  },
): Promise<Reply> {
  const { site } = visitor;
  const { session, approval, command, args, supporter, box, now, waitMs } = question;
  const at = utcMs(now);
  const request = { session, number: now, at, command, args: [...args], approval };
  const asked = sealSupport("request", request, { chain: site, signer: supporter });
  const parts = new Map<number, Uint8Array>();
  const { promise, resolve } = Promise.withResolvers<Reply>();
  const timer = setTimeout(() => resolve({ ok: false, problem: undefined }), waitMs);
  const onAnswer = (answer: SupportAnswer) => {
    if (answer.number !== now || Buffer.compare(answer.session, session) !== 0) return;
    const opened = openNotice(answer.body, box);
    if (!opened.ok) return;
    parts.set(answer.part, opened.plain);
    if (parts.size < answer.parts) return;
    const all = Array.from(
      { length: answer.parts },
      (_, i) => parts.get(i + 1) ?? new Uint8Array(0),
    );
    resolve({ ok: true, code: answer.code, text: Buffer.concat(all).toString("utf8") });
  };
  const connection = visit(visitor, {
    label: "support",
    topics: ["supportAnswer"],
    onUp: (publish) => publish(asked),
    onFailed: (problem) => resolve({ ok: false, problem }),
    onMessage: (_, payload) => {
      const opened = openSupport("answer", payload);
      if (opened.ok) onAnswer(opened.message);
    },
  });
  const reply = await promise;
  clearTimeout(timer);
  await connection.stop();
  return reply;
}

/** Sends the owner's end of a session. Undefined: the broker has it. */
export async function endSession(
  visitor: Visitor,
  {
    session,
    owner,
    signer,
  }: { readonly session: Uint8Array; readonly owner: string; readonly signer: Signer },
): Promise<LinkProblem | undefined> {
  const { site, device } = visitor;
  const end = sealSupport("end", { session, owner, device }, { chain: site, signer });
  const { promise, resolve } = Promise.withResolvers<LinkProblem | undefined>();
  const connection = visit(visitor, {
    label: "support-end",
    topics: [],
    onUp: (publish) => publish(end, () => resolve(undefined)),
    onFailed: resolve,
    onMessage: () => {},
  });
  const problem = await promise;
  await connection.stop();
  return problem;
}

/** Connects at a unit's broker, for its owner to see what is asked and answered. */
export function watchSession(
  visitor: Visitor,
  told: {
    readonly onMessage: (what: "ask" | "answer", payload: Uint8Array) => void;
    readonly onFailed: (problem: LinkProblem) => void;
    readonly onUp: () => void;
  },
): Connection {
  return visit(visitor, {
    label: "support-watch",
    topics: ["supportAsk", "supportAnswer"],
    onUp: () => told.onUp(),
    onFailed: told.onFailed,
    onMessage: (name, payload) =>
      told.onMessage(name === "support-ask" ? "ask" : "answer", payload),
  });
}

function visit(
  { broker, site, device, identity, signer }: Visitor,
  {
    label,
    topics,
    onUp,
    onFailed,
    onMessage,
  }: {
    readonly label: string;
    readonly topics: readonly ("supportAsk" | "supportAnswer")[];
    readonly onUp: (publish: (payload: Uint8Array, taken?: () => void) => void) => void;
    readonly onFailed: (problem: LinkProblem) => void;
    readonly onMessage: (name: string, payload: Uint8Array) => void;
  },
): Connection {
  const names = topicsOf(site);
  const client = `${identity}:${label}`;
  const connection = new Connection({
    brokers: [broker],
    client,
    username: identity,
    password: ({ id = site }) =>
      loginToken({ chain: site, identity, client, broker: id, signer, now: Date.now() }),
    will: () => undefined,
    // A connection wants one: every identity may hear hosts.
    subscriptions:
      topics.length > 0 ? topics.map((name) => names[name](device)) : [names.host("+")],
    onUp: () =>
      onUp((payload, taken) => {
        const topic = names.supportAsk(device);
        connection.publish({ topic, payload, qos: 1, retain: false }, taken);
      }),
    onDown: onFailed,
    onFailed: (_, problem) => onFailed(problem),
    onMessage: (topic, payload) => {
      const meaning = parseTopic(site, topic);
      if (meaning?.of === "device") onMessage(meaning.name, payload);
    },
  });
  connection.start();
  return connection;
}
