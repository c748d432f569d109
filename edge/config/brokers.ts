import { Failure } from "@busbar/protocol";
import { brokerProblem } from "./broker-url.ts";
import type { LoadedConfig } from "./load.ts";
import type { MembershipFile } from "./membership-file.ts";
import type { BrokerConfig } from "./schema.ts";

/**
 * The brokers to try, nearest first: the configured ones, else those of the membership file.
 * Throws: `Failure` `link.no-broker`, `link.broker-url`.
 */
export function brokersOf(
  { brokers, file }: LoadedConfig,
  membership: MembershipFile | undefined,
): readonly BrokerConfig[] {
  if (brokers.length > 0) return brokers;
  const published = (membership?.brokers ?? []).map((url) => ({ url, allowPlainText: false }));
  if (published.length === 0) {
    const message = `${file}: "brokers" is empty and the membership file names none; add brokers: [{ url: mqtts://… }]`;
    throw new Failure("link.no-broker", message, { retry: "never" });
  }
  for (const broker of published) {
    const problem = brokerProblem(broker);
    if (problem === undefined) continue;
    const message = `the membership file names the broker ${broker.url}: ${problem}; name it under "brokers" in ${file}`;
    throw new Failure("link.broker-url", message, { retry: "never" });
  }
  return published;
}
