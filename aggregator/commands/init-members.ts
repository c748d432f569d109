import { join, resolve } from "node:path";
import { Failure } from "@busbar/protocol";
import { stringify } from "yaml";

/** Who runs a new chain, and where on this machine. */
export type NewChain = {
  readonly home: string;
  readonly site: string;
  /** How many members. */
  readonly members: number;
  /** The member's id; of several, what their numbers are put behind. Undefined: the usual one. */
  readonly member: string | undefined;
  /** A virtual site's clock file, or undefined for the system's clock. */
  readonly clock: string | undefined;
  /** CometBFT orders, and the first one's RPC has this port; without it a recorder does, or PBFT. */
  readonly cometbft?: { readonly rpcPort: number } | undefined;
  /** First port of each kind; the next members take the ones after it. */
  readonly brokerPort: number;
  readonly portalPort: number;
  readonly linkPort: number;
};

/** One member's place. */
export type MemberPlan = {
  readonly id: string;
  readonly config: string;
  readonly key: string;
  /** The ledger's file. */
  readonly store: string;
  readonly brokerPort: number;
  readonly portalPort: number;
  readonly linkPort: number;
  /** Of CometBFT, where it orders. */
  readonly rpcPort?: number;
};

/**
 * A single member lives in the home folder itself; of several each has a folder of its own in it, and
 * they share genesis and membership. Throws: `Failure` `init.ports`.
 */
export function planMembers(chain: NewChain): readonly MemberPlan[] {
  const { home, members, member, cometbft } = chain;
  const plans = Array.from({ length: members }, (_, i) => {
    const id = members === 1 ? (member ?? "recorder-1") : `${member ?? "member"}-${i + 1}`;
    const folder = members === 1 ? home : join(home, id);
    // Port 0 takes a free one, also for the second member.
    const next = (first: number) => (first === 0 ? 0 : first + i);
    return {
      id,
      config: join(folder, "aggregator.yaml"),
      key: join(folder, "member.key"),
      store: join(folder, "ledger.sqlite"),
      brokerPort: next(chain.brokerPort),
      portalPort: next(chain.portalPort),
      linkPort: next(chain.linkPort),
      ...(cometbft === undefined ? {} : { rpcPort: next(cometbft.rpcPort) }),
    };
  });
  if (members > 1 || cometbft !== undefined) checkPorts(plans);
  return plans;
}

function checkPorts(plans: readonly MemberPlan[]): void {
  const taken = new Map<number, string>();
  for (const { id, brokerPort, portalPort, linkPort, rpcPort } of plans) {
    const used = {
      brokerPort,
      portalPort,
      linkPort,
      ...(rpcPort === undefined ? {} : { rpcPort }),
    };
    for (const [kind, port] of Object.entries(used)) {
      const use = `${kind.replace("Port", "")} of ${id}`;
      const other = taken.get(port);
      if (port > 65_535) throw ports(`the ${use} would have port ${port}, above the last one`);
      // The others dial a link: it cannot be any free one.
      if (port === 0 && (kind === "linkPort" || kind === "rpcPort"))
        throw ports(`the ${use} needs a port of its own`);
      if (other !== undefined) throw ports(`the ${use} and the ${other} would share port ${port}`);
      if (port !== 0) taken.set(port, use);
    }
  }
}

function ports(what: string): Failure {
  return new Failure(
    "init.ports",
    `${what}; each member takes the port after the last one's: spread --broker-port, --portal-port, --link-port and --rpc-port`,
    { retry: "never" },
  );
}

/** A member's `aggregator.yaml`. */
export function configOf(
  { site, clock, members }: NewChain,
  plan: MemberPlan,
  plans: readonly MemberPlan[],
): string {
  const several = members > 1;
  const { id, brokerPort, portalPort, linkPort, rpcPort } = plan;
  const byPbft = several && rpcPort === undefined;
  const peers = plans
    .filter((other) => other !== plan)
    .map((other) => ({ id: other.id, address: `127.0.0.1:${other.linkPort}` }));
  const config = {
    site,
    member: id,
    ...(several ? { genesis: "../genesis.json" } : {}),
    ...(rpcPort === undefined
      ? {}
      : { engine: "cometbft", cometbft: { home: "cometbft", rpc: `http://127.0.0.1:${rpcPort}` } }),
    ...(byPbft
      ? { engine: "pbft", consensus: { listen: { host: "127.0.0.1", port: linkPort }, peers } }
      : {}),
    ...(clock === undefined
      ? {}
      : { clock: { kind: "file", path: several ? resolve(clock) : clock } }),
    broker: { port: brokerPort },
    portal: { port: portalPort },
  };
  return `# busbar-aggregator config explains every key.\n${stringify(config)}`;
}
