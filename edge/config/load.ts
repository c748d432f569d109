import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { Failure } from "@busbar/protocol";
import { parseConfig } from "@busbar/protocol/config";
import { homeOf } from "./home.ts";
import { type BrokerConfig, configSchema, type EdgeConfig } from "./schema.ts";

/** A configuration file's content with all its paths made absolute. */
export type LoadedConfig = EdgeConfig & {
  readonly file: string;
  /** Where the unit's own files lie that the configuration names by a relative path. */
  readonly home: string;
};

/**
 * Reads edge.yaml. Relative paths in it are relative to the file; those of what the unit makes or is
 * given when it is enrolled, to `homeOf` it.
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
  const home = homeOf(file);
  const own = (path: string) => resolve(home, path);
  const { device, owner, agent, clock } = config;
  return {
    ...config,
    file,
    home,
    membership: own(config.membership),
    data: own(config.data),
    device: { ...device, key: own(device.key) },
    owner: { ...owner, key: owner.key === undefined ? undefined : own(owner.key) },
    agent: { ...agent, mandate: own(agent.mandate) },
    clock: clock.kind === "file" ? { kind: "file", path: at(clock.path) } : clock,
    brokers: config.brokers.map((broker) => absoluteFiles(broker, at)),
    meters: config.meters.map((meter) => ({
      ...meter,
      profile: /[./]/.test(meter.profile) ? at(meter.profile) : meter.profile,
    })),
  };
}

function absoluteFiles(broker: BrokerConfig, at: (path: string) => string): BrokerConfig {
  const { tls, passwordFile } = broker;
  const file = (path: string | undefined) => (path === undefined ? undefined : at(path));
  return {
    ...broker,
    ...(passwordFile === undefined ? {} : { passwordFile: at(passwordFile) }),
    ...(tls === undefined
      ? {}
      : { tls: { ...tls, ca: file(tls.ca), cert: file(tls.cert), key: file(tls.key) } }),
  };
}
