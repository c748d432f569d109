import type { AccountLine, BillSlot, LineKind } from "./document.ts";

/** The languages that bills are written in. */
export const languages = ["en", "zh"] as const;
export type Language = (typeof languages)[number];

type Words = {
  readonly title: string;
  /** Of who has no meters that are billed. */
  readonly statement: string;
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
  readonly orders: string;
  readonly takings: string;
  readonly total: string;
  readonly rounding: string;
  readonly pending: string;
  readonly drawn: string;
  readonly given: string;
  readonly slots: string;
  readonly final: string;
  readonly provisional: string;
  readonly standing: string;
  readonly open: string;
  readonly estimate: string;
  readonly accounts: string;
  readonly sales: string;
  readonly purchases: string;
  readonly paidOutside: string;
  readonly collateral: string;
  readonly balance: string;
  readonly account: string;
  readonly accountKinds: Readonly<
    Record<AccountLine["kind"], readonly [gets: string, gives: string]>
  >;
  readonly unreadText: (energy: {
    readonly meter: string;
    readonly energy: string;
    readonly from: string | undefined;
    readonly to: string | undefined;
  }) => string;
  readonly demandWords: Readonly<Record<"kept" | "unkept" | "unproven", string>>;
  readonly demandText: (order: {
    readonly delivered: string;
    readonly ordered: string;
    readonly from: string;
    readonly slots: number;
  }) => string;
  readonly checkedAnew: string;
  readonly acknowledgedBy: (who: string, version: number) => string;
  readonly all: string;
  readonly carbon: string;
  readonly carbonText: (figures: {
    readonly taken: string;
    readonly green: string;
    readonly source: string;
  }) => string;
  readonly carbonTable: readonly [form: string, energy: string, factor: string];
  readonly carbonRows: Readonly<Record<"solar" | "wind" | "rest", string>>;
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
  statement: "Statement of account",
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
  orders: "Demand response",
  takings: "For what others did",
  total: "Total",
  rounding: "Rounded to hundredths",
  pending: "Of it not paid yet",
  drawn: "Drawn",
  given: "Given",
  slots: "Slots",
  final: "final",
  provisional: "provisional",
  standing: "as they stand",
  open: "open",
  estimate: "estimated",
  accounts: "Accounts since the beginning",
  sales: "Sales",
  purchases: "Purchases",
  paidOutside: "Payments",
  collateral: "Collateral",
  balance: "Owed to you (below 0: by you)",
  account: "Payments, collateral and orders",
  accountKinds: {
    payment: ["Payment made", "Payment received"],
    collateral: ["Collateral handed over", "Collateral handed back"],
    seized: ["Collateral taken for what was owed", "Collateral taken for what was owed"],
    demand: ["Demand response, paid to you", "Demand response, paid by you"],
    unread: ["For energy drawn in a silence", "Energy drawn in a silence, beyond the estimates"],
    escrow: [
      "Given back from a trade with another feeder",
      "Put aside for a trade with another feeder",
    ],
    bond: ["For energy that did not come over", "Owed for energy that did not go over"],
  },
  unreadText: ({ meter, energy, from, to }) =>
    `${energy} kWh of meter ${meter}, from ${from} to ${to}: its slots are forgotten`,
  demandWords: { kept: "kept", unkept: "not kept: on the credit report", unproven: "not proven" },
  demandText: ({ delivered, ordered, from, slots }) =>
    `${delivered} of ${ordered} kWh less, ${slots} ${slots === 1 ? "slot" : "slots"} from ${from}`,
  checkedAnew: "made anew from your meters' readings",
  acknowledgedBy: (who, version) => `acknowledged by ${who} (its no. ${version})`,
  all: "all parties",
  carbon: "Carbon",
  carbonText: ({ taken, green, source }) =>
    `${taken} kWh were drawn, ${green} of them with certificates. Factors: ${source}.`,
  carbonTable: ["Energy", "kWh", "g CO₂e per kWh"],
  carbonRows: {
    solar: "Retired solar certificates",
    wind: "Retired wind certificates",
    rest: "All other",
  },
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
    `Each of its ${lines} lines leads to a trade and to the quote behind it, to the signed readings of your meters in one of ${slots} slots, or to a signed order or acknowledgement; and these to blocks that the members of the consortium signed. All of that lies in this file. Anybody who has the members' public keys can make the bill anew from it, without a network:`,
  check: "Whoever changes a number, a reading or a proof is found out, and the line is named.",
  language: "en",
  kinds: {
    sale: "Sold",
    purchase: "Bought",
    "grid-fee": "Way over the grid",
    "grid-loss": "Lost on the way",
    subsidy: "Subsidy",
    surplus: "Given beyond contracts",
    shortage: "Drawn beyond contracts",
    fee: "Fee",
    tax: "Tax",
    levy: "Levy",
    "rest-sold": "Sold: what nobody else gave",
    "rest-bought": "Bought: what nobody else took",
    "shortages-sold": "Sold beyond contracts",
    "surpluses-bought": "Bought beyond contracts",
    "losses-sold": "Sold for the lines' losses",
    "subsidies-paid": "Subsidies paid",
    "line-share": "For lines operated",
    "fees-taken": "Fees received",
    "taxes-taken": "Taxes received",
    "levies-taken": "Levies received",
  },
  lineStates: { paid: "paid", due: "not paid yet", void: "void" },
  slotStates: {
    final: "final",
    provisional: "provisional",
    held: "held",
    standing: "as it stands",
  },
  corrected: (version) => `corrected (version ${version})`,
};

