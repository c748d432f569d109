import { type Db, type Int, partySums } from "./tables.ts";

/** The statements that write what a block brings: built ahead (`npm run statements`), into `statements.json`. */

type Opened = {
  readonly slot: Int;
  readonly stage: string;
  readonly scale: string;
  readonly pass: Int;
  readonly cg: Int | null;
  readonly cu: Int | null;
  readonly gc: Int | null;
  readonly gu: Int | null;
};

/** How far it has come, and the trades so far. */
export const position = (db: Db) => db.selectFrom("portal_total").select(["height", "contracts"]);

export const addBlock = (
  db: Db,
  values: {
    readonly height: Int;
    readonly time: Int;
    readonly hash: string;
    readonly transactions: Int;
    readonly proposer: string;
  },
) => {
  const { height, time, hash, transactions, proposer } = values;
  return db.insertInto("portal_block").values({ height, time, hash, transactions, proposer });
};

/** A parameter beside + is a float to SQLite, and so would the sum be: it is said to be an integer. */
export const count = (
  db: Db,
  values: {
    readonly height: Int;
    readonly appHash: string;
    readonly transactions: Int;
    readonly readings: Int;
    readonly contracts: Int;
    readonly settled: Int;
    readonly tradedWh: Int;
  },
) =>
  db.updateTable("portal_total").set((eb) => ({
    height: values.height,
    app_hash: values.appHash,
    blocks: eb("blocks", "+", 1),
    transactions: eb("transactions", "+", eb.cast<Int>(eb.val(values.transactions), "bigint")),
    readings: eb("readings", "+", eb.cast<Int>(eb.val(values.readings), "bigint")),
    contracts: eb("contracts", "+", eb.cast<Int>(eb.val(values.contracts), "bigint")),
    settled: eb("settled", "+", eb.cast<Int>(eb.val(values.settled), "bigint")),
    traded_wh: eb("traded_wh", "+", eb.cast<Int>(eb.val(values.tradedWh), "bigint")),
  }));

export const setPrices = (db: Db, values: Opened) => {
  const { slot, stage, scale, pass, cg, cu, gc, gu } = values;
  return db
    .insertInto("portal_slot")
    .values({ slot, stage, scale, pass, cg, cu, gc, gu })
    .onConflict((conflict) =>
      conflict.column("slot").doUpdateSet((eb) => ({
        stage: eb.ref("excluded.stage"),
        scale: eb.ref("excluded.scale"),
        pass: eb.ref("excluded.pass"),
        cg: eb.ref("excluded.cg"),
        cu: eb.ref("excluded.cu"),
        gc: eb.ref("excluded.gc"),
        gu: eb.ref("excluded.gu"),
      })),
    );
};

export const setStage = (db: Db, { slot, stage }: { readonly slot: Int; readonly stage: string }) =>
  db
    .insertInto("portal_slot")
    .values({ slot, stage })
    .onConflict((conflict) =>
      conflict.column("slot").doUpdateSet((eb) => ({ stage: eb.ref("excluded.stage") })),
    );

export const setClearing = (
  db: Db,
  { slot, clearing }: { readonly slot: Int; readonly clearing: Int },
) => db.updateTable("portal_slot").set({ clearing }).where("slot", "=", slot);

export const feedersOf = (db: Db, { slot }: { readonly slot: Int }) =>
  db.selectFrom("portal_slot").select("feeders").where("slot", "=", slot);

export const setFeeders = (
  db: Db,
  { slot, feeders }: { readonly slot: Int; readonly feeders: string },
) => db.updateTable("portal_slot").set({ feeders }).where("slot", "=", slot);

export const addTrade = (
  db: Db,
  values: {
    readonly seq: Int;
    readonly contract: string;
    readonly slot: Int;
    readonly seller: string;
    readonly buyer: string;
    readonly quantityWh: Int;
    readonly price: Int;
    readonly fee: Int;
    readonly origin: string;
    readonly scale: string;
  },
) => {
  const { seq, contract, slot, seller, buyer, quantityWh, price, fee, origin, scale } = values;
  const parties = { seller, buyer, quantity_wh: quantityWh };
  return db
    .insertInto("portal_trade")
    .values({ seq, contract, slot, ...parties, price, fee, origin, scale });
};

export const countScale = (
  db: Db,
  { scale, contracts }: { readonly scale: string; readonly contracts: Int },
) =>
  db
    .updateTable("portal_scale")
    .set((eb) => ({ contracts: eb("contracts", "+", eb.cast<Int>(eb.val(contracts), "bigint")) }))
    .where("scale", "=", scale);

