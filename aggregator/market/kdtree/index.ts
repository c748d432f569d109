/** The nearest of many points, in any dimension; see README.md. */
export { type KdPoints, KdTree } from "./kd-tree.ts";
export type { Neighbour, SearchLimits } from "./search.ts";
