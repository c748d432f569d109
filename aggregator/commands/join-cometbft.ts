import { Failure } from "@busbar/protocol";
import { generateKey } from "@busbar/protocol/node";
import { z } from "zod";
import { beginningIn } from "../consensus/cometbft/beginning.ts";
import { type HomeFile, homeOf, peerAt, type StateSync } from "../consensus/cometbft/home.ts";
import { type Address, parseAddress } from "../consensus/links/address.ts";
import { type Genesis, genesisHash } from "../ledger/genesis.ts";

const timeoutMs = 10_000;

/** What members' CometBFT told a newcomer. */
export type Found = {
  /** CometBFT's genesis. */
  readonly genesis: object;
  /** Whom to connect to, as CometBFT's configuration names them. */
  readonly peers: readonly string[];
  readonly stateSync?: StateSync | undefined;
};

/** What `join --engine cometbft` makes a home of. */
export type JoinCometbft = Found & { readonly rpcPort: number };

const node = z.object({ id: z.string().regex(/^[0-9a-f]{40}$/), listen_addr: z.string() });
const statusAnswer = z.object({
  node_info: node,
  sync_info: z.object({
    latest_block_height: z.coerce.number().int().min(0),
    latest_block_hash: z.string(),
  }),
});
const peersAnswer = z.object({
  peers: z.array(z.object({ node_info: node, remote_ip: z.string() })),
});
const genesisAnswer = z.object({
  genesis: z.looseObject({ chain_id: z.string(), app_state: z.unknown() }),
});

/**
 * Asks running members' CometBFT for all that a newcomer needs: its genesis, who is connected, and for state
 * sync the newest block. What it says of the ledger is checked by the ledger's own genesis.
 * Throws: `Failure` `join.cometbft`.
 */
export async function askMembers(
  rpc: readonly string[],
  ledger: Genesis,
  { stateSync }: { readonly stateSync: boolean },
): Promise<Found> {
  const [first] = rpc;
  if (first === undefined) {
    throw stop("--rpc <url>: expected the RPC of a running member's CometBFT");
  }
  const { genesis } = await ask(first, "genesis", genesisAnswer);
  const named = beginningIn(genesis.app_state);
  const wanted = Buffer.from(genesisHash(ledger)).toString("hex");
  if (genesis.chain_id !== ledger.chain || named?.genesis !== wanted) {
    throw stop(`${first} is of another chain than ${ledger.chain}'s genesis.json`);
  }
  const peers = new Map<string, string>();
  const add = ({ id, listen_addr: listen }: z.output<typeof node>, host: string) => {
    const place = placeOf(listen, host);
    if (place !== undefined) peers.set(id, peerAt(id, place));
  };
  let newest = { height: 0, hash: "" };
  for (const url of rpc) {
    const { node_info: own, sync_info: sync } = await ask(url, "status", statusAnswer);
    add(own, new URL(url).hostname.replace(/^\[|\]$/g, ""));
    newest = { height: sync.latest_block_height, hash: sync.latest_block_hash };
    const others = await ask(url, "net_info", peersAnswer);
    for (const other of others.peers) add(other.node_info, other.remote_ip);
  }
  if (!stateSync) return { genesis, peers: [...peers.values()] };
  if (newest.height < 1) throw stop(`${rpc.at(-1)} has no block yet: join without --state-sync`);
  return { genesis, peers: [...peers.values()], stateSync: { rpc, trust: newest } };
}

/** The newcomer's CometBFT home. */
export function newcomerHome(
  found: JoinCometbft,
  member: { readonly id: string; readonly seed: Uint8Array; readonly p2p: Address },
): HomeFile[] {
  const { rpcPort } = found;
  return homeOf({ ...member, nodeSeed: generateKey().seed, rpcPort }, found);
}

/** Where a node listens: what it says of itself, at the address at which it was met where that is all of them. */
function placeOf(listen: string, host: string): Address | undefined {
  const place = parseAddress(listen.replace(/^tcp:\/\//, ""));
  if (place === undefined) return undefined;
  return /^(0\.0\.0\.0|::)$/.test(place.host) ? { ...place, host } : place;
}

async function ask<T>(url: string, method: string, answer: z.ZodType<T>): Promise<T> {
  let said: unknown;
  try {
    const asked = new URL(method, url.endsWith("/") ? url : `${url}/`);
    const response = await fetch(asked, { signal: AbortSignal.timeout(timeoutMs) });
    said = await response.json();
  } catch (cause) {
    throw stop(`--rpc ${url}: no CometBFT answers there: ${(cause as Error).message}`, cause);
  }
  const read = z.object({ result: answer }).safeParse(said);
  if (read.success) return read.data.result;
  throw stop(`--rpc ${url}: /${method} is not as CometBFT v0.38 answers it`, read.error);
}

function stop(message: string, cause?: unknown): Failure {
  return new Failure("join.cometbft", message, { retry: "later", cause });
}
