/** How many members can stand behind a word, and whether they are a quorum. */
export type Count = { readonly count: number; readonly quorum: number; readonly enough: boolean };

/** A word that members stand behind. Of a view: that they ask for it; of a block: their signature. */
export type Word = {
  readonly kind: "prepare" | "commit" | "view" | "block";
  readonly epoch: number;
  /** Of a block: the one that its header names. */
  readonly view: number;
  readonly height?: number;
  /** Hex; of a block: its header. */
  readonly digest?: string;
};

/** Which members stand behind which word; liars may stand behind any. */
export class Backing {
  readonly #liars: ReadonlySet<string>;
  readonly #behind = new Map<string, Set<string>>();
  /** Who votes, by epoch. */
  readonly #councils = new Map<number, readonly string[]>();

  constructor(liars: readonly string[]) {
    this.#liars = new Set(liars);
  }

  /** Members that count in an epoch. */
  learn(epoch: number, members: readonly string[]): void {
    this.#councils.set(epoch, members);
  }

  /** An honest member stands behind a word; whether it is the first one. */
  stand(id: string, word: Word): boolean {
    const name = nameOf(word);
    const known = this.#behind.get(name);
    if (known === undefined) this.#behind.set(name, new Set([id]));
    else known.add(id);
    return known === undefined;
  }

  /** How many can stand behind a word, with the help of every liar. */
  count(word: Word): Count {
    const members = this.#councils.get(word.epoch) ?? [];
    const behind = this.#behind.get(nameOf(word));
    const count = members.filter((id) => this.#liars.has(id) || behind?.has(id)).length;
    const faulty = Math.floor((members.length - 1) / 3);
    const quorum = Math.ceil((members.length + faulty + 1) / 2);
    return { count, quorum, enough: count >= quorum };
  }
}

function nameOf({ kind, epoch, view, height = 0, digest = "" }: Word): string {
  return `${kind} ${epoch} ${view} ${height} ${digest}`;
}
