import { existsSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { Failure, quorum } from "@busbar/protocol";
import { generateKey, readKeyFile, signerOf } from "@busbar/protocol/node";
import { loadConfig } from "../config/load.ts";
import type { AggregatorConfig } from "../config/schema.ts";
import type { Beginning } from "../consensus/cometbft/beginning.ts";
import {
  type Checkpoint,
  type HandOverWord,
  insistOnOne,
  signWord,
  wordsNeeded,
} from "../consensus/cometbft/hand-over-word.ts";
import { chainGenesis, homeOf, nodeIdOf, peerAt } from "../consensus/cometbft/home.ts";
import { type Address, addressText, parseAddress } from "../consensus/links/address.ts";
import { genesisHash } from "../ledger/genesis.ts";
import { type HandedOver, handedOverOf, noteHandedOver } from "../ledger/handed-over.ts";
import { members } from "../ledger/tables.ts";
import { writeWhole } from "../publish/whole-file.ts";
import { nodeSeedIn, wordsIn, writeConfig, writeHome } from "./hand-over-files.ts";
import { type Ledger, openLedger } from "./ledger.ts";
import { checkMember } from "./member.ts";

export type HandOverOptions = {
  readonly config: string;
  /** Words of members, of this one among them or not; empty: this member gives its own. */
  readonly words: readonly string[];
  /** `host:port` at which the other members reach this one; undefined: as the ledger says. */
  readonly address: string | undefined;
  readonly rpcPort: number;
  readonly dryRun: boolean;
};

/** The member's word, and what the block is behind which it hands over. */
export type Given = {
  readonly word: HandOverWord;
  readonly file: string;
};

/** What CometBFT begins with here. */
export type Taken = {
  readonly checkpoint: Checkpoint;
  readonly files: readonly string[];
  /** Voters whose word is here, and all of them. */
  readonly bound: number;
  readonly voters: number;
  /** Voters whose word is not here: their CometBFT has to dial by itself. */
  readonly missing: readonly string[];
};

/**
 * This member's word that it makes no block by PBFT behind the one where its ledger stands. It is noted in
 * the ledger, and written to a file for the others.
 * Throws: `Failure` `hand-over.engine`, `hand-over.until`, `hand-over.voted`, `hand-over.address`, `store.*`.
 */
export function giveWord(options: HandOverOptions): Given {
  const config = loadConfig(options.config);
  const home = homeIn(options.config);
  const file = join(dirname(resolve(options.config)), `hand-over-${config.member}.json`);
  return withStore(config, (ledger) => {
    const keys = readKeyFile(config.key);
    checkMember(config, ledger, signerOf(keys));
    const checkpoint = checkpointOf(config, ledger);
    if (ledger.store.votes().some(({ height }) => height > checkpoint.height)) {
      const message = `this member voted on a block above ${checkpoint.height} before consensus.until was set; set a later one on all members`;
      throw stop("hand-over.voted", message);
    }
    const address = addressText(placeOf(options, config, ledger));
    const nodeFile = join(home, "config", "node_key.json");
    const nodeSeed = nodeSeedIn(nodeFile) ?? generateKey().seed;
    const { member } = config;
    const said = { ...checkpoint, member, node: nodeIdOf(nodeSeed), address };
    const word = signWord(said, signerOf(keys));
    if (options.dryRun) return { word, file };
    const { height, block } = checkpoint;
    const own = { id: member, seed: keys.seed, nodeSeed, p2p: listenOf(config), rpcPort: 0 };
    const node = homeOf(own, { genesis: {}, peers: [] }).filter(({ path }) =>
      path.endsWith("node_key.json"),
    );
    writeHome(home, node);
    // Bound before anybody can hold it to its word.
    noteHandedOver(ledger.store, { height, block });
    writeWhole(file, `${JSON.stringify(word, null, 2)}\n`);
    return { word, file };
  });
}

/**
 * Makes this member's CometBFT begin behind the block that the words name, and lets the configuration say so.
 * Throws: `Failure` `hand-over.word`, `hand-over.differs`, `hand-over.quorum`, `hand-over.own`,
 * `hand-over.begun`, and those of `giveWord`.
 */
export function takeWords(options: HandOverOptions): Taken {
  const config = loadConfig(options.config);
  const home = homeIn(options.config);
  return withStore(config, (ledger) => {
    const keys = readKeyFile(config.key);
    checkMember(config, ledger, signerOf(keys));
    const checkpoint = checkpointOf(config, ledger);
    insistOnOwn(config, handedOverOf(ledger.store), checkpoint);
    if (existsSync(join(home, "data", "blockstore.db"))) {
      throw stop("hand-over.begun", `${home} holds a CometBFT that has run already`);
    }
    const keyOf = (id: string) => members.get(ledger.store.state, id)?.key;
    const words = wordsIn(options.words, keyOf);
    insistOnOne([...words.values()], checkpoint);
    const { voters } = ledger.application.council();
    const bound = voters.filter(({ id }) => id === config.member || words.has(id));
    const missing = voters.filter((voter) => !bound.includes(voter)).map(({ id }) => id);
    const needed = wordsNeeded(voters.length, quorum(voters.length));
    if (bound.length < needed) {
      const message = `words of ${bound.length} voters are here and ${needed} of ${voters.length} are needed, or the others could go on by PBFT; missing: ${missing.join(", ")}`;
      throw stop("hand-over.quorum", message);
    }
    const nodeSeed = nodeSeedIn(join(home, "config", "node_key.json"));
    if (nodeSeed === undefined) throw noWord(config.member);
    const peers = [...words.values()]
      .filter(({ member }) => member !== config.member)
      .map(({ node, address }) => peerAt(node, placeIn(address)));
    const time = ledger.application.info().time;
    const genesis = chainGenesis(voters, {
      chain: checkpoint.chain,
      time,
      beginning: beginningOf(checkpoint, ledger),
    });
    const { rpcPort } = options;
    const p2p = listenOf(config);
    const own = { id: config.member, seed: keys.seed, nodeSeed, p2p, rpcPort };
    const made = homeOf(own, { genesis, peers });
    if (!options.dryRun) {
      writeHome(home, made);
      writeConfig(options.config, rpcPort);
    }
    const files = [...made.map(({ path }) => join(home, path)), options.config];
    return { checkpoint, files, bound: bound.length, voters: voters.length, missing };
  });
}

/**
 * Takes this member's word back: the way to PBFT again, for all members together, while CometBFT has made no block.
 * Throws: `Failure` `hand-over.begun`, `hand-over.own`.
 */
export function withdrawWord({ config: path, dryRun }: HandOverOptions): HandedOver {
  const config = loadConfig(path);
  return withStore(config, ({ store }) => {
    const word = handedOverOf(store);
    if (word === undefined) throw noWord(config.member);
    if (store.height > word.height) {
      const message = `CometBFT has made blocks up to ${store.height}, which PBFT could only contradict: this chain goes on with CometBFT`;
      throw stop("hand-over.begun", message);
    }
    if (!dryRun) noteHandedOver(store, undefined);
    return word;
  });
}

/** The block where a member stands that came to where PBFT ends. */
function checkpointOf(config: AggregatorConfig, { application }: Ledger): Checkpoint {
  const { engine, consensus } = config;
  if (engine !== "pbft") {
    throw stop("hand-over.engine", `expected engine: pbft, which hands over; got ${engine}`);
  }
  const until = consensus?.until;
  const { height, hash, appHash } = application.info();
  if (until === undefined) {
    const message = `consensus.until does not say which block is PBFT's last: set it on all members to the same height above ${height}, start them, and wait until all have come to it`;
    throw stop("hand-over.until", message);
  }
  if (height !== until) {
    const message = `PBFT's last block is ${until} (consensus.until) and this ledger stands at ${height}: ${height < until ? "let it catch up" : "set a later one on all members"}`;
    throw stop("hand-over.until", message);
  }
  return { chain: config.site, height, block: hex(hash), appHash: hex(appHash) };
}

function beginningOf({ height, block, appHash }: Checkpoint, { genesis }: Ledger): Beginning {
  return { genesis: hex(genesisHash(genesis)), height, last: { block, appHash } };
}

function insistOnOwn(
  { member }: AggregatorConfig,
  own: HandedOver | undefined,
  { height, block }: Checkpoint,
): void {
  if (own?.height === height && own.block === block) return;
  throw noWord(member);
}

function noWord(member: string): Failure {
  return stop("hand-over.own", `${member} has not given its word: busbar-aggregator hand-over`);
}

/** Where the others reach this member. */
function placeOf(
  { address }: HandOverOptions,
  { member, consensus }: AggregatorConfig,
  { store }: Ledger,
): Address {
  const known = address ?? members.get(store.state, member)?.address;
  if (known !== undefined) return placeIn(known);
  if (consensus !== undefined) return consensus.listen;
  throw stop("hand-over.address", "--address host:port: expected where others reach this member");
}

function placeIn(text: string): Address {
  const place = parseAddress(text);
  if (place !== undefined) return place;
  throw stop("hand-over.address", `--address: expected host:port, got ${text}`);
}

/** CometBFT listens where PBFT's links did. */
function listenOf({ consensus }: AggregatorConfig): Address {
  if (consensus !== undefined) return consensus.listen;
  throw stop("hand-over.engine", "expected engine: pbft with consensus.listen");
}

/** Beside the configuration, as `init` and `join` make it. */
const homeIn = (config: string) => join(dirname(resolve(config)), "cometbft");

function withStore<T>(config: AggregatorConfig, work: (ledger: Ledger) => T): T {
  const ledger = openLedger(config);
  try {
    return work(ledger);
  } finally {
    ledger.store.close();
  }
}

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");

function stop(code: string, message: string): Failure {
  return new Failure(code, message, { retry: "never" });
}
