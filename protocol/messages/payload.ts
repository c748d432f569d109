const payloads = new WeakMap<object, Uint8Array>();

/** The bytes that a message was decoded from; undefined for one that was made here. */
export function payloadOf(message: object): Uint8Array | undefined {
  return payloads.get(message);
}

/** Remembers which bytes a message was decoded from, for as long as the message is held. */
export function keepPayload(message: object, payload: Uint8Array): void {
  payloads.set(message, payload);
}
