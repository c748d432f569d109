import { array, field, instant, int, oneOf, record } from "@busbar/protocol/schema";
import { takingSorts } from "../settlement/takings.ts";
import { table } from "./state/table.ts";

const most = Number.MAX_SAFE_INTEGER;
const sum = int(-most, most);

const taking = record("taking", {
  sort: field(1, oneOf(...takingSorts)),
  money: field(2, sum),
  energyWh: field(3, sum),
});

/** `taking/<slot>/<owner>`: what a slot brought an owner for what others did in it; as long as the slot. */
export const takings = table(
  "taking",
  record("takings", { sums: field(1, array(taking, 0, takingSorts.length)) }),
);

/** `takes/<owner>`: owners that ever had a taking, and the first slot they had one in. */
export const takers = table("takes", record("takes", { since: field(1, instant) }));
