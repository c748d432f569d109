import { createHash } from "node:crypto";
import {
  type Answer,
  compareBytes,
  decodeAnswer,
  Failure,
  type Signer,
  topicsOf,
} from "@busbar/protocol";
import mqtt, { type IClientOptions, type MqttClient } from "mqtt";
import { localAddress, memberToken, pinned } from "../broker/own-address.ts";
import type { AggregatorConfig } from "../config/schema.ts";

/** Where a member hands its transactions in, and as whom. */
export type Submission = {
  readonly config: Pick<AggregatorConfig, "site" | "member"> & {
    readonly broker: Omit<AggregatorConfig["broker"], "viewers">;
  };
  readonly signer: Signer;
  /** How long to wait for a connection, wall ms. */
  readonly connectMs?: number;
  /** How long to wait for the answer after that, wall ms. */
  readonly answerMs: number;
};

/** What can become of one frame. */
export type Verdict = Extract<Answer, { kind: "receipt" | "refused" }>;

/** An aggregator on the same machine answers at once; a busy one takes a moment. */
const usualConnectMs = 5_000;

/**
 * Hands a member's frame to the aggregator of its configuration and brings back what became of it.
 * Throws: `Failure` `submit.port`, `submit.certificate`; `submit.no-aggregator`, `submit.login`,
 * `submit.topics` before the frame was sent; `submit.no-answer` where it may have been taken.
 */
export async function submit(frame: Uint8Array, submission: Submission): Promise<Verdict> {
  const { config, connectMs = usualConnectMs, answerMs } = submission;
  const topics = topicsOf(config.site);
  const client = mqtt.connect(clientOptions(submission, connectMs));
  const link = new Link(client);
  try {
    await link.first(
      new Promise((resolve) => client.once("connect", resolve)),
      // mqtt.js stops waiting by itself; a little later it is certain that it did not.
      { ms: connectMs + 500, failed: (reason) => notConnected(config, reason) },
    );
    await link.first(client.subscribeAsync(topics.memberReceipts(config.member), { qos: 1 }), {
      ms: answerMs,
      failed: (reason) => notSubscribed(config, reason),
    });
    const answer = answerTo(client, frame);
    client.publish(topics.transactions(config.member), Buffer.from(frame), { qos: 1 }, () => {
      // The answer says more than its acknowledgement; where the connection ends, `link` says so.
    });
    return await link.first(answer, {
      ms: answerMs,
      failed: (reason) => notAnswered(config, reason),
    });
  } finally {
    // Without waiting for the broker, which may be the one that does not answer.
    client.end(true);
  }
}

/** A connection that may end at any time, for whatever reason mqtt.js gave last. */
class Link {
  readonly #ended: Promise<unknown>;

  constructor(client: MqttClient) {
    this.#ended = new Promise((resolve) => {
      client.once("error", resolve);
      client.once("close", () => resolve(new Error("the connection was closed")));
    });
  }

  /** What a step brings, unless the connection ends or `ms` pass before. */
  async first<T>(
    step: Promise<T>,
    { ms, failed }: { readonly ms: number; readonly failed: (reason: unknown) => Failure },
  ): Promise<T> {
    const late = Promise.withResolvers<unknown>();
    const timer = setTimeout(() => late.resolve(new Error(`nothing came within ${ms} ms`)), ms);
    const end = Promise.race([this.#ended, late.promise]).then((reason) => {
      throw failed(reason);
    });
    try {
      return await Promise.race([
        step.catch((reason) => {
          throw failed(reason);
        }),
        end,
      ]);
    } finally {
      clearTimeout(timer);
      // Whoever lost the race is nobody's error.
      end.catch(() => {});
    }
  }
}

/** The first answer that concerns the frame; another command of this member hears its own. */
function answerTo(client: MqttClient, frame: Uint8Array): Promise<Verdict> {
  const ref = new Uint8Array(createHash("sha256").update(frame).digest());
  return new Promise((resolve) => {
    client.on("message", (_, payload) => {
      const decoded = decodeAnswer(new Uint8Array(payload));
      if (!decoded.ok) return;
      const { answer } = decoded;
      if (answer.kind !== "receipt" && answer.kind !== "refused") return;
      const isOurs =
        answer.kind === "receipt"
          ? compareBytes(answer.receipt.frame, frame) === 0
          : compareBytes(answer.refused.ref, ref) === 0;
      if (isOurs) resolve(answer);
    });
  });
}

function clientOptions({ config, signer }: Submission, connectTimeout: number): IClientOptions {
  const { site, member, broker } = config;
  if (broker.port === 0) {
    throw new Failure(
      "submit.port",
      "broker.port is 0, so nobody knows where the aggregator listens; give it a port",
      { retry: "never" },
    );
  }
  const client = `${member}:admit-${process.pid}`;
  return {
    protocol: broker.tls === undefined ? "mqtt" : "mqtts",
    host: localAddress(broker.host),
    port: broker.port,
    ...pinned(broker.tls?.certificate, "submit.certificate"),
    clientId: client,
    username: member,
    password: Buffer.from(memberToken({ site, member, client, signer })),
    clean: true,
    connectTimeout,
    reconnectPeriod: 0,
  };
}

type Where = Submission["config"];

function addressOf({ broker }: Where): string {
  return `${localAddress(broker.host)} port ${broker.port}`;
}

function notConnected(config: Where, cause: unknown): Failure {
  const at = addressOf(config);
  // CONNACK's return code is a number, an error of the system has a name.
  if (typeof (cause as { code?: unknown }).code === "number") {
    const message =
      `the broker at ${at} does not let ${config.member} in (${messageOf(cause)}): it serves another ` +
      "chain or knows another key; its log names the reason as login.*";
    return new Failure("submit.login", message, { retry: "never", cause });
  }
  const message =
    `no aggregator answers at ${at} (${messageOf(cause)}); start it with busbar-aggregator run, ` +
    "or correct broker.host and broker.port";
  return new Failure("submit.no-aggregator", message, { retry: "later", cause });
}

function notSubscribed(config: Where, cause: unknown): Failure {
  const message =
    `the broker at ${addressOf(config)} does not answer members (${messageOf(cause)}); ` +
    "restart the aggregator with this release";
  return new Failure("submit.topics", message, { retry: "later", cause });
}

function notAnswered(config: Where, cause: unknown): Failure {
  const message =
    `the aggregator at ${addressOf(config)} did not answer (${messageOf(cause)}); it may still ` +
    "take what was sent: look at its log, then run this again, which does nothing twice";
  return new Failure("submit.no-answer", message, { retry: "later", cause });
}

function messageOf(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(messageOf).join("; ");
  return error instanceof Error ? error.message : String(error);
}
