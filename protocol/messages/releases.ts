import { array, bytes, int, oneOf, type TypeOf, text } from "../schema/codec.ts";
import { field, optional, record } from "../schema/record.ts";
import { id } from "./id.ts";

const most = Number.MAX_SAFE_INTEGER;
const count = int(0, 100_000);

/** A program's version, as Debian compares them: 0.2.0-1. */
export const programVersion = text(64, /^\d[0-9A-Za-z.+~-]*$/);

/** Processors that bundles are made for, by Debian's names. */
export const bundleArch = oneOf("arm64", "amd64");

/** One bundle's file: all of its bytes, the signed manifest included. */
export const releaseBundle = record("release-bundle", {
  arch: field(1, bundleArch),
  bytes: field(2, int(1, 512 * 1024 * 1024)),
  sha256: field(3, bytes(32)),
});

/** From when on how many units may install a release, in thousandths of all. */
export const releaseStage = record("release-stage", {
  permille: field(1, int(0, 1000)),
  /** Before the next stage may begin. */
  waitMinutes: field(2, int(0, 90 * 1440)),
  /** Units that must have kept it before the next stage begins. */
  keptMin: field(3, count),
});

/**
 * A program that the members let units install, stage by stage. Canaries may from the start; which units
 * a share means follows from a hash of release and unit (`releasePlace`).
 */
export const release = record("release", {
  /** One more than the release before. */
  number: field(1, int(1, most)),
  version: field(2, programVersion),
  bundles: field(3, array(releaseBundle, 1, 2)),
  canaries: field(4, array(id, 0, 64)),
  stages: field(5, array(releaseStage, 1, 8)),
  /** More units than this that undo or refuse it stop it for all others. */
  failuresMax: field(6, count),
  /** How long it has to prove itself at a unit. */
  trialMinutes: field(7, int(1, 1440)),
  /** The folder that its bundles are fetched from. Any will do: their bytes are known. */
  source: optional(8, text(200, /^https?:\/\/[A-Za-z0-9.:[\]-]+(\/[\w.~%/-]*)?$/)),
});

/** A member asks the others for a release; without one, for the end of the present one. */
export const releaseMotion = record("release-motion", {
  nonce: field(1, bytes(16)),
  member: field(2, id),
  release: optional(3, release),
  reason: optional(4, text(200)),
});

export type Release = TypeOf<typeof release>;
export type ReleaseBundle = TypeOf<typeof releaseBundle>;
export type ReleaseMotion = TypeOf<typeof releaseMotion>;
