import type { Refusal, Release, ReleaseMotion } from "@busbar/protocol";
import { refuse } from "../../refuse.ts";
import type { BlockContext } from "../../rule.ts";
import type { StateReader } from "../../state/state.ts";
import { releases } from "../../unit-reports.ts";

/**
 * Why a release cannot be the present one, or why there is none to end; codes, in order: `release.none`,
 * `release.number`, `release.bundles`, `release.stages`.
 */
export function checkRelease(
  state: StateReader,
  release: ReleaseMotion["release"],
): Refusal | undefined {
  const current = releases.get(state, "current");
  if (release === undefined) {
    if (current !== undefined && current.stopped === undefined) return undefined;
    return refuse("release.none", "no release is under way that could be ended");
  }
  const next = (current?.release.number ?? 0) + 1;
  if (release.number !== next) {
    return refuse("release.number", `expected release ${next}, got ${release.number}`);
  }
  const archs = new Set(release.bundles.map(({ arch }) => arch));
  if (archs.size !== release.bundles.length) {
    return refuse("release.bundles", "expected one bundle for each kind of processor");
  }
  if (isFalling(release)) {
    return refuse("release.stages", "expected stages that let ever more units install");
  }
  return undefined;
}

const isFalling = ({ stages }: Release): boolean =>
  stages.some(({ permille }, i) => permille < (stages[i - 1]?.permille ?? 0));

/** Makes a release the present one, or ends it. */
export function enactReleaseMotion(
  context: BlockContext,
  { release }: ReleaseMotion,
): Refusal | undefined {
  const { state, time, height, emit } = context;
  const refusal = checkRelease(state, release);
  if (refusal !== undefined) return refusal;
  if (release !== undefined) {
    releases.set(state, "current", { release, from: time, height, kept: 0, failed: 0 });
    emit({ type: "release-decided", number: release.number, version: release.version });
    return undefined;
  }
  const current = releases.get(state, "current");
  if (current === undefined) return undefined;
  releases.set(state, "current", { ...current, stopped: "withdrawn" });
  emit({ type: "release-stopped", number: current.release.number, reason: "withdrawn" });
  return undefined;
}
