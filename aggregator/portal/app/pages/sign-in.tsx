import { useEffect, useState } from "preact/hooks";
import { t } from "../language.ts";
import { KeyChoice } from "../parts/key-choice.tsx";
import { Card, Problem } from "../parts/loaded.tsx";
import { told } from "../request.ts";
import { go, goOn } from "../route.ts";
import { followLink, me, signIn } from "../session.ts";

/** Opens a key, signs with it, and goes on to where its owner belongs. */
export function SignInPage() {
  return (
    <Card title={t("Sign in")}>
      <div class="narrow">
        <p>
          {t(
            "Choose your key file. It stays in this browser: only a signature leaves it, made for this address and good once.",
          )}
        </p>
        <KeyChoice
          onKey={async (key) => {
            await signIn(key);
            goOn(me.value?.role === "owner" ? "#/home" : "#/");
          }}
        />
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
