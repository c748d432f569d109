import type { Micro, MicroPerKwh, Wh } from "./brands.ts";
import { mulDiv, type Rounding } from "./mul-div.ts";

/** What `energy` costs at `price`: price · energy / 1000, because prices are per kWh. */
export function cost(price: MicroPerKwh, energy: Wh, rounding: Rounding = "half-even"): Micro {
  return mulDiv(price, energy, 1000, rounding) as Micro;
}
