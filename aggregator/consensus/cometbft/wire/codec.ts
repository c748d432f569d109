import protobuf from "protobufjs/light.js";
import { exceptionId, messages, type Verb, verbs } from "./messages.ts";
import type { Requests, Responses } from "./values.ts";

/** A request of CometBFT; which one says `verb`. */
export type Request = {
  readonly [V in Verb]: { readonly verb: V; readonly body: Requests[V] };
}[Verb];

const names = Object.keys(verbs) as Verb[];
const capital = (verb: string) => verb.charAt(0).toUpperCase() + verb.slice(1);

const root = protobuf.Root.fromJSON({
  nested: {
    ...Object.fromEntries(
      Object.entries(messages).map(([name, message]) => [
        name,
        {
          fields: Object.fromEntries(
            Object.entries(message).map(([field, [id, type, rule]]) => [
              field,
              rule === undefined ? { id, type } : { id, type, rule },
            ]),
          ),
        },
      ]),
    ),
    Request: envelope((verb) => ({ id: verbs[verb], type: `Request${capital(verb)}` })),
    Response: envelope((verb) => ({ id: verbs[verb] + 1, type: `Response${capital(verb)}` }), {
      exception: { id: exceptionId, type: "ResponseException" },
    }),
  },
});

type EnvelopeField = { readonly id: number; readonly type: string };

function envelope(
  fieldOf: (verb: Verb) => EnvelopeField,
  more: Readonly<Record<string, EnvelopeField>> = {},
) {
  const fields = { ...Object.fromEntries(names.map((verb) => [verb, fieldOf(verb)])), ...more };
  return { fields, oneofs: { value: { oneof: Object.keys(fields) } } };
}

const requestType = root.lookupType("Request");
const responseType = root.lookupType("Response");
const plain = { defaults: true, arrays: true, longs: Number, oneofs: true } as const;

/** Throws: `Error` for bytes that are no request of ABCI 2.0, or one that is not known. */
export function decodeRequest(bytes: Uint8Array): Request {
  return decode(requestType, bytes) as unknown as Request;
}

export function encodeResponse<V extends Verb>(verb: V, body: Responses[V]): Uint8Array {
  return responseType.encode(responseType.fromObject({ [verb]: body })).finish();
}

/** What ends CometBFT with this text in its log: an application that cannot go on. */
export function encodeException(error: string): Uint8Array {
  return responseType.encode(responseType.fromObject({ exception: { error } })).finish();
}

/** The engine's side, for tests that play it. */
export function encodeRequest<V extends Verb>(verb: V, body: object): Uint8Array {
  return requestType.encode(requestType.fromObject({ [verb]: body })).finish();
}

/** The engine's side, for tests that play it. */
export function decodeResponse(bytes: Uint8Array): {
  readonly verb: string;
  readonly body: object;
} {
  return decode(responseType, bytes);
}

function decode(type: protobuf.Type, bytes: Uint8Array): { verb: string; body: object } {
  const object = type.toObject(type.decode(bytes), plain) as Record<string, unknown>;
  const verb = object.value;
  if (typeof verb !== "string") throw new Error(`${bytes.length} bytes that say nothing known`);
  return { verb, body: object[verb] as object };
}
