import { createHash, randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join as joinPath } from "node:path";
import {
  brokerUrlPattern,
  Failure,
  type MemberRole,
  type MemberTerms,
  sealFrame,
  utcMs,
} from "@busbar/protocol";
import { openKeyFile, signerOf, verify } from "@busbar/protocol/node";
import { stringify } from "yaml";
import { parseAddress } from "../consensus/links/address.ts";
import { type Genesis, readGenesis } from "../ledger/genesis.ts";
import { makeStore, type NewFile } from "./init.ts";
import { addressAgain, type Place, placeOf } from "./join-address.ts";
import { type JoinCometbft, newcomerHome } from "./join-cometbft.ts";
import { memberRequestText, readMemberRequest } from "./member-request.ts";

/** What somebody wants to become a member with. */
export type JoinOptions = {
  readonly home: string;
  /** The consortium's `genesis.json`. */
  readonly genesis: string;
  readonly member: string;
  readonly role: MemberRole;
  /** Whether it wants a vote. */
  readonly vote: boolean;
  /** Site ms at which the membership is to end; undefined: it is not. */
  readonly expires: number | undefined;
  /** The audit's certificate: a document of any kind. */
  readonly certificate: string | undefined;
  /** `host:port` at which the others reach it; undefined: on this machine. */
  readonly address: string | undefined;
  /** Where units reach its broker; undefined: they are not told. */
  readonly broker: string | undefined;
  /** `member=host:port` of members that are reached elsewhere than the genesis says. */
  readonly peers: readonly string[];
  /** A virtual site's clock file, or undefined for the system's clock. */
  readonly clock: string | undefined;
  readonly brokerPort: number;
  readonly portalPort: number;
  /** Where it listens for the others; undefined: the port of `address`. */
  readonly linkPort: number | undefined;
  /** CometBFT orders: what other members' said. */
  readonly cometbft?: JoinCometbft | undefined;
  /** Only a new request of a member that is set up already. */
  readonly renew: boolean;
  readonly dryRun: boolean;
};

/** What `join` made: its files, and the request as one word. */
export type Joined = { readonly files: readonly NewFile[]; readonly request: string };

/**
 * Makes all that a new member of a running consortium needs: a key, its genesis, a configuration, and
 * the signed request for the members to admit it. Writes nothing where a configuration exists.
 * Throws: `Failure` `join.exists`, `join.none`, `join.member`, `join.peer`, `join.broker`,
 * `join.address`, `join.certificate`, `join.cometbft`, `genesis.*`, `key.*`, `config.*`.
 */
export function join(options: JoinOptions): Joined {
  const { home, member, renew, dryRun } = options;
  const genesis = readGenesis(options.genesis);
  const at = (name: string) => joinPath(home, name);
  check(options, genesis, existsSync(at("aggregator.yaml")));
  const place = placeOf(options);
  const address = renew ? addressAgain(home, options.address) : place.address;
  const file = at("member-request.txt");
  const last =
    renew && existsSync(file) ? readMemberRequest(file, { ...genesis, verify }) : undefined;
  const broker = options.broker ?? last?.terms.broker;
  const terms = termsOf({ ...options, broker }, address);
  const isNew = !existsSync(at("member.key"));
  if (!dryRun) mkdirSync(home, { recursive: true });
  // A dry run makes no key, and so no request that anybody could use.
  if (dryRun && isNew) {
    return {
      files: [{ path: at("member.key"), text: "" }, ...filesOf(options, genesis, place)],
      request: "",
    };
  }
  const keys = openKeyFile(at("member.key"));
  const signer = signerOf(keys);
  const nonce = new Uint8Array(randomBytes(16));
  const message = { nonce, terms: { ...terms, id: member, key: signer.publicKey } };
  const frame = sealFrame("member-request", message, { chain: genesis.chain, signer });
  const request = memberRequestText(frame);
  const written: readonly NewFile[] = [
    ...(renew ? [] : filesOf(options, genesis, place)),
    ...(renew || options.cometbft === undefined
      ? []
      : newcomerHome(options.cometbft, { id: member, seed: keys.seed, p2p: place.listen }).map(
          (made) => ({ ...made, path: joinPath(home, "cometbft", made.path) }),
        )),
    { path: file, text: `${request}\n` },
  ];
  if (!dryRun) {
    for (const { path, text, secret } of written) {
      mkdirSync(dirname(path), { recursive: true });
      const mode = secret === true ? 0o600 : 0o644;
      writeFileSync(path, text, { flag: path.endsWith(".txt") ? "w" : "wx", mode });
    }
    // A key that was here before may have voted.
    if (isNew && !existsSync(at("ledger.sqlite"))) makeStore(at("ledger.sqlite"));
  }
  return { files: written, request };
}

