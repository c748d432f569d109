import type { ComponentChildren } from "preact";
import { Scroll } from "./loaded.tsx";

/** A short table; a head that begins with `#` is of numbers. */
export function Grid({
  caption,
  heads,
  rows,
  tall = false,
}: {
  readonly caption: string;
  readonly heads: readonly string[];
  readonly rows: readonly { readonly key: string; readonly cells: readonly ComponentChildren[] }[];
  readonly tall?: boolean;
}) {
  const classOf = (column: number) => (heads[column]?.startsWith("#") === true ? "num" : "");
  return (
    <Scroll label={caption} tall={tall}>
      <table>
        <caption class="visually-hidden">{caption}</caption>
        <thead>
          <tr>
            {heads.map((head, i) => (
              <th key={head} scope="col" class={classOf(i)}>
                {head.replace(/^#/, "")}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map(({ key, cells }) => (
            <tr key={key}>
              {cells.map((cell, i) => (
                <td key={heads[i]} class={classOf(i)}>
                  {cell}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}
