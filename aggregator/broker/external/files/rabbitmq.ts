import { createHash, randomBytes } from "node:crypto";
import { type BrokerFile, type BrokerPlan, sessionHours } from "./broker-plan.ts";

/** RabbitMQ 3.10 with rabbitmq_mqtt: topics are routing keys of amq.topic, levels parted by dots. */
export function rabbitmqFiles(plan: BrokerPlan): readonly BrokerFile[] {
  const { listen, tls, folder, users } = plan;
  const at = `${listen.host.includes(":") ? `[${listen.host}]` : listen.host}:${listen.port}`;
  const listener =
    tls === undefined
      ? `mqtt.listeners.tcp.1 = ${at}`
      : `mqtt.listeners.tcp = none
mqtt.listeners.ssl.1 = ${at}
ssl_options.certfile = ${tls.certificate}
ssl_options.keyfile = ${tls.key}`;
  const conf = `# Made by busbar-aggregator broker-files rabbitmq.
listeners.tcp.1 = 127.0.0.1:5672
${listener}
mqtt.allow_anonymous = false
mqtt.vhost = /
mqtt.exchange = amq.topic
mqtt.prefetch = 200
mqtt.subscription_ttl = ${sessionHours * 3_600_000}
load_definitions = ${folder}/rabbitmq-definitions.json
`;
  const own = "^mqtt-subscription-.*$";
  const both = "^(amq\\.topic|mqtt-subscription-.*)$";
  const definitions = {
    rabbit_version: "3.10.8",
    users: users.map(({ id, password }) => ({
      name: id,
      password_hash: hashed(password),
      hashing_algorithm: "rabbit_password_hashing_sha256",
      tags: [],
      limits: {},
    })),
    vhosts: [{ name: "/" }],
    permissions: users.map(({ id }) => ({
      ...{ user: id, vhost: "/", configure: own, write: both, read: both },
    })),
    topic_permissions: users.map(({ id, publish, hear }) => ({
      ...{ user: id, vhost: "/", exchange: "amq.topic" },
      ...{ write: patternOf(publish), read: patternOf(hear) },
    })),
  };
  return [
    { name: "rabbitmq.conf", text: conf, secret: false },
    { name: "enabled_plugins", text: "[rabbitmq_mqtt].\n", secret: false },
    {
      name: "rabbitmq-definitions.json",
      text: `${JSON.stringify(definitions, null, 1)}\n`,
      secret: true,
    },
  ];
}

/**
 * MQTT filters as one regular expression of routing keys. A subscription's own wildcards are levels
 * "*" and "#" there: "*" counts as any level, "#" only where the right ends with it.
 */
export function patternOf(filters: readonly string[]): string {
  const one = (filter: string) =>
    filter
      .split("/")
      .map((level, i, all) => {
        if (level === "#" && i === all.length - 1) return "(.*)";
        return level === "+" ? "[^.#]+" : level.replaceAll(/[^a-zA-Z0-9-]/g, "\\$&");
      })
      .join("\\.");
  return `^(${filters.map(one).join("|")})$`;
}

/** Salted SHA-256, as RabbitMQ's password hashing documents it: salt of 4 bytes before the digest. */
function hashed(password: string): string {
  const salt = randomBytes(4);
  const digest = createHash("sha256").update(salt).update(password).digest();
  return Buffer.concat([salt, digest]).toString("base64");
}
