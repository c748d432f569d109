import { decodeMessage, Failure, type Message, quorum } from "@busbar/protocol";
import { councilOf } from "../ledger/council.ts";
import { allOpen } from "../ledger/rules/members/motions.ts";
import { type Motion, motions } from "../ledger/rules/members/tables.ts";
import type { StateReader } from "../ledger/state/state.ts";
import { contractAbout, contractText } from "./contract.ts";

/** An open motion as people see it. */
export type OpenMotion = {
  readonly id: string;
  readonly what: string;
  readonly about: string;
  readonly by: string;
  readonly until: string;
  readonly accept: readonly string[];
  readonly reject: readonly string[];
  /** Votes that it needs. */
  readonly needed: number;
  /** The request to be admitted that it carries, in hex; undefined for other motions. */
  readonly request: string | undefined;
};

/** The open motions, those that expire first before others. */
export function openMotionsOf(state: StateReader): readonly OpenMotion[] {
  const needed = quorum(councilOf(state).voters.length);
  return allOpen(state).flatMap((id) => {
    const motion = motions.get(state, id);
    if (motion === undefined) return [];
    const { by, about, until, ballots } = motion;
    const side = (accept: boolean) =>
      ballots.filter((cast) => cast.accept === accept).map(({ member }) => member);
    const { what, request } = describe(motion);
    const ends = new Date(until).toISOString();
    return [
      {
        id,
        what,
        about,
        by,
        until: ends,
        accept: side(true),
        reject: side(false),
        needed,
        request,
      },
    ];
  });
}

/**
 * The open motion that somebody means: by the member it is about, `parameters`, `contract`, `release`, or by the first eight or more
 * digits of its id. Throws: `Failure` `vote.none`, `vote.unclear`.
 */
export function findMotion(state: StateReader, which: string): OpenMotion {
  const all = openMotionsOf(state);
  const found = all.filter(
    ({ id, about }) =>
      about === `member-${which}` ||
      about === `credit-${which}` ||
      about === `account-${which}` ||
      about === `feeder-${which}` ||
      about === which ||
      (which.length >= 8 && id.startsWith(which)),
  );
  const [motion, ...more] = found;
  if (motion !== undefined && more.length === 0) return motion;
  if (motion === undefined) {
    const list = all.map(({ id, what }) => `${id.slice(0, 8)} ${what}`).join(", ") || "none";
    throw stop("vote.none", `no open motion is about ${which}; open are: ${list}`);
  }
  const ids = found.map(({ id }) => id.slice(0, 12)).join(" and ");
  throw stop("vote.unclear", `${which} names ${ids}: give more digits of the one that is meant`);
}

function describe({ kind, message }: Motion): { what: string; request: string | undefined } {
  const decoded = decodeMessage(kind, message);
  if (!decoded.ok) return { what: "unknown", request: undefined };
  const { reason } = decoded.message;
  const why = reason === undefined ? "" : ` (${reason})`;
  if (kind === "release-motion") {
    const { release } = decoded.message as Message<"release-motion">;
    const what =
      release === undefined
        ? "the end of the release"
        : `release ${release.number}, ${release.version}, in ${release.stages.length} stages`;
    return { what: what + why, request: undefined };
  }
  if (kind === "feeder-motion") {
    const { action, chain, via, council } = decoded.message as Message<"feeder-motion">;
    const voters = council?.voters.map(({ id }) => id).join(", ");
    const by =
      voters === undefined
        ? ""
        : ` through ${via}, voted on by ${voters} since block ${council?.since}`;
    return { what: `${action} the chain ${chain}${by}${why}`, request: undefined };
  }
  if ("parameters" in decoded.message) {
    const { from, parameters } = decoded.message;
    const what = `parameters from ${new Date(from).toISOString()}: ${JSON.stringify(parameters)}`;
    return { what: what + why, request: undefined };
  }
  if ("contract" in decoded.message) {
    const { from, contract } = decoded.message;
    const about = contractAbout({ ...contract, from });
    return { what: `contract ${contractText(about)}${why}`, request: undefined };
  }
  if ("account" in decoded.message && "action" in decoded.message) {
    const { account, action } = decoded.message;
    return { what: `${action} the account of ${account}${why}`, request: undefined };
  }
  if ("account" in decoded.message) {
    const { account, height, kind: entry } = decoded.message;
    return { what: `strike ${entry} of block ${height} from ${account}${why}`, request: undefined };
  }
  const { action, subject, request } = decoded.message as Message<"member-motion">;
  const bytes = request && Buffer.from(request).toString("hex");
  return { what: `${action} ${subject}${why}`, request: bytes };
}

function stop(code: string, message: string): Failure {
  return new Failure(code, message, { retry: "never" });
}
