import { Failure, topicsOf } from "@busbar/protocol";
import { ProbeClient, type ProbeTarget } from "./client.ts";
import type { Facts } from "./facts.ts";
import { lookAfterKill } from "./killed.ts";
import { type Look, type Probe, probes } from "./probes.ts";

/** What came of all looks: facts, and which looks failed with what. */
export type Probed = {
  readonly facts: Facts;
  readonly failed: readonly { readonly name: string; readonly reason: string }[];
};

/**
 * Looks at what a broker really does, one thing after the other. `restart` kills it and brings it
 * back; without it nothing is said about that. A broker that lets nobody in ends it with that.
 */
export async function probeBroker(
  target: ProbeTarget,
  restart?: () => Promise<void>,
): Promise<Probed> {
  const all: readonly Probe[] = [
    ...probes,
    ...(restart === undefined
      ? []
      : [{ name: "kill -9", look: (at: Look) => lookAfterKill(at, restart) }]),
  ];
  let facts: Facts = {};
  const failed: { name: string; reason: string }[] = [];
  for (const { name, look } of all) {
    const opened: ProbeClient[] = [];
    try {
      const seen = await look({
        target,
        topics: topicsOf(target.site),
        async open(options) {
          const client = await ProbeClient.open(target, options);
          opened.push(client);
          return client;
        },
      });
      facts = { ...facts, ...seen };
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      failed.push({ name, reason: error.message });
      if (name === "connect") break;
    } finally {
      for (const { session } of opened) session.close();
    }
  }
  return { facts, failed };
}
