import { appendFileSync, chmodSync, existsSync, globSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { readIfThere, writeWhole } from "../nodes/link/durable.ts";
import { flowError } from "../nodes/link/errors.ts";

/** A flow as it is stored: a list of nodes. */
export type StoredFlow = readonly Readonly<Record<string, unknown>>[];

/** What a deploy changed: nodes by name, and which of their fields. Values are left out, for they may
 * be secret; the versions have them. */
export type DeployDiff = {
  readonly added: readonly string[];
  readonly removed: readonly string[];
  readonly changed: readonly { readonly node: string; readonly fields: readonly string[] }[];
  /** Nodes that were only moved on the sheet. */
  readonly moved: number;
};

/** One deployed version. `time` is wall ms. */
export type Deployed = { readonly version: number; readonly time: number; readonly user: string };

/** Versions that are kept; the audit log keeps what happened for longer. */
const versionsMax = 200;
/** The audit log is begun anew beyond so many bytes; the one before stays as `.1`. */
const auditBytesMax = 5_000_000;

/** Who deployed what and when, in the user folder: `deploys/<version>.json` and `audit.jsonl`. */
export class DeployHistory {
  readonly #folder: string;
  readonly #audit: string;

  constructor(userDir: string) {
    this.#folder = join(userDir, "deploys");
    this.#audit = join(userDir, "audit.jsonl");
  }

  /** All versions that are kept, the newest last. */
  list(): readonly Deployed[] {
    return this.#versions().flatMap((version) => {
      const kept = this.#readable(version);
      return kept === undefined ? [] : [{ version, time: kept.time, user: kept.user }];
    });
  }

  /** Files of versions that cannot be read as such: they are left where they are. */
  get broken(): readonly string[] {
    const broken = this.#versions().filter((version) => this.#readable(version) === undefined);
    return broken.map((version) => this.#path(version));
  }

  /** The version that was there before the present one and what it was rolled back to. */
  get before(): Deployed | undefined {
    const versions = this.list();
    const [present, newest] = [this.#versions().at(-1), versions.at(-1)];
    if (newest !== undefined && newest.version !== present) return newest;
    let at = versions.length - 1;
    for (let to = rolledBackTo(versions[at]); to !== undefined; to = rolledBackTo(versions[at])) {
      const earlier = versions.findIndex(({ version }) => version === to);
      if (earlier < 0 || earlier >= at) break;
      at = earlier;
    }
    return versions[at - 1];
  }

  /** The flow of a version. Throws: `Failure` `flows.version-missing`. */
  flowOf(version: number): StoredFlow {
    return this.#read(version).flow;
  }

  /** Keeps a deployed flow and notes what it changed; one that changes nothing is no version. */
  record(flow: StoredFlow, { user, time }: { readonly user: string; readonly time: number }): void {
    const last = this.#versions().at(-1);
    const before = last === undefined ? undefined : this.#readable(last)?.flow;
    const diff = diffFlows(before ?? [], flow);
    if (before !== undefined && isNothing(diff)) return;
    const version = (last ?? 0) + 1;
    writeWhole(this.#path(version), JSON.stringify({ time, user, flow }));
    this.note({ event: "deploy", time, user, version, ...diff });
    for (const old of this.#versions().slice(0, -versionsMax)) rmSync(this.#path(old));
  }

  /** Appends a line to the audit log. */
  note(line: Readonly<Record<string, unknown>>): void {
    if ((readIfThere(this.#audit)?.length ?? 0) > auditBytesMax) {
      writeWhole(`${this.#audit}.1`, readFileSync(this.#audit, "utf8"));
      writeWhole(this.#audit, "");
    }
    const isNew = !existsSync(this.#audit);
    appendFileSync(this.#audit, `${JSON.stringify(line)}\n`);
    if (isNew) chmodSync(this.#audit, 0o600);
  }

  #read(version: number): { time: number; user: string; flow: StoredFlow } {
    const kept = this.#readable(version);
    if (kept !== undefined) return kept;
    const known = this.list().map((one) => one.version);
    const range =
      known.length === 0 ? "there is none yet" : `there are ${known[0]} … ${known.at(-1)}`;
    throw flowError("flows.version-missing", `no deployed version ${version}: ${range}`);
  }

  #readable(version: number): { time: number; user: string; flow: StoredFlow } | undefined {
    try {
      const kept = JSON.parse(readFileSync(this.#path(version), "utf8"));
      const isNode = (node: unknown) => typeof node === "object" && node !== null && "id" in node;
      const isWhole =
        Number.isSafeInteger(kept.time) &&
        typeof kept.user === "string" &&
        Array.isArray(kept.flow) &&
        kept.flow.every(isNode);
      return isWhole ? kept : undefined;
    } catch {
      // Cut short, of another program, or not to be read: `broken` names it.
      return undefined;
    }
  }

  #versions(): number[] {
    const files = globSync("*.json", { cwd: this.#folder });
    return files
      .filter((file) => /^\d{6,}\.json$/.test(file))
      .map((file) => Number(file.replace(".json", "")))
      .filter(Number.isSafeInteger)
      .sort((a, b) => a - b);
  }

  #path(version: number): string {
    return join(this.#folder, `${String(version).padStart(6, "0")}.json`);
  }
}

function rolledBackTo(deployed: Deployed | undefined): number | undefined {
  const to = / \(rollback to (\d+)\)$/.exec(deployed?.user ?? "")?.[1];
  return to === undefined ? undefined : Number(to);
}

/** Where a node stands on the sheet changes nothing that it does. */
const places: ReadonlySet<string> = new Set(["x", "y"]);

/** What differs between two flows. */
export function diffFlows(before: StoredFlow, after: StoredFlow): DeployDiff {
  const [old, now] = [byId(before), byId(after)];
  const added = after.filter(({ id }) => !old.has(String(id))).map(nodeName);
  const removed = before.filter(({ id }) => !now.has(String(id))).map(nodeName);
  let moved = 0;
  const changed = after.flatMap((node) => {
    const was = old.get(String(node.id));
    if (was === undefined) return [];
    const differing = fieldsThatDiffer(was, node);
    const fields = differing.filter((field) => !places.has(field));
    if (fields.length === 0 && differing.length > 0) moved += 1;
    return fields.length === 0 ? [] : [{ node: nodeName(node), fields }];
  });
  return { added, removed, changed, moved };
}

function fieldsThatDiffer(a: StoredFlow[number], b: StoredFlow[number]): string[] {
  const fields = new Set([...Object.keys(a), ...Object.keys(b)]);
  return [...fields]
    .filter((field) => JSON.stringify(a[field]) !== JSON.stringify(b[field]))
    .sort();
}

const isNothing = ({ added, removed, changed, moved }: DeployDiff) =>
  added.length + removed.length + changed.length + moved === 0;

const byId = (flow: StoredFlow) => new Map(flow.map((node) => [String(node.id), node]));

const nodeName = ({ id, type, name, label }: StoredFlow[number]) =>
  `${String(type)} ${String(name || label || id)}`;
