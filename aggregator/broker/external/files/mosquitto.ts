import { pbkdf2Sync, randomBytes } from "node:crypto";
import {
  type BrokerFile,
  type BrokerPlan,
  packetBytesMax,
  queueMax,
  sessionHours,
} from "./broker-plan.ts";

/** As mosquitto_passwd makes them: PBKDF2-SHA512, salt of 12 bytes, key of 64. */
const hash = { iterations: 101, saltBytes: 12, keyBytes: 64 } as const;

/** Mosquitto 2.0: mosquitto.conf(5). An ACL's read lines bind what it delivers, whatever is subscribed to. */
export function mosquittoFiles(plan: BrokerPlan): readonly BrokerFile[] {
  const { listen, tls, folder, data, users } = plan;
  const secure =
    tls === undefined
      ? ""
      : `certfile ${tls.certificate}\nkeyfile ${tls.key}\ntls_version tlsv1.2\n`;
  const conf = `# Made by busbar-aggregator broker-files mosquitto; made anew after each admission.
listener ${listen.port} ${listen.host}
${secure}allow_anonymous false
password_file ${folder}/mosquitto.passwords
acl_file ${folder}/mosquitto.acl
max_packet_size ${packetBytesMax}
max_inflight_messages 200
max_queued_messages ${queueMax}
persistent_client_expiration ${sessionHours}h
# Saved after each change: otherwise a kill loses half an hour of what it acknowledged.
persistence true
persistence_location ${data.replace(/\/?$/, "/")}
autosave_on_changes true
autosave_interval 1
`;
  const acl = users.map(
    ({ id, publish, hear }) => `user ${id}\n${lines("write", publish)}${lines("read", hear)}`,
  );
  const passwords = users.map(({ id, password }) => `${id}:${hashed(password)}\n`);
  return [
    { name: "mosquitto.conf", text: conf, secret: false },
    { name: "mosquitto.acl", text: acl.join("\n"), secret: false },
    { name: "mosquitto.passwords", text: passwords.join(""), secret: true },
  ];
}

function lines(access: "read" | "write", filters: readonly string[]): string {
  return filters.map((filter) => `topic ${access} ${filter}\n`).join("");
}

function hashed(password: string): string {
  const salt = randomBytes(hash.saltBytes);
  const key = pbkdf2Sync(password, salt, hash.iterations, hash.keyBytes, "sha512");
  return `$7$${hash.iterations}$${salt.toString("base64")}$${key.toString("base64")}`;
}
