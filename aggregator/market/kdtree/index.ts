/** The nearest of many points, in any dimension; see README.md. */
export { type KdPoints, KdTree, type Neighbour, type SearchLimits } from "./kd-tree.ts";
