import { useState } from "preact/hooks";
import type { PortalBlock } from "../../api.ts";
import type { BlockDetail, SearchAnswer } from "../../views/shapes.ts";
import { count, dayAndClock, shortHash } from "../format.ts";
import { t } from "../language.ts";
import { model } from "../live-site.ts";
import { Grid } from "../parts/grid.tsx";
import { Card, Empty, Loaded, useAnswer } from "../parts/loaded.tsx";
import { LongTable } from "../parts/rows.tsx";
import { useWatched } from "../store.ts";

/** The chain, and what is in it. */
export function BlocksPage({ height }: { readonly height: string | undefined }) {
  const { status } = useWatched(model);
  if (height !== undefined) return <BlockPage height={height} />;
  return (
    <>
      <Search />
      <Card title={t("Blocks")}>
        <LongTable<PortalBlock>
          path="blocks"
          caption={t("Blocks, newest first")}
          empty={t("No block yet.")}
          cursorOf={(block) => block.height}
          again={status?.height}
          columns={[
            {
              head: t("Height"),
              numeric: true,
              cell: (block) => <a href={`#/blocks/${block.height}`}>{count(block.height)}</a>,
            },
            { head: t("Time"), cell: ({ time }) => dayAndClock(time) },
            { head: t("Messages"), numeric: true, cell: ({ transactions }) => count(transactions) },
            { head: t("Proposer"), minor: true, cell: ({ proposer }) => proposer },
            { head: t("Hash"), cell: ({ hash }) => <span class="hash">{shortHash(hash)}</span> },
          ]}
        />
      </Card>
    </>
  );
}

function Search() {
  const [asked, setAsked] = useState("");
  const found = useAnswer<readonly SearchAnswer[]>(
    asked === "" ? undefined : `search?q=${encodeURIComponent(asked)}`,
  );
  const submit = (event: Event) => {
    event.preventDefault();
    setAsked(String(new FormData(event.currentTarget as HTMLFormElement).get("q") ?? "").trim());
  };
  return (
    <Card title={t("Search")}>
      <search>
        <form class="search" onSubmit={submit}>
          <label>
            <span class="visually-hidden">
              {t("A height, a hash, a contract, or the id of an owner, unit, meter or member")}
            </span>
            <input
              name="q"
              type="search"
              maxLength={80}
              placeholder={t("height, hash, contract, id")}
              autocomplete="off"
            />
          </label>
          <button type="submit">{t("Search")}</button>
        </form>
      </search>
      {asked === "" ? null : (
        <Loaded {...found}>
          {(all) =>
            all.length === 0 ? (
              <Empty title={t("Nothing goes by “{text}”.", { text: asked })} />
            ) : (
              <ul class="lines" aria-label={t("Found")}>
                {all.map(({ kind, id, label, height }) => (
                  <li key={`${kind} ${id}`}>
                    <b>{t(kind)}</b>{" "}
                    {height === null ? (
                      label
                    ) : (
                      <a href={`#/blocks/${height}`}>{foundName({ kind, id, height })}</a>
                    )}
                  </li>
                ))}
              </ul>
            )
          }
        </Loaded>
      )}
    </Card>
  );
}

/** What a block, or a message in one, is called in the page's language. */
function foundName({ kind, id, height }: Pick<SearchAnswer, "kind" | "id" | "height">): string {
  const block = t("Block {height}", { height: height ?? 0 });
  return kind === "transaction" ? `${shortHash(id)}, ${block}` : block;
}

function BlockPage({ height }: { readonly height: string }) {
  const block = useAnswer<BlockDetail>(`blocks/${encodeURIComponent(height)}`);
  return (
    <>
      <p>
        <a href="#/blocks">← {t("All blocks")}</a>
      </p>
      <Loaded {...block}>{(found) => <Block block={found} />}</Loaded>
    </>
  );
}

function Block({ block }: { readonly block: BlockDetail }) {
  const facts = [
    [t("Time"), dayAndClock(block.time)],
    [t("Proposer"), `${block.proposer}, ${t("view {view}", { view: block.view })}`],
    [
      t("Signed by"),
      t("{names} ({n} of {voters})", {
        names: block.signers.join(", "),
        n: block.signers.length,
        voters: block.voters,
      }),
    ],
    [t("Hash"), block.hash],
    [t("Block before"), block.previous],
    [t("State after it"), block.appHash],
    [t("Root of its messages"), block.txRoot],
    [t("Root of its results"), block.resultsRoot],
  ] as const;
  return (
    <>
      <Card title={t("Block {height}", { height: count(block.height) })}>
        <dl class="facts long">
          {facts.map(([name, value]) => (
            <div key={name}>
              <dt>{name}</dt>
              <dd class={/^[0-9a-f]{64}$/.test(value) ? "hash" : ""}>{value}</dd>
            </div>
          ))}
        </dl>
      </Card>
      {block.archived ? (
        <Card title={t("Messages")}>
          <Empty title={t("Its content lies in the archive.")} />
        </Card>
      ) : (
        <Content block={block} />
      )}
    </>
  );
}

function Content({ block }: { readonly block: BlockDetail }) {
  return (
    <>
      <Card title={t("Messages")} note={count(block.transactions.length)}>
        {block.transactions.length === 0 ? (
          <Empty title={t("None: the block did its own work.")} />
        ) : (
          <Grid
            caption={t("Messages")}
            tall
            heads={[t("Kind"), t("Signed by"), t("Result"), `#${t("Bytes")}`, t("Hash")]}
            rows={block.transactions.map(({ index, kind, signer, result, bytes, hash }) => ({
              key: String(index),
              cells: [
                kind,
                signer,
                result,
                count(bytes),
                <span key={index} class="hash">
                  {shortHash(hash)}
                </span>,
              ],
            }))}
          />
        )}
      </Card>
      <Card title={t("What it brought")} note={count(block.events.length)}>
        {block.events.length === 0 ? (
          <Empty title={t("Nothing.")} />
        ) : (
          <ul class="lines">
            {block.events.map(({ index, type, json }) => (
              <li key={index}>
                <details>
                  <summary>{type}</summary>
                  <pre>{json}</pre>
                </details>
              </li>
            ))}
          </ul>
        )}
      </Card>
    </>
  );
}
