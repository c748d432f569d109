import { useEffect, useState } from "preact/hooks";
import { openKeyFile } from "../key.ts";
import { t } from "../language.ts";
import { Card, Problem } from "../parts/loaded.tsx";
import { Refused } from "../request.ts";
import { go } from "../route.ts";
import { followLink, me, signIn } from "../session.ts";

/** Chooses a key file, signs with it, and goes on to where its owner belongs. */
export function SignInPage() {
  const [error, setError] = useState<{ message: string; code: string }>();
  const [busy, setBusy] = useState(false);
  const choose = async (file: File | undefined) => {
    if (file === undefined) return;
    setBusy(true);
    setError(undefined);
    try {
      await signIn(await openKeyFile(file));
      go(me.value?.role === "owner" ? "#/home" : "#/");
    } catch (problem) {
      setError(told(problem));
    } finally {
      setBusy(false);
    }
  };
  return (
    <Card title={t("Sign in")}>
      <div class="narrow">
        <p>
          {t(
            "Choose your key file. It stays in this browser: only a signature leaves it, made for this address and good once.",
          )}
        </p>
        <label class="file">
          <span>{busy ? t("Signing in …") : t("Key file")}</span>
          <input
            type="file"
            accept=".key,.json,application/json"
            disabled={busy}
            onChange={(event) => void choose(event.currentTarget.files?.[0])}
          />
        </label>
        {error === undefined ? null : <Problem error={error} />}
        <details>
          <summary>{t("Where is my key file?")}</summary>
          <p>
            {t(
              "An owner’s is owner.key beside the unit’s configuration, made by busbar-edge enrol; a member’s is member.key beside aggregator.yaml. Whoever has it is you: keep it where nobody else reads.",
            )}
          </p>
          <p>
            {t("No key yet? Ask a member to admit your unit:")}{" "}
            <a href="#/ask">{t("hand in a request")}</a>
          </p>
        </details>
      </div>
    </Card>
  );
}

/** Follows a one-time link. */
export function LinkPage({ link }: { readonly link: string }) {
  const [error, setError] = useState<{ message: string; code: string }>();
  useEffect(() => {
    followLink(link).then(
      () => go(me.value?.role === "owner" ? "#/home" : "#/"),
      (problem) => setError(told(problem)),
    );
  }, [link]);
  return (
    <Card title={t("Sign in")}>
      {error === undefined ? <p role="status">{t("Signing in …")}</p> : <Problem error={error} />}
      {error === undefined ? null : (
        <p>
          <a href="#/sign-in">{t("Sign in with a key file")}</a>
        </p>
      )}
    </Card>
  );
}

export function told(problem: unknown): { readonly message: string; readonly code: string } {
  if (problem instanceof Refused) return problem;
  return { message: problem instanceof Error ? problem.message : String(problem), code: "page" };
}
