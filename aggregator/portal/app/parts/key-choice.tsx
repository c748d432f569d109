import { useState } from "preact/hooks";
import { openKeyFile, type PageKey } from "../key.ts";
import { t } from "../language.ts";
import { model } from "../live-site.ts";
import { lockedKeys, noPasskeys, unlock } from "../passkey.ts";
import { told } from "../request.ts";
import { useWatched } from "../store.ts";
import { Problem } from "./loaded.tsx";

/** Ways to a key that this page can sign with: a key file, and those that this browser keeps locked. */
export function KeyChoice({
  onKey,
  only,
}: {
  readonly onKey: (key: PageKey) => void | Promise<void>;
  /** Whose key is asked for; anybody's without it. */
  readonly only?: string | undefined;
}) {
  const { status } = useWatched(model);
  const locked = useWatched(lockedKeys);
  const [error, setError] = useState<{ message: string; code: string }>();
  const [busy, setBusy] = useState(false);
  const run = async (open: () => Promise<PageKey>) => {
    setBusy(true);
    setError(undefined);
    try {
      await onKey(await open());
    } catch (problem) {
      setError(told(problem));
    } finally {
      setBusy(false);
    }
  };
  const own = locked.filter(
    ({ chain, id }) => chain === status?.chain && (only === undefined || id === only),
  );
  return (
    <>
      {noPasskeys() === undefined && own.length > 0 ? (
        <p class="actions">
          {own.map((one) => (
            <button
              key={one.credential}
              type="button"
              disabled={busy}
              onClick={() => void run(() => unlock(one))}
            >
              {t("Use the passkey of {id}", { id: one.id })}
            </button>
          ))}
        </p>
      ) : null}
      <label class="file">
        <span>{busy ? t("Signing in …") : t("Key file")}</span>
        <input
          type="file"
          accept=".key,.json,application/json"
          disabled={busy}
          onChange={(event) => {
            const file = event.currentTarget.files?.[0];
            if (file !== undefined) void run(() => openKeyFile(file));
          }}
        />
      </label>
      {error === undefined ? null : <Problem error={error} />}
    </>
  );
}
