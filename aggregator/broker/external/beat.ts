import { isId } from "@busbar/protocol";

/** A worker's name among all that share a broker: its member's id and its own. */
export type WorkerName = `${string}/${string}`;

/** What each worker says of itself again and again on `host/<member>/workers`. */
export type Beat = {
  readonly worker: WorkerName;
  /** 16 hexadecimal digits, other ones for each start. */
  readonly instance: string;
  /** Grows with each beat of an instance. */
  readonly count: number;
  /** The view (`Group.view`) for which all its subscriptions stand; "" before the first. */
  readonly view: string;
};

/** Longest beat that is looked into. */
const beatBytesMax = 512;

export function encodeBeat({ worker, instance, count, view }: Beat): string {
  return JSON.stringify({ worker: worker.split("/")[1], instance, count, view });
}

/** A beat that came on the topic of a member; undefined for everything else. */
export function decodeBeat(member: string, payload: Uint8Array): Beat | undefined {
  if (payload.length > beatBytesMax) return undefined;
  const said = objectIn(payload);
  if (said === undefined) return undefined;
  const { worker, instance, count, view } = said;
  if (typeof worker !== "string" || !isId(worker) || !isInstance(instance)) return undefined;
  if (typeof count !== "number" || !Number.isSafeInteger(count) || count < 0) return undefined;
  if (typeof view !== "string" || !/^([0-9a-f]{16})?$/.test(view)) return undefined;
  return { worker: `${member}/${worker}`, instance, count, view };
}

/** A worker's last will, told with its member's state: which instance of which worker is gone. */
export function encodeWill({ worker, instance }: Pick<Beat, "worker" | "instance">): string {
  const [member, name] = worker.split("/");
  const state = { member, ready: false, height: 0, time: 0 };
  return JSON.stringify({ ...state, worker: name, instance });
}

/** Which instance a member's state says is gone, where it is a worker's last will. */
export function decodeWill(
  member: string,
  payload: Uint8Array,
): Pick<Beat, "worker" | "instance"> | undefined {
  if (payload.length > beatBytesMax) return undefined;
  const { ready, worker, instance } = objectIn(payload) ?? {};
  if (ready !== false || typeof worker !== "string" || !isId(worker) || !isInstance(instance)) {
    return undefined;
  }
  return { worker: `${member}/${worker}`, instance };
}

function isInstance(value: unknown): value is string {
  return typeof value === "string" && /^[0-9a-f]{16}$/.test(value);
}

function objectIn(payload: Uint8Array): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(payload).toString("utf8"));
    return typeof value === "object" && value !== null
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    // No JSON: it says nothing.
    return undefined;
  }
}
