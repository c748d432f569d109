import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { AccessError } from "../access/codes.ts";
import type { Guard } from "../access/guard.ts";
import type { Desk } from "../desk.ts";
import { known, type Parameter, parameters } from "../query.ts";
import { errorAnswer, list, type Shape } from "../shape.ts";
import {
  accountShape,
  alarmShape,
  blockDetail,
  consortiumShape,
  creditShape,
  deviceShape,
  noticeShape,
  passShape,
  preferencesShape,
  quoteShape,
  requestShape,
  searchShape,
  statementDetail,
  statementRow,
} from "./shapes.ts";
import { flowsShape, greenShape, ordersShape, paymentsShape } from "./shapes-community.ts";

type Asked = Readonly<Record<string, number | string | undefined>> & {
  readonly owner?: string;
  readonly before?: number;
  readonly limit: number;
};

const owner = known.id("whose; an owner sees its own alone");
const before = known.from("the last row's number of the page before; the newest without it");
const errors = { "4xx": errorAnswer, "5xx": errorAnswer };

type Read = {
  readonly summary: string;
  readonly query?: Readonly<Record<string, Parameter>>;
  readonly path?: Readonly<Record<string, Parameter>>;
  readonly needed?: readonly string[];
  readonly answer: Shape<unknown>;
  read(asked: Asked, request: FastifyRequest): unknown;
};

/** What owners, auditors and members read; `access/roles.ts` says who reads which. */
export function addViewRoutes(
  app: FastifyInstance,
  { desk, guard }: { readonly desk: Desk; readonly guard: Guard },
): void {
  const add = (url: string, { summary, query = {}, path, needed, answer, read }: Read) =>
    app.get(
      url,
      {
        schema: {
          summary,
          querystring: parameters(query, needed),
          ...(path === undefined ? {} : { params: parameters(path, Object.keys(path)) }),
          response: { 200: answer, ...errors },
        },
      },
      async (request: FastifyRequest, reply: FastifyReply) => {
        const { query: given, params } = request as { query: object; params: object };
        const found = await read({ ...given, ...params } as Asked, request);
        return found === undefined ? notThere(reply) : reply.send(found);
      },
    );
  /** The one owner that a route is about. */
  const one = (asked: Asked, request: FastifyRequest): string => {
    const found = guard.householdOf(request, asked.owner);
    if (found !== undefined) return found;
    throw new AccessError("access.other-owner", "say whose, as ?owner=<id>");
  };

  add("/api/account", {
    summary: "An owner at one glance: accounts, today, this month, power now",
    query: { owner },
    answer: accountShape,
    read: (asked, request) => desk.account(one(asked, request)),
  });
  add("/api/statement", {
    summary: "An owner's slots, newest first: traded, measured, and what came of it",
    query: { owner, before, limit: known.limit(48) },
    answer: list(statementRow),
    read: (asked, request) => desk.statement({ ...asked, owner: one(asked, request) }),
  });
  add("/api/statement/:slot", {
    summary: "One slot of an owner, down to the signed readings that it rests on",
    query: { owner },
    path: { slot: known.from("the slot's start") },
    answer: statementDetail,
    read: (asked, request) => desk.statementOf(one(asked, request), Number(asked.slot)),
  });
  add("/api/passes", {
    summary: "A slot's gates: what was expected, what the colony found, what was cleared",
    query: { slot: known.from("the slot's start") },
    needed: ["slot"],
    answer: list(passShape),
    read: ({ slot }) => desk.passes(Number(slot)),
  });
  add("/api/notices", {
    summary: "An owner's notices, newest first",
    query: { before, limit: known.limit(50) },
    answer: list(noticeShape),
    read: (asked, request) => desk.notices({ ...asked, owner: one(asked, request) }),
  });
  add("/api/preferences", {
    summary: "How an owner wants to be told; a signed notice-preferences message changes it",
    answer: preferencesShape,
    read: (asked, request) => desk.preferences(one(asked, request)),
  });
  add("/api/quotes", {
    summary: "An owner's quotes for slots that are still traded",
    answer: list(quoteShape),
    read: (asked, request) => desk.quotes(one(asked, request)),
  });
  add("/api/devices", {
    summary: "Units and meters, and what is wrong with them",
    query: { owner },
    answer: list(deviceShape),
    read: (asked, request) => desk.devices(guard.ownerOf(request, asked.owner)),
  });
  add("/api/alarms", {
    summary: "What somebody should look at now, and what ended",
    query: { owner },
    answer: list(alarmShape),
    read: (asked, request) => desk.alarms(guard.ownerOf(request, asked.owner)),
  });
  add("/api/credit", {
    summary: "Credit reports, the best first; an owner's own",
    query: { owner },
    answer: list(creditShape),
    read: (asked, request) => desk.credit(guard.ownerOf(request, asked.owner)),
  });
  add("/api/orders", {
    summary: "Orders of demand response, and what units may be ordered without asking",
    query: { owner },
    answer: ordersShape,
    read: (asked, request) => desk.orders(guard.ownerOf(request, asked.owner)),
  });
  add("/api/green", {
    summary: "Green certificates of the newest days, and the carbon figure of what was used",
    query: {
      owner,
      days: { type: "integer", description: "how many", minimum: 1, maximum: 62, default: 31 },
    },
    answer: greenShape,
    read: (asked, request) =>
      desk.green({ owner: guard.ownerOf(request, asked.owner), days: Number(asked.days) }),
  });
  add("/api/payments", {
    summary: "An owner's payments outside of the ledger, and its collateral",
    query: { owner },
    answer: paymentsShape,
    read: (asked, request) => desk.payments(one(asked, request)),
  });
  add("/api/flows", {
    summary: "What a slot's contracts send over each line of the grid",
    query: { slot: known.from("the slot's start") },
    needed: ["slot"],
    answer: flowsShape,
    read: ({ slot }) => desk.flows(Number(slot)),
  });
  add("/api/requests", {
    summary: "Units that ask to be admitted, the oldest first",
    answer: list(requestShape),
    read: () => desk.mailbox.list(),
  });
  add("/api/consortium", {
    summary: "Members, votes, motions and cases",
    answer: consortiumShape,
    read: () => desk.consortium(),
  });
  add("/api/blocks/:height", {
    summary: "A block with its transactions, events and signatures",
    path: { height: { ...known.from("its height"), minimum: 1 } },
    answer: blockDetail,
    read: ({ height }) => desk.block(Number(height)),
  });
  add("/api/search", {
    summary: "What goes by a name, a height or a hash, exactly",
    query: { q: { type: "string", description: "what to look for", maxLength: 80 } },
    needed: ["q"],
    answer: list(searchShape),
    read: ({ q }) => desk.search(String(q)),
  });
}

function notThere(reply: FastifyReply) {
  return reply.code(404).send({ code: "portal.not-found", message: "there is none" });
}
