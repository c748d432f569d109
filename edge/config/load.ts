import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { Failure } from "@busbar/protocol";
import { parseConfig } from "@busbar/protocol/config";
import { type BrokerConfig, configSchema, type EdgeConfig } from "./schema.ts";

/** A configuration file's content with all its paths made absolute. */
export type LoadedConfig = EdgeConfig & { readonly file: string };

/**
 * Reads edge.yaml; relative paths in it are relative to the file.
 * Throws: `ConfigError` (`config.invalid`), `Failure` `config.missing`.
 */
export function loadConfig(file: string): LoadedConfig {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (cause) {
    const message = `${file}: cannot be read; pass --config FILE with the path of the unit's edge.yaml`;
    throw new Failure("config.missing", message, { retry: "never", cause });
  }
  return absolute(parseConfig(file, text, configSchema), resolve(file));
}

function absolute(config: EdgeConfig, file: string): LoadedConfig {
  const at = (path: string) => resolve(dirname(file), path);
  const { device, owner, agent, clock } = config;
  return {
    ...config,
    file,
    membership: at(config.membership),
    data: at(config.data),
    device: { ...device, key: at(device.key) },
    owner: { ...owner, key: owner.key === undefined ? undefined : at(owner.key) },
    agent: { ...agent, mandate: at(agent.mandate) },
    clock: clock.kind === "file" ? { kind: "file", path: at(clock.path) } : clock,
    brokers: config.brokers.map((broker) => absoluteTls(broker, at)),
    meters: config.meters.map((meter) => ({
      ...meter,
      profile: /[./]/.test(meter.profile) ? at(meter.profile) : meter.profile,
    })),
  };
}

function absoluteTls(broker: BrokerConfig, at: (path: string) => string): BrokerConfig {
  if (broker.tls === undefined) return broker;
  const { ca, cert, key } = broker.tls;
  const file = (path: string | undefined) => (path === undefined ? undefined : at(path));
  return { ...broker, tls: { ...broker.tls, ca: file(ca), cert: file(cert), key: file(key) } };
}
