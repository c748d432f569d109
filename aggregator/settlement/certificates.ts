import { allocate, type Wh, wh } from "@busbar/protocol";

/** Forms of energy that certificates are issued for. */
export const greenForms = ["solar", "wind"] as const;
export type GreenForm = (typeof greenForms)[number];

export function isGreen(form: string | undefined): form is GreenForm {
  return greenForms.some((green) => green === form);
}

/** An owner in a slot: what its generation meters made of each form, and its connection meters' net. */
export type Generator = {
  readonly owner: string;
  readonly made: Readonly<Partial<Record<GreenForm, Wh>>>;
  /** Given to the feeder less taken from it, Wh; undefined where that is not known. */
  readonly netWh: number | undefined;
  /** Of what it made the part that makes good what it owes: that is not sold, nor retired for its use. */
  readonly withheld?: Readonly<Partial<Record<GreenForm, Wh>>>;
};

/** A contract of the slot, of energy that was offered as of a green form. */
export type GreenSale = {
  readonly contract: string;
  readonly seller: string;
  readonly buyer: string;
  readonly form: GreenForm;
  readonly energy: Wh;
};

/**
 * An owner's certificates of a slot and form, in Wh. What it holds is issued + bought − sold − retired,
 * never below 0.
 */
export type Certificates = {
  readonly owner: string;
  readonly form: GreenForm;
  readonly issuedWh: Wh;
  readonly boughtWh: Wh;
  readonly soldWh: Wh;
  readonly retiredWh: Wh;
};

export type Certified = {
  readonly certificates: readonly Certificates[];
  /** What went over with each contract; those without any are left out. */
  readonly sales: readonly { readonly contract: string; readonly energy: Wh }[];
};

/**
 * The certificates of one slot. A Wh that a generation meter showed is issued once, to the meter's
 * owner. With each contract of its form it goes to the buyer, no more than left the seller's
 * connection; where that is less than what was signed, in proportion to the contracts. Buyers retire
 * what they used of what they bought; sellers retire what they made and used themselves. The rest is
 * held. What an owner owes of a form is kept back first.
 *
 * A function of the slot's readings and contracts: made again of corrected ones it replaces what was,
 * so nothing is issued, sold or retired twice. Independent of the order of its arguments; the result is
 * sorted by owner and form, then contract.
 * Throws: `RangeError` for an owner or a contract that stands twice.
 */
export function certifySlot(
  generators: readonly Generator[],
  sales: readonly GreenSale[],
): Certified {
  const nets = netsOf(generators);
  const book = new Book();
  for (const { owner, made, withheld } of generators) {
    for (const form of greenForms) {
      const line = book.of(owner, form);
      line.issuedWh += made[form] ?? 0;
      line.withheldWh += Math.min(withheld?.[form] ?? 0, made[form] ?? 0);
    }
  }
  const sold = [...nets.keys()].sort().flatMap((owner) => sellOf(owner, { sales, nets, book }));
  for (const { sale, energy } of sold) {
    book.of(sale.seller, sale.form).soldWh += energy;
    book.of(sale.buyer, sale.form).boughtWh += energy;
  }
  for (const { owner, made, netWh } of generators) {
    const total = greenForms.reduce((sum, form) => sum + (made[form] ?? 0), 0);
    // Without its meters nobody knows what it used.
    if (netWh !== undefined) retire(book, owner, useOf(total, netWh));
  }
  return {
    certificates: book.sorted(),
    sales: sold
      .filter(({ energy }) => energy > 0)
      .map(({ sale, energy }) => ({ contract: sale.contract, energy: wh(energy) }))
      .sort((a, b) => (a.contract < b.contract ? -1 : 1)),
  };
}

/** What an owner used in all: what it made and did not give, and what it took. */
function useOf(madeWh: number, netWh: number) {
  return { own: Math.max(0, madeWh - Math.max(0, netWh)), taken: Math.max(0, -netWh) };
}

type Line = {
  issuedWh: number;
  boughtWh: number;
  soldWh: number;
  retiredWh: number;
  withheldWh: number;
};

class Book {
  readonly #lines = new Map<string, { owner: string; form: GreenForm } & Line>();

  of(owner: string, form: GreenForm): Line {
    const key = `${owner}/${form}`;
    const line = this.#lines.get(key) ?? {
      owner,
      form,
      issuedWh: 0,
      boughtWh: 0,
      soldWh: 0,
      retiredWh: 0,
      withheldWh: 0,
    };
    this.#lines.set(key, line);
    return line;
  }

  /** All lines that hold or moved something. */
  sorted(): Certificates[] {
    return [...this.#lines.entries()]
      .filter(([, { issuedWh, boughtWh }]) => issuedWh + boughtWh > 0)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([, { owner, form, issuedWh, boughtWh, soldWh, retiredWh }]) => ({
        owner,
        form,
        issuedWh: wh(issuedWh),
        boughtWh: wh(boughtWh),
        soldWh: wh(soldWh),
        retiredWh: wh(retiredWh),
      }));
  }
}

type Sold = { readonly sale: GreenSale; readonly energy: number };

/** What goes over with each of an owner's sales: at most what it made, and what it gave. */
function sellOf(
  owner: string,
  {
    sales,
    nets,
    book,
  }: {
    readonly sales: readonly GreenSale[];
    readonly nets: ReadonlyMap<string, number | undefined>;
    readonly book: Book;
  },
): Sold[] {
  const own = sales.filter(({ seller }) => seller === owner);
  const contracts = new Set(own.map(({ contract }) => contract));
  if (contracts.size < own.length) throw new RangeError(`${owner} has a contract twice`);
  const most = greenForms.map((form) => {
    const signed = own.reduce((sum, sale) => sum + (sale.form === form ? sale.energy : 0), 0);
    const { issuedWh, withheldWh } = book.of(owner, form);
    return { id: form, weight: Math.min(signed, issuedWh - withheldWh) };
  });
  const all = most.reduce((sum, { weight }) => sum + weight, 0);
  const left = allocate(Math.min(all, Math.max(0, nets.get(owner) ?? all)), most);
  return greenForms.flatMap((form, i) => {
    const ofForm = own.filter((sale) => sale.form === form);
    const parts = allocate(
      left[i] ?? 0,
      ofForm.map(({ contract, energy }) => ({ id: contract, weight: energy })),
    );
    return ofForm.map((sale, j) => ({ sale, energy: parts[j] ?? 0 }));
  });
}

function retire(
  book: Book,
  owner: string,
  { own, taken }: { readonly own: number; readonly taken: number },
): void {
  const lines = greenForms.map((form) => ({ id: form, line: book.of(owner, form) }));
  const share = (most: number, held: (line: Line) => number) => {
    const weights = lines.map(({ id, line }) => ({ id, weight: held(line) }));
    const total = weights.reduce((sum, { weight }) => sum + weight, 0);
    return allocate(Math.min(most, total), weights);
  };
  const ofOwn = share(own, ({ issuedWh, soldWh, withheldWh }) => issuedWh - soldWh - withheldWh);
  const ofBought = share(taken, ({ boughtWh }) => boughtWh);
  for (const [i, { line }] of lines.entries()) {
    line.retiredWh += (ofOwn[i] ?? 0) + (ofBought[i] ?? 0);
  }
}

function netsOf(generators: readonly Generator[]): Map<string, number | undefined> {
  const nets = new Map<string, number | undefined>();
  for (const { owner, netWh } of generators) {
    if (nets.has(owner)) throw new RangeError(`owner ${owner} stands twice in a slot`);
    nets.set(owner, netWh);
  }
  return nets;
}
