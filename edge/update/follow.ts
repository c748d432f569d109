import {
  isReleaseTurn,
  type Release,
  type ReleaseBundle,
  type ReleaseResult,
  type ReleaseState,
} from "@busbar/protocol";
import type { Outcome, UpdateStatus } from "./state.ts";

/** What a unit has on its disk of the releases that it followed. */
export type Followed = {
  /** The last release that it tried, or found to be what runs. */
  readonly tried?: { readonly number: number; readonly version: string };
  /** Where trying ended before a trial began, and why. */
  readonly refused?: string;
  /** What it said last on the ledger. */
  readonly said?: Said;
};

/** What a unit says of its program. */
export type Said = {
  readonly program: string;
  readonly release?: number;
  readonly result?: ReleaseResult;
  readonly reason?: string;
};

/** What a look is made from. */
export type FollowFacts = {
  readonly chain: string;
  readonly device: string;
  readonly arch: string;
  /** The version of the program that looks: never one that was only on trial. */
  readonly program: string;
  readonly update: UpdateStatus | undefined;
  readonly followed: Followed;
  /** As a block certified it; undefined: nothing was proven lately. */
  readonly release: ReleaseState | undefined;
  /** Site ms. */
  readonly now: number;
};

export type Step =
  | { readonly kind: "wait"; readonly why: string }
  /** It runs already, whoever installed it. */
  | { readonly kind: "is-there"; readonly release: Release }
  | { readonly kind: "install"; readonly release: Release; readonly bundle: ReleaseBundle };

/** What a unit does about the present release. */
export function nextStep(facts: FollowFacts): Step {
  const { release: state, update, followed, program, arch, now, chain, device } = facts;
  if (state === undefined) return wait("no release is proven");
  const { release, stopped } = state;
  if (update === undefined) return wait("nobody knows yet which program this is");
  const trial = update.trial?.version ?? update.pending;
  if (trial !== undefined) return wait(`${trial} is on trial`);
  if ((followed.tried?.number ?? 0) >= release.number) return wait("it was tried");
  if (stopped !== undefined) return wait(`it is stopped: ${stopped}`);
  if (release.version === program) return { kind: "is-there", release };
  if (!isReleaseTurn(state, { chain, device, time: now })) return wait("its turn has not come");
  const bundle = release.bundles.find((one) => one.arch === arch);
  if (bundle === undefined) return wait(`it has no bundle for ${arch}`);
  return { kind: "install", release, bundle };
}

const wait = (why: string): Step => ({ kind: "wait", why });

/**
 * What is to be said on the ledger now: the program that runs, and what became of the release that was
 * tried. Undefined while nothing new is to be said, and while a program is on trial: what is not kept
 * yet is not what this unit runs.
 */
export function wordOf({ program, update, followed }: FollowFacts): Said | undefined {
  if (update === undefined || update.trial !== undefined || update.pending !== undefined) {
    return undefined;
  }
  const { tried, refused, said } = followed;
  const word: Said = { program, ...outcomeOf(tried, { refused, last: update.last, program }) };
  return sameWord(word, said) ? undefined : word;
}

function outcomeOf(
  tried: Followed["tried"],
  {
    refused,
    last,
    program,
  }: {
    readonly refused: string | undefined;
    readonly last: Outcome | undefined;
    readonly program: string;
  },
): Omit<Said, "program"> {
  if (tried === undefined) return {};
  const release = tried.number;
  if (refused !== undefined) return { release, result: "refused", reason: cut(refused) };
  if (program === tried.version) return { release, result: "kept" };
  // Its trial ended, or it was undone by hand later: another program runs now.
  const why =
    last?.version === tried.version && last.outcome !== "committed" ? last.reason : undefined;
  return { release, result: "rolled-back", reason: cut(why ?? `${program} runs instead`) };
}

const reasonMax = 200;
const cut = (text: string): string => text.slice(0, reasonMax).toWellFormed();

const sameWord = (a: Said, b: Said | undefined): boolean =>
  b !== undefined &&
  a.program === b.program &&
  a.release === b.release &&
  a.result === b.result &&
  a.reason === b.reason;

/** Reads a note of what was followed; one that is none is begun anew: the ledger answers what it has already. */
export function followedIn(text: string | undefined): Followed {
  try {
    const value = Object(JSON.parse(text ?? "{}")) as Followed;
    const { tried, refused, said } = value;
    return {
      ...(Number.isInteger(tried?.number) && typeof tried?.version === "string" ? { tried } : {}),
      ...(typeof refused === "string" ? { refused } : {}),
      ...(typeof said?.program === "string" ? { said } : {}),
    };
  } catch {
    return {};
  }
}
