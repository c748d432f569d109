import { publicKeyFromSeed } from "@busbar/protocol/node";
import { addressOf } from "./validators.ts";

/** A member whose CometBFT is to be made. */
export type HomeMember = {
  readonly id: string;
  /** Ed25519 seed of the member's own key, which is its validator's too. */
  readonly seed: Uint8Array;
  /** Of the key that CometBFT's connections are made with. */
  readonly nodeSeed: Uint8Array;
  readonly p2pPort: number;
  readonly rpcPort: number;
};

/** What a new chain's genesis says. */
export type HomeChain = {
  readonly chain: string;
  /** ms since 1970, UTC. */
  readonly time: number;
  /** SHA-256 of the ledger's genesis, in hex. */
  readonly genesis: string;
};

/** A file of a home folder, by its path there; `secret`: for its owner's eyes. */
export type HomeFile = { readonly path: string; readonly text: string; readonly secret: boolean };

/** A block with as many frames as a block of ours may have, their heads, and what voters said. */
const blockBytesMax = 6 * 1024 * 1024;

/** The files of a member's CometBFT home, so that it starts with the others on one machine. */
export function homeOf(
  member: HomeMember,
  members: readonly HomeMember[],
  chain: HomeChain,
): HomeFile[] {
  return [
    { path: "config/genesis.json", text: json(genesisOf(members, chain)), secret: false },
    { path: "config/config.toml", text: configOf(member, members), secret: false },
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

function genesisOf(members: readonly HomeMember[], { chain, time, genesis }: HomeChain) {
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
    validators: members.map(({ id, seed }) => {
      const { address, pub_key } = keyOf(seed);
      return { address, pub_key, power: "1", name: id };
    }),
    app_hash: "",
    app_state: { genesis },
  };
}

/** Only what differs from CometBFT's own defaults. Empty blocks only where the application hash changed; waits
 * as a local network needs them. */
function configOf(member: HomeMember, members: readonly HomeMember[]): string {
  const peers = members
    .filter((other) => other !== member)
    .map(
      ({ nodeSeed, p2pPort }) => `${addressOf(publicKeyFromSeed(nodeSeed))}@127.0.0.1:${p2pPort}`,
    );
  return `# Written by busbar-aggregator init; what is not here is as CometBFT has it by itself.
moniker = "${member.id}"
log_level = "error"

[rpc]
laddr = "tcp://127.0.0.1:${member.rpcPort}"

[p2p]
laddr = "tcp://127.0.0.1:${member.p2pPort}"
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
`;
}

/** A key as CometBFT's files have it: the private one is seed and public key, one behind the other. */
function keyOf(seed: Uint8Array) {
  const key = publicKeyFromSeed(seed);
  return {
    address: addressOf(key).toUpperCase(),
    pub_key: { type: "tendermint/PubKeyEd25519", value: base64(key) },
    priv_key: {
      type: "tendermint/PrivKeyEd25519",
      value: base64(Buffer.concat([seed, key])),
    },
  };
}

const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString("base64");
const json = (value: unknown) => `${JSON.stringify(value, null, 2)}\n`;
