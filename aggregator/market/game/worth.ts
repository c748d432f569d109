/** f(p) = p − κ p²: what one kWh at price p moves from buyer to seller once the subsidy of eq. 3, 6 and 8
 * of Liu & Zhou is paid. Units: currency/kWh; κ = `subsidy` in kWh/currency, the paper's 0.05. */
export const worthAt = (price: number, subsidy: number): number => price - subsidy * price * price;

/** The price whose worth is `value`, on the branch where f grows (p < 1/2κ); stable for κ → 0. */
export const priceWorth = (value: number, subsidy: number): number =>
  (2 * value) / (1 + Math.sqrt(1 - 4 * subsidy * value));
