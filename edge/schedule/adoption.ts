import { compareBytes, type MeterTip } from "@busbar/protocol";
import type { Journal } from "../journal/journal.ts";
import type { MeterMemory } from "./memory.ts";

/**
 * What a proof of the ledger's chain means for a meter's journal: `own`: it is the journal's own
 * chain; `waits`: the ledger's chain may be taken over, once it has stood still for long enough;
 * `adopted`: the readings stand behind it now; `parted`: they cannot.
 */
export type Adopted = "own" | "waits" | "adopted" | "parted";

/** What an adoption works with. */
export type AdoptionOptions = {
  readonly journal: Journal;
  readonly memory: MeterMemory;
  /** Site ms. */
  readonly now: () => number;
  /** For so long (site ms) the ledger's chain must not grow: another unit that signs with this key
   * would have brought a batch in it. */
  readonly quietMs: number;
  /** Whether all that the unit's key ever signed stands in this journal. Default: nobody knows. */
  readonly hasAllOfKey?: () => boolean;
};

/** What was seen of a chain that is not the journal's own. */
type Seen = {
  readonly next: number;
  readonly head: string;
  readonly height: number;
  /** Since when it stands there, site ms. */
  readonly since: number;
  /** The number that the journal's readings were put behind. */
  readonly anchor?: number;
};

/**
 * Lets a unit that lost its data folder go on where the ledger's chain of its meter ends.
 *
 * Nothing is counted twice, because no reading that moves can be on the ledger: none of them has a
 * receipt, and all are later than the last one that the ledger proves to hold. No batch signed under
 * the old numbers can be taken any more: the ledger takes only what continues its own head, and a
 * head names all readings before it.
 */
export class Adoption {
  readonly #options: AdoptionOptions;

  constructor(options: AdoptionOptions) {
    this.#options = options;
  }

  /** Whether the ledger's chain is the journal's own up to there: then nobody's clock matters. */
  isOwn({ meter, state }: MeterTip): boolean {
    const { journal } = this.#options;
    const own = journal.headAt(meter, state.next - 1);
    return (
      journal.tip(meter).seq === 0 || (own !== undefined && compareBytes(own, state.head) === 0)
    );
  }

  /** Takes in where the ledger's chain stands; the proof was verified. */
  take(tip: MeterTip): Adopted {
    if (this.isOwn(tip)) return "own";
    const { meter, state, header } = tip;
    const { now, quietMs } = this.#options;
    const seen = this.#seen(meter);
    // An aggregator that lags behind proves an older state.
    if (seen !== undefined && header.height < seen.height) return "waits";
    if (this.#isBound(meter, seen?.anchor)) return "parted";
    const head = Buffer.from(state.head).toString("hex");
    const still = seen !== undefined && seen.next === state.next && seen.head === head;
    const since = still ? seen.since : now();
    // One proof again and again, from whoever may speak on the topic, wears no disk.
    if (!still || header.height > seen.height) {
      this.#remember(meter, { ...seen, next: state.next, head, height: header.height, since });
    }
    if (now() - since < quietMs && !this.#isOfAnotherKey(tip)) return "waits";
    this.#adopt({ meter, state, header }, head);
    return "adopted";
  }

  #adopt({ meter, state, header }: MeterTip, head: string): void {
    const { journal, memory, now } = this.#options;
    const anchor = state.next - 1;
    const rejudged = memory.rejudge(meter, state);
    const seen: Seen = { next: state.next, head, height: header.height, since: now(), anchor };
    journal.rechain(
      meter,
      { seq: anchor, head: state.head },
      {
        entry: (entry) => rejudged.entry(entry),
        notes: () => new Map([rejudged.note(), [noteOf(meter), JSON.stringify(seen)]]),
      },
    );
    memory.reload(meter);
  }

  /** Whether the ledger has, or had, readings of this journal: they keep their numbers for ever. */
  #isBound(meter: string, adopted: number | undefined): boolean {
    const { database } = this.#options.journal;
    const anchor = database.prepare("SELECT seq FROM anchor WHERE meter = ?").get(meter);
    // Pruning moves the anchor, and prunes only what has a receipt.
    if (anchor !== undefined && Number(anchor.seq) !== adopted) return true;
    const receipt = database
      .prepare("SELECT 1 FROM batch WHERE meter = ? AND receipt IS NOT NULL LIMIT 1")
      .get(meter);
    return receipt !== undefined;
  }

  /**
   * Whether another key signed all of the ledger's chain: the journal began with the unit's own, and its first
   * reading is younger than the chain's last. That key counts no more since the ledger knows the unit by this one, so
   * that nobody can go on with the chain meanwhile.
   */
  #isOfAnotherKey({ meter, state }: MeterTip): boolean {
    const { journal, hasAllOfKey = () => false } = this.#options;
    if (!hasAllOfKey()) return false;
    const first = journal.database
      .prepare("SELECT min(time) AS time FROM reading WHERE meter = ?")
      .get(meter)?.time;
    return first !== undefined && first !== null && state.time < Number(first);
  }

  #seen(meter: string): Seen | undefined {
    const note = this.#options.journal.note(noteOf(meter));
    return note === undefined ? undefined : (JSON.parse(note) as Seen);
  }

  #remember(meter: string, seen: Seen): void {
    this.#options.journal.setNote(noteOf(meter), JSON.stringify(seen));
  }
}

const noteOf = (meter: string) => `tip/${meter}`;
