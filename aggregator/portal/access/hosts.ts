import { isIP } from "node:net";

/** Endings that no public name server answers for (RFC 6761, 6762, 8375; ICANN for `internal`). */
const privateEndings = [".localhost", ".local", ".home.arpa", ".internal", ".test"];

/** Whether a `Host` is an address, a name of the local network, or one of `named`. */
export function isHostAllowed(host: string, named: readonly string[]): boolean {
  if (!URL.canParse(`http://${host}/`)) return false;
  const { hostname } = new URL(`http://${host}/`);
  const name = hostname.replace(/\.$/, "");
  if (name.startsWith("[") || isIP(name) !== 0 || !name.includes(".")) return true;
  return privateEndings.some((end) => name.endsWith(end)) || named.includes(name);
}
