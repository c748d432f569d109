import { demandMandates, demands } from "../../ledger/demand.ts";
import type { StateReader } from "../../ledger/state/state.ts";
import { devices } from "../../ledger/tables.ts";
import type { OrdersAnswer } from "./shapes-community.ts";

/** Orders that one answer holds: the state keeps them as long as their slots. */
const ordersMax = 500;

/** Orders of demand response, those whose slots begin last before others, and what units may be ordered without asking. */
export function ordersOf(state: StateReader, owner?: string): OrdersAnswer {
  const isMeant = (one: string) => owner === undefined || one === owner;
  const orders = Array.from(demands.scan(state))
    .filter(([, { by, owner: whose }]) => isMeant(by) || isMeant(whose))
    .sort(([a, one], [b, other]) => other.slot - one.slot || (a < b ? -1 : 1))
    .slice(0, ordersMax);
  const units = Array.from(devices.scan(state), ([, device]) => device).filter((device) =>
    isMeant(device.owner),
  );
  return {
    orders: orders.map(([id, order]) => ({
      id,
      by: order.by,
      owner: order.owner,
      device: order.device,
      action: order.action,
      slot: order.slot,
      slots: order.slots,
      energyWh: order.energy,
      price: order.price,
      limitW: order.limitW ?? null,
      toSlot: order.toSlot ?? null,
      answerBy: order.answerBy,
      status: order.status,
      usualWh: [...order.usual],
      deliveredWh: order.deliveredWh ?? null,
      money: order.money ?? null,
    })),
    units: units.map(({ id, owner: whose }) => {
      const mandate = demandMandates.get(state, id);
      return {
        device: id,
        owner: whose,
        mandate:
          mandate === undefined
            ? null
            : {
                version: mandate.version,
                energyMaxWh: mandate.energyMax,
                limitWMin: mandate.limitWMin,
                priceMin: mandate.priceMin,
                slotsMax: mandate.slotsMax,
                until: mandate.until,
                by: mandate.by ?? null,
              },
      };
    }),
  };
}
