import { dependsOn, sourcesBehind, storedAt } from "./behind.ts";
import { declaredBy } from "./declared.ts";
import type { Edge, Flow, FlowNode } from "./flow.ts";
import { byKind, outputsOf } from "./flow.ts";
import { type Carried, type Found, gathered } from "./gathered.ts";
import { madeBy } from "./made.ts";
import { isOurs, saidBy } from "./said.ts";
import { type Amount, keyOf, keysIn, type Part, select, type Value } from "./script/value.ts";

/** What is asked of a message, and what is made of it behind there. */
type Taken = Pick<Found, "factor" | "timed" | "sized" | "sum" | "stored"> & {
  readonly keys: readonly string[];
  /** The subflows and links that are gone into, innermost first. */
  readonly within: readonly string[];
};

/** Ways through a flow that are looked at for one value. */
const waysMax = 2_000;
const withinMax = 16;

/** What reaches a node's input, by every way there is. `part`: which of it the node takes, such as `payload.power`. */
export function carriedTo(flow: Flow, id: string, part = "payload"): readonly Carried[] {
  const walk = new Walk(flow);
  return walk.all(id, {
    keys: keysIn(part),
    factor: 1,
    timed: false,
    sized: false,
    sum: undefined,
    stored: false,
    within: [],
  });
}

/** What stands in a context that a node reads. */
export function carriedIn(flow: Flow, node: FlowNode, part: Part): readonly Carried[] {
  const walk = new Walk(flow);
  const taken = { keys: [], factor: 1, timed: false, sized: false, within: [] };
  walk.fromContext(node, part, { ...taken, sum: undefined, stored: true });
  return walk.all();
}

/** Goes from where a value is taken to where it comes from. */
class Walk {
  readonly #found: Found[] = [];
  readonly #flow: Flow;
  readonly #seen = new Set<string>();
  readonly #ahead: { readonly id: string; readonly taken: Taken }[] = [];
  #sums = 0;

  constructor(flow: Flow) {
    this.#flow = flow;
  }

  /** All that is found, by every way from where it begins. */
  all(id?: string, taken?: Taken): readonly Carried[] {
    if (id !== undefined && taken !== undefined) this.#into(id, taken);
    for (let next = this.#ahead.pop(); next !== undefined; next = this.#ahead.pop()) {
      this.#flow.step();
      for (const edge of this.#flow.edges(next.id)) this.#outOf(edge, next.taken);
    }
    return gathered(this.#found);
  }

  /** What comes into a node, to be looked at later: flows may be long. */
  #into(id: string, taken: Taken): void {
    const { keys, factor, within, sum, timed, sized } = taken;
    // A way round that makes another part or multiple of it is one more way, but not without end.
    const key = [id, ...keys, factor, timed, sized, sum, "", ...within].join("\u0001");
    if (this.#seen.has(key) || this.#seen.size > waysMax) return;
    this.#seen.add(key);
    this.#ahead.push({ id, taken });
  }

  #outOf({ from, port, called }: Edge, taken: Taken): void {
    const node = this.#flow.byId.get(from);
    if (node === undefined) return;
    if (node.type === "subflow") return this.#leave(node, taken);
    if (called) {
      // Out of what was called, to where it was called from.
      const [innermost, ...within] = taken.within;
      const isOther = innermost !== undefined && innermost !== from;
      if (!isOther) this.#into(from, { ...taken, within });
      return;
    }
    const said = saidBy(node, taken.keys);
    if (said !== undefined) {
      const { factor, timed, sized, sum, stored } = taken;
      const through = said.what === "unknown" ? node : undefined;
      const marks = { factor, timed, sized, sum, stored, through };
      this.#found.push({ ...said, ...marks, declared: false, difference: false, from: node });
    } else if (isOurs(node)) this.#into(from, taken);
    else if (node.type === "link call") this.#call(node, taken);
    else if (node.type.startsWith("subflow:")) this.#enter({ node, port }, taken);
    else if (node.type === "catch" || node.type === "complete") this.#scope(node, taken);
    else
      for (const message of madeBy(this.#flow, node).sent(port)) this.#follow(node, message, taken);
  }

  /** From a subflow's inside to where its instances stand. */
  #leave({ id }: FlowNode, taken: Taken): void {
    const [innermost, ...within] = taken.within;
    for (const instance of byKind(this.#flow, `subflow:${id}`)) {
      if (innermost === undefined || innermost === instance.id) {
        this.#into(instance.id, { ...taken, within });
      }
    }
  }

  #enter({ node, port }: { readonly node: FlowNode; readonly port: number }, taken: Taken): void {
    const definition = this.#flow.byId.get(node.type.replace("subflow:", ""));
    if (definition === undefined) return this.#unreadable(node, taken);
    const within = [node.id, ...taken.within];
    if (within.length > withinMax) return;
    for (const { id, port: at } of outputsOf(definition)[port] ?? []) {
      this.#outOf({ from: id, port: at }, { ...taken, within });
    }
  }

  #call(node: FlowNode, taken: Taken): void {
    if (node.linkType === "dynamic") return this.#unreadable(node, taken);
    const within = [node.id, ...taken.within];
    if (within.length > withinMax) return;
    for (const { id } of this.#flow.returnsTo(node.id)) this.#into(id, { ...taken, within });
  }

  /** What a node that failed, or has done its work, had got. */
  #scope({ scope }: FlowNode, taken: Taken): void {
    for (const id of Array.isArray(scope) ? scope.map(String) : []) this.#into(id, taken);
  }

  #follow(node: FlowNode, message: Value, taken: Taken): void {
    this.#value(node, select(message, taken.keys), taken);
  }

