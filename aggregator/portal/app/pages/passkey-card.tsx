import { useState } from "preact/hooks";
import { t } from "../language.ts";
import { KeyNeeded } from "../parts/key-needed.tsx";
import { Card, Problem } from "../parts/loaded.tsx";
import { forget, lock, lockedKeys, noPasskeys } from "../passkey.ts";
import { told } from "../request.ts";
import { me } from "../session.ts";
import { useWatched } from "../store.ts";

/** Keeps the key in this browser, locked by a passkey. */
export function PasskeyCard({ chain }: { readonly chain: string }) {
  const id = useWatched(me)?.id ?? "";
  const own = useWatched(lockedKeys).filter((one) => one.chain === chain);
  const [error, setError] = useState<{ message: string; code: string }>();
  const missing = noPasskeys();
  return (
    <Card title={t("Passkey")}>
      <div class="narrow">
        <p>
          {t(
            "A passkey can lock your key into this browser: then a touch opens it, without the key file. Keep the file: the passkey opens this copy alone.",
          )}
        </p>
        {own.length === 0 ? null : (
          <ul class="lines" aria-label={t("Keys that this browser keeps locked")}>
            {own.map((one) => (
              <li key={one.credential}>
                <b>{one.id}</b>{" "}
                <button type="button" class="small" onClick={() => forget(one)}>
                  {t("Remove it from this browser")}
                </button>
              </li>
            ))}
          </ul>
        )}
        {missing === undefined ? (
          <KeyNeeded>
            {(key) => (
              <p class="actions">
                <button
                  type="button"
                  onClick={() => {
                    setError(undefined);
                    lock(key, { chain, id }).catch((problem) => setError(told(problem)));
                  }}
                >
                  {t("Lock my key with a passkey")}
                </button>
              </p>
            )}
          </KeyNeeded>
        ) : (
          <p class="quiet">{missing}</p>
        )}
        {error === undefined ? null : <Problem error={error} />}
      </div>
    </Card>
  );
}
