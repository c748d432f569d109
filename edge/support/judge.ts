import {
  openSupport,
  type Refusal,
  type SupportApproval,
  type SupportRequest,
  type Verify,
} from "@busbar/protocol";

/** Whose word counts: the owner's keys as the unit was enrolled with them. */
export type OwnerKeys = { readonly owner: string; readonly key: Uint8Array };

/** What is remembered of a session: over restarts, as long as its approval could be used. */
export type SessionNote = {
  /** Hexadecimal digits. */
  readonly id: string;
  readonly until: number;
  /** The highest number that was taken, and how many. */
  readonly last: number;
  readonly taken: number;
  readonly ended: boolean;
};

export type JudgeGrounds = {
  readonly chain: string;
  readonly device: string;
  /** Undefined where the unit was never enrolled from here. */
  readonly owner: OwnerKeys | undefined;
  /** Site ms; undefined while the time is not known. */
  readonly now: number | undefined;
  readonly sessions: readonly SessionNote[];
  readonly verify: Verify;
};

/** A question that may be answered, within its session. */
export type Granted = {
  readonly ok: true;
  readonly request: SupportRequest;
  readonly approval: SupportApproval;
  readonly session: string;
};

/** `approval` where the question is truly of who was approved: that one is told why it is refused. */
export type Refused = Refusal & {
  readonly request?: SupportRequest;
  readonly approval?: SupportApproval;
};

/** An approval for longer is none: nobody remembers next week whom it let in. */
export const approvalMsMax = 24 * 3_600_000;
/** How far the clocks of a unit and of who asks may be apart. */
const skewMs = 5 * 60_000;

export const idText = (id: Uint8Array): string => Buffer.from(id).toString("hex");

/**
 * Whether a question may be answered. Codes, in order: `support.no-owner`, `support.clock`, what the forms of
 * question and approval refuse, `support.approval` (not signed by the owner), `support.other-unit`,
 * `support.signature` (not by who was approved), `support.too-long`, `support.early`, `support.expired`,
 * `support.ended`, `support.stale`, `support.replay`, `support.too-many`, `support.not-allowed`.
 */
export function judgeRequest(data: Uint8Array, grounds: JudgeGrounds): Granted | Refused {
  const { chain, device, owner, now, sessions, verify } = grounds;
  if (owner === undefined) {
    return refuse(
      "support.no-owner",
      "the owner's public key is not known here: busbar-edge enrol",
    );
  }
  if (now === undefined) return refuse("support.clock", "the unit does not know the time yet");
  const asked = openSupport("request", data);
  if (!asked.ok) return asked;
  const { message: request } = asked;
  const approved = openSupport("approval", request.approval);
  if (!approved.ok) return approved;
  const { message: approval } = approved;
  const isOwners = approved.signedBy(owner.key, chain, verify);
  const isOne = Buffer.compare(approval.id, request.session) === 0;
  if (!isOwners || !isOne)
    return refuse("support.approval", "the owner of this unit did not sign it");
  if (approval.device !== device || approval.owner !== owner.owner) {
    const message = `the approval is for ${approval.device} of ${approval.owner}`;
    return refuse("support.other-unit", message);
  }
  if (!asked.signedBy(approval.supporter, chain, verify)) {
    return refuse("support.signature", "not signed by who was approved");
  }
  const session = idText(approval.id);
  const note = sessions.find(({ id }) => id === session);
  const why = whyNot(request, approval, { now, note });
  return why === undefined
    ? { ok: true, request, approval, session }
    : { ...refuse(why.code, why.message), request, approval };
}

function whyNot(
  request: SupportRequest,
  { from, until, commands, requestsMax }: SupportApproval,
  { now, note }: { readonly now: number; readonly note: SessionNote | undefined },
): { readonly code: string; readonly message: string } | undefined {
  const at = (ms: number) => new Date(ms).toISOString();
  if (until - from > approvalMsMax) {
    return { code: "support.too-long", message: "an approval is for a day at most" };
  }
  if (now < from - skewMs) return { code: "support.early", message: `it begins at ${at(from)}` };
  if (now >= until) return { code: "support.expired", message: `it ended at ${at(until)}` };
  if (note?.ended === true)
    return { code: "support.ended", message: "the owner ended this session" };
  if (Math.abs(now - request.at) > skewMs) {
    return {
      code: "support.stale",
      message: `asked at ${at(request.at)}, and here it is ${at(now)}`,
    };
  }
  if (request.number <= (note?.last ?? 0)) {
    return { code: "support.replay", message: `question ${request.number} was asked before` };
  }
  if ((note?.taken ?? 0) >= requestsMax) {
    return { code: "support.too-many", message: `${requestsMax} questions were approved` };
  }
  if (!commands.includes(request.command)) {
    return { code: "support.not-allowed", message: `approved are ${commands.join(", ")}` };
  }
  return undefined;
}

/** The sessions once a question was taken, without those whose approval is over. */
export function withTaken(
  sessions: readonly SessionNote[],
  { session, request, approval }: Granted,
  now: number,
): readonly SessionNote[] {
  const before = sessions.find(({ id }) => id === session);
  const note: SessionNote = {
    id: session,
    until: approval.until,
    last: request.number,
    taken: (before?.taken ?? 0) + 1,
    ended: before?.ended ?? false,
  };
  const others = sessions.filter(({ id, until }) => id !== session && until > now - skewMs);
  return [...others, note].slice(-sessionsMax);
}

/** Sessions of a day that are remembered; an owner would have to sign more of them. */
const sessionsMax = 64;

/**
 * Ends a session by the owner's word. Codes: `support.no-owner`, what its form refuses, `support.approval`
 * (not signed by the owner), `support.other-unit`.
 */
export function judgeEnd(
  data: Uint8Array,
  { chain, device, owner, now, sessions, verify }: JudgeGrounds,
):
  | { readonly ok: true; readonly session: string; readonly sessions: readonly SessionNote[] }
  | Refusal {
  if (owner === undefined)
    return refuse("support.no-owner", "the owner's public key is not known here");
  const opened = openSupport("end", data);
  if (!opened.ok) return opened;
  if (!opened.signedBy(owner.key, chain, verify)) {
    return refuse("support.approval", "the owner of this unit did not sign it");
  }
  const { message } = opened;
  if (message.device !== device || message.owner !== owner.owner) {
    return refuse("support.other-unit", `it is for ${message.device} of ${message.owner}`);
  }
  const session = idText(message.session);
  const before = sessions.find(({ id }) => id === session);
  // Of a session that never began: as long as any approval can last.
  const until = before?.until ?? (now ?? Date.now()) + approvalMsMax + skewMs;
  const ended = {
    id: session,
    until,
    last: before?.last ?? 0,
    taken: before?.taken ?? 0,
    ended: true,
  };
  const others = sessions.filter(({ id }) => id !== session);
  return { ok: true, session, sessions: [...others, ended].slice(-sessionsMax) };
}

/** Reads a note of sessions; undefined where it is damaged: then no approval of before may be used again. */
export function sessionsIn(text: string | undefined): readonly SessionNote[] | undefined {
  if (text === undefined) return [];
  try {
    const value = JSON.parse(text) as readonly SessionNote[];
    const isGood = value.every(
      ({ id, until, last, taken, ended }) =>
        /^[0-9a-f]{32}$/.test(id) &&
        [until, last, taken].every(Number.isSafeInteger) &&
        typeof ended === "boolean",
    );
    return isGood ? value : undefined;
  } catch {
    return undefined;
  }
}

const refuse = (code: string, message: string): Refusal => ({
  ok: false,
  code,
  message,
});
