import type { BillSlot, LineKind } from "./document.ts";

/** The languages that bills are written in. */
export const languages = ["en", "zh"] as const;
export type Language = (typeof languages)[number];

type Words = {
  readonly title: string;
  readonly month: string;
  readonly owner: string;
  readonly site: string;
  readonly made: string;
  readonly block: string;
  readonly toPay: string;
  readonly toGet: string;
  readonly summary: string;
  readonly received: string;
  readonly paid: string;
  readonly fees: string;
  readonly taxes: string;
  readonly subsidies: string;
  readonly total: string;
  readonly rounding: string;
  readonly pending: string;
  readonly drawn: string;
  readonly given: string;
  readonly slots: string;
  readonly final: string;
  readonly provisional: string;
  readonly open: string;
  readonly estimate: string;
  readonly accounts: string;
  readonly sales: string;
  readonly purchases: string;
  readonly credit: string;
  readonly noViolations: string;
  readonly charges: string;
  readonly energyByDay: string;
  readonly moneyByDay: string;
  readonly days: string;
  readonly day: string;
  readonly hours: string;
  readonly money: string;
  readonly lines: string;
  readonly line: string;
  readonly time: string;
  readonly what: string;
  readonly energy: string;
  readonly price: string;
  readonly with: string;
  readonly from: string;
  readonly state: string;
  readonly none: string;
  readonly proof: string;
  readonly proofText: (lines: number, slots: number) => string;
  readonly check: string;
  readonly language: string;
  readonly kinds: Readonly<Record<LineKind, string>>;
  readonly lineStates: Readonly<Record<"paid" | "due" | "void", string>>;
  readonly slotStates: Readonly<Record<BillSlot["state"], string>>;
  readonly corrected: (version: number) => string;
};

const english: Words = {
  title: "Electricity bill",
  month: "Month",
  owner: "For",
  site: "Site",
  made: "As of",
  block: "block",
  toPay: "To pay",
  toGet: "You receive",
  summary: "What it comes to",
  received: "Received for energy",
  paid: "Paid for energy",
  fees: "Grid and other fees",
  taxes: "Taxes and levies",
  subsidies: "Subsidies",
  total: "Total",
  rounding: "Rounded to hundredths",
  pending: "Of it not paid yet",
  drawn: "Drawn",
  given: "Given",
  slots: "Slots",
  final: "final",
  provisional: "provisional",
  open: "open",
  estimate: "estimated",
  accounts: "Accounts since the beginning",
  sales: "Sales",
  purchases: "Purchases",
  credit: "Credit score",
  noViolations: "no violations",
  charges: "Fees, taxes and levies",
  energyByDay: "Energy by day",
  moneyByDay: "Money by day",
  days: "Days",
  day: "Day",
  hours: "Hours",
  money: "Money",
  lines: "Lines",
  line: "Line",
  time: "Slot",
  what: "What",
  energy: "Energy, kWh",
  price: "Price per kWh",
  with: "With",
  from: "From",
  state: "State",
  none: "Nothing was settled in this month yet.",
  proof: "This bill proves itself",
  proofText: (lines, slots) =>
    `Each of its ${lines} lines leads to a trade and to the quote behind it, or to the signed readings of your meters in one of ${slots} slots; and these to blocks that the members of the consortium signed. All of that lies in this file. Anybody who has the members' public keys can make the bill anew from it, without a network:`,
  check: "Whoever changes a number, a reading or a proof is found out, and the line is named.",
  language: "en",
  kinds: {
    sale: "Sold",
    purchase: "Bought",
    "grid-fee": "Way over the grid",
    subsidy: "Subsidy",
    surplus: "Given beyond contracts",
    shortage: "Drawn beyond contracts",
    fee: "Fee",
    tax: "Tax",
    levy: "Levy",
  },
  lineStates: { paid: "paid", due: "not paid yet", void: "void" },
  slotStates: { final: "final", provisional: "provisional", held: "held" },
  corrected: (version) => `corrected (version ${version})`,
};

const chinese: Words = {
  title: "电费账单",
  month: "月份",
  owner: "用户",
  site: "微网",
  made: "截至",
  block: "区块",
  toPay: "应付金额",
  toGet: "应收金额",
  summary: "费用汇总",
  received: "售电收入",
  paid: "购电支出",
  fees: "过网费及其他费用",
  taxes: "税费与附加",
  subsidies: "补贴",
  total: "合计",
  rounding: "尾差（取整到分）",
  pending: "其中尚未支付",
  drawn: "用电量",
  given: "上网电量",
  slots: "时段",
  final: "已结算",
  provisional: "暂估",
  open: "未结算",
  estimate: "估计值",
  accounts: "账户累计余额",
  sales: "售电账户",
  purchases: "购电账户",
  credit: "信用分",
  noViolations: "无违约记录",
  charges: "费用、税与附加",
  energyByDay: "每日电量",
  moneyByDay: "每日金额",
  days: "每日明细",
  day: "日期",
  hours: "小时数",
  money: "金额",
  lines: "账单明细",
  line: "序号",
  time: "时段",
  what: "项目",
  energy: "电量（千瓦时）",
  price: "单价（每千瓦时）",
  with: "对方",
  from: "依据",
  state: "状态",
  none: "本月尚无结算记录。",
  proof: "本账单可自行验证",
  proofText: (lines, slots) =>
    `账单共 ${lines} 行，每一行都可追溯到一笔交易及其报价，或 ${slots} 个时段中电表的签名读数；这些又可追溯到由联盟成员签名的区块。全部证明都在本文件中。任何持有成员公钥的人都可以离线重新计算本账单：`,
  check: "任何对数字、读数或证明的改动都会被发现，并指出是哪一行。",
  language: "zh-CN",
  kinds: {
    sale: "售电",
    purchase: "购电",
    "grid-fee": "过网费",
    subsidy: "补贴",
    surplus: "超出合同的上网电量",
    shortage: "超出合同的用电量",
    fee: "费用",
    tax: "税",
    levy: "附加",
  },
  lineStates: { paid: "已支付", due: "未支付", void: "已作废" },
  slotStates: { final: "已结算", provisional: "暂估", held: "暂缓入账" },
  corrected: (version) => `更正（第 ${version} 版）`,
};

export function wordsOf(language: Language): Words {
  return language === "zh" ? chinese : english;
}
