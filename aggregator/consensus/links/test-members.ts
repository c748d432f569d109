import { createHash } from "node:crypto";
import { once } from "node:events";
import type { TestContext } from "node:test";
import { connect, type TLSSocket } from "node:tls";
import { type KeyFile, publicKeysOf } from "@busbar/protocol/node";
import { pino } from "pino";
import type { LinkLimits } from "./limits.ts";
import type { Peer } from "./links.ts";
import { identityOf } from "./pinned.ts";
import { TlsLinks } from "./tls-links.ts";

export const testChain = "elm";

/** Keys that a name always has. */
export function keysOf(name: string): KeyFile {
  const seed = new Uint8Array(createHash("sha256").update(name).digest());
  return { seed, box: seed };
}

/** A peer's entry; `port` undefined: nobody knows where it listens. */
export function peerOf(id: string, port?: number, key = id): Peer {
  const address = port === undefined ? undefined : `127.0.0.1:${port}`;
  return { id, key: publicKeysOf(keysOf(key)).key, address };
}

/** What a member's links hear. */
export type Heard = { readonly from: string; readonly message: Uint8Array };

/** Links of a member on a port of 127.0.0.1, and what they hear. */
export async function startLinks(
  name: string,
  peers: readonly Peer[] = [],
  options: { port?: number; limits?: Partial<LinkLimits>; chain?: string } = {},
): Promise<{ readonly links: TlsLinks; readonly heard: Heard[] }> {
  const { port = 0, limits, chain = testChain } = options;
  const links = new TlsLinks({
    listen: { host: "127.0.0.1", port },
    keys: keysOf(name),
    chain,
    log: pino({ level: "silent" }),
    // Attempts close together, so that no test waits for them.
    limits: { redialMs: { min: 10, max: 50 }, ...limits },
  });
  const heard: Heard[] = [];
  links.onMessage((from, message) => heard.push({ from, message }));
  links.setPeers(peers);
  await links.start();
  return { links, heard };
}

/** A connection as a member's program would make it, to send what a member's program would not. */
export async function dialRaw(
  t: TestContext,
  port: number,
  as: { readonly name: string; readonly chain?: string },
): Promise<TLSSocket> {
  const identity = identityOf(keysOf(as.name), as.chain ?? testChain);
  const socket = connect({ host: "127.0.0.1", port, ...identity });
  t.after(() => socket.destroy());
  socket.on("error", () => {});
  await once(socket, "secureConnect");
  return socket;
}
