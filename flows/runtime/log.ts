/** Node-RED's log levels by number. */
const levels: Readonly<Record<number, string>> = {
  10: "fatal",
  20: "error",
  30: "warn",
  40: "info",
  50: "debug",
  60: "trace",
  98: "audit",
};

/** One of Node-RED's log messages. */
export type RedLog = {
  readonly level: number;
  readonly msg: unknown;
  readonly type?: string;
  readonly id?: string;
  readonly name?: string;
};

/** Writes one JSON line to stderr; stdout is for the supervisor alone. */
export function log(level: string, event: string, fields: Record<string, unknown> = {}): void {
  const line = { level, time: Date.now(), event, ...fields };
  process.stderr.write(`${JSON.stringify(line)}\n`);
}

/** Node-RED's log as JSON lines: which node said what. */
export function logOfNodeRed({ level, msg, type, id, name }: RedLog): void {
  const text = msg instanceof Error ? (msg.stack ?? msg.message) : String(msg).trim();
  log(levels[level] ?? String(level), "node-red", { msg: text, type, node: id, name });
}

/** What people look at is no news; what they do is. */
const looking = /\.get$|^(?:settings|nodes|flows|comms|library)\.get|\.list/;

/** Node-RED's audit events but the looking, as lines of our audit log. */
export function auditOfNodeRed(to: { note(line: Readonly<Record<string, unknown>>): void }) {
  return (event: Readonly<Record<string, unknown>>): void => {
    const { event: name, user, ip, path, error } = event;
    if (typeof name !== "string" || looking.test(name)) return;
    const who = typeof user === "object" ? (user as { username?: string } | null)?.username : user;
    to.note({ event: name, time: Date.now(), user: who, ip, path, error });
  };
}
