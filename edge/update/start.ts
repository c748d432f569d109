import { Failure, type Verify } from "@busbar/protocol";
import { checkProgram } from "./check-slot.ts";
import type { Disk } from "./disk.ts";
import { openManifest } from "./manifest.ts";
import { manifestOf, programOf } from "./place.ts";
import { goBack, onStart, type Slot, type State } from "./state.ts";
import { writeState } from "./store.ts";

/** What is run. `slot` undefined: the installation itself, for the reason given, if there is one. */
export type Decision = {
  readonly slot: Slot | undefined;
  readonly state: State;
  readonly reason?: string;
};

/**
 * Decides which program a start runs, and puts on the disk what a later start has to know of it. A slot is
 * run only when its signature and each of its files hold; whatever is wrong with it, the installation
 * itself is run and says why.
 * Throws: what the disk throws.
 */
export function decide(
  disk: Disk,
  options: {
    readonly folder: string;
    readonly state: State;
    readonly installation: string;
    readonly keys: readonly Uint8Array[];
    readonly arch: string;
    readonly verify: Verify;
    /** Why the program in a folder cannot be started here at all; undefined where it can. */
    readonly unfit: (program: string) => string | undefined;
  },
): Decision {
  const { folder, state: before, installation } = options;
  let { state, run } = onStart(before, installation);
  let reason: string | undefined;
  // At most: the trial, the slot before it, the installation.
  while (run !== undefined) {
    const fault = faultOf(disk, run, options);
    if (fault === undefined) break;
    reason = fault;
    state = goBack(state, fault);
    run = state.active;
  }
  if (state !== before) writeState(disk, folder, state);
  return { slot: run, state, ...(reason === undefined ? {} : { reason }) };
}

function faultOf(
  disk: Disk,
  slot: Slot,
  { folder, keys, arch, verify, unfit }: Parameters<typeof decide>[1],
): string | undefined {
  try {
    const path = manifestOf(folder, slot);
    if (disk.kind(path) !== "file") return "the bundle is not on the disk";
    const manifest = openManifest(disk.read(path), keys, verify);
    if (manifest.arch !== arch) return `it is for ${manifest.arch}`;
    checkProgram(disk, programOf(folder, slot), manifest);
    return unfit(programOf(folder, slot));
  } catch (error) {
    if (error instanceof Failure) return error.message;
    throw error;
  }
}
