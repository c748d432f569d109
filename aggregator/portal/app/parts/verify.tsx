import { useState } from "preact/hooks";
import type { Verdict } from "../claims.ts";
import { count, dayAndClock } from "../format.ts";
import { meaningOf, t } from "../language.ts";
import { Refused } from "../request.ts";

/** A button that checks something in this page, and says what came of it. */
export function Verify({
  label,
  run,
}: {
  /** What is checked, for those who do not see where the button stands. */
  readonly label: string;
  readonly run: () => Promise<Verdict>;
}) {
  const [state, setState] = useState<Verdict | "idle" | "busy">("idle");
  const start = async () => {
    setState("busy");
    setState(await verdictOf(run));
  };
  if (state === "idle" || state === "busy") {
    return (
      <button
        type="button"
        class="small"
        disabled={state === "busy"}
        aria-label={`${t("Verify")}: ${label}`}
        onClick={() => void start()}
      >
        {state === "busy" ? t("Verifying …") : t("Verify")}
      </button>
    );
  }
  return <Outcome verdict={state} />;
}

export function Outcome({ verdict }: { readonly verdict: Verdict }) {
  if (!verdict.ok) {
    return (
      <span class="verdict" role="status" data-tone="bad">
        ✗ {meaningOf(verdict.code)}{" "}
        <span lang={meaningOf(verdict.code) === undefined ? undefined : "en"}>
          {verdict.message}
        </span>{" "}
        <span class="quiet">({verdict.code})</span>
      </span>
    );
  }
  const { height, time, signers } = verdict;
  return (
    <span class="verdict" role="status" data-tone="good" title={signers.join(", ")}>
      ✓{" "}
      {t("verified: block {height} of {time}, signed by {signers}", {
        height: count(height),
        time: dayAndClock(time),
        signers: signers.length,
      })}
    </span>
  );
}

/** What cannot be had is a verdict too. */
export async function verdictOf(run: () => Promise<Verdict>): Promise<Verdict> {
  try {
    return await run();
  } catch (error) {
    if (error instanceof Refused) return { ok: false, code: error.code, message: error.message };
    throw error;
  }
}
