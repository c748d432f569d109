import type { BrokerConfig } from "../../edge/config/schema.ts";
import { Connection, type ConnectionOptions } from "../../edge/link/connection.ts";
import type { LinkProblem } from "../../edge/link/problem.ts";

/** Connects once, as unit d1: "up", or why not. */
export async function oneAttempt(
  broker: Omit<BrokerConfig, "allowPlainText">,
  more: Partial<ConnectionOptions> = {},
): Promise<"up" | LinkProblem> {
  const { promise, resolve } = Promise.withResolvers<"up" | LinkProblem>();
  const connection = new Connection({
    brokers: [{ allowPlainText: true, ...broker }],
    client: "d1",
    username: "d1",
    password: () => "no token",
    will: () => undefined,
    subscriptions: ["busbar/v1/site/host/+/state"],
    onUp: () => resolve("up"),
    onDown: resolve,
    onFailed: (_, problem) => resolve(problem),
    onMessage: () => {},
    ...more,
  });
  connection.start();
  const outcome = await promise;
  await connection.stop();
  return outcome;
}

/** The same, by its code alone. */
export async function codeOf(...args: Parameters<typeof oneAttempt>): Promise<string> {
  const outcome = await oneAttempt(...args);
  return outcome === "up" ? outcome : outcome.code;
}
