import { join as joinPath } from "node:path";
import { Failure } from "@busbar/protocol";
import { isLoopback, loadConfig } from "../config/load.ts";
import { type Address, addressText, parseAddress } from "../consensus/links/address.ts";

/** Where a member's link is when nobody says otherwise. */
const usualPort = 7600;

/** Where the others reach a member, and where it listens for them. */
export type Place = { readonly address: string; readonly listen: Address };

/**
 * The place of a new member. Without an address it is this machine, as everything of `init --members`;
 * beyond it the member listens on all of the machine's addresses: who connects proves a member's key.
 * Throws: `Failure` `join.address`.
 */
export function placeOf(asked: {
  readonly address: string | undefined;
  readonly linkPort: number | undefined;
}): Place {
  if (asked.address === undefined) {
    const listen = { host: "127.0.0.1", port: asked.linkPort ?? usualPort };
    return { address: addressText(listen), listen };
  }
  const { host, port } = parsed(asked.address);
  const everywhere = host.includes(":") ? "::" : "0.0.0.0";
  const listen = { host: isLoopback(host) ? host : everywhere, port: asked.linkPort ?? port };
  return { address: asked.address, listen };
}

/**
 * Where a member that is set up goes on to be reached: a request without an address would take it from
 * the ledger, and the others could tell the member nothing any more. Throws: `Failure` `join.address`.
 */
export function addressAgain(home: string, address: string | undefined): string {
  if (address !== undefined) return addressText(parsed(address));
  const listen = loadConfig(joinPath(home, "aggregator.yaml")).consensus?.listen;
  if (listen !== undefined && isLoopback(listen.host)) return addressText(listen);
  const message =
    "expected --address host:port, where the other members reach this one; its configuration says only where it listens";
  throw new Failure("join.address", message, { retry: "never" });
}

function parsed(address: string): Address {
  const place = parseAddress(address);
  if (place !== undefined) return place;
  throw new Failure("join.address", `--address: expected host:port, got ${address}`, {
    retry: "never",
  });
}
