/** The page's own words. What meters, brokers and the ledger say stays as they say it. */
const english = {
  title: "Busbar unit",
  of: (a: number, b: number) => `${a} of ${b} answer`,
  meters: "Meters",
  journal: "Journal",
  broker: "Broker",
  ledger: "Ledger",
  waiting: (n: number) => (n === 0 ? "nothing waits" : `${n} readings wait`),
  connected: "connected",
  notConnected: "not connected",
  notEnrolled: "not enrolled yet",
  receipt: (age: string) => `receipt ${age} ago`,
  noReceipt: "no receipt yet",
  well: "All is well.",
  problems: "What needs attention",
  fault: "Fault",
  warning: "Warning",
  ok: "Well",
  toDo: "What to do",
  read: (age: string) => `read ${age} ago`,
  never: "not read yet",
  import: "drawn",
  export: "fed in",
  lastHour: (low: string, high: string) => `last hour, ${low} to ${high}`,
  serial: "serial no.",
  allValues: "All values",
  quality: ["measured", "estimated", "substituted", "reset", "exchanged", "gap"],
  lines: "Lines and answer times",
  lineWell: "Nothing is wrong with this line.",
  noSweep: "busbar-edge sweep looks into the lines and keeps what it finds here.",
  sweepOf: (at: string) => `Sweep of ${at} UTC`,
  unitId: "unit id",
  times: "answer times",
  support: "Remote support",
  supportOpen: (until: string) => `A session is open until ${until} UTC.`,
  supportEnded: "the owner ended a session",
  stranger: "somebody unknown",
  counts: "What happened since the start",
  count: "times",
  unit: "Unit",
  since: (age: string) => `started ${age} ago`,
  clockGood: "time known",
  clockBad: "time not known yet",
  free: (size: string) => `${size} free`,
  live: "live",
  away: "The connection to the unit is lost; what is shown may be old.",
  ages: { s: "s", min: "min", h: "h", d: "d" },
  claim: {
    title: "The unit's label",
    label: "Code on the label",
    send: "Take the unit in",
    once: "It counts once. It goes over this network as it is: enter it in the house's own.",
    known: "The ledger knows this unit already; no code is needed.",
    asking: "The code is taken; not on the ledger yet:",
    admitted: (height: number) => `Taken in, in block ${height}.`,
    back: "The unit's page",
  },
} as const;

/** The same in another language. */
export type Words = { readonly [K in keyof typeof english]: Same<(typeof english)[K]> };
type Same<T> = T extends string
  ? string
  : T extends readonly string[]
    ? readonly string[]
    : T extends (...args: infer A) => string
      ? (...args: A) => string
      : { readonly [K in keyof T]: Same<T[K]> };

const chinese: Words = {
  title: "Busbar 单元",
  of: (a, b) => `${b} 块表中 ${a} 块有应答`,
  meters: "电表",
  journal: "日志",
  broker: "消息代理",
  ledger: "账本",
  waiting: (n) => (n === 0 ? "没有等待的读数" : `${n} 条读数等待中`),
  connected: "已连接",
  notConnected: "未连接",
  notEnrolled: "尚未登记",
  receipt: (age) => `${age}前收到回执`,
  noReceipt: "尚无回执",
  well: "一切正常。",
  problems: "需要处理",
  fault: "故障",
  warning: "警告",
  ok: "正常",
  toDo: "处理方法",
  read: (age) => `${age}前读取`,
  never: "尚未读取",
  import: "用电",
  export: "馈入",
  lastHour: (low, high) => `最近一小时，${low} 至 ${high}`,
  serial: "序列号",
  allValues: "全部数值",
  quality: ["实测", "估计", "替代", "清零", "换表", "缺失"],
  lines: "线路与应答时间",
  lineWell: "此线路正常。",
  noSweep: "busbar-edge sweep 会检查线路，并把结果保留在这里。",
  sweepOf: (at) => `${at} UTC 的线路检查`,
  unitId: "单元地址",
  times: "应答时间",
  support: "远程支持",
  supportOpen: (until) => `有一个会话开放至 ${until} UTC。`,
  supportEnded: "业主结束了会话",
  stranger: "未知人员",
  counts: "启动以来的事件",
  count: "次",
  unit: "单元",
  since: (age) => `${age}前启动`,
  clockGood: "时间已知",
  clockBad: "时间未知",
  free: (size) => `剩余 ${size}`,
  live: "实时",
  away: "与单元的连接已断开；显示的内容可能已过时。",
  ages: { s: "秒", min: "分钟", h: "小时", d: "天" },
  claim: {
    title: "单元标签",
    label: "标签上的代码",
    send: "接入单元",
    once: "代码只能使用一次,并以明文经本网络传送:请在自家网络中输入。",
    known: "账本已认识此单元,无需代码。",
    asking: "代码已接受,尚未登上账本:",
    admitted: (height) => `已在区块 ${height} 接入。`,
    back: "单元页面",
  },
};

/** A language of the page. */
export type Language = "en" | "zh";

export const wordsOf: Readonly<Record<Language, Words>> = { en: english, zh: chinese };

/** The one of the page's languages that stands first in an Accept-Language header (RFC 9110 §12.5.4). */
export function languageOf(header: string | undefined): Language {
  const wished = (header ?? "")
    .slice(0, 400)
    .split(",")
    .map((part) => {
      const [tag = "", q] = part.trim().split(";");
      const weight = q === undefined ? 1 : Number(/^\s*q=([\d.]+)$/.exec(q)?.[1] ?? 0);
      return { language: tag.trim().toLowerCase().slice(0, 2), weight };
    })
    .filter(({ language, weight }) => (language === "en" || language === "zh") && weight > 0)
    .sort((a, b) => b.weight - a.weight);
  return wished[0]?.language === "zh" ? "zh" : "en";
}
