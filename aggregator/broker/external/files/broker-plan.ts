import type { RightsLine } from "./rights-table.ts";

/** What a broker's files are made of. Paths are as the broker finds them. */
export type BrokerPlan = {
  readonly listen: { readonly host: string; readonly port: number };
  readonly tls?: { readonly certificate: string; readonly key: string } | undefined;
  /** Where the files are that this makes. */
  readonly folder: string;
  /** Where the broker keeps what it has to remember. */
  readonly data: string;
  readonly users: readonly (RightsLine & { readonly password: string })[];
};

/** `secret`: only the broker's user may read it. */
export type BrokerFile = { readonly name: string; readonly text: string; readonly secret: boolean };

/** The most bytes of a packet: far above what is sent, far below what fills a memory. */
export const packetBytesMax = 262_144;
/** Messages that wait for one session that is away. */
export const queueMax = 20_000;
/** How long a session that nobody comes back to is kept. */
export const sessionHours = 24;
