import { usualTiming } from "../../aggregator/consensus/pbft/limits.ts";
import { Cluster } from "./cluster.ts";
import { Random } from "./random.ts";

export const ids = ["a", "b", "c", "d"];

/** Members a, b, c, d: a leads view 0, b view 1, … */
export const four = (options: Partial<ConstructorParameters<typeof Cluster>[0]> = {}): Cluster =>
  new Cluster({ random: new Random(7), ids, timing: usualTiming, ...options });

/** How often anybody asked for another view. */
export const views = (cluster: Cluster): number => cluster.counts.get("consensus.view-change") ?? 0;

/** Gives frames to one member, one after the other. */
export function submitMany(cluster: Cluster, count: number, everyMs: number, to = "a"): void {
  for (let i = 0; i < count; i += 1) {
    cluster.agenda.at(cluster.agenda.now + i * everyMs, () =>
      cluster.submit(`pay x y ${i + 1} #${i}`, to),
    );
  }
}
