import { setImmediate as turn } from "node:timers/promises";
import {
  type BlockHeader,
  compareBytes,
  encodeHeader,
  keyId,
  membershipOf,
  toBeSigned,
} from "@busbar/protocol";
import type { CommittedBlock } from "./block.ts";
import type { BlockSource } from "./block-table.ts";
import { councilOf } from "./council.ts";
import { identityByKeyId } from "./identities.ts";
import { openedFrame, type Signed } from "./opened-frame.ts";
import type { StateReader } from "./state/state.ts";
import { type Remembering, rememberingVerify } from "./verified.ts";
import { readBlock, replayLedger, type Verification, type VerifyOptions } from "./verify.ts";
import type { Fault } from "./verify-beginning.ts";

/** What lies read and not yet replayed, at most: a long chain must not fill the memory. */
export type AheadMax = { readonly blocks: number; readonly bytes: number };
const usualAheadMax: AheadMax = { blocks: 256, bytes: 8 * 1024 * 1024 };
/** So many blocks are replayed before answers of other threads are heard. */
const blocksOfTurn = 8;

/** Has one signature checked, elsewhere. */
export type CheckElsewhere = (signed: Signed) => Promise<boolean>;

/**
 * As `verifyLedger`, with the same outcome: the signatures of blocks to come are checked elsewhere while this thread
 * runs the one before them. What could not be asked ahead, as the signature of somebody whom one of those blocks
 * admits, is checked in its turn.
 */
export async function verifyLedgerAhead(
  options: VerifyOptions & { readonly check: CheckElsewhere; readonly aheadMax?: AheadMax },
): Promise<Verification> {
  const { store, genesis, check, blocks = store, aheadMax = usualAheadMax } = options;
  const verify = rememberingVerify(options.verify);
  const last = store.height;
  const ahead = new Ahead({ blocks, last, chain: genesis.chain, check, verify, aheadMax });
  const replay = replayLedger({ ...options, verify, read: (height) => ahead.take(height) });
  try {
    for (;;) {
      const step = replay.next();
      if (step.done === true) return step.value;
      await ahead.until(step.value.height, step.value.state);
    }
  } finally {
    // Closes its state where somebody threw.
    replay.return({ ok: false, height: 0, code: "verify.ended", message: "given up" });
  }
}

type Read = {
  readonly height: number;
  readonly block: CommittedBlock | Fault;
  readonly bytes: number;
  readonly checked: Promise<unknown>;
};

type AheadOptions = {
  readonly blocks: BlockSource;
  readonly last: number;
  readonly chain: string;
  readonly check: CheckElsewhere;
  readonly verify: Remembering;
  readonly aheadMax: AheadMax;
};

/** Blocks before their turn, in order. */
class Ahead {
  readonly #options: AheadOptions;
  readonly #coming: Read[] = [];
  #bytes = 0;

  constructor(options: AheadOptions) {
    this.#options = options;
  }

  /** Resolves when the signatures of a block were looked at; `state` knows whose keys are whose. */
  async until(height: number, state: StateReader): Promise<void> {
    // In bunches: a message to a thread costs as much as a check.
    if (this.#isHalfEmpty()) this.#fill(height, state);
    if (height % blocksOfTurn === 0) await turn();
    await this.#coming[0]?.checked;
  }

  take(height: number): CommittedBlock | Fault {
    const first = this.#coming.shift();
    if (first?.height !== height) return readBlock(this.#options.blocks, height);
    this.#bytes -= first.bytes;
    return first.block;
  }

  #fill(from: number, state: StateReader): void {
    const { blocks, last } = this.#options;
    let next = (this.#coming.at(-1)?.height ?? from - 1) + 1;
    for (; next <= last && this.#hasRoom(); next++) {
      const block = readBlock(blocks, next);
      const known = "code" in block ? [] : this.#ask(block, state);
      const bytes = "code" in block ? 0 : block.frames.reduce((sum, { length }) => sum + length, 0);
      this.#coming.push({ height: next, block, bytes, checked: Promise.all(known) });
      this.#bytes += bytes;
    }
  }

  #isHalfEmpty(): boolean {
    const { aheadMax } = this.#options;
    return this.#coming.length <= aheadMax.blocks / 2 && this.#bytes <= aheadMax.bytes / 2;
  }

  #hasRoom(): boolean {
    const { aheadMax } = this.#options;
    return this.#coming.length < aheadMax.blocks && this.#bytes < aheadMax.bytes;
  }

  #ask({ frames, header, certificate }: CommittedBlock, state: StateReader): Promise<unknown>[] {
    const { chain, check, verify } = this.#options;
    const ofFrames = frames.flatMap((bytes) => {
      const frame = openedFrame(bytes);
      const { opened } = frame;
      const key = opened.ok && identityByKeyId(state, opened.frame.envelope.kid)?.key;
      const signed = key ? frame.toCheck(key, chain) : undefined;
      if (!key || signed === undefined) return [];
      return [check(signed).then((good) => frame.wasChecked(key, chain, good))];
    });
    const ofMembers = certificateSignatures(header, certificate, { chain, state }).map((signed) =>
      check(signed).then((good) => {
        const { signature, message, publicKey } = signed;
        if (good) verify.remember?.(signature, message, publicKey);
      }),
    );
    return [...ofFrames, ...ofMembers];
  }
}

/** What `verifyCertificate` would check, by the members that vote now. */
function certificateSignatures(
  header: BlockHeader,
  certificate: CommittedBlock["certificate"],
  { chain, state }: { readonly chain: string; readonly state: StateReader },
): Signed[] {
  const { members } = membershipOf(chain, councilOf(state));
  const bytes = encodeHeader(header);
  return certificate.flatMap(({ kid, signature }) => {
    const member = members.find(({ key }) => compareBytes(keyId(key), kid) === 0);
    if (member === undefined) return [];
    const message = toBeSigned(bytes, kid, { chain, kind: "block" });
    return [{ signature, message, publicKey: member.key }];
  });
}
