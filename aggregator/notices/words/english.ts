import { englishWords } from "./english-words.ts";

/** The notices in English; the other languages have the same entries. */
export const english = {
  notices: {
    "quote-filled": {
      title: "Quote filled: {filled}",
      text: "Your {side} of {quantity} for {slot} was filled[ at {price}, {against} against the expected {expected}].",
    },
    "quote-partly": {
      title: "Quote partly filled: {filled} of {quantity}",
      text: "Of your {side} of {quantity} for {slot} {filled} was filled[ at {price}]: {why}. {rest}",
    },
    "quote-not-filled": {
      title: "Quote not filled",
      text: "Your {side} of {quantity} for {slot} was not filled: {why}[ (price {price}, your limit {limit})]. {rest}",
    },
    "quote-void": {
      title: "A quote was void",
      text: "Your quote for {slot} did not count: {why}.",
    },
    "price-above": {
      title: "Price {against} against the forecast",
      text: "Energy for {slot} is dearer than expected: {price} instead of {expected}.",
    },
    "price-below": {
      title: "Price {against} against the forecast",
      text: "Energy for {slot} is cheaper than expected: {price} instead of {expected}.",
    },
    sold: {
      title: "Sold {energy}",
      text: "You sold {energy} at {price} to {other} for {slot}. Contract {contract}.",
    },
    bought: {
      title: "Bought {energy}",
      text: "You bought {energy} at {price} from {other} for {slot}[, {fee} of it for the way over the grid]. Contract {contract}.",
    },
    "contract-held": {
      title: "A contract is held",
      text: "{by} objects to contract {contract} with {other} for {slot}: {why}. It is paid, or void, when the members have decided.",
    },
    "contract-stands": {
      title: "A contract stands",
      text: "The objection to contract {contract} with {other} for {slot} was not upheld; it is settled as signed.",
    },
    "contract-void": {
      title: "A contract is void",
      text: "The members voided contract {contract} with {other}. What flowed in {slot} is a difference, which the bureau takes or supplies.",
    },
    "contract-cut": {
      title: "A contract is cut by {cut}",
      text: "Of contract {contract} with {other} for {slot} {energy} stand, {cut} less: the line of {feeder} carries no more since another contract is void.",
    },
    received: {
      title: "{money} received",
      text: "Delivered: {energy} to {other} in {slot}. {money} is on your sales account. Contract {contract}.",
    },
    paid: {
      title: "{money} paid",
      text: "Delivered: {energy} from {other} in {slot}. {money} was paid from your purchase account[, {fee} of it to the grid][; you got {subsidy} of subsidy]. Contract {contract}.",
    },
    "payment-held": {
      title: "A payment is held",
      text: "A payment for {slot} is larger than an account can hold. It is on record and not posted; ask your operator.",
    },
    "sold-more-given": {
      title: "{difference} more delivered than sold",
      text: "In {slot} your meter gave {difference} more than the {contracted} that you had sold. The bureau took it for {money}, which is {penalty} below the tariff.[ {estimate}]",
    },
    "sold-more-drawn": {
      title: "{difference} short",
      text: "In {slot} your meter gave {difference} less than the {contracted} that you had sold. The bureau supplied it for {money}, of which {penalty} is the penalty above the tariff.[ {estimate}]",
    },
    "bought-more-given": {
      title: "{difference} bought and not used",
      text: "In {slot} your meter drew {difference} less than the {contracted} that you had bought. The bureau took it for {money}, which is {penalty} below the tariff.[ {estimate}]",
    },
    "bought-more-drawn": {
      title: "{difference} more drawn than bought",
      text: "In {slot} your meter drew {difference} more than the {contracted} that you had bought. The bureau supplied it for {money}, of which {penalty} is the penalty above the tariff.[ {estimate}]",
    },
    "none-more-given": {
      title: "{difference} given without a contract",
      text: "In {slot} your meter gave {difference} and nothing was contracted. The bureau took it for {money}, which is {penalty} below the tariff.[ {estimate}]",
    },
    "none-more-drawn": {
      title: "{difference} drawn without a contract",
      text: "In {slot} your meter drew {difference} and nothing was contracted. The bureau supplied it for {money}, of which {penalty} is the penalty above the tariff.[ {estimate}]",
    },
    resettled: {
      title: "A slot was settled anew",
      text: "{why}: for {slot} your difference changed by {difference} and your accounts by {money}[, fees and taxes by {charges}].[ {estimate}]",
    },
    charges: {
      title: "Fees and taxes of {money}",
      text: "Fees, taxes and levies for {slot} came to {money}.",
    },
    "bill-to-pay": {
      title: "Your bill for {month}: {money} to pay",
      text: "Your bill for {month} is ready. You drew {import} and gave {export}, and all of it together leaves {money} to pay.[ {provisional} of its slots are estimates.][ {open} of its slots are not settled yet.] The portal shows each line, down to the signed readings.",
    },
    "bill-to-get": {
      title: "Your bill for {month}: {money} for you",
      text: "Your bill for {month} is ready. You drew {import} and gave {export}, and all of it together leaves {money} for you.[ {provisional} of its slots are estimates.][ {open} of its slots are not settled yet.] The portal shows each line, down to the signed readings.",
    },
    "slot-corrected": {
      title: "A meter's energy was corrected",
      text: "{why}: meter {meter} now counts {import} drawn and {export} given in {slot}[, instead of {importBefore} and {exportBefore}].",
    },
    credit: {
      title: "Credit: {points} points lost",
      text: "{why}. That cost {points} points on your credit report; who has more is paired first.",
    },
    "credit-struck": {
      title: "Credit: {points} points are back",
      text: "The members struck an entry from your credit report: {why}. That gave {points} points back.",
    },
    "credit-faded": {
      title: "Credit: {points} points came back",
      text: "With time {points} points of your credit report came back.[ {left} are still missing.]",
    },
    "default-began": {
      title: "{owed} are not covered",
      text: "You owe {owed}, more than your collateral and your credit line cover.[ {seized} of collateral were taken for it.] Pay what you owe, or your quotes are refused.",
    },
    "collateral-seized": {
      title: "{seized} of collateral taken",
      text: "Your account is in default: {seized} of your collateral were taken for what you owe.",
    },
    "account-suspended": {
      title: "Your account is suspended",
      text: "The members suspended your account in the market: it seals no quotes and orders nothing. What you signed before stands, and what you draw or give all the same is settled as a difference.",
    },
    "account-reinstated": {
      title: "Your account trades again",
      text: "The members let your account trade again.",
    },
    "default-ended": {
      title: "What you owe is covered again",
      text: "Your collateral and your credit line cover what you owe again.",
    },
    "payment-acknowledged": {
      title: "{other} has your {money}",
      text: "{other} acknowledged {money} from you, {purpose}.",
    },
    "payment-noted": {
      title: "{money} of {other} are noted",
      text: "You acknowledged {money} from {other}, {purpose}.",
    },
    "order-offered": {
      title: "{by} asks you to {action}",
      text: "{by} asks your unit {unit} to {action} from {slot} on, for {slots} slots: {energy} in each, at {price}. Accept or refuse it.",
    },
    "order-contracted": {
      title: "An order to {action}",
      text: "Within your mandate {by} ordered your unit {unit} to {action} from {slot} on, for {slots} slots: {energy} in each, at {price}.",
    },
    "order-answered": {
      title: "An order is {status}",
      text: "The order to unit {unit} is {status}[: {why}].",
    },
    "order-earned": {
      title: "{money} for an order",
      text: "Of {ordered} that unit {unit} was ordered from {slot} on, the meters prove {delivered}: it {status}. You got {money}.",
    },
    "order-paid": {
      title: "{money} paid for an order",
      text: "Of {ordered} that you ordered of unit {unit} from {slot} on, the meters prove {delivered}: it {status}. You paid {money}.",
    },
    "order-corrected": {
      title: "An order comes to {money} now",
      text: "Of {ordered} that unit {unit} was ordered from {slot} on, the meters as they are known now prove {delivered}: it {status}. It comes to {money}, and {posted} was posted to your account as the difference.",
    },
    certificates: {
      title: "Green certificates: {form}",
      text: "For {slot} your {form} certificates are: {issued} issued, {boughtGreen} bought, {soldGreen} sold, {retired} used.",
    },
    "certificates-given": {
      title: "{energy} of {form} certificates handed on",
      text: "You handed {energy} of {form} certificates to {other}.",
    },
    "certificates-received": {
      title: "{energy} of {form} certificates received",
      text: "{other} handed you {energy} of {form} certificates.",
    },
    "certificates-retired": {
      title: "{energy} of {form} certificates retired",
      text: "You retired {energy} of {form} certificates. They stand for what you used, and for nobody else's use.",
    },
    "device-suspended": {
      title: "{unit} is suspended",
      text: "{by} suspended your unit {unit}: {why}. It keeps what it reads until it is resumed.",
    },
    "device-resumed": {
      title: "{unit} goes on",
      text: "{by} resumed your unit {unit}; what it read meanwhile is taken now.",
    },
    "device-replaced": {
      title: "{unit} was replaced",
      text: "A new unit took the place of {unit}, as {by} allowed; the old one's key counts no more. What was not read in between is estimated, and marked so.",
    },
    "meter-silent": {
      title: "{meter} is silent",
      text: "Your meter {meter} has not reported since {since}. Look whether unit {unit} has power and network; what it reads is kept and counts once it arrives.",
    },
    "meter-heard": {
      title: "{meter} reports again",
      text: "Your meter {meter}, silent since {since}, reports again.",
    },
    "energy-unallocated": {
      title: "Energy without a time",
      text: "Meter {meter} was away for so long that nobody can say when between {from} and {to} it counted {import} drawn and {export} given. What was estimated stands[, and {energy} that were drawn beyond that are billed for {money}].",
    },
    "registers-restarted": {
      title: "{meter} began to count anew",
      text: "The registers of meter {meter} {why}. What flowed between {from} and {to} is not known.",
    },
    digest: {
      title: "{items} notices",
      text: "What happened since the last summary:",
    },
    test: {
      title: "A test",
      text: "This is how notices reach you by this channel. Nothing has happened.",
    },
  },
  labels: {
    against: "Against the forecast",
    boughtGreen: "Bought",
    charges: "Fees and taxes",
    contracted: "Contracted",
    cut: "Cut by",
    delivered: "Proven",
    difference: "Difference",
    energy: "Energy",
    expected: "Expected price",
    export: "Given",
    exportBefore: "Given, before",
    fee: "For the grid",
    fees: "Fees",
    filled: "Filled",
    from: "From",
    import: "Drawn",
    importBefore: "Drawn, before",
    issued: "Issued",
    items: "Notices",
    left: "Points missing",
    levies: "Levies",
    limit: "Your limit",
    money: "Amount",
    netted: "Against your own quotes",
    open: "Slots not settled",
    ordered: "Ordered",
    owed: "Owed",
    penalty: "Penalty",
    points: "Points",
    posted: "Posted now",
    price: "Price",
    provisional: "Slots estimated",
    quantity: "Quoted",
    retired: "Used",
    seized: "Collateral taken",
    since: "Since",
    slot: "Delivery from",
    slots: "Slots",
    soldGreen: "Sold",
    subsidy: "Subsidy",
    taxes: "Taxes",
    to: "To",
    version: "Version",
  },
  words: englishWords,
  units: { energy: "kWh", perEnergy: "/kWh", currencies: {} },
  phrases: {
    proof: "Proof",
    prove: "Or check it yourself",
    block: "Block {height} of {chain}",
    more: "And {count} more: see the portal.",
    greeting: "For {owner}",
    settings: "How you are told is set in the portal, under Notices.",
  },
} as const;