const chinese: Words = {
  title: "电费账单",
  statement: "结算对账单",
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
  orders: "需求响应",
  takings: "因他方用电所得",
  total: "合计",
  rounding: "尾差（取整到分）",
  pending: "其中尚未支付",
  drawn: "用电量",
  given: "上网电量",
  slots: "时段",
  final: "已结算",
  provisional: "暂估",
  standing: "截至目前",
  open: "未结算",
  estimate: "估计值",
  accounts: "账户累计余额",
  sales: "售电账户",
  purchases: "购电账户",
  paidOutside: "已付款项",
  collateral: "保证金",
  balance: "应收余额（负数为应付）",
  account: "付款、保证金与需求响应",
  accountKinds: {
    payment: ["已付款", "已收款"],
    collateral: ["交付保证金", "退回保证金"],
    seized: ["保证金抵扣欠款", "保证金抵扣欠款"],
    demand: ["需求响应收入", "需求响应支出"],
    unread: ["中断期间用电收入", "中断期间超出估算的用电"],
    escrow: ["退回跨馈线交易托管款", "跨馈线交易托管款"],
    bond: ["未送达电量的补偿收入", "未送达电量的补偿支出"],
  },
  unreadText: ({ meter, energy, from, to }) =>
    `电表 ${meter} 自 ${from} 至 ${to} 用电 ${energy} 千瓦时：相应时段已不再保存`,
  demandWords: { kept: "已履行", unkept: "未履行：已记入信用报告", unproven: "无法证明" },
  demandText: ({ delivered, ordered, from, slots }) =>
    `自 ${from} 起 ${slots} 个时段，少用 ${delivered}／应少用 ${ordered} 千瓦时`,
  checkedAnew: "已由您的电表读数重新计算",
  acknowledgedBy: (who, version) => `由 ${who} 确认（第 ${version} 号）`,
  all: "所有各方",
  carbon: "碳排放",
  carbonText: ({ taken, green, source }) =>
    `用电 ${taken} 千瓦时，其中 ${green} 千瓦时有绿色证书。排放因子来源：${source}。`,
  carbonTable: ["电能", "千瓦时", "克二氧化碳当量每千瓦时"],
  carbonRows: { solar: "已注销的光伏证书", wind: "已注销的风电证书", rest: "其余电量" },
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
    `账单共 ${lines} 行，每一行都可追溯到一笔交易及其报价、${slots} 个时段中电表的签名读数，或一份签名的指令或确认；这些又可追溯到由联盟成员签名的区块。全部证明都在本文件中。任何持有成员公钥的人都可以离线重新计算本账单：`,
  check: "任何对数字、读数或证明的改动都会被发现，并指出是哪一行。",
  language: "zh-CN",
  kinds: {
    sale: "售电",
    purchase: "购电",
    "grid-fee": "过网费",
    "grid-loss": "线路损耗",
    subsidy: "补贴",
    surplus: "超出合同的上网电量",
    shortage: "超出合同的用电量",
    fee: "费用",
    tax: "税",
    levy: "附加",
    "rest-sold": "售出：市场未供给的电量",
    "rest-bought": "购入：市场未消纳的电量",
    "shortages-sold": "售出超合同用电",
    "surpluses-bought": "购入超合同上网",
    "losses-sold": "售出线路损耗电量",
    "subsidies-paid": "支付补贴",
    "line-share": "线路运营收入",
    "fees-taken": "收取费用",
    "taxes-taken": "收取税款",
    "levies-taken": "收取附加",
  },
  lineStates: { paid: "已支付", due: "未支付", void: "已作废" },
  slotStates: {
    final: "已结算",
    provisional: "暂估",
    held: "暂缓入账",
    standing: "截至目前",
  },
  corrected: (version) => `更正（第 ${version} 版）`,
};

export function wordsOf(language: Language): Words {
  return language === "zh" ? chinese : english;
}
