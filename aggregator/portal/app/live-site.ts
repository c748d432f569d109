import type {
  PortalBlock,
  PortalEvent,
  PortalMeter,
  PortalSlot,
  PortalStatus,
  PortalTrade,
} from "../api.ts";
import { follow, type LiveState } from "./live.ts";
import {
  emptyModel,
  kept,
  type Model,
  withBlocks,
  withEvent,
  withMeters,
  withSlots,
  withStatus,
  withTrades,
} from "./model.ts";
import { read } from "./request.ts";
import { me } from "./session.ts";
import { Watched } from "./store.ts";

/** Least wall ms between two looks at counters and at slots that events do not carry. */
const statusEveryMs = 1_000;
const slotsEveryMs = 5_000;
/** Wall ms until everything is asked for again when an answer failed. */
const againMs = 3_000;

/** What the page knows of the site, and whether it is told of what happens. */
export const model = new Watched<Model>(emptyModel);
export const live = new Watched<LiveState>("waiting");

/** Until a look that is under way may be over. */
const slackMs = 100;

let reading = false;
let again: ReturnType<typeof setTimeout> | undefined;
let statusRead = 0;
let slotsRead = 0;
let drawing = false;
let next: Model = emptyModel;
let stop: () => void = () => undefined;

/** Follows the site from now on; anew when somebody else is signed in, who sees more or less. */
export function followSite(): void {
  stop();
  next = { ...emptyModel };
  stop = follow({
    onEvent(event: PortalEvent) {
      change(withEvent(next, event));
      if (event.event === "block") void refresh();
    },
    onState(state) {
      live.set(state);
      if (state === "live") void readAll();
    },
  });
}

/** Everything anew: at the start, and after each time that the stream was away. */
async function readAll(): Promise<void> {
  try {
    // Guests are not shown what belongs to owners.
    const seesBoard = me.value?.role !== "guest" || me.value.open;
    const [status, slots, trades, blocks, meters] = await Promise.all([
      read<PortalStatus>("status"),
      read<PortalSlot[]>(`slots?limit=${kept.slots}`),
      seesBoard ? read<PortalTrade[]>(`trades?limit=${kept.trades}`) : [],
      read<PortalBlock[]>(`blocks?limit=${kept.blocks}`),
      seesBoard ? read<PortalMeter[]>("meters") : [],
    ]);
    let all = withStatus(next, status, Date.now());
    all = withSlots(all, slots);
    all = withTrades(all, trades);
    all = withBlocks(all, blocks);
    change(withMeters(all, meters));
  } catch (error) {
    console.warn("the portal did not answer, trying again", error);
    setTimeout(() => void readAll(), againMs);
  }
}

/** Counters, and what meters measured in slots, follow blocks at a bounded pace; the last one too. */
async function refresh(): Promise<void> {
  const now = Date.now();
  const early = statusRead + statusEveryMs - now;
  if (reading || early > 0) {
    if (again !== undefined) return;
    again = setTimeout(
      () => {
        again = undefined;
        void refresh();
      },
      Math.max(early, slackMs),
    );
    return;
  }
  reading = true;
  statusRead = now;
  try {
    change(withStatus(next, await read<PortalStatus>("status"), Date.now()));
    if (now - slotsRead >= slotsEveryMs) {
      slotsRead = now;
      change(withSlots(next, await read<PortalSlot[]>(`slots?limit=${kept.slots}`)));
    }
  } catch (error) {
    // The next block asks again; a portal that is gone shows by its stream.
    console.warn("the portal did not answer", error);
  } finally {
    reading = false;
  }
}

/** Told once a frame, however many events came. */
function change(changed: Model): void {
  next = changed;
  if (drawing) return;
  drawing = true;
  requestAnimationFrame(() => {
    drawing = false;
    model.set(next);
  });
}
