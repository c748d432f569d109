import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseDocument, stringify } from "yaml";
import { chain, testGenesis } from "../../aggregator/ledger/test-site.ts";
import { LinkProxy } from "../support/link-proxy.ts";

/** Members that `init` makes. */
export const foundersCount = 4;

/** Where a member listens. */
export type Place = {
  readonly broker: number;
  readonly portal: number;
  readonly link: number;
  /** Of CometBFT, where it orders. */
  readonly rpc: number;
};

/** By number of the member; `init` puts the founders' ports of one kind in a row. */
export function placeOf(portBase: number, index: number): Place {
  if (index < foundersCount) {
    const first = portBase + index;
    const [portal, link, rpc] = [1, 2, 3].map((kind) => first + kind * foundersCount);
    return { broker: first, portal: portal ?? 0, link: link ?? 0, rpc: rpc ?? 0 };
  }
  const first = portBase + 4 * index;
  return { broker: first, portal: first + 1, link: first + 2, rpc: first + 3 };
}

export function idOf(index: number): string {
  return `member-${index + 1}`;
}

/** The test site's owners and units, as `busbar-edge enrol` would ask for them: their files. */
export function writeRequests(
  home: string,
  { owners, devices }: Pick<ReturnType<typeof testGenesis>, "owners" | "devices"> = testGenesis(),
): string[] {
  return owners.map((owner, i) => {
    const file = join(home, `${owner.id}.json`);
    const base64url = (_: string, value: unknown) =>
      value instanceof Uint8Array ? Buffer.from(value).toString("base64url") : value;
    writeFileSync(file, JSON.stringify({ owner, device: devices[i] }, base64url));
    return file;
  });
}

/** Wires between the founders, by "from to", and their configurations changed to dial through them. */
export async function layWires(home: string, portBase: number): Promise<Map<string, LinkProxy>> {
  const wires = new Map<string, LinkProxy>();
  const all = Array.from({ length: foundersCount }, (_, index) => index);
  for (const from of all) {
    const peers: object[] = [];
    for (const to of all) {
      if (from === to) continue;
      const wire = await LinkProxy.open(placeOf(portBase, to).link);
      wires.set(`${from} ${to}`, wire);
      peers.push({ id: idOf(to), address: `127.0.0.1:${wire.port}` });
    }
    const file = join(home, idOf(from), "aggregator.yaml");
    const config = parseDocument(readFileSync(file, "utf8"));
    config.setIn(["consensus", "peers"], peers);
    writeFileSync(file, config.toString());
  }
  return wires;
}

/** Says in the founders' configurations which program CometBFT is. */
export function useCometbft(home: string, command: string): void {
  for (let index = 0; index < foundersCount; index += 1) {
    const file = join(home, idOf(index), "aggregator.yaml");
    const config = parseDocument(readFileSync(file, "utf8"));
    config.setIn(["cometbft", "command"], command);
    writeFileSync(file, config.toString());
  }
}

/** The configuration of a member that comes later. */
export function laterConfig(portBase: number, index: number, others: readonly number[]): string {
  const { broker, portal, link } = placeOf(portBase, index);
  const peers = others.map((other) => {
    return { id: idOf(other), address: `127.0.0.1:${placeOf(portBase, other).link}` };
  });
  return stringify({
    site: chain,
    member: idOf(index),
    genesis: "../genesis.json",
    engine: "pbft",
    consensus: { listen: { host: "127.0.0.1", port: link }, peers },
    broker: { port: broker },
    portal: { port: portal },
    notices: { send: false },
  });
}
