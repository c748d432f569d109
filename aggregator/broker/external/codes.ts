/**
 * What is wrong with a broker that is none of ours, or with what comes from one: code → the rule.
 * A code is never renamed; messages, logs and counters go by it.
 */
export const externalCodes = {
  "external.address": "the URL is none that a broker can be reached by",
  "external.answer": "the broker did not answer a request in time",
  "external.closed": "the broker, or a router on the way, closed the connection",
  "external.files": "a password, certificate or key file cannot be used",
  "external.login": "the broker does not let this user in",
  "external.malformed": "what came from the broker is no MQTT",
  "external.packet-too-large": "a packet from the broker without end",
  "external.plain-text": "a password or readings in clear beyond this machine",
  "external.restart": "the command that was to kill and start the broker did not end well",
  "external.subscription": "the broker refuses a subscription that a worker needs",
  "external.tls": "the broker's certificate cannot be trusted, or it trusts not ours",
  "external.unreachable": "nobody answers at the broker's address",
  "worker.duplicate": "two workers run under one name",
  "worker.frame-too-large": "a frame is larger than a member's broker takes",
  "worker.no-member": "the worker's own member does not answer",
  "worker.not-ours": "a topic that is none of a frame's",
  "worker.too-many-devices": "more devices than a worker takes care of",
  "worker.too-many-unacknowledged": "frames of QoS 0 faster than they are stored",
} as const;

export type ExternalCode = keyof typeof externalCodes;
