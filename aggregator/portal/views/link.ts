import { contracts } from "../../ledger/rules/market/tables.ts";
import { settlementVersions } from "../../ledger/settlements.ts";
import type { Store } from "../../ledger/store.ts";
import type { Fact, Notice } from "../../notices/notice.ts";
import { readNotice } from "../../notices/read.ts";
import type { Reader } from "../../notices/words/words.ts";
import type { ViewContext } from "./context.ts";
import { keysOfEvent, readersOfEvent, settlementKeys } from "./notice-proofs.ts";
import type { LinkAnswer } from "./shapes.ts";

/** What a notice's link names: the arguments of `busbar-aggregator prove`, joined by "/". */
type Asked = { readonly path: string; readonly owner: string | undefined; readonly reader: Reader };

/**
 * The notices that a proof link stands under, and where their proofs are: for an owner what is its own, for
 * the whole site's people what the link names. Undefined where there is nothing of it for them.
 */
export function linkOf({ store }: ViewContext, asked: Asked): LinkAnswer | undefined {
  const [what = "", ...which] = asked.path.split("/");
  const prove = [what, ...which];
  switch (what) {
    case "reading":
      return bare(`proofs/reading?meter=${which[0]}&sequence=${which[1]}`);
    case "state":
      return bare(stateProofPath(which.join("/")));
    case "result":
      return ofResult(store, asked, prove);
    case "payment":
      return ofPayment(store, asked, prove);
    default:
      return undefined;
  }
}

const bare = (...proofs: readonly string[]): LinkAnswer => ({
  timeZone: "UTC0",
  notices: [],
  proofs,
});

function stateProofPath(key: string): string {
  return `proofs/state?key=${encodeURIComponent(key)}`;
}

function ofResult(store: Store, asked: Asked, prove: readonly string[]): LinkAnswer | undefined {
  const [, height = "", which = ""] = prove;
  if (!/^[1-9]\d{0,14}$/.test(height) || !/^(block|\d{1,9})$/.test(which)) return undefined;
  const { owner } = asked;
  const places = placesOf(store, Number(height), which);
  const whole = places === undefined ? [] : [`proofs/event?height=${height}&event=${places.first}`];
  if (owner === undefined) {
    return places === undefined ? undefined : bare(...whole);
  }
  const notices = noticesAt(store, { owner, heights: [Number(height)], prove });
  const own = places?.readers.includes(owner) === true ? whole : [];
  return answerOf(store, { notices, owner, reader: asked.reader, more: own });
}

function ofPayment(store: Store, asked: Asked, prove: readonly string[]): LinkAnswer | undefined {
  const { state } = store;
  const [, name = "", text] = prove;
  const contract = text === undefined ? contracts.get(state, name) : undefined;
  const slot = contract?.slot ?? Number(text);
  if (!Number.isSafeInteger(slot)) return undefined;
  const parties = contract === undefined ? [name] : [contract.seller, contract.buyer];
  const { owner } = asked;
  if (owner === undefined) {
    const keys =
      contract === undefined
        ? settlementKeys(state, slot, name)
        : [`contract/${name}`, ...settlementKeys(state, slot, contract.buyer)];
    return keys.length === 0 ? undefined : bare(...keys.map(stateProofPath));
  }
  if (!parties.includes(owner)) return undefined;
  // What a slot came to was posted in the blocks in which one of its parties was settled.
  const heights = parties.flatMap((party) =>
    settlementVersions(state, slot, party).map(({ height }) => height),
  );
  const notices = noticesAt(store, { owner, heights, prove });
  return answerOf(store, { notices, owner, reader: asked.reader, more: [] });
}

function answerOf(
  store: Store,
  about: {
    readonly notices: readonly { readonly notice: Notice }[];
    readonly owner: string;
    readonly reader: Reader;
    readonly more: readonly string[];
  },
): LinkAnswer | undefined {
  const { notices, owner, reader, more } = about;
  if (notices.length === 0) return undefined;
  const keys = notices.flatMap(({ notice: { proof } }) => {
    const event = proof && store.block(proof.height)?.events[proof.event];
    return event === undefined ? [] : keysOfEvent(store.state, event, owner);
  });
  return {
    timeZone: reader.timeZone,
    notices: notices.map(({ notice: { id, time, type, key, currency, facts } }) => ({
      ...{ id, time, type, key, currency },
      facts: Object.entries(facts).map(([name, fact]) => factOf(name, fact)),
      deliveries: (readNotice(store.db, id)?.deliveries ?? []).map(
        ({ channel, state, attempts, error }) => ({ channel, state, attempts, error }),
      ),
    })),
    proofs: [...new Set([...more, ...keys.map(stateProofPath)])],
  };
}

type LinkFact = LinkAnswer["notices"][number]["facts"][number];

function factOf(name: string, fact: Fact): LinkFact {
  // A fact has one field, which names its kind.
  const [field] = Object.entries(fact) as [LinkFact["kind"], number | string][];
  const [kind, value] = field ?? (["name", ""] as const);
  return typeof value === "number"
    ? { name, kind, number: value, text: null }
    : { name, kind, number: null, text: value };
}

/** An owner's notices of some blocks that lead to one proof. Found by their ids, which begin with the block. */
function noticesAt(
  { db }: Store,
  about: {
    readonly owner: string;
    readonly heights: readonly number[];
    readonly prove: readonly string[];
  },
) {
  const { owner, heights, prove } = about;
  const chain = db.prepare("SELECT json FROM notice_message WHERE owner = ? LIMIT 1").get(owner);
  const first = chain === undefined ? undefined : (JSON.parse(String(chain.json)) as Notice);
  if (first?.proof === undefined) return [];
  const name = first.proof.chain;
  const find = db.prepare(
    "SELECT json FROM notice_message WHERE id >= ? AND id < ? AND owner = ? ORDER BY seq",
  );
  return [...new Set(heights)].flatMap((height) =>
    find
      .all(`${name}-${height}-`, `${name}-${height}.`, owner)
      .map((row) => ({ notice: JSON.parse(String(row.json)) as Notice }))
      .filter(({ notice }) => notice.proof?.prove.join("/") === prove.join("/")),
  );
}

/** The events of a block's result: the first one's place, and who may read all of them. */
function placesOf(store: Store, height: number, which: string) {
  const block = store.block(height);
  if (block === undefined) return undefined;
  const { events, eventCounts } = block;
  const ends = [...eventCounts, events.length - eventCounts.reduce((sum, n) => sum + n, 0)];
  const index = which === "block" ? ends.length - 1 : Number(which);
  const first = ends.slice(0, index).reduce((sum, n) => sum + n, 0);
  const own = events.slice(first, first + (ends[index] ?? 0));
  return own.length === 0 ? undefined : { first, readers: readersOf(own.map(readersOfEvent)) };
}

/** Who is in all of them. */
export function readersOf(all: readonly (readonly string[])[]): readonly string[] {
  const [first = [], ...others] = all;
  return first.filter((id) => others.every((one) => one.includes(id)));
}

/** Owners who may read the result that an event of a block stands in. */
export function readersOfResult(
  store: Store,
  { height, index }: { readonly height: number; readonly index: number },
): readonly string[] {
  const block = store.block(height);
  if (block === undefined || index >= block.events.length) return [];
  let end = 0;
  for (const count of [...block.eventCounts, block.events.length]) {
    const from = end;
    end = Math.min(from + count, block.events.length);
    if (index < end) return readersOf(block.events.slice(from, end).map(readersOfEvent));
  }
  return [];
}
