import mqtt, { type IClientOptions, type MqttClient } from "mqtt";
import { loginToken } from "./login-token.ts";
import { signers, site } from "./test-broker.ts";

type Who = keyof typeof signers;

/** Options with which an identity of the test site logs in; `client` defaults to its id. */
export function loginOptions(who: Who, client: string = who): IClientOptions {
  const password = loginToken({ identity: who, client, signer: signers[who], chain: site });
  return {
    clientId: client,
    username: who,
    password: Buffer.from(password),
    protocolVersion: 4,
    reconnectPeriod: 0,
    keepalive: 60,
  };
}

/** A connected mqtt.js client. Rejects with the CONNACK's error. */
export async function connect(
  port: number,
  who: Who,
  options: IClientOptions = {},
): Promise<MqttClient> {
  const login = loginOptions(who, options.clientId);
  return mqtt.connectAsync(`mqtt://127.0.0.1:${port}`, { ...login, ...options }, false);
}

/** Resolves when the client's connection is gone. */
export function closed(client: MqttClient): Promise<void> {
  return new Promise((resolve) => client.once("close", resolve));
}

/** Resolves to the next `count` messages, in order of arrival. */
export function messages(
  client: MqttClient,
  count: number,
): Promise<
  readonly { readonly topic: string; readonly payload: Buffer; readonly retain: boolean }[]
> {
  return new Promise((resolve) => {
    const seen: { topic: string; payload: Buffer; retain: boolean }[] = [];
    const onMessage = (topic: string, payload: Buffer, { retain }: { retain: boolean }): void => {
      seen.push({ topic, payload, retain });
      if (seen.length < count) return;
      client.off("message", onMessage);
      resolve(seen);
    };
    client.on("message", onMessage);
  });
}
