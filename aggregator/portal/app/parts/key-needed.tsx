import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { openKeyFile, type PageKey, pageKey } from "../key.ts";
import { t } from "../language.ts";
import { told } from "../pages/sign-in.tsx";
import { useWatched } from "../store.ts";
import { Problem } from "./loaded.tsx";

/** What is inside signs: the key file is asked for where the page does not hold it (any more). */
export function KeyNeeded({
  children,
}: {
  readonly children: (key: PageKey) => ComponentChildren;
}) {
  const key = useWatched(pageKey);
  const [error, setError] = useState<{ message: string; code: string }>();
  const choose = async (file: File | undefined) => {
    if (file === undefined) return;
    setError(undefined);
    try {
      pageKey.set(await openKeyFile(file));
    } catch (problem) {
      setError(told(problem));
    }
  };
  if (key !== undefined) return <>{children(key)}</>;
  return (
    <div class="narrow">
      <p>
        {t(
          "This is signed in this page: choose your key file. It stays here until you close the page.",
        )}
      </p>
      <label class="file">
        <span>{t("Key file")}</span>
        <input
          type="file"
          accept=".key,.json,application/json"
          onChange={(event) => void choose(event.currentTarget.files?.[0])}
        />
      </label>
      {error === undefined ? null : <Problem error={error} />}
    </div>
  );
}
