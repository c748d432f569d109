import { useEffect, useState } from "preact/hooks";
import { dayAndClock } from "../format.ts";
import { choose, language, t } from "../language.ts";
import { model } from "../live-site.ts";
import { Card, Problem } from "../parts/loaded.tsx";
import { told } from "../request.ts";
import { me } from "../session.ts";
import { useWatched } from "../store.ts";
import { pin, pinFile, pinned } from "../trust.ts";
import { PasskeyCard } from "./passkey-card.tsx";

/** This browser's language and trust, and who is signed in. */
export function SettingsPage() {
  const who = useWatched(me);
  const { status } = useWatched(model);
  return (
    <>
      <Card title={t("You")}>
        <dl class="facts">
          <div>
            <dt>{t("Signed in as")}</dt>
            <dd>
              {who?.id ?? "–"}, {t(who?.role ?? "guest")}
            </dd>
          </div>
          <div>
            <dt>{t("Until")}</dt>
            <dd>{who?.ends == null ? "–" : new Date(who.ends).toLocaleString(language)}</dd>
          </div>
        </dl>
      </Card>
      <Card title={t("Language")}>
        <label>
          <span class="visually-hidden">{t("Language")}</span>
          <select
            value={language}
            onChange={(event) => choose(event.currentTarget.value === "zh" ? "zh" : "en")}
          >
            <option value="en">English</option>
            <option value="zh">中文</option>
          </select>
        </label>
      </Card>
      {status === undefined ? null : <PasskeyCard chain={status.chain} />}
      {status === undefined ? null : <Trust chain={status.chain} />}
    </>
  );
}

function Trust({ chain }: { readonly chain: string }) {
  const held = useWatched(pinned);
  const [error, setError] = useState<{ message: string; code: string }>();
  const attempt = (work: Promise<unknown>) => {
    setError(undefined);
    work.catch((problem: unknown) => setError(told(problem)));
  };
  useEffect(() => attempt(pin(chain)), [chain]);
  return (
    <Card title={t("Whom this browser believes")}>
      <div class="narrow">
        <p>
          {t(
            "Proofs are checked here against the members that this browser pinned, and against nothing that the portal says afterwards.",
          )}
        </p>
        {held === undefined ? null : (
          <dl class="facts">
            <div>
              <dt>{t("Members with a vote")}</dt>
              <dd>
                {held.membership.members
                  .filter(({ voting }) => voting)
                  .map(({ id }) => id)
                  .join(", ")}
              </dd>
            </div>
            <div>
              <dt>{t("Pinned")}</dt>
              <dd>
                {held.source === "file"
                  ? t("from your membership.json")
                  : t("from this portal, at your first visit ({time})", {
                      time: dayAndClock(held.at),
                    })}
              </dd>
            </div>
            <div>
              <dt>{t("Voting since block")}</dt>
              <dd>{held.membership.since ?? 1}</dd>
            </div>
          </dl>
        )}
        <label class="file">
          <span>{t("Pin the membership.json that came with your invitation")}</span>
          <input
            type="file"
            accept=".json,application/json"
            onChange={(event) => {
              const file = event.currentTarget.files?.[0];
              if (file !== undefined) attempt(pinFile(file, chain));
            }}
          />
        </label>
        {error === undefined ? null : <Problem error={error} />}
      </div>
    </Card>
  );
}
