import { brokerLimits } from "../../limits.ts";
import type { Split } from "../worker-options.ts";
import type { Facts, Row } from "./facts.ts";
import type { Probed } from "./probe.ts";

/** How frames are to be taken from a broker, and why. */
export type Choice =
  | { readonly mode: "embedded"; readonly why: readonly string[] }
  | {
      readonly mode: Split;
      readonly session: "persistent" | "clean";
      readonly why: readonly string[];
    }
  | { readonly mode: "unfit"; readonly why: readonly string[] };

/** Chooses from what was seen alone. `isOwn`: it is the broker in the member's own process. */
export function chooseMode({ facts, failed }: Probed, isOwn: boolean): Choice {
  if (facts.mqtt311 !== true) {
    return { mode: "unfit", why: [failed[0]?.reason ?? "it lets nobody in"] };
  }
  if (isOwn) {
    const why = "it is this member's own broker, which stores a frame before it acknowledges it";
    return { mode: "embedded", why: [`${why}; no worker is needed`] };
  }
  const lacks = lacksOf(facts);
  if (lacks.length > 0) return { mode: "unfit", why: lacks };
  const { mode, why } = splitOf(facts);
  const keeps = facts.queued !== undefined && facts.queued.came === facts.queued.of;
  return {
    mode,
    session: keeps ? "persistent" : "clean",
    why: [
      why,
      keeps
        ? "what comes while a worker is away waits for it"
        : "it keeps nothing for a worker that is away: units send again what has no receipt",
      shareText(facts),
    ],
  };
}

function splitOf({ retained, filters }: Facts): { readonly mode: Split; readonly why: string } {
  const all = "each worker hears all frames and drops the others'";
  if (retained?.byWildcard !== true) {
    const why = `retained births do not come to wildcards, so a worker cannot learn which devices there are: ${all}`;
    return { mode: "wildcard", why };
  }
  if (filters === undefined || filters.granted < filters.of) {
    const why = `one connection is granted ${filters?.granted ?? 0} subscriptions, fewer than there may be devices: ${all}`;
    return { mode: "wildcard", why };
  }
  const why =
    "a worker learns from retained births which devices there are, and hears the topics of its own alone";
  return { mode: "topics", why };
}

function lacksOf(facts: Facts): readonly string[] {
  const { inOrder, retained, payloadBytes = 0, will } = facts;
  const needed = brokerLimits.packetBytesMax;
  return [
    inOrder?.came === inOrder?.of && inOrder !== undefined
      ? ""
      : "messages with QoS 1 do not arrive; a worker needs the rights that broker-files writes",
    retained?.byName === true ? "" : "it keeps no retained messages: units find no aggregator",
    payloadBytes >= needed ? "" : `it takes no packets of ${needed} bytes; raise its limit`,
    will === true
      ? ""
      : "it publishes no last wills: nobody learns that a unit or a worker is gone",
  ].filter((lack) => lack !== "");
}

function shareText({ share }: Facts): string {
  if (share === undefined || !share.granted) {
    return "it has no $share: workers share the devices by a hash of their topics";
  }
  const got = share.got.reduce((sum, each) => sum + each, 0);
  if (got < share.of) return `it grants $share and delivers ${got} of ${share.of}: by hash instead`;
  return "its $share gives one device's frames now to this worker, now to that, which loses their order: by hash instead";
}

/** The table, one row a look, in the order of the looks. */
export function rowsOf({ facts, failed }: Probed, restartTold: string): readonly Row[] {
  const rows: Row[] = [];
  const add = (check: string, state: Row["state"], saw: string) => rows.push({ check, state, saw });
  const flag = (value: boolean | undefined): Row["state"] => (value === true ? "good" : "bad");
  if (facts.mqtt311) add("MQTT 3.1.1", "good", `signs in, ${facts.connectMs} ms`);
  if (facts.anonymous !== undefined) {
    add(
      "anonymous",
      facts.anonymous ? "bad" : "good",
      facts.anonymous ? "anybody is let in: whoever reaches it can disturb" : "is kept out",
    );
  }
  if (facts.mqtt5 !== undefined) {
    add("MQTT 5", facts.mqtt5 ? "good" : "note", facts.mqtt5 ? promisesText(facts) : "no");
  }
  const { inOrder, retained, share, queued, replayed, filters, killed } = facts;
  if (inOrder !== undefined) {
    const whole = inOrder.came === inOrder.of && inOrder.ordered;
    const order = inOrder.ordered ? "in order" : "out of order";
    add("QoS 1", whole ? "good" : "bad", `${inOrder.came} of ${inOrder.of} came, ${order}`);
  }
  if (retained !== undefined) {
    const saw = `by name ${yes(retained.byName)}, by wildcard ${yes(retained.byWildcard)}`;
    add("retained", retained.byWildcard ? "good" : retained.byName ? "note" : "bad", saw);
  }
  if (share !== undefined) {
    const saw = share.granted
      ? `granted; two subscribers got ${share.got.join(" and ")} of ${share.of}`
      : "refused";
    add("$share", "note", saw);
  }
  if (facts.payloadBytes !== undefined) {
    const enough = facts.payloadBytes >= brokerLimits.packetBytesMax;
    const most = facts.payloadBytes === facts.payloadTriedBytes ? " (more was not tried)" : "";
    add("packet size", flag(enough), `${facts.payloadBytes} bytes came back whole${most}`);
  }
  if (queued !== undefined) {
    const whole = queued.came === queued.of;
    const session = queued.remembered ? "session kept" : "no session kept";
    add("offline queue", whole ? "good" : "note", `${queued.came} of ${queued.of}, ${session}`);
  }
  if (replayed !== undefined) {
    const saw = replayed.again
      ? `comes again${replayed.marked ? ", marked DUP" : ", not marked"}`
      : "did not come again in 8 s";
    add("replay", replayed.again ? "good" : "note", `an unacknowledged message ${saw}`);
  }
  if (facts.will !== undefined) add("last will", flag(facts.will), yes(facts.will));
  if (filters !== undefined) {
    const all = filters.granted === filters.of;
    add("filters", all ? "good" : "note", `${filters.granted} of ${filters.of} granted`);
  }
  if (facts.takesOver !== undefined) {
    const saw = facts.takesOver ? "ends the first" : "leaves both";
    add("same client id", "note", `a second connection ${saw}`);
  }
  if (killed !== undefined) {
    const whole = killed.retained && killed.queued === killed.of;
    const saw = `retained ${killed.retained ? "kept" : "lost"}, ${killed.queued} of ${killed.of} queued messages kept, back in ${killed.backMs} ms`;
    add("kill -9", whole ? "good" : "note", saw);
  } else if (facts.mqtt311) add("kill -9", "unprobed", restartTold);
  for (const { name, reason } of failed) add(name, "bad", `could not be seen: ${reason}`);
  return rows;
}

const yes = (value: boolean) => (value ? "yes" : "no");

function promisesText({ promises = {} }: Facts): string {
  const said = [
    ["packets up to", promises.packetBytes],
    ["in flight", promises.receiveMaximum],
    ["$share", promises.share],
    ["retained", promises.retain],
  ].flatMap(([name, value]) => (value === undefined ? [] : [`${name} ${value}`]));
  return said.length === 0 ? "yes" : `yes; promises ${said.join(", ")}`;
}
