/**
 * f(p) = p − κ p²: what one kWh at price p moves from buyer to seller once the subsidy of eq. 3, 6 and 8
 * of Liu & Zhou is paid. Below 0 the buyer is paid by the price alone, and f(p) = p: a subsidy that grew with
 * what somebody gets for using energy would pay for waste. f rises through 0 without a bend, so nothing
 * that is said of it elsewhere changes there. Units: currency/kWh; κ = `subsidy` in kWh/currency, the paper's 0.05.
 */
export const worthAt = (price: number, subsidy: number): number =>
  price > 0 ? price - subsidy * price * price : price;

/** The price whose worth is `value`, on the branch where f grows (p < 1/2κ); stable for κ → 0. */
export const priceWorth = (value: number, subsidy: number): number =>
  value > 0 ? (2 * value) / (1 + Math.sqrt(1 - 4 * subsidy * value)) : value;
