import type { DayIndex } from "@busbar/protocol/forecast";
import { KdTree } from "../kdtree/kd-tree.ts";

/** Days looked up on the k-d tree, by what they were like. */
export const dayTree: DayIndex = (dimension) => new KdTree({ dimension });
