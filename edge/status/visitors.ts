import { BlockList, isIP } from "node:net";
import { networkInterfaces } from "node:os";

/**
 * Whether a peer is in a network of its own: loopback, private (RFC 1918, RFC 4193), link-local or
 * shared (RFC 6598). A unit that hangs on a public address shows its meters to nobody there.
 */
export function isLocalPeer(address: string | undefined): boolean {
  if (address === undefined) return false;
  const plain = address.replace(/^::ffff:/i, "").split("%")[0] ?? "";
  if (isIP(plain) === 4) {
    const [a = 0, b = 0] = plain.split(".").map(Number);
    if (a === 10 || a === 127) return true;
    if (a === 172) return b >= 16 && b <= 31;
    if (a === 100) return b >= 64 && b <= 127;
    return (a === 192 && b === 168) || (a === 169 && b === 254);
  }
  return plain === "::1" || /^f[cd][0-9a-f]{2}:|^fe[89ab][0-9a-f]:/i.test(plain);
}

/** Suffixes that nobody can register, so no page of a stranger stands under them (RFC 6762, 8375, 2606). */
const localNames = /(?:^|\.)(?:localhost|local|lan|home|internal|home\.arpa)$/;

/** Own addresses with their networks: `fe80::1/64`. */
const ownNetworks = (): readonly string[] =>
  Object.values(networkInterfaces()).flatMap((all) =>
    (all ?? []).flatMap(({ cidr }) => cidr ?? []),
  );

/**
 * Whether a peer stands in the same IPv6 network as the unit: at home a phone calls by its public
 * address there. Of IPv4 the private networks are all there is to neighbours.
 */
export function isNeighbour(
  address: string | undefined,
  networks: readonly string[] = ownNetworks(),
): boolean {
  const plain = (address ?? "").split("%")[0] ?? "";
  if (isIP(plain) !== 6 || /^::ffff:/i.test(plain)) return false;
  const list = new BlockList();
  for (const network of networks) {
    const [own = "", prefix = ""] = network.split("/");
    // A shorter prefix is no network of one house.
    if (isIP(own) === 6 && Number(prefix) >= 64) list.addSubnet(own, Number(prefix), "ipv6");
  }
  return list.check(plain, "ipv6");
}

/**
 * Whether a request names this unit as people in its network do: by an address, by a name without
 * dots, by a local name, or by one of `names`. A page from elsewhere whose name was turned to the
 * unit's address (DNS rebinding) gives itself away by its name.
 */
export function isOwnHost(header: string | undefined, names: readonly string[] = []): boolean {
  const match = /^(\[[0-9a-f:.%]+\]|[^:[\]]+)(?::\d{1,5})?$/i.exec(header ?? "");
  const host = match?.[1]?.toLowerCase().replace(/\.$/, "");
  if (host === undefined || host.length > 253) return false;
  if (isIP(host.replace(/^\[|\]$/g, "").split("%")[0] ?? "") !== 0) return true;
  if (!/^[a-z0-9_-]+(?:\.[a-z0-9_-]+)*$/.test(host)) return false;
  return !host.includes(".") || localNames.test(host) || names.includes(host);
}
