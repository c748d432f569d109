import { readFileSync, writeFileSync } from "node:fs";
import { parseDocument } from "yaml";
import type { Part, portsFrom } from "../../hardware/virtual-site/supervisor/cast.ts";
import type { Home } from "../../hardware/virtual-site/supervisor/home.ts";
import { LinkProxy } from "../support/link-proxy.ts";

/** All wires of a site: from each member to each other one, and from each unit to each member's broker. */
export class Wires {
  readonly #between: readonly Wire[];
  readonly #toBrokers: readonly Wire[];

  private constructor(between: readonly Wire[], toBrokers: readonly Wire[]) {
    this.#between = between;
    this.#toBrokers = toBrokers;
  }

  /** Lays them, and changes the configurations of members and units, which nobody has read yet, to use them. */
  static async lay(
    home: Home,
    cast: readonly Part[],
    { ports, members }: { readonly ports: ReturnType<typeof portsFrom>; readonly members: number },
  ): Promise<Wires> {
    const places = ports.members.slice(0, members);
    const between: Wire[] = [];
    for (const [from, file] of home.aggregatorConfigs(members).entries()) {
      const peers: object[] = [];
      for (const [to, { link }] of places.entries()) {
        if (from === to) continue;
        const proxy = await LinkProxy.open(link);
        between.push({ from, to, proxy });
        peers.push({ id: `member-${to + 1}`, address: `127.0.0.1:${proxy.port}` });
      }
      change(file, ["consensus", "peers"], peers);
    }
    const toBrokers: Wire[] = [];
    for (const [from, part] of cast.entries()) {
      const brokers: object[] = [];
      for (let i = 0; i < members; i++) {
        // A unit's own broker first, the others where that one fails.
        const to = (from + i) % members;
        const proxy = await LinkProxy.open(places[to]?.broker ?? 0);
        toBrokers.push({ from, to, proxy });
        brokers.push({ url: `mqtt://127.0.0.1:${proxy.port}` });
      }
      change(home.edgeConfig(part), ["brokers"], brokers);
    }
    return new Wires(between, toBrokers);
  }

  /** A member's, from and to the others. */
  ofMember(index: number): readonly LinkProxy[] {
    return this.#between.filter(({ from, to }) => from === index || to === index).map(proxyOf);
  }

  /** Between those members that `isHere` holds for and the others. */
  across(isHere: (member: number) => boolean): readonly LinkProxy[] {
    return this.#between.filter(({ from, to }) => isHere(from) !== isHere(to)).map(proxyOf);
  }

  /** From a unit to all brokers. */
  ofUnit(index: number): readonly LinkProxy[] {
    return this.#toBrokers.filter(({ from }) => from === index).map(proxyOf);
  }

  /** From all units to a member's broker. */
  toBroker(index: number): readonly LinkProxy[] {
    return this.#toBrokers.filter(({ to }) => to === index).map(proxyOf);
  }

  heal(): void {
    for (const { proxy } of [...this.#between, ...this.#toBrokers]) proxy.heal();
  }

  async close(): Promise<void> {
    await Promise.all([...this.#between, ...this.#toBrokers].map(({ proxy }) => proxy.close()));
  }
}

type Wire = { readonly from: number; readonly to: number; readonly proxy: LinkProxy };

const proxyOf = ({ proxy }: Wire) => proxy;

function change(file: string, path: readonly string[], value: unknown): void {
  const document = parseDocument(readFileSync(file, "utf8"));
  document.setIn(path, value);
  writeFileSync(file, document.toString());
}
