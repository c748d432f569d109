import { Failure } from "@busbar/protocol";
import { readKeyFile, signerOf } from "@busbar/protocol/node";
import { loadConfig } from "../config/load.ts";
import { loginToken } from "../link/token.ts";
import { print } from "./output.ts";

/** Options of `busbar-edge token`. */
export type TokenOptions = {
  readonly config: string;
  readonly label?: string;
  readonly broker?: string;
  readonly owner?: boolean;
  readonly json?: boolean;
};

/** Prints a login token for another MQTT client; it holds for a minute and for one connection. */
export function tokenCommand({ config: file, label, broker, owner, json }: TokenOptions): void {
  const config = loadConfig(file);
  const identity = owner === true ? config.owner.id : config.device.id;
  const key = owner === true ? config.owner.key : config.device.key;
  if (key === undefined) {
    const message = `${file}: expected owner.key, the file of the owner's secret key`;
    throw new Failure("token.no-owner-key", message, { retry: "never" });
  }
  if (label !== undefined && !/^[a-z0-9-]{1,31}$/.test(label)) {
    const message = `expected a label of a–z, 0–9 and hyphens, at most 31, got ${JSON.stringify(label)}`;
    throw new Failure("usage.label", message, { retry: "never" });
  }
  const client = label === undefined ? identity : `${identity}:${label}`;
  const password = loginToken({
    chain: config.site,
    identity,
    client,
    broker: broker ?? config.brokers[0]?.id ?? config.site,
    signer: signerOf(readKeyFile(key)),
    now: Date.now(),
  });
  print(json ?? false, { username: identity, clientId: client, password }, () => password);
}
