import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseDocument, stringify } from "yaml";
import { carbon, membersMax, type Part, type Ports, site } from "./cast.ts";

/** Name of an owner's key file in its unit's folder. */
const ownerKeyFile = "owner.key";

/** The files of a virtual site, all below its home folder. */
export type Home = ReturnType<typeof homeAt>;

export function homeAt(home: string) {
  const edge = (part: Part) => join(home, part.device);
  return {
    path: home,
    clock: join(home, "clock.json"),
    /** What the supervisor has to remember: how far site time has come, which processes are its own. */
    state: join(home, "site.json"),
    logs: join(home, "logs"),
    /** Bills that were made while it ran. */
    bills: join(home, "bills"),
    /** Node's cache of compiled modules; any run may delete it. */
    compiled: join(home, "compiled"),
    meters: join(home, "meters.json"),
    aggregator: join(home, "aggregator"),
    /** Configuration of each of so many members. */
    aggregatorConfigs: (members: number) =>
      members === 1
        ? [join(home, "aggregator", "aggregator.yaml")]
        : Array.from({ length: members }, (_, i) =>
            join(home, "aggregator", `member-${i + 1}`, "aggregator.yaml"),
          ),
    membership: join(home, "aggregator", "membership.json"),
    operatorKey: join(home, "aggregator", "operator.key"),
    flows: join(home, "flows"),
    flowsPassword: join(home, "flows.password"),
    edge,
    edgeConfig: (part: Part) => join(edge(part), "edge.yaml"),
    journal: (part: Part) => join(edge(part), "data", "journal.db"),
    ownerKey: (part: Part) => join(edge(part), ownerKeyFile),
    edgeRequest: (part: Part) => join(edge(part), "request.json"),
  };
}

/** Mandates hold for a century of site time: a year of it is over in a day. */
const mandateDays = 36_500;

/** Writes the configuration of the meters and the edge units; run at every start, ports may differ. */
export function writeConfigs(
  home: Home,
  cast: readonly Part[],
  run: { readonly ports: Ports; readonly members: number; readonly commissionedMs: number },
): void {
  const { ports, members, commissionedMs } = run;
  mkdirSync(home.logs, { recursive: true });
  const meters = { ...metersConfig(home, cast), commissionedMs };
  writeFileSync(home.meters, `${JSON.stringify(meters, null, 2)}\n`);
  cast.forEach((part, i) => {
    mkdirSync(home.edge(part), { recursive: true });
    const text = stringify(
      edgeConfig(home, part, { brokers: brokersFor(i, members, ports), status: ports.status(i) }),
    );
    writeFileSync(home.edgeConfig(part), `# Made by the virtual site at each start.\n${text}`);
  });
}

/** How many members a site was made with; undefined before it is made. */
export function membersOf(home: Home): number | undefined {
  const counts = Array.from({ length: membersMax }, (_, i) => membersMax - i);
  return counts.find((count) => home.aggregatorConfigs(count).every((path) => existsSync(path)));
}

/** A unit knows all brokers; each begins at another one, and goes on to the next. */
function brokersFor(unit: number, members: number, ports: Ports): readonly number[] {
  const all = ports.members.slice(0, members).map(({ broker }) => broker);
  const first = unit % all.length;
  return [...all.slice(first), ...all.slice(0, first)];
}

/** The aggregators' files are their operators': only where they listen follows the command line, and
 * factors of carbon are there to be shown. */
export function moveAggregators(home: Home, members: number, ports: Ports): void {
  const places = ports.members.slice(0, members);
  home.aggregatorConfigs(members).forEach((file, i) => {
    const before = readFileSync(file, "utf8");
    const config = parseDocument(before);
    config.setIn(["broker", "port"], places[i]?.broker);
    config.setIn(["portal", "port"], places[i]?.portal);
    // It is there to be shown.
    config.setIn(["portal", "open"], true);
    config.setIn(["portal", "links"], true);
    if (!config.has("carbon")) config.set("carbon", config.createNode(carbon));
    if (members > 1) {
      const peers = places.map(({ link }, at) => ({
        id: `member-${at + 1}`,
        address: `127.0.0.1:${link}`,
      }));
      config.setIn(["consensus", "listen", "port"], places[i]?.link);
      config.setIn(["consensus", "peers"], config.createNode(peers.toSpliced(i, 1)));
    }
    const after = config.toString();
    if (after !== before) replace(file, after);
  });
  const before = readFileSync(home.membership, "utf8");
  const brokers = places.map(({ broker }) => `mqtt://127.0.0.1:${broker}`);
  const after = `${JSON.stringify({ ...(JSON.parse(before) as object), brokers }, null, 2)}\n`;
  if (after !== before) replace(home.membership, after);
}

/** Deletes what a virtual site made below its home, and nothing besides. */
export function forget(home: Home, cast: readonly Part[]): void {
  const { clock, state, logs, bills, meters, aggregator, flows, flowsPassword, edge } = home;
  const files = [clock, state, logs, bills, meters, aggregator, flows, flowsPassword];
  for (const path of [...files, ...cast.map(edge)]) {
    rmSync(path, { recursive: true, force: true });
  }
}

function replace(path: string, text: string): void {
  writeFileSync(`${path}.new`, text);
  renameSync(`${path}.new`, path);
}

function metersConfig(home: Home, cast: readonly Part[]) {
  const buses = new Map<string, { devices: unknown[] }>();
  for (const { connection, unit, profile, serialNumber, source } of cast.flatMap((p) => p.meters)) {
    const { kind } = connection;
    const at = kind === "rtu" ? { link: connection.path } : { port: connection.port };
    const key = JSON.stringify(at);
    const bus = buses.get(key) ?? { kind, ...at, devices: [] as unknown[] };
    bus.devices.push({ unit, profile, serialNumber, source });
    buses.set(key, bus);
  }
  return { clock: { kind: "file", path: home.clock }, buses: [...buses.values()] };
}

function edgeConfig(
  home: Home,
  part: Part,
  ports: { readonly brokers: readonly number[]; readonly status: number },
) {
  return {
    site,
    membership: home.membership,
    device: { id: part.device },
    owner: { id: part.owner, party: part.party, name: part.name, key: ownerKeyFile },
    clock: { kind: "file", path: home.clock },
    brokers: ports.brokers.map((port) => ({ url: `mqtt://127.0.0.1:${port}` })),
    status: { host: "127.0.0.1", port: ports.status },
    meters: part.meters.map(({ source, serialNumber, ...meter }) => meter),
    sampling: { everySeconds: 300 },
    batch: { minutes: 5 },
    ...(part.limits === undefined
      ? {}
      : {
          agent: {
            enabled: true,
            form: part.form,
            ...(part.strategy === undefined ? {} : { strategy: part.strategy }),
            limits: { ...part.limits, days: mandateDays },
          },
        }),
  };
}