/** What `join` says when it has ended. */
export function joinedLines({ files, request }: Joined, options: JoinOptions): readonly string[] {
  const { home, dryRun, member, renew, address } = options;
  const made = files.map(({ path }) => `${dryRun ? "would make" : "made"} ${path}`);
  if (dryRun) return made;
  return [
    ...made,
    "",
    request,
    "",
    "Give this request to the members. A quorum of them admits you, each with:",
    `  busbar-aggregator admit --member ${joinPath(home, "member-request.txt")}`,
    `Then, or already now, start it: busbar-aggregator run --config ${joinPath(home, "aggregator.yaml")}`,
    `busbar-aggregator members shows how far ${member} has come.`,
    ...(renew || address !== undefined
      ? []
      : [
          `The others reach it at ${placeOf(options).address}, on this machine only: --address names it for others.`,
        ]),
  ];
}

function check(
  { renew, home, member, broker, peers }: JoinOptions,
  genesis: Genesis,
  isSetUp: boolean,
) {
  if (isSetUp && !renew) {
    const message = `${home} holds a member already; take another --home, or --renew for a new request of this one`;
    throw stop("join.exists", message);
  }
  if (renew && !isSetUp) throw stop("join.none", `${home} holds no member whose request to renew`);
  const taken = [...genesis.owners, ...genesis.devices].some(({ id }) => id === member);
  const isFounder = genesis.members.some(({ id }) => id === member);
  if (taken || (isFounder && !renew)) {
    throw stop("join.member", `${member} is taken in ${genesis.chain}; take another --member`);
  }
  if (broker !== undefined && !brokerUrlPattern.test(broker)) {
    throw stop("join.broker", `--broker: expected mqtts://host:port, got ${broker}`);
  }
  for (const peer of peers) {
    const [id = "", where = ""] = peer.split("=");
    if (id === "" || parseAddress(where) === undefined) {
      throw stop("join.peer", `--peer: expected member=host:port, got ${peer}`);
    }
  }
}

function termsOf(
  { vote, role, expires, certificate, broker }: JoinOptions,
  address: string,
): Omit<MemberTerms, "id" | "key"> {
  return {
    voting: vote,
    role,
    ...(certificate === undefined ? {} : { certificate: digestOf(certificate) }),
    ...(expires === undefined ? {} : { expires: utcMs(expires) }),
    address,
    ...(broker === undefined ? {} : { broker }),
  };
}

function digestOf(file: string): Uint8Array {
  try {
    return new Uint8Array(createHash("sha256").update(readFileSync(file)).digest());
  } catch (cause) {
    throw stop("join.certificate", `${file}: cannot read the audit's certificate`, cause);
  }
}

function filesOf(options: JoinOptions, genesis: Genesis, { listen }: Place): readonly NewFile[] {
  const { home, member, clock, brokerPort, portalPort, cometbft } = options;
  const given = new Map(options.peers.map((peer) => peer.split("=") as [string, string]));
  const known = genesis.members.flatMap(({ id, address }) =>
    address ? [[id, address] as const] : [],
  );
  const peers = [...new Map([...known, ...given])].map(([id, address]) => ({ id, address }));
  const config = {
    site: genesis.site,
    member,
    ...(cometbft === undefined
      ? { engine: "pbft", consensus: { listen, peers } }
      : {
          engine: "cometbft",
          cometbft: { home: "cometbft", rpc: `http://127.0.0.1:${cometbft.rpcPort}` },
        }),
    ...(clock === undefined ? {} : { clock: { kind: "file", path: clock } }),
    broker: { port: brokerPort },
    portal: { port: portalPort },
  };
  const text = `# busbar-aggregator config explains every key.\n${stringify(config)}`;
  return [
    { path: joinPath(home, "genesis.json"), text: readFileSync(options.genesis, "utf8") },
    { path: joinPath(home, "aggregator.yaml"), text },
  ];
}

function stop(code: string, message: string, cause?: unknown): Failure {
  return new Failure(code, message, { retry: "never", cause });
}
