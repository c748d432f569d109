import { type Kind, type Message, sealFrame } from "@busbar/protocol";
import { useState } from "preact/hooks";
import type { PageKey } from "./key.ts";
import { postFrame, told } from "./request.ts";

/** A message that is signed in this page and handed in, and how that went. */
export function useSigning(chain: string) {
  const [error, setError] = useState<{ message: string; code: string }>();
  const [done, setDone] = useState(false);
  const hand = async <K extends Kind>(kind: K, make: () => Message<K>, key: PageKey) => {
    setError(undefined);
    setDone(false);
    try {
      await postFrame("messages", sealFrame(kind, make(), { chain, signer: key.signer }));
      setDone(true);
    } catch (problem) {
      setError(told(problem));
    }
  };
  return { error, done, hand };
}
