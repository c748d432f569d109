/** What helps against the ledger's refusal of readings, by its code (aggregator/ledger/rules/readings.ts). */
export function refusalRemedy(code: string): string {
  switch (code) {
    case "readings.future":
      return "the readings are of a later time than now: set the unit's clock; they are taken when their time has come";
    case "readings.overlap":
    case "readings.chain":
    case "readings.exists-different":
    case "readings.gap":
      return "the ledger holds another history of this meter, of an earlier disk or another unit: put the old data folder back, or have the meter admitted under a new id";
    case "tx.suspended":
      return "the unit is suspended: it reads on and keeps its readings, which are taken when its owner or a member lets it go on";
    case "readings.retired":
      return "the meter was taken out of the market: have it admitted anew under another id, or remove it here";
    default:
      return "ask a member whether the meter is admitted for this unit";
  }
}
