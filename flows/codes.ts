/**
 * Every code that the palette and `busbar-flows` give an error of their own: code → what is wrong. A
 * code is never renamed. Those of drivers, journal, ledger and protocol keep their own names.
 */
export const flowsCodes = {
  "flows.broker-url": "the broker's address is none, or of another scheme",
  "flows.busy": "more messages wait than a node keeps",
  "flows.closed": "the node was closed before the message's turn came",
  "flows.connection": "the connection's name is none",
  "flows.day-file": "the file is no recorded day",
  "flows.env": "an assignment on the command line is none",
  "flows.field-missing": "a field of the node is empty",
  "flows.flow-file": "the file is no flow as Node-RED exports it",
  "flows.gate-missing": "no gate takes quotes for that slot now",
  "flows.id": "a name that is no id",
  "flows.internal": "an error that nobody expected",
  "flows.listen": "the runtime cannot listen at that address",
  "flows.meter-silent": "no reading has come yet",
  "flows.node-red-missing": "Node-RED is not installed",
  "flows.not-connected": "there is no connection to the broker",
  "flows.order-expired": "an order of demand response whose slots are over",
  "flows.order-other": "an order of demand response for another unit",
  "flows.order-refused": "an order of demand response that is unproven, forged, for others or over",
  "flows.order-unknown": "the message names no open order",
  "flows.palette-missing": "the palette is not compiled",
  "flows.password": "a password that is too short or too long",
  "flows.place": "where the meter is cannot be understood",
  "flows.portal": "no portal answers, or not as one",
  "flows.portal-unset": "the site node names no portal",
  "flows.port-taken": "the port is in use",
  "flows.price-unknown": "the market has told no price yet",
  "flows.proof": "what is to be verified is no proof",
  "flows.push": "the phone's service did not take the notice",
  "flows.quote-kept": "a quote could not be kept on disk, and so was not sealed",
  "flows.reading": "the message holds no reading that can be signed",
  "flows.replay-timers": "timers of a replayed flow run without end",
  "flows.scan-running": "the editor scans already",
  "flows.site-missing": "the node has no site that works",
  "flows.value": "a value is missing or outside its bounds",
  "flows.variable-unset": "an environment variable that a field asks for is not set",
  "flows.version-missing": "there is no deployed version to go back to",
} as const;

export type FlowsCode = keyof typeof flowsCodes;
