import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { Failure } from "@busbar/protocol";
import { parseConfig } from "@busbar/protocol/config";
import { externalFiles } from "./external-broker.ts";
import { type AggregatorConfig, aggregatorConfig } from "./schema.ts";

/**
 * Reads `aggregator.yaml`; relative paths in it are relative to the file.
 * Throws: `ConfigError` for a wrong line, `Failure` `config.unreadable`, `config.plain-text`,
 * `config.no-links`, `config.no-cometbft`, `config.own-peer`.
 */
export function loadConfig(path: string): AggregatorConfig {
  const config = parseConfig(path, readConfig(path), aggregatorConfig);
  const { broker, clock, cometbft, readModel } = config;
  if (!isLoopback(broker.host) && broker.tls === undefined && !broker.allowPlainText) {
    throw new Failure(
      "config.plain-text",
      `${path}: broker.host ${broker.host} is not loopback, so broker.tls is needed ` +
        "(or broker.allowPlainText: true on a wire you trust)",
      { retry: "never" },
    );
  }
  checkConsensus(path, config);
  const at = (name: string) => resolve(dirname(path), name);
  return {
    ...config,
    key: at(config.key),
    genesis: at(config.genesis),
    store: at(config.store),
    membershipFile: at(config.membershipFile),
    archive: { ...config.archive, folder: at(config.archive.folder) },
    ...(readModel === undefined
      ? {}
      : {
          readModel: {
            ...readModel,
            ...(readModel.ca === undefined ? {} : { ca: at(readModel.ca) }),
            ...(readModel.passwordFile === undefined
              ? {}
              : { passwordFile: at(readModel.passwordFile) }),
          },
        }),
    ...(cometbft === undefined ? {} : { cometbft: { ...cometbft, home: at(cometbft.home) } }),
    clock: clock.kind === "file" ? { ...clock, path: at(clock.path) } : clock,
    broker: brokerFiles(broker, at),
  };
}

function brokerFiles(
  broker: AggregatorConfig["broker"],
  at: (name: string) => string,
): AggregatorConfig["broker"] {
  const { tls, external } = broker;
  const { ca } = tls ?? {};
  return {
    ...broker,
    ...(external === undefined ? {} : { external: externalFiles(external, at) }),
    ...(tls === undefined
      ? {}
      : {
          tls: {
            certificate: at(tls.certificate),
            key: at(tls.key),
            ...(ca === undefined ? {} : { ca: at(ca) }),
          },
        }),
  };
}

function checkConsensus(path: string, config: AggregatorConfig): void {
  const { engine, consensus, member, cometbft } = config;
  if (engine === "cometbft" && cometbft === undefined) {
    throw new Failure(
      "config.no-cometbft",
      `${path}: engine cometbft needs to know its CometBFT; add cometbft: { home: …, rpc: http://127.0.0.1:… }`,
      { retry: "never" },
    );
  }
  if (engine === "pbft" && consensus === undefined) {
    throw new Failure(
      "config.no-links",
      `${path}: engine pbft needs links to the other members; add consensus: { listen: { host: …, port: … } }`,
      { retry: "never" },
    );
  }
  if (consensus?.peers.some(({ id }) => id === member)) {
    throw new Failure(
      "config.own-peer",
      `${path}: consensus.peers names ${member}, which is this member itself; name the others only`,
      { retry: "never" },
    );
  }
}

function readConfig(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    throw new Failure(
      "config.unreadable",
      `${path}: cannot read the configuration; busbar-aggregator init makes a working one`,
      { retry: "never", cause },
    );
  }
}

/** Whether only this machine can reach an address. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127\./.test(host);
}