  #value(node: FlowNode, value: Value, taken: Taken): void {
    if (value.kind === "one-of") for (const one of value.values) this.#value(node, one, taken);
    else if (value.kind === "amount") this.#amount(node, value, taken);
    else if (value.kind === "unknown") this.#unreadable(node, taken);
    else if (value.kind === "object" && value.rest !== undefined) {
      this.#part(node, value.rest, { ...taken, keys: [] });
    }
  }

  #amount(node: FlowNode, { terms, timed, sized }: Amount, taken: Taken): void {
    const runs = terms.some(({ part }) =>
      [...storedAt(this.#flow, node, part)].some(({ at, value }) => dependsOn(value, at)),
    );
    if (runs) return this.#unreadable(node, taken);
    const isSum = terms.length > 1 && taken.sum === undefined;
    if (isSum) this.#sums += 1;
    for (const { part, factor } of terms) {
      this.#part(node, part, {
        ...taken,
        factor: taken.factor * factor,
        timed: taken.timed || timed,
        sized: taken.sized || sized,
        sum: isSum ? this.#sums : taken.sum,
      });
    }
  }

  #part(node: FlowNode, part: Part, taken: Taken): void {
    if (part.root === "msg") this.#into(node.id, { ...taken, keys: part.keys });
    else this.fromContext(node, part, { ...taken, keys: [], stored: true });
  }

  /** What was left in a context, by whichever node. */
  fromContext(node: FlowNode, part: Part, taken: Taken): void {
    const key = ["context", node.id, keyOf(part), taken.factor, taken.sum].join("\u0001");
    if (this.#seen.has(key)) return;
    this.#seen.add(key);
    for (const { writer, at, value } of storedAt(this.#flow, node, part)) {
      if (dependsOn(value, at)) this.#unreadable(writer, taken);
      else this.#value(writer, select(value, part.keys.slice(at.keys.length)), taken);
    }
  }

  /** Nobody can tell, unless the node says it in words; it matters where something of the site is in it. */
  #unreadable(node: FlowNode, { factor, timed, sized, sum, stored }: Taken): void {
    const marks = { factor, timed, sized, sum, stored, difference: false };
    const declared = declaredBy(node);
    if (declared !== undefined) {
      const what = declared === "kWh" || declared === "Wh" ? "energy" : "power";
      this.#found.push({
        ...marks,
        what,
        unit: declared,
        declared: true,
        from: node,
        through: undefined,
      });
      return;
    }
    // Of all that is in it, what is no price is the more likely to be quoted.
    const sources = sourcesBehind(this.#flow, node);
    const from = sources.find(({ type }) => type !== "busbar-price") ?? sources[0];
    if (from === undefined) return;
    this.#found.push({ ...marks, what: "unknown", unit: "", declared: false, from, through: node });
  }
}
