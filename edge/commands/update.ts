import { renameSync, rmSync, statfsSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { Failure } from "@busbar/protocol";
import { openKeyFile, readKeyFile, signerOf, verify } from "@busbar/protocol/node";
import { type LoadedConfig, loadConfig } from "../config/load.ts";
import { journalVersion } from "../journal/database.ts";
import { askUnit } from "../status/ask.ts";
import { readBundleHead, writeBundle } from "../update/bundle-file.ts";
import { systemDisk } from "../update/disk.ts";
import { archOf } from "../update/enter.ts";
import { install, versionIn } from "../update/install.ts";
import { expectedOf } from "../update/judge.ts";
import { keysName, readKeys } from "../update/keys.ts";
import { inspectPackage } from "../update/make.ts";
import { manifestBytes, readManifest, signManifest } from "../update/manifest.ts";
import { goBack, type State } from "../update/state.ts";
import { readState, updateFolder, writeState } from "../update/store.ts";
import { tryProgram } from "../update/try-program.ts";
import { version as installation } from "../version.ts";
import { print } from "./output.ts";

type Json = { readonly json?: boolean };

/** Makes a key to sign bundles with, where there is none, and prints what units are to know of it. */
export function updateKey(file: string, { json = false }: Json): void {
  const key = publicKeyIn(openKeyFile(resolve(file)));
  print(json, { ok: true, file, key }, () =>
    [
      `${file}: keep it off every unit, and a copy of it in a safe place.`,
      `Units take bundles signed by it once this line stands in ${keysName} beside their edge.yaml:`,
      "",
      key,
    ].join("\n"),
  );
}

/** Makes a bundle of a package's tarball; with a key it is signed at once. */
export async function updateMake(
  tarball: string,
  { output, key, json = false }: Json & { readonly output?: string; readonly key?: string },
): Promise<void> {
  const manifest = await inspectPackage(tarball);
  const { version, arch } = manifest;
  const path = output ?? `busbar-edge_${version}_${arch}.bundle`;
  const head =
    key === undefined
      ? manifestBytes(manifest)
      : signManifest(manifest, signerOf(readKeyFile(resolve(key))));
  await writeWhole(path, (aside) => writeBundle(aside, head, { from: tarball, at: 0 }));
  print(json, { ok: true, path, ...manifest, signed: key !== undefined }, () => {
    const next = key === undefined ? `\nNext: busbar-edge update sign ${path} --key FILE` : "";
    return `${path}: busbar-edge ${version} for ${arch}, ${key === undefined ? "not signed" : "signed"}${next}`;
  });
}

/** Signs a bundle, in the place of whoever signed it before. */
export async function updateSign(
  path: string,
  { key, json = false }: Json & { readonly key: string },
): Promise<void> {
  const signer = signerOf(readKeyFile(resolve(key)));
  const head = readBundleHead(path);
  const manifest = readManifest(head.manifest);
  const signed = signManifest(manifest, signer);
  await writeWhole(path, (aside) => writeBundle(aside, signed, { from: path, at: head.payloadAt }));
  const by = Buffer.from(signer.publicKey).toString("base64url");
  print(
    json,
    { ok: true, path, version: manifest.version, by },
    () => `${path} is signed by ${by}`,
  );
}

/** Puts a bundle on trial in the unit of this configuration. */
export async function updateInstall(
  bundle: string,
  options: Json & {
    readonly config: string;
    readonly minutes: string;
    readonly allowOlder?: boolean;
    readonly stopped?: boolean;
  },
): Promise<void> {
  const { json = false } = options;
  const minutes = Number(options.minutes);
  if (!(minutes >= 1 && minutes <= 1440)) {
    throw usage(`expected --minutes from 1 to 1440, got ${options.minutes}`);
  }
  const config = loadConfig(options.config);
  const unit = await askUnit(config);
  if (unit === undefined && options.stopped !== true) {
    const message =
      "the unit does not run, so nobody knows what it could do before; start it, or --stopped tries the bundle without comparing";
    throw new Failure("update.not-running", message, { retry: "later" });
  }
  const nothing = { meters: [], clock: false, receipts: false };
  const expected = unit === undefined ? nothing : expectedOf(unit);
  const { folder, state } = known(config);
  const { version } = await install({
    disk: systemDisk,
    folder,
    bundle,
    installation,
    running: versionIn(systemDisk, folder, state.active) ?? installation,
    keys: readKeys(systemDisk, join(dirname(resolve(config.file)), keysName)),
    verify,
    arch: archOf(process.arch),
    journal: journalVersion,
    allowOlder: options.allowOlder ?? false,
    minutes,
    expected,
    freeBytes: () => {
      const { bavail, bsize } = statfsSync(config.home);
      return bavail * bsize;
    },
    tryProgram,
    say: (line) => process.stderr.write(`${line}\n`),
  });
  print(json, { ok: true, version, minutes, expected }, () => {
    const meters = expected.meters.map(({ id, serial }) => `${id}${serial ? ` (${serial})` : ""}`);
    const kept = [
      ...(meters.length > 0 ? [`${meters.join(", ")} answer again`] : []),
      "the store takes readings",
      ...(expected.clock ? ["the time is known"] : []),
      ...(expected.receipts ? ["a receipt has come"] : []),
    ];
    return `${version} is on trial; the unit begins it within seconds.\nIt is kept when within ${minutes} min ${kept.join(", ")}; else the unit goes back.\nbusbar-edge update status shows how it goes.`;
  });
}

/** Which program runs, what is on trial, and what became of the last one. */
export async function updateStatus({
  config: file,
  json = false,
}: Json & { readonly config: string }) {
  const config = loadConfig(file);
  const { folder, state } = known(config);
  const unit = await askUnit(config);
  const said = { ...state, running: unit?.version, now: unit?.update };
  print(json, { ok: true, ...said }, () => textOf(state, { folder, unit }));
}

/** Back to the program that ran before. */
export function updateRollback({
  config: file,
  json = false,
}: Json & { readonly config: string }): void {
  const { folder, state } = known(loadConfig(file));
  const back = goBack(state, "by hand");
  if (back === state) {
    const message = "the installation itself runs: there is nothing to go back to";
    throw new Failure("update.nothing", message, { retry: "never" });
  }
  writeState(systemDisk, folder, back);
  print(json, { ok: true, ...back }, () => {
    const to = back.active === undefined ? "the installation" : `slot ${back.active}`;
    return `The unit goes back to ${to} within seconds.`;
  });
}

function known(config: LoadedConfig) {
  const folder = updateFolder(config.home);
  return { folder, state: readState(systemDisk, folder, installation) };
}

function textOf(
  state: State,
  { folder, unit }: { readonly folder: string; readonly unit: Awaited<ReturnType<typeof askUnit>> },
): string {
  const { active, before, trial, last } = state;
  const inSlot = (slot: State["active"]) =>
    slot === undefined
      ? `the installation, ${installation}`
      : `slot ${slot}, ${versionIn(systemDisk, folder, slot) ?? "which is not there"}`;
  const waits = unit?.update?.trial?.waitsFor ?? [];
  return [
    `runs      ${unit === undefined ? "not now" : unit.update?.slot === undefined ? inSlot(undefined) : inSlot(unit.update.slot)}`,
    `kept      ${inSlot(active)}`,
    ...(before === undefined ? [] : [`before    ${inSlot(before)}`]),
    ...(trial === undefined
      ? []
      : [`on trial  ${trial.version}${waits.length > 0 ? `, waits for ${waits.join(", ")}` : ""}`]),
    ...(last === undefined ? [] : [`last      ${last.version} ${last.outcome}: ${last.reason}`]),
  ].join("\n");
}

function publicKeyIn(key: Parameters<typeof signerOf>[0]): string {
  return Buffer.from(signerOf(key).publicKey).toString("base64url");
}

/** A file as a whole or not at all. */
async function writeWhole(path: string, write: (aside: string) => Promise<void>): Promise<void> {
  const aside = `${path}.${process.pid}.new`;
  try {
    await write(aside);
    systemDisk.sync(aside);
    renameSync(aside, path);
  } finally {
    rmSync(aside, { force: true });
  }
}

const usage = (message: string): Failure =>
  new Failure("usage.update", message, { retry: "never" });
