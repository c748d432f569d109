import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

/**
 * What `npm run test:brokers` runs against, and the Debian package that has it. They are none of what
 * `npm test` needs, so unlike there a missing one is always a failure. Debian's `rabbitmq-server` in
 * the PATH changes to a user of its own; the one it starts does not.
 */
const wanted = {
  mosquitto: ["mosquitto", "mosquitto"],
  nats: ["nats-server", "nats-server"],
  rabbitmq: ["/usr/lib/rabbitmq/bin/rabbitmq-server", "rabbitmq-server"],
  epmd: ["epmd", "rabbitmq-server"],
} as const;

/** Where Debian puts programs that an ordinary user's PATH may not name. */
const besides = ["/usr/local/sbin", "/usr/sbin", "/sbin"];

/** What to do where one is missing; undefined where all are there. */
export function missing(): string | undefined {
  const lacking = Object.values(wanted).filter(([name]) => find(name) === undefined);
  if (lacking.length === 0) return undefined;
  const names = [...new Set(lacking.map(([, debian]) => debian))].join(" ");
  return `missing: ${names}; install with: apt-get install --no-install-recommends ${names}`;
}

export function pathOf(name: keyof typeof wanted): string {
  const found = find(wanted[name][0]);
  if (found === undefined) throw new Error(missing());
  return found;
}

function find(name: string): string | undefined {
  if (name.startsWith("/")) return isExecutable(name) ? name : undefined;
  const folders = [...(process.env.PATH ?? "").split(delimiter), ...besides];
  return folders.map((folder) => join(folder, name)).find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    // Missing and not executable are one answer here: this is not the program.
    return false;
  }
}
