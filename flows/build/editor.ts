/**
 * A node's editor page from its short form: `<busbar-row of="device" icon="microchip" hint>` stands for
 * a labelled field, and scripts marked `data-busbar` see the helpers of `nodes/link/editor.js`.
 */

type Attributes = Readonly<Record<string, string>>;

/** What a row may be beside a text field. */
const kinds = ["text", "secret", "number", "check", "select", "typed"] as const;
type Kind = (typeof kinds)[number];

/** Throws: `Error` for a row of an unknown kind, or without a property. */
export function expandEditor(source: string, helpers: string): string {
  const config = /data-template-name="busbar-site"/.test(source);
  return source
    .replace(/^ *<busbar-row\b([^>]*)>\n/gm, (_, text: string) => row(attributesOf(text), config))
    .replace(
      /<script type="text\/javascript" data-busbar>\n(.*?)<\/script>/gs,
      (_, body: string) =>
        `<script type="text/javascript">\n(() => {\n${helpers}${body}})();\n</script>`,
    );
}

function attributesOf(text: string): Attributes {
  const found = text.matchAll(/([a-z-]+)(?:="([^"]*)")?/g);
  return Object.fromEntries([...found].map(([, name = "", value = ""]) => [name, value]));
}

function row(attributes: Attributes, config: boolean): string {
  const { of = "", icon = "", as = "text" } = attributes;
  const kind = kinds.find((known) => known === as);
  if (of === "" || kind === undefined) throw new Error(`busbar-row: of="${of}" as="${as}"`);
  const id = `node-${config ? "config-" : ""}input-${of}`;
  const label = `<label for="${id}"><i class="fa fa-${icon}"></i> <span data-i18n="busbar.label.${of}"></span></label>`;
  return `  <div class="form-row busbar-row-${of}">
    ${label}
    ${field(kind, id, attributes)}
  </div>
`;
}

function field(kind: Kind, id: string, { of, hint, options = "", group }: Attributes): string {
  const placeholder =
    hint === undefined
      ? ""
      : hint === ""
        ? ` data-i18n="[placeholder]busbar.placeholder.${of}"`
        : ` placeholder="${hint}"`;
  switch (kind) {
    case "text":
      return `<input type="text" id="${id}"${placeholder}>`;
    case "secret":
      return `<input type="password" id="${id}"${placeholder}>`;
    case "number":
      return `<input type="number" id="${id}" step="any" style="width: 100px"${placeholder}>`;
    case "check":
      return `<input type="checkbox" id="${id}" style="width: auto; vertical-align: top">`;
    case "typed":
      return `<input type="text" id="${id}" style="width: 70%"${placeholder}><input type="hidden" id="${id}Type">`;
    case "select": {
      const list = options
        .split(" ")
        .map(
          (value) =>
            `<option value="${value}" data-i18n="busbar.${group ?? of}.${value}"></option>`,
        );
      return `<select id="${id}" style="width: 70%">${list.join("")}</select>`;
    }
    default:
      return kind satisfies never;
  }
}
