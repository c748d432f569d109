import { publicKeyFromSeed } from "@busbar/protocol/node";
import { type Address, addressText } from "../links/address.ts";
import { appStateOf, type Beginning } from "./beginning.ts";
import { addressOf } from "./validators.ts";

/** A member whose CometBFT is to be made. */
export type HomeMember = {
  readonly id: string;
  /** Ed25519 seed of the member's own key, which is its validator's too. */
  readonly seed: Uint8Array;
  /** Of the key that CometBFT's connections are made with. */
  readonly nodeSeed: Uint8Array;
  /** Where it listens for the others. */
  readonly p2p: Address;
  /** On this machine alone. */
  readonly rpcPort: number;
};

/** What a member's CometBFT has to know of the chain. */
export type HomeChain = {
  /** CometBFT's genesis, as `chainGenesis` makes it, equal on all members. */
  readonly genesis: object;
  /** Where the others are: `peerAt`. */
  readonly peers: readonly string[];
  readonly stateSync?: StateSync | undefined;
};

/** From where a newcomer takes a snapshot instead of all blocks. */
export type StateSync = {
  /** RPC of members, of whom CometBFT's light client takes headers: two or more. */
  readonly rpc: readonly string[];
  /** A block that one of them named, from which the light client goes on. */
  readonly trust: { readonly height: number; readonly hash: string };
};

/** A file of a home folder, by its path there; `secret`: for its owner's eyes. */
export type HomeFile = { readonly path: string; readonly text: string; readonly secret: boolean };

/** A block with as many frames as a block of ours may have, their heads, and what voters said. */
const blockBytesMax = 6 * 1024 * 1024;

/** The files of a member's CometBFT home. */
export function homeOf(member: HomeMember, chain: HomeChain): HomeFile[] {
  return [
    { path: "config/genesis.json", text: json(chain.genesis), secret: false },
    { path: "config/config.toml", text: configOf(member, chain), secret: false },
    { path: "config/priv_validator_key.json", text: json(keyOf(member.seed)), secret: true },
    {
      path: "config/node_key.json",
      text: json({ priv_key: keyOf(member.nodeSeed).priv_key }),
      secret: true,
    },
    {
      path: "data/priv_validator_state.json",
      text: json({ height: "0", round: 0, step: 0 }),
      secret: false,
    },
  ];
}

/** The name of a node in CometBFT's network, by the key of its connections. */
export function nodeIdOf(nodeSeed: Uint8Array): string {
  return addressOf(publicKeyFromSeed(nodeSeed));
}

/** Another node, as CometBFT's configuration names it. */
export function peerAt(nodeId: string, address: Address): string {
  return `${nodeId}@${addressText(address)}`;
}

/** CometBFT's genesis: `voters` vote on its first block, `time` (ms since 1970, UTC) is before it. */
export function chainGenesis(
  voters: readonly { readonly id: string; readonly key: Uint8Array }[],
  {
    chain,
    time,
    beginning,
  }: { readonly chain: string; readonly time: number; readonly beginning: Beginning },
) {
  return {
    genesis_time: new Date(time).toISOString(),
    chain_id: chain,
    initial_height: "1",
    consensus_params: {
      block: { max_bytes: String(blockBytesMax), max_gas: "-1" },
      evidence: {
        max_age_num_blocks: "100000",
        max_age_duration: String(172_800_000_000_000),
        max_bytes: "1048576",
      },
      validator: { pub_key_types: ["ed25519"] },
      version: { app: "1" },
      abci: { vote_extensions_enable_height: "1" },
    },
    validators: voters.map(({ id, key }) => ({ ...publicOf(key), power: "1", name: id })),
    app_hash: "",
    app_state: appStateOf(beginning),
  };
}

/** Only what differs from CometBFT's own defaults. Empty blocks only where the application hash changed; waits
 * as a local network needs them. */
function configOf({ id, p2p, rpcPort }: HomeMember, { peers, stateSync }: HomeChain): string {
  return `# Written by busbar-aggregator; what is not here is as CometBFT has it by itself.
moniker = "${id}"
log_level = "error"

[rpc]
laddr = "tcp://127.0.0.1:${rpcPort}"

[p2p]
laddr = "tcp://${addressText(p2p)}"
persistent_peers = "${peers.join(",")}"
# Members of one machine share an address.
addr_book_strict = false
allow_duplicate_ip = true
pex = false
flush_throttle_timeout = "5ms"

[mempool]
size = 50000
cache_size = 100000
max_txs_bytes = 134217728
max_tx_bytes = 65536

[consensus]
create_empty_blocks = false
timeout_commit = "50ms"
peer_gossip_sleep_duration = "10ms"
peer_query_maj23_sleep_duration = "500ms"

[tx_index]
indexer = "null"
${stateSync === undefined ? "" : stateSyncText(stateSync)}`;
}

/** Once the node has a state of its own CometBFT passes this over. */
function stateSyncText({ rpc, trust }: StateSync): string {
  // Its light client wants a second one to compare with.
  const servers = rpc.length === 1 ? [...rpc, ...rpc] : rpc;
  return `
[statesync]
enable = true
rpc_servers = "${servers.join(",")}"
trust_height = ${trust.height}
trust_hash = "${trust.hash}"
trust_period = "168h0m0s"
discovery_time = "5s"
`;
}

/** A key as CometBFT's files have it: the private one is seed and public key, one behind the other. */
function keyOf(seed: Uint8Array) {
  const key = publicKeyFromSeed(seed);
  return {
    ...publicOf(key),
    priv_key: {
      type: "tendermint/PrivKeyEd25519",
      value: base64(Buffer.concat([seed, key])),
    },
  };
}

function publicOf(key: Uint8Array) {
  return {
    address: addressOf(key).toUpperCase(),
    pub_key: { type: "tendermint/PubKeyEd25519", value: base64(key) },
  };
}

const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString("base64");
const json = (value: unknown) => `${JSON.stringify(value, null, 2)}\n`;
