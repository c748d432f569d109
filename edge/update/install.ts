import { randomBytes } from "node:crypto";
import { statSync } from "node:fs";
import { dirname, join } from "node:path";
import { Failure, type Verify } from "@busbar/protocol";
import { payloadOf, readBundleHead } from "./bundle-file.ts";
import type { Disk } from "./disk.ts";
import { unpressed } from "./make.ts";
import { type Manifest, openManifest } from "./manifest.ts";
import { hashing, placeProgram, programOf } from "./place.ts";
import { beginTrial, type Expected, freeSlot, type State } from "./state.ts";
import { readState, writeState } from "./store.ts";
import { compareVersions } from "./version-order.ts";

/** A program of this project is some 130 MB; what is there already is not taken into account. */
const freeBytesMin = 300 * 1024 * 1024;

/** What an installation of a bundle needs to know. */
export type InstallOptions = {
  readonly disk: Disk;
  readonly folder: string;
  readonly bundle: string;
  readonly installation: string;
  /** The version that runs now. */
  readonly running: string;
  readonly keys: readonly Uint8Array[];
  readonly verify: Verify;
  readonly arch: string;
  readonly journal: number;
  readonly allowOlder: boolean;
  readonly minutes: number;
  readonly expected: Expected;
  /** Of the disk under the folder. */
  readonly freeBytes: () => number;
  /** Lets the program in a folder test itself. Throws where it fails. */
  readonly tryProgram: (program: string) => Promise<void>;
  readonly say: (line: string) => void;
};

/**
 * Puts a signed bundle into the free slot and on trial. Until the last write the unit goes on as before,
 * whatever happens.
 * Throws: `Failure` `update.*`, and what the disk throws.
 */
export async function install(options: InstallOptions): Promise<Manifest> {
  const { disk, folder, bundle, minutes, expected, say } = options;
  const head = readBundleHead(bundle);
  const manifest = openManifest(head.manifest, options.keys, options.verify);
  if (disk.kind(folder) === undefined) {
    disk.makeFolder(folder);
    disk.sync(dirname(folder));
  }
  const state = readState(disk, folder, options.installation);
  checkFit(manifest, state, options);
  const size = statSync(bundle).size - head.payloadAt;
  if (size !== manifest.payload.bytes) {
    const message = `${bundle}: expected ${manifest.payload.bytes} bytes of program, got ${size}: fetch it again`;
    throw refused("update.spoilt", message);
  }
  const slot = freeSlot(state);
  say(`unpacks ${manifest.version} into slot ${slot}`);
  const { chunks, digest } = hashing(payloadOf(bundle, head));
  const archive = unpressed(chunks);
  await placeProgram(disk, { folder, slot, manifest, signed: head.manifest, archive, digest });
  say("the program tests itself on this machine");
  await options.tryProgram(programOf(folder, slot));
  const id = randomBytes(8).toString("hex");
  const trial = { id, slot, version: manifest.version, minutes, expected };
  writeState(disk, folder, beginTrial(state, trial));
  return manifest;
}

function checkFit(manifest: Manifest, state: State, options: InstallOptions): void {
  const { arch, journal, running, allowOlder, folder, freeBytes } = options;
  if (state.trial !== undefined) {
    const message = `${state.trial.version} is on trial; wait for it, or busbar-edge update rollback`;
    throw refused("update.on-trial", message);
  }
  if (manifest.arch !== arch) {
    throw refused(
      "update.other-machine",
      `the bundle is for ${manifest.arch}, this machine is ${arch}`,
    );
  }
  if (manifest.journal !== journal) {
    const message = `the bundle writes a journal of form ${manifest.journal}, this program one of form ${journal}: it could not be rolled back; install it as a package`;
    throw refused("update.other-journal", message);
  }
  const order = compareVersions(manifest.version, running);
  if (order === 0) throw refused("update.same", `${running} runs already`);
  if (order < 0 && !allowOlder) {
    const message = `${manifest.version} is older than ${running}, which runs; --allow-older installs it all the same`;
    throw refused("update.older", message);
  }
  if (freeBytes() < freeBytesMin) {
    const [wanted, got] = [freeBytesMin, freeBytes()].map((bytes) => Math.floor(bytes / 2 ** 20));
    const message = `${folder}: expected ${wanted} MB free, got ${got}; make room`;
    throw new Failure("update.no-room", message, { retry: "later" });
  }
}

/** The version of the program in a slot, as its bundle said; undefined where there is none. */
export function versionIn(disk: Disk, folder: string, slot: State["active"]): string | undefined {
  if (slot === undefined) return undefined;
  const path = join(programOf(folder, slot), "bundle.json");
  if (disk.kind(path) !== "file") return undefined;
  const { version } = JSON.parse(new TextDecoder().decode(disk.read(path))) as {
    version?: unknown;
  };
  return typeof version === "string" ? version : undefined;
}

const refused = (code: string, message: string): Failure =>
  new Failure(code, message, { retry: "never" });
