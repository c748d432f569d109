import { Failure } from "@busbar/protocol";
import { Counters } from "../physics/counters.ts";
import { defaultPlace, makeSite, type Source, sources } from "../physics/site.ts";
import type { SiteView } from "./device.ts";
import type { OpenBus } from "./listen.ts";
import { onParentGone } from "./parent.ts";
import { makeQuantities, type Quantities } from "./quantities.ts";

/** Where a meter's line is: a pseudo-terminal, or a port as a serial gateway opens it. */
export type Place =
  | { readonly kind: "pty"; readonly link: string }
  | { readonly kind: "tcp"; readonly host: string; readonly port: number };

/** Options of every program that is one meter, for `parseArgs`. */
export const aloneOptions = {
  link: { type: "string" },
  port: { type: "string" },
  host: { type: "string", default: "127.0.0.1" },
  source: { type: "string", default: "user.1" },
} as const;

type AloneValues = {
  readonly link?: string | undefined;
  readonly port?: string | undefined;
  readonly host: string;
  readonly source: string;
};

/** What these options say; undefined when they say nothing, or two things. */
export function aloneOf({
  link,
  port,
  host,
  source: name,
}: AloneValues): { readonly at: Place; readonly source: Source } | undefined {
  const source = sources.find((one) => one === name);
  if (source === undefined || (link === undefined) === (port === undefined)) return undefined;
  if (link !== undefined) return { at: { kind: "pty", link }, source };
  const number = Number(port);
  if (!Number.isInteger(number) || number < 0 || number > 65_535) return undefined;
  return { at: { kind: "tcp", host, port: number }, source };
}

/** A site on the system's clock, all of whose counters stood at 0 when 2026 began. */
export function siteAlone(): SiteView {
  const counters = new Counters(makeSite(1, defaultPlace), Date.UTC(2026, 0, 1));
  return { seed: 1, now: () => Date.now(), read: counters.read.bind(counters) };
}

/** What a three-phase meter measures now at a place of such a site. */
export function measureAlone(source: Source): () => Quantities {
  const { seed, read } = siteAlone();
  const quantities = makeQuantities({ seed, source, phases: 3 });
  return () => {
    const now = Date.now();
    return quantities(read(source, now), now);
  };
}

/** The failure that tells how a program is called. */
export const misuse = (usage: string): Failure =>
  new Failure("cli.usage", usage, { retry: "never" });

/**
 * Runs one meter as a program: says where it is, ends on SIGTERM, SIGINT or the end of a piped
 * standard input, and with one line and exit code 1 when something is wrong.
 */
export async function runAlone(
  name: string,
  open: (onLost: (failure: Failure) => void) => Promise<OpenBus>,
): Promise<void> {
  const end = (error: unknown): void => {
    const known = error instanceof Failure || isMistypedOption(error);
    console.error(known ? `${name}: ${error.message}` : error);
    process.exit(1);
  };
  try {
    const meter = await open(end);
    const stop = (): void => void meter.close().then(() => process.exit(0));
    process.once("SIGTERM", stop).once("SIGINT", stop);
    onParentGone(stop);
    console.log(JSON.stringify({ event: "ready", at: meter.at }));
  } catch (error) {
    end(error);
  }
}

const isMistypedOption = (error: unknown): error is Error =>
  error instanceof Error && String(Reflect.get(error, "code")).startsWith("ERR_PARSE_ARGS");
