/** How an owner's account stands, as `busbar-aggregator credit --json` tells it; money 10⁻⁶ currency. */
export type Standing = {
  readonly id: string;
  readonly score: number;
  readonly balance: number;
  readonly collateral: number;
  /** What it may still bind itself to; null where the site has no terms. */
  readonly free: number | null;
  readonly inDefault: boolean;
  /** How many payments it has acknowledged. */
  readonly acknowledged: number;
};

export type CreditNews = readonly Standing[];

/** The board's lines of the accounts: score, what they are owed or owe, and what is left of their credit. */
export function creditLine(news: CreditNews | undefined): string[] {
  if (news === undefined) return ["  Credit    looked at in a moment"];
  return news.map(({ id, score, balance, collateral, free, inDefault }, i) => {
    const owed = `${balance < 0 ? "owes" : "is owed"} ${money(Math.abs(balance))} CNY`;
    const kept = collateral === 0 ? "" : `, ${money(collateral)} of collateral kept`;
    const left = free === null ? "" : `, may bind ${money(Math.max(0, free))} more`;
    const word = inDefault ? ", IN DEFAULT" : "";
    const head = i === 0 ? "  Credit    " : "            ";
    return `${head}${id.padEnd(10)} score ${score}, ${owed}${kept}${left}${word}`;
  });
}

const money = (micro: number) => (micro / 1e6).toFixed(2);
