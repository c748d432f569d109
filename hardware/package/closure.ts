import { Failure } from "@busbar/protocol";

/** What package-lock.json says of one folder; the parts that are used here. */
type Locked = {
  readonly version?: string;
  readonly link?: boolean;
  readonly resolved?: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
};

/** `packages` of a package-lock.json of version 3. */
export type Lock = Readonly<Record<string, Locked>>;

/**
 * The folders below node_modules that the rooms named need at run time, in order. npm's own answer for a
 * workspace may hold more: what another room needs, and what only types are taken from.
 * Throws: `Failure` `package.lock` where a dependency stands nowhere in the lock file.
 */
export function closureOf(lock: Lock, rooms: readonly string[]): string[] {
  const seen = new Set<string>();
  const visit = (at: string): void => {
    if (seen.has(at)) return;
    seen.add(at);
    for (const name of Object.keys(lock[at]?.dependencies ?? {})) {
      const place = placeOf(lock, at, name);
      if (place === undefined) {
        const message = `package-lock.json: ${at} needs ${name}, which stands nowhere; run npm install`;
        throw new Failure("package.lock", message, { retry: "never" });
      }
      const { link, resolved } = lock[place] ?? {};
      visit(link === true && resolved !== undefined ? resolved : place);
    }
  };
  for (const room of rooms) visit(room);
  return [...seen].filter((at) => at.startsWith("node_modules/") && !isTypes(at)).sort();
}

/** Where Node finds a dependency: in the nearest node_modules above. */
function placeOf(lock: Lock, from: string, name: string): string | undefined {
  for (let base = from; ; base = above(base)) {
    const place = `${base === "" ? "" : `${base}/`}node_modules/${name}`;
    if (lock[place] !== undefined) return place;
    if (base === "") return undefined;
  }
}

function above(path: string): string {
  const at = path.lastIndexOf("/node_modules/");
  return at < 0 ? "" : path.slice(0, at);
}

const isTypes = (path: string): boolean =>
  /(^|\/)node_modules\/(@types\/[^/]+|undici-types)$/.test(path);
