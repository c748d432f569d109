/** Many units in one process: connects them, lets each sign a batch in its turn, and says what became of them. */
import { setTimeout as sleep } from "node:timers/promises";
import { pino } from "pino";
import { loadMembership } from "../../edge/config/membership-file.ts";
import { chain, unitOf } from "./site.ts";
import { LoadUnit, type UnitEnd } from "./unit.ts";

/** Units `first`, `first + step`, … below `meters`. */
export type UnitsTask = {
  readonly first: number;
  readonly step: number;
  readonly meters: number;
  readonly membership: string;
  readonly brokers: readonly string[];
  readonly entries: number;
  /** From one batch of a unit to its next, ms. */
  readonly everyMs: number;
  /** Connections a second. */
  readonly rampPerSecond: number;
};

export type UnitsRequest = { readonly do: "connect" | "publish" | "finish" | "look" | "stop" };

/** What was since the last look. */
export type UnitsLook = {
  readonly connected: number;
  readonly signed: number;
  readonly waiting: number;
  readonly tookMs: readonly number[];
  readonly refused: Readonly<Record<string, number>>;
  readonly residentMb: number;
};

const task = JSON.parse(process.argv[2] ?? "") as UnitsTask;
const { first, step, meters, everyMs } = task;
const membership = loadMembership(task.membership, chain);
if (membership === undefined) throw new Error(`${task.membership} is missing`);

let tookMs: number[] = [];
const refused: Record<string, number> = {};
const scene = {
  chain,
  membership,
  entries: task.entries,
  log: pino({ level: "silent" }),
  onReceipt: (ms: number) => void tookMs.push(ms),
  onRefused: (code: string) => {
    refused[code] = (refused[code] ?? 0) + 1;
  },
};
const units: LoadUnit[] = [];
for (let i = first; i < meters; i += step) {
  // As the file of a real unit: its own broker first, the others where that one fails.
  const at = Math.floor(i / step) % task.brokers.length;
  const brokers = [...task.brokers.slice(at), ...task.brokers.slice(0, at)];
  units.push(new LoadUnit(unitOf(i), scene, brokers));
}
let publishing: NodeJS.Timeout | undefined;

async function connect(): Promise<void> {
  const start = performance.now();
  for (const [i, unit] of units.entries()) {
    const due = start + (1000 * i) / task.rampPerSecond;
    if (due > performance.now()) await sleep(due - performance.now());
    unit.start();
  }
}

/** Each unit once in `everyMs`, spread evenly; what a busy moment delayed is made up for. */
function publish(): void {
  const start = performance.now();
  let taken = 0;
  publishing = setInterval(() => {
    const due = Math.floor(((performance.now() - start) / everyMs) * units.length);
    for (; taken < due; taken++) units[taken % units.length]?.take(Date.now(), everyMs);
  }, 20);
}

function look(): UnitsLook {
  const taken = tookMs;
  tookMs = [];
  const sum = (of: (unit: LoadUnit) => number) => units.reduce((all, unit) => all + of(unit), 0);
  return {
    connected: sum((unit) => (unit.connected ? 1 : 0)),
    signed: sum((unit) => unit.signed),
    waiting: sum((unit) => unit.waiting),
    tookMs: taken,
    refused,
    residentMb: Math.round(process.memoryUsage.rss() / 2 ** 20),
  };
}

async function answer(request: UnitsRequest): Promise<unknown> {
  switch (request.do) {
    case "connect":
      // Goes on beside what is asked next: how far it is.
      return void connect();
    case "publish":
      return publish();
    case "finish":
      return clearInterval(publishing);
    case "look":
      return look();
    case "stop": {
      await Promise.all(units.map((unit) => unit.stop()));
      return units.map((unit): UnitEnd => unit.end());
    }
    default:
      return request.do satisfies never;
  }
}

process.on("message", (request: UnitsRequest) => {
  void answer(request).then((result) => {
    // The ends of thousands of units take a moment to leave.
    process.send?.({ result }, () => {
      if (request.do === "stop") process.disconnect();
    });
  });
});
process.send?.({ result: "ready" });
