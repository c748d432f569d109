/** `npm start`: a complete virtual microgrid; `npm start -- --help` says what it can do. */
import { setTimeout as sleep } from "node:timers/promises";
import { Failure } from "@busbar/protocol";
import { boardLines } from "./supervisor/board.ts";
import { type DemoOwner, demoOwner } from "./supervisor/demo-owner.ts";
import { explained } from "./supervisor/older.ts";
import { type Options, parseOptions } from "./supervisor/options.ts";
import { look, type Snapshot } from "./supervisor/portal.ts";
import { report } from "./supervisor/report.ts";
import { type Site, startSite } from "./supervisor/site.ts";

const hourMs = 3_600_000;
/** Two signals within this time are one Ctrl-C. */
const echoMsMax = 1_000;

/** Lines of the board that show what the owners were told last. */
const noticesShown = 4;
/** How long an ending site waits until the owners have been told everything … */
const toldMsMax = 3_000;
/** … and until the first member has what the others have. */
const togetherMsMax = 15_000;

/** As whom people sign in to look around. */
const demoOwnerId = "user-1";

/** The newest hour that a pipe was told of. */
let lastSlot: number | undefined;

try {
  const options = parseOptions(process.argv.slice(2));
  process.exitCode = await run(options);
} catch (error) {
  if (!(error instanceof Failure)) throw error;
  console.error(error.message);
  process.exitCode = error.code === "cli.usage" ? 2 : 1;
}

async function run(options: Options): Promise<number> {
  const asked = stopAsked();
  const progress = (line: string) => {
    if (!options.json) console.log(line);
  };
  const site = await startSite(options, progress).catch((error: unknown) => {
    throw explained(error, options.home);
  });
  const stopAt = options.hours === undefined ? Infinity : site.startMs + options.hours * hourMs;
  const portal = `http://127.0.0.1:${site.ports.portal}`;
  const part = site.cast.find(({ owner }) => owner === demoOwnerId);
  let demo: DemoOwner | undefined;
  while (!asked.aborted && site.now() < stopAt) {
    if (!options.json) {
      demo ??= part && (await demoOwner(site.home, part, portal));
      show(await look(site.ports.portal), site, { ...options, demo });
    }
    await sleep(1_000, undefined, { signal: asked }).catch(() => undefined);
  }
  if (!options.json) console.log("\nending: the units hand over what they hold …");
  await site.stopEdges();
  const last = await whenTold(site);
  await site.stop();
  if (options.hours === undefined) return 0;
  const result = await report(site, last);
  if (options.json) console.log(JSON.stringify(result));
  else console.log(result);
  return result.ok ? 0 : 1;
}

/** The last look: when no notice waits any more, or only such as nobody takes, and all members are
 * as far as the first one. */
async function whenTold({ ports, members }: Site): Promise<Snapshot | undefined> {
  const start = performance.now();
  const others = ports.members.slice(1, members);
  for (;;) {
    const all = await Promise.all(others.map(({ portal }) => look(portal)));
    const snapshot = await look(ports.portal);
    const height = snapshot?.status.height;
    const together = all.every((other) => other?.status.height === height);
    const told = snapshot?.status.notices.queued === 0;
    const passed = performance.now() - start;
    if ((told || passed > toldMsMax) && (together || passed > togetherMsMax)) return snapshot;
    await sleep(50);
  }
}

/** Aborts at the first Ctrl-C, SIGTERM, or when nobody reads any more; a second Ctrl-C ends all at once. */
function stopAsked(): AbortSignal {
  const controller = new AbortController();
  let first = Infinity;
  const stop = () => {
    // npm hands the terminal's Ctrl-C on, so that one key press comes twice.
    if (performance.now() - first > echoMsMax) process.exit(130);
    first = Math.min(first, performance.now());
    controller.abort();
  };
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, stop);
  process.stdout.on("error", () => controller.abort());
  return controller.signal;
}

function unitsText({ cast, members }: Site): string {
  const meters = cast.flatMap((part) => part.meters).length;
  const consortium = members === 1 ? "a single recorder" : `${members} members`;
  return `${cast.length} edge units, ${meters} meters, ${consortium}`;
}

/** On a terminal a board that stays in place; into a pipe one line for each new hour. */
function show(
  snapshot: Snapshot | undefined,
  site: Site,
  { flows, demo }: Pick<Options, "flows"> & { readonly demo: DemoOwner | undefined },
): void {
  const lines = boardLines(snapshot, {
    siteMs: site.now(),
    speed: site.speed,
    portal: `http://127.0.0.1:${site.ports.portal}`,
    demo,
    flowsPassword: site.flowsPassword,
    notices: site.phones.newest(noticesShown),
    bill: site.bills.newest,
    credit: site.payments.newest,
    flows: flows ? `http://127.0.0.1:${site.ports.flows}` : undefined,
    restarts: site.restarts(),
    units: unitsText(site),
  });
  if (process.stdout.isTTY) {
    process.stdout.write(`\x1b[H\x1b[J${lines.join("\n")}\n`);
    return;
  }
  const slot = snapshot?.slots[0]?.slot;
  if (slot === undefined || slot === lastSlot) return;
  lastSlot = slot;
  console.log(lines.join("\n"));
}
