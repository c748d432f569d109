import { basename } from "node:path";
import { Failure } from "@busbar/protocol";
import { ConfigError } from "@busbar/protocol/config";
import { builtInOf, builtIns } from "../meters/built-in-profiles.ts";
import { loadProfile, loadProfiles, type Profile } from "../meters/profile.ts";
import { profileHints, requestsOf } from "../meters/profile-hints.ts";
import { valuesOf } from "../meters/profile-values.ts";
import { exitCode, print, table } from "./output.ts";
import { builtInText, loadShown, profileText } from "./profile-text.ts";

type Options = { readonly json?: boolean };

/** Lists the project's meter profiles, and the meters that need none. */
export function profilesList({ json = false }: Options): void {
  const byId = [...loadProfiles().values()].sort((a, b) => (a.id < b.id ? -1 : 1));
  const found = byId.map((profile) => ({
    id: profile.id,
    vendor: profile.vendor,
    model: profile.model,
    protocol: profile.protocol,
    trust: profile.trust,
    verified: profile.verified,
    rows: valuesOf(profile).length,
  }));
  print(json, [...found, ...builtIns], () => {
    const rows = found.map(({ id, vendor, model, protocol, trust, rows: count }) => [
      id,
      cut(vendor, 13),
      model,
      protocol,
      trust,
      String(count),
    ]);
    const head = ["id", "vendor", "model", "protocol", "trust", "rows"];
    const others = builtIns.map(({ id, model, connected }) => [id, model, connected]);
    return [
      table(head, fitted(head, rows, 2)),
      "",
      "Without a file: these meters name their values themselves, or send pulses.",
      table(["id", "meters", "connected by"], others),
      "",
      "busbar-edge profiles show <id> says how one is connected and what is read.",
    ].join("\n");
  });
}

/** Shows all that a profile says: how to connect the meter, what is read, and what is in doubt. */
export function profilesShow(name: string, { json = false }: Options): void {
  const builtIn = builtInOf(name);
  if (builtIn !== undefined) {
    print(json, builtIn, () => builtInText(builtIn, width()));
    return;
  }
  const { profile, flags } = loadShown(name);
  print(json, { ...profile, flags }, () => profileText(profile, flags, width()));
}

/** One profile file, checked. */
type Checked = {
  readonly file: string;
  readonly ok: boolean;
  readonly id?: string;
  readonly rows?: number;
  /** Modbus requests for all rows. */
  readonly requests?: number;
  readonly problems: readonly { readonly line?: number; readonly message: string }[];
  readonly hints: readonly string[];
};

/** Checks profile files: every mistake with its line, and what is worth a second look. */
export function profilesCheck(files: readonly string[], { json = false }: Options): void {
  const checked = files.map(checkFile);
  print(json, checked, () => checked.map(checkedText).join("\n"));
  if (checked.some(({ ok }) => !ok)) process.exitCode = exitCode.failed;
}

function checkFile(file: string): Checked {
  try {
    const profile = loadProfile(file);
    return {
      file,
      ok: true,
      id: profile.id,
      rows: valuesOf(profile).length,
      ...(profile.protocol === "modbus" ? { requests: requestsOf(profile) } : {}),
      problems: [],
      hints: [...profileHints(profile), ...besideUnknown(profile)],
    };
  } catch (error) {
    if (error instanceof ConfigError)
      return { file, ok: false, problems: error.problems, hints: [] };
    if (!(error instanceof Failure)) throw error;
    return { file, ok: false, problems: [{ message: error.message }], hints: [] };
  }
}

function besideUnknown({ beside }: Profile): string[] {
  if (beside === undefined || loadProfiles().has(beside)) return [];
  return [`beside: there is no profile ${beside}; busbar-edge profiles list shows what there is`];
}

function checkedText({ file, ok, id, rows, requests, problems, hints }: Checked): string {
  const name = basename(file);
  if (!ok) {
    const lines = problems.map(({ line, message }) =>
      line === undefined ? message : `${name}:${line}: ${message}`,
    );
    return [...lines, `${name}: not usable`].join("\n");
  }
  const asked =
    requests === undefined ? "" : `, read in ${requests} request${requests === 1 ? "" : "s"}`;
  return [
    `${name}: fine; ${id}, ${rows} values${asked}`,
    ...hints.map((hint) => `  hint: ${hint}`),
  ].join("\n");
}

/** Columns of the terminal; 80 where the output is no terminal. */
const width = (): number => process.stdout.columns ?? 80;

const cut = (text: string, length: number): string =>
  text.length <= length ? text : `${text.slice(0, Math.max(0, length - 1)).trimEnd()}…`;

/** The rows with one column cut so that a table of them fits the terminal. */
function fitted(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  column: number,
): string[][] {
  const widths = head.map((name, i) =>
    Math.max(name.length, ...rows.map((row) => row[i]?.length ?? 0)),
  );
  const others = widths.reduce(
    (sum, of, i) => (i === column ? sum : sum + of),
    2 * (head.length - 1),
  );
  return rows.map((row) =>
    row.map((cell, i) => (i === column ? cut(cell, width() - others) : cell)),
  );
}
