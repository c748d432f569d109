import { setTimeout as sleep } from "node:timers/promises";
import type { Signer } from "@busbar/protocol";
import { brokersOf } from "../config/brokers.ts";
import type { LoadedConfig } from "../config/load.ts";
import { loadMembership } from "../config/membership-file.ts";
import { probeBroker } from "../link/probe.ts";

/** Between two looks: a broker counts sign-ins of strangers. */
const everyMs = 5_000;

/**
 * Waits until the membership file is there and a broker lets the unit in, which it does once the unit
 * stands on the ledger. Changes nothing, so it may be broken off at any time. `say` is told what is
 * waited for, when that changes.
 * Throws: `ConfigError`, `Failure` `membership.*`, `link.no-broker`, `link.broker-url`.
 */
export async function untilAdmitted(
  config: LoadedConfig,
  {
    signer,
    say,
    pauseMs = everyMs,
  }: {
    readonly signer: Signer;
    readonly say: (text: string) => void;
    readonly pauseMs?: number;
  },
): Promise<string> {
  let said = "";
  const tell = (text: string) => {
    if (text !== said) say(text);
    said = text;
  };
  for (;;) {
    const membership = loadMembership(config.membership, config.site);
    if (membership === undefined) {
      tell(`waits for the member's membership.json at ${config.membership}`);
    } else {
      const who = { chain: config.site, device: config.device.id, signer, label: "enrol" };
      for (const broker of brokersOf(config, membership)) {
        const probe = await probeBroker(broker, { ...who, members: membership.members });
        if (probe.ok) return broker.url;
        const { code, message, remedy } = probe.problem;
        const waits = code === "link.login";
        tell(
          waits
            ? `waits for the admission: ${broker.url} does not know ${config.device.id} yet`
            : `${broker.url}: ${message}; ${remedy}`,
        );
      }
    }
    await sleep(pauseMs);
  }
}
