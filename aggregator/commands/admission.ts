import assert from "node:assert/strict";
import { isDeepStrictEqual } from "node:util";
import type { Admission } from "@busbar/protocol";
import { verify } from "@busbar/protocol/node";
import { parametersTable } from "../ledger/parameters.ts";
import type { Outcome } from "../ledger/rule.ts";
import { admissionRule } from "../ledger/rules/admission.ts";
import { needsQuorum } from "../ledger/rules/bureau-vote.ts";
import { Overlay } from "../ledger/state/overlay.ts";
import type { StateReader } from "../ledger/state/state.ts";
import { devices, owners } from "../ledger/tables.ts";
import type { Ledger } from "./ledger.ts";

type Entries = Pick<Admission, "owners" | "devices">;

/** What an admission would change. */
export type Change = {
  /** The ledger has all of it, exactly so. */
  readonly exists: boolean;
  /** Entries that it would replace, each with what differs: `owner house-7 (key, name)`. */
  readonly replaced: readonly string[];
};

/** Compares what is asked for with what the ledger has. */
export function changeOf(state: StateReader, asked: Entries): Change {
  const all = [
    ...asked.owners.map((owner) => ({
      name: `owner ${owner.id}`,
      differing: differing(owners.get(state, owner.id), owner),
    })),
    ...asked.devices.map((device) => ({
      name: `unit ${device.id}`,
      differing: differing(devices.get(state, device.id), device),
    })),
  ];
  return {
    exists: all.every((entry) => entry.differing?.length === 0),
    replaced: all.flatMap(({ name, differing: fields = [] }) =>
      fields.length === 0 ? [] : [`${name} (${fields.join(", ")})`],
    ),
  };
}

/** What the ledger's rule says of an admission now, and which bureaus would wait for other members'; nothing is
 * written. */
export function tryOut(
  { store, application, genesis }: Ledger,
  admission: Admission,
): { readonly outcome: Outcome; readonly waiting: readonly string[] } {
  const { height, time, hash } = application.info();
  const parameters = parametersTable.get(store.state, "current");
  const member = application.registry.byId(admission.member);
  assert(parameters !== undefined && member !== undefined, "a ledger that begun has both");
  const state = new Overlay(store.state);
  const { chain } = genesis;
  const block = { height: height + 1, time, seed: hash, chain, verify };
  const context = { ...block, state, parameters, emit: () => {} };
  const outcome = admissionRule(context, admission, member);
  const waiting = admission.owners.filter((owner) => needsQuorum(state, owner));
  return { outcome, waiting: waiting.map(({ id }) => id) };
}

/** Names of the fields that differ; undefined where there was nothing before. */
function differing<T extends object>(before: T | undefined, asked: T): string[] | undefined {
  if (before === undefined) return undefined;
  const fields = Object.keys(asked) as (keyof T & string)[];
  return fields.filter((field) => !isDeepStrictEqual(before[field], asked[field]));
}
