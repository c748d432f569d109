import { join } from "node:path";

/** The paper's cast: one microgrid company, one energy bureau, two ordinary users. */

export const site = "busbar-demo";
export const operator = "operator";
/** Shanghai's, as a POSIX TZ text. */
export const timeZone = "CST-8";

/**
 * What an account may owe without collateral, CNY: some days of what a user draws, and as much again for
 * what it has bought for the next day.
 */
export const creditLine = 30_000;
/** What each party hands the bureau to be kept, CNY. */
export const collateral = 10_000;

/** Of the carbon figure on bills. */
export const carbon = {
  gramsPerKwh: { solar: 41, wind: 11, rest: 536.6 },
  source:
    "IPCC AR5 annex III, medians over the life of roof PV and onshore wind; China's average of 2022 (MEE 2024)",
};

/** Most members of a site: what its ports are enough for. */
export const membersMax = 4;

/** Where everything listens, on 127.0.0.1. */
export type Ports = ReturnType<typeof portsFrom>;

export function portsFrom(base: number) {
  return {
    portal: base,
    flows: base + 1,
    broker: base + 2,
    /** Of each member; the first one's broker and portal are what people and Node-RED use. */
    members: [
      { broker: base + 2, portal: base, link: base + 9 },
      { broker: base + 3, portal: base + 6, link: base + 14 },
      { broker: base + 4, portal: base + 7, link: base + 15 },
      { broker: base + 5, portal: base + 8, link: base + 21 },
    ],
    /** Status page of edge unit i. */
    status: (unit: number) => base + 10 + unit,
    plants: base + 16,
    bureauMeter: base + 17,
    user1Line: base + 18,
    /** Serial lines as TCP, where socat cannot make pseudo-terminals. */
    companyLine: base + 19,
    user2Line: base + 20,
  };
}

/** Every port that has to be free before the site can start. */
export function allPorts(ports: Ports, members: number): number[] {
  const { status, members: places, ...single } = ports;
  const several = places.slice(0, members).flatMap((place) => Object.values(place));
  return [...new Set([...Object.values(single), ...several, ...[0, 1, 2, 3].map(status)])];
}

/** How a meter is reached: a serial line is a pseudo-terminal, or TCP where there is none. */
type Line = { readonly kind: "rtu"; readonly path: string } | TcpLine;
type TcpLine = {
  readonly kind: "rtu-over-tcp" | "tcp";
  readonly host: string;
  readonly port: number;
};

type MeterPart = {
  readonly id: string;
  readonly profile: string;
  readonly connection: Line;
  readonly unit: number;
  readonly role: "connection" | "generation" | "exchange";
  readonly form?: "solar" | "wind";
  readonly source: string;
  readonly serialNumber: string | number;
};

/** One party with its edge unit. */
export type Part = {
  readonly owner: string;
  readonly party: "company" | "bureau" | "user";
  readonly name: string;
  readonly device: string;
  readonly meters: readonly MeterPart[];
  /** The agent's limits, where the party quotes: Wh a slot and 10⁻⁶ currency per kWh. */
  readonly limits?: Readonly<
    Record<"askWhMax" | "askMicroPerKwhMin" | "bidWhMax" | "bidMicroPerKwhMax", number>
  >;
  readonly form: "solar" | "any";
  /** How its agent sets limits, where not as usual. */
  readonly strategy?:
    | { readonly kind: "fixed-margin"; readonly marginMicroPerKwh: number }
    | { readonly kind: "learned-ramp" };
};

/** `serial`: pseudo-terminals are to be had. */
export function castOf(
  home: string,
  ports: Ports,
  { serial }: { readonly serial: boolean },
): Part[] {
  const tcp = (port: number): TcpLine => ({ kind: "tcp", host: "127.0.0.1", port });
  const line = (name: string, port: number): Line =>
    serial
      ? { kind: "rtu", path: join(home, `tty-${name}`) }
      : { kind: "rtu-over-tcp", host: "127.0.0.1", port };
  const buyer = {
    askWhMax: 0,
    askMicroPerKwhMin: 0,
    bidWhMax: 1_000_000,
    bidMicroPerKwhMax: 700_000,
  };
  const meter = (id: string, profile: string, connection: Line, rest: Partial<MeterPart>) =>
    ({
      id,
      profile,
      connection,
      unit: 1,
      role: "connection",
      serialNumber: 1,
      ...rest,
    }) as MeterPart;
  return [
    {
      owner: "company",
      party: "company",
      name: "Microgrid company",
      device: "edge-company",
      form: "solar",
      limits: {
        askWhMax: 1_600_000,
        askMicroPerKwhMin: 400_000,
        bidWhMax: 1_000_000,
        bidMicroPerKwhMax: 700_000,
      },
      meters: [
        meter("company-net", "eastron-sdm630", line("company", ports.companyLine), {
          source: "company.net",
          serialNumber: 20_260_001,
        }),
        meter("company-pv", "sunspec", tcp(ports.plants), {
          source: "company.pv",
          role: "generation",
          form: "solar",
          serialNumber: "PV-800-0001",
        }),
        meter("company-wind", "eastron-sdm630", tcp(ports.plants), {
          unit: 2,
          source: "company.wind",
          role: "generation",
          form: "wind",
          serialNumber: 20_260_002,
        }),
      ],
    },
    {
      owner: "bureau",
      party: "bureau",
      name: "Energy bureau",
      device: "edge-bureau",
      form: "any",
      meters: [
        meter("bureau-exchange", "eastron-sdm630", tcp(ports.bureauMeter), {
          source: "bureau.exchange",
          role: "exchange",
          serialNumber: 20_260_003,
        }),
      ],
    },
    {
      owner: "user-1",
      party: "user",
      name: "User 1",
      strategy: { kind: "fixed-margin", marginMicroPerKwh: 30_000 },
      device: "edge-user-1",
      form: "any",
      limits: buyer,
      meters: [
        meter(
          "user-1-net",
          "eastron-sdm630",
          { kind: "rtu-over-tcp", host: "127.0.0.1", port: ports.user1Line },
          { source: "user.1", serialNumber: 20_260_004 },
        ),
      ],
    },
    {
      owner: "user-2",
      party: "user",
      name: "User 2",
      strategy: { kind: "learned-ramp" },
      device: "edge-user-2",
      form: "any",
      limits: buyer,
      meters: [
        meter("user-2-net", "eastron-sdm120", line("user-2", ports.user2Line), {
          source: "user.2",
          serialNumber: 20_260_005,
        }),
      ],
    },
  ];
}
