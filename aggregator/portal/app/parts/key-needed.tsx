import type { ComponentChildren } from "preact";
import { type PageKey, pageKey } from "../key.ts";
import { t } from "../language.ts";
import { me } from "../session.ts";
import { useWatched } from "../store.ts";
import { KeyChoice } from "./key-choice.tsx";

/** What is inside signs: the key is asked for where the page does not hold it (any more). */
export function KeyNeeded({
  children,
}: {
  readonly children: (key: PageKey) => ComponentChildren;
}) {
  const key = useWatched(pageKey);
  const who = useWatched(me);
  if (key !== undefined) return <>{children(key)}</>;
  return (
    <div class="narrow">
      <p>
        {t(
          "This is signed in this page: choose your key file. It stays here until you close the page.",
        )}
      </p>
      <KeyChoice onKey={(one) => pageKey.set(one)} only={who?.id ?? undefined} />
    </div>
  );
}
