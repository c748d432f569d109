import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { known, parameters } from "../query.ts";
import { errorAnswer, flag, integer, orNull, record, text, words } from "../shape.ts";
import type { Guard } from "./guard.ts";
import { type Person, roles } from "./roles.ts";
import type { SignIn } from "./sign-in.ts";

/** Who is signed in, and what its page may send with what it changes. */
export const meAnswer = record({
  role: words(...roles),
  id: orNull(text),
  /** Goes with every request that changes something, as `x-busbar-csrf`. */
  csrf: orNull(text),
  ends: orNull(integer),
  /** Guests see the board. */
  open: flag,
});

const challengeAnswer = record({ challenge: text, chain: text, until: integer });
const linkAnswer = record({ link: text, until: integer });

const nothing = parameters({});
const sessionBody = parameters({
  answer: known.base64url(
    "what the key signed, an envelope of the challenge and the address",
    1_000,
  ),
  link: known.base64url("a sign-in link's secret, in its place", 64),
});

const errors = { "4xx": errorAnswer, "5xx": errorAnswer };

/** Signing in and out. */
export function addAccessRoutes(
  app: FastifyInstance,
  {
    guard,
    signIn,
    open,
  }: {
    readonly guard: Guard;
    /** Without it nobody signs in. */
    readonly signIn?: SignIn;
    readonly open: boolean;
  },
): void {
  const me = (request: FastifyRequest, session = guard.sessionOf(request)) => ({
    role: session?.person.role ?? "guest",
    id: session?.person.id ?? null,
    csrf: session?.csrf ?? null,
    ends: session?.ends ?? null,
    open,
  });
  app.get(
    "/api/me",
    {
      schema: {
        summary: "Who is signed in",
        querystring: nothing,
        response: { 200: meAnswer, ...errors },
      },
    },
    (request) => me(request),
  );
  if (signIn === undefined) return;
  app.post(
    "/api/challenges",
    {
      schema: {
        summary: "What to sign in order to sign in; good once, for two minutes",
        querystring: nothing,
        response: { 200: challengeAnswer, ...errors },
      },
    },
    (request) => {
      guard.countSignIn(request);
      return signIn.challenge();
    },
  );
  app.post(
    "/api/sessions",
    {
      schema: {
        summary: "Sign in, with a signed challenge or a one-time link",
        querystring: nothing,
        body: sessionBody,
        response: { 200: meAnswer, ...errors },
      },
    },
    (request, reply) => {
      guard.countSignIn(request);
      const person = personOf(request, { guard, signIn });
      return me(request, guard.begin(reply, person));
    },
  );
  app.delete(
    "/api/sessions",
    {
      schema: {
        summary: "Sign out",
        querystring: nothing,
        response: { 200: meAnswer, ...errors },
      },
    },
    (request: FastifyRequest, reply: FastifyReply) => {
      guard.end(request, reply);
      return { role: "guest", id: null, csrf: null, ends: null, open };
    },
  );
  app.post(
    "/api/links",
    {
      schema: {
        summary: "A link that signs in another browser once; for demonstrations only",
        querystring: nothing,
        response: { 200: linkAnswer, ...errors },
      },
    },
    (request) => {
      guard.countSignIn(request);
      return signIn.link(guard.viewerOf(request) as Person);
    },
  );
}

function personOf(
  request: FastifyRequest,
  { guard, signIn }: { readonly guard: Guard; readonly signIn: SignIn },
): Person {
  const { answer, link } = request.body as { readonly answer?: string; readonly link?: string };
  if (link !== undefined) return signIn.followLink(link);
  const data = new Uint8Array(Buffer.from(answer ?? "", "base64url"));
  return signIn.answer(data, guard.originOf(request));
}
