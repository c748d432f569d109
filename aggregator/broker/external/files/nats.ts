import { type BrokerFile, type BrokerPlan, packetBytesMax } from "./broker-plan.ts";

/**
 * NATS server 2.9 with its MQTT gateway. A topic's levels are a subject's tokens: ids have no dot.
 * Who hears with QoS 1 hears at subjects below `$MQTT.sub`, which no client can name.
 */
export function natsFiles(plan: BrokerPlan): readonly BrokerFile[] {
  const { listen, tls, data, users } = plan;
  const text = (value: string) => JSON.stringify(value);
  const secure =
    tls === undefined
      ? ""
      : `\n  tls { cert_file: ${text(tls.certificate)}, key_file: ${text(tls.key)} }`;
  const entries = users.map(
    ({ id, password, publish, hear }) => `    {
      user: ${text(id)}, password: ${text(password)}
      permissions: {
        publish: [${publish.map((filter) => text(subjectOf(filter))).join(", ")}]
        subscribe: [${["$MQTT.sub.>", ...hear.flatMap(subjectsOf)].map(text).join(", ")}]
      }
    }`,
  );
  const conf = `# Made by busbar-aggregator broker-files nats; made anew after each admission.
server_name: busbar
host: 127.0.0.1
port: 4222
max_payload: ${packetBytesMax}
jetstream { store_dir: ${text(data)} }
mqtt {
  host: ${text(listen.host)}
  port: ${listen.port}${secure}
  max_ack_pending: 200
  ack_wait: "5s"
}
authorization {
  users: [
${entries.join("\n")}
  ]
}
`;
  return [{ name: "nats.conf", text: conf, secret: true }];
}

/** Below a level is the level itself, too (MQTT 3.1.1 §4.7.1.2): two subjects, each to be permitted. */
function subjectsOf(filter: string): readonly string[] {
  const above = filter.endsWith("/#") ? [subjectOf(filter.slice(0, -2))] : [];
  return [...above, subjectOf(filter)];
}

/** An MQTT filter as a subject of NATS. */
export function subjectOf(filter: string): string {
  return filter.replaceAll("/", ".").replaceAll("+", "*").replace(/#$/, ">");
}