/** Adds to a slot's sums. What is excluded is as it was bound in SQLite, a float: it is said to be an integer. */
export const countTrades = (
  db: Db,
  values: { readonly slot: Int; readonly tradedWh: Int; readonly contracts: Int },
) =>
  db
    .insertInto("portal_slot")
    .values({ slot: values.slot, traded_wh: values.tradedWh, contracts: values.contracts })
    .onConflict((conflict) =>
      conflict.column("slot").doUpdateSet((eb) => ({
        traded_wh: eb("portal_slot.traded_wh", "+", eb.cast<Int>("excluded.traded_wh", "bigint")),
        contracts: eb("portal_slot.contracts", "+", eb.cast<Int>("excluded.contracts", "bigint")),
      })),
    );

export const settleTrade = (
  db: Db,
  values: { readonly contract: string; readonly amount: Int; readonly gridFee: Int },
) =>
  db
    .updateTable("portal_trade")
    .set({ state: "paid", amount: values.amount, grid_fee: values.gridFee })
    .where("contract", "=", values.contract);

export const setTrade = (
  db: Db,
  { contract, state }: { readonly contract: string; readonly state: string },
) => db.updateTable("portal_trade").set({ state }).where("contract", "=", contract);

export const cutTrade = (
  db: Db,
  { contract, quantityWh }: { readonly contract: string; readonly quantityWh: Int },
) =>
  db.updateTable("portal_trade").set({ quantity_wh: quantityWh }).where("contract", "=", contract);

export const quantityOf = (db: Db, { contract }: { readonly contract: string }) =>
  db.selectFrom("portal_trade").select("quantity_wh").where("contract", "=", contract);

export const setMeter = (
  db: Db,
  values: {
    readonly meter: string;
    readonly device: string;
    readonly owner: string;
    readonly seq: Int;
    readonly time: Int;
    readonly importWh: Int;
    readonly exportWh: Int;
    readonly powerW: Int | null;
    readonly clock: Int | null;
    readonly height: Int;
    readonly blockTime: Int;
  },
) => {
  const { meter, device, owner, seq, time, powerW, clock, height } = values;
  const energy = { import_wh: values.importWh, export_wh: values.exportWh };
  const shown = { power_w: powerW, clock, height, block_time: values.blockTime };
  return db
    .insertInto("portal_meter")
    .values({ meter, device, owner, seq, time, ...energy, ...shown })
    .onConflict((conflict) =>
      conflict.column("meter").doUpdateSet((eb) => ({
        device: eb.ref("excluded.device"),
        owner: eb.ref("excluded.owner"),
        seq: eb.ref("excluded.seq"),
        time: eb.ref("excluded.time"),
        import_wh: eb.ref("excluded.import_wh"),
        export_wh: eb.ref("excluded.export_wh"),
        power_w: eb.ref("excluded.power_w"),
        clock: eb.ref("excluded.clock"),
        height: eb.ref("excluded.height"),
        block_time: eb.ref("excluded.block_time"),
      })),
    );
};

/** Adds to the sums of an owner's slot; what is not told of is 0. */
export const addPartySlot = (
  db: Db,
  values: { readonly owner: string; readonly slot: Int } & {
    readonly [sum in (typeof partySums)[number]]: Int;
  },
) => {
  const { owner, slot } = values;
  const sums = Object.fromEntries(partySums.map((sum) => [sum, values[sum]])) as {
    [sum in (typeof partySums)[number]]: Int;
  };
  return db
    .insertInto("portal_party_slot")
    .values({ owner, slot, ...sums })
    .onConflict((conflict) =>
      conflict
        .columns(["owner", "slot"])
        .doUpdateSet((eb) =>
          Object.fromEntries(
            partySums.map((sum) => [
              sum,
              eb(`portal_party_slot.${sum}`, "+", eb.cast<Int>(`excluded.${sum}`, "bigint")),
            ]),
          ),
        ),
    );
};

export const openPass = (
  db: Db,
  values: {
    readonly slot: Int;
    readonly pass: Int;
    readonly scale: string;
    readonly opened: string;
  },
) => {
  const { slot, pass, scale, opened } = values;
  return db
    .insertInto("portal_pass")
    .values({ slot, pass, scale, opened })
    .onConflict((conflict) =>
      conflict
        .columns(["slot", "pass"])
        .doUpdateSet((eb) => ({ opened: eb.ref("excluded.opened") })),
    );
};

export const clearPass = (
  db: Db,
  values: {
    readonly slot: Int;
    readonly pass: Int;
    readonly scale: string;
    readonly colony: string;
    readonly exact: string | null;
    readonly clearing: Int | null;
    readonly quantityWh: Int;
  },
) => {
  const { slot, pass, scale, colony, exact, clearing, quantityWh } = values;
  return db
    .insertInto("portal_pass")
    .values({ slot, pass, scale, colony, exact, clearing, quantity_wh: quantityWh })
    .onConflict((conflict) =>
      conflict.columns(["slot", "pass"]).doUpdateSet((eb) => ({
        colony: eb.ref("excluded.colony"),
        exact: eb.ref("excluded.exact"),
        clearing: eb.ref("excluded.clearing"),
        quantity_wh: eb.ref("excluded.quantity_wh"),
      })),
    );
};
