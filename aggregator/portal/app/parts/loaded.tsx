import type { ComponentChildren } from "preact";
import { useCallback, useEffect, useState } from "preact/hooks";
import { meaningOf, t } from "../language.ts";
import { Refused, read } from "../request.ts";

/** What a page asked for: on its way, there, or refused. */
export type Asked<T> =
  | { readonly state: "waiting" }
  | { readonly state: "there"; readonly value: T }
  | { readonly state: "refused"; readonly error: Refused };

/** Asks the portal, and again whenever `again` changes; an older answer never covers a newer one. */
export function useAnswer<T>(
  path: string | undefined,
  again: unknown = 0,
): { readonly asked: Asked<T>; readonly reload: () => void } {
  const [asked, setAsked] = useState<Asked<T>>({ state: "waiting" });
  const [count, setCount] = useState(0);
  const reload = useCallback(() => setCount((before) => before + 1), []);
  useEffect(() => setAsked({ state: "waiting" }), [path]);
  useEffect(() => {
    if (path === undefined) return;
    let current = true;
    read<T>(path).then(
      (value) => current && setAsked({ state: "there", value }),
      (error: unknown) => {
        if (!(error instanceof Refused)) throw error;
        if (current) setAsked({ state: "refused", error });
      },
    );
    return () => {
      current = false;
    };
  }, [path, again, count]);
  return { asked, reload };
}

/** Shows an answer, or how it stands with it. */
export function Loaded<T>({
  asked,
  reload,
  children,
}: {
  readonly asked: Asked<T>;
  readonly reload: () => void;
  readonly children: (value: T) => ComponentChildren;
}) {
  switch (asked.state) {
    case "waiting":
      return <Waiting />;
    case "refused":
      return <Problem error={asked.error} retry={reload} />;
    case "there":
      return <>{children(asked.value)}</>;
    default:
      return asked satisfies never;
  }
}

export function Waiting() {
  return (
    <div class="waiting" role="status">
      <span class="visually-hidden">{t("Loading")}</span>
      <span class="bar" aria-hidden="true" />
      <span class="bar short" aria-hidden="true" />
    </div>
  );
}

/** Why something is refused: what its code means in the page's language, then the portal's own words with the details. */
export function Said({ message, code }: { readonly message: string; readonly code: string }) {
  const meaning = meaningOf(code);
  if (meaning === undefined) return <p>{message}</p>;
  return (
    <>
      <p>{meaning}</p>
      <p class="quiet" lang="en">
        {message}
      </p>
    </>
  );
}

export function Problem({
  error,
  retry,
}: {
  readonly error: { readonly message: string; readonly code: string };
  readonly retry?: () => void;
}) {
  return (
    <div class="problem" role="alert">
      <Said message={error.message} code={error.code} />
      <p class="quiet">{error.code}</p>
      {retry === undefined ? null : (
        <button type="button" onClick={retry}>
          {t("Try again")}
        </button>
      )}
    </div>
  );
}

export function Empty({
  title,
  children,
}: {
  readonly title: string;
  readonly children?: ComponentChildren;
}) {
  return (
    <div class="nothing">
      <p class="nothing-title">{title}</p>
      {children === undefined ? null : <p class="quiet">{children}</p>}
    </div>
  );
}

export function Card({
  title,
  note,
  children,
}: {
  readonly title: string;
  readonly note?: ComponentChildren;
  readonly children: ComponentChildren;
}) {
  return (
    <section class="card" aria-label={title}>
      <div class="card-head">
        <h2>{title}</h2>
        {note === undefined ? null : <p class="quiet">{note}</p>}
      </div>
      {children}
    </section>
  );
}

/** What is wider or longer than its place: reachable by keyboard, and named apart from its card. */
export function Scroll({
  label,
  tall = false,
  children,
}: {
  readonly label: string;
  readonly tall?: boolean;
  readonly children: ComponentChildren;
}) {
  const name = t("{name}, as a table", { name: label });
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
    <section class={tall ? "scroll tall" : "scroll"} tabIndex={0} aria-label={name}>
      {children}
    </section>
  );
}
