import { join } from "node:path";
import { Failure } from "@busbar/protocol";
import { type Disk, replaceFile } from "./disk.ts";
import { parseState, type State, stateBytes } from "./state.ts";

/** Where an update keeps its bundles and what it knows of them, below the unit's own files. */
export const updateFolder = (home: string): string => join(home, "update");

const stateName = "state.json";
export const statePath = (folder: string): string => join(folder, stateName);

/** What is known of updates; of a unit that never had one, nothing but its installation. */
export function readState(disk: Disk, folder: string, installation: string): State {
  const path = statePath(folder);
  if (disk.kind(path) === undefined) return { installation };
  return parseState(disk.read(path));
}

/** On the disk before the call returns, whole or not at all. */
export function writeState(disk: Disk, folder: string, state: State): void {
  replaceFile(disk, { folder, name: stateName, bytes: stateBytes(state) });
}

/** What is known, or why it cannot be known: the installation itself runs on either way. */
export function stateOrFault(
  disk: Disk,
  folder: string,
  installation: string,
): { readonly state: State; readonly fault?: string } {
  try {
    return { state: readState(disk, folder, installation) };
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    return { state: { installation }, fault: error.message };
  }
}
