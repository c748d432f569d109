import type { OpenApi, Operation } from "./openapi.ts";

/** The document as a page: no script, nothing from elsewhere. */
export function docsPage({ info, paths }: OpenApi): string {
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => section(method, path, operation)),
  );
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${escaped(info.title)}: API</title>
<link rel="icon" href="/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="/app.css">
</head>
<body>
<main class="docs">
<h1>${escaped(info.title)}: API</h1>
<p>${escaped(info.description)}</p>
<p><a href="/docs/openapi.json">openapi.json</a> · <a href="/">the portal</a></p>
${operations.join("\n")}
</main>
</body>
</html>
`;
}

function section(method: string, path: string, operation: Operation): string {
  const { summary, parameters, requestBody, responses } = operation;
  const rows = parameters.map(
    ({ name, in: place, required, description, schema }) =>
      `<tr><td><code>${escaped(name)}</code></td><td>${place}${required ? ", needed" : ""}</td><td>${escaped(description)}</td><td><code>${escaped(JSON.stringify(schema))}</code></td></tr>`,
  );
  const table =
    rows.length === 0
      ? ""
      : `<section class="scroll" tabindex="0" aria-label="Parameters of ${escaped(path)}"><table><thead><tr><th scope="col">Parameter</th><th scope="col">In</th><th scope="col">Meaning</th><th scope="col">Schema</th></tr></thead><tbody>${rows.join("")}</tbody></table></section>`;
  const body = requestBody === undefined ? "" : shapes("Takes", requestBody.content);
  const answers = Object.entries(responses).map(([status, { content }]) =>
    content === undefined ? "" : shapes(`Answers ${status}`, content),
  );
  return `<section class="card">
<h2><code>${method.toUpperCase()} ${escaped(path)}</code></h2>
<p>${escaped(summary)}</p>
<p class="quiet">${escaped(operation["x-roles"].join(", "))}</p>
${table}${body}${answers.join("")}
</section>`;
}

function shapes(
  title: string,
  content: Readonly<Record<string, { readonly schema: unknown }>>,
): string {
  return Object.entries(content)
    .map(
      ([type, { schema }]) =>
        `<details><summary>${escaped(title)}: ${escaped(type)}</summary><pre tabindex="0">${escaped(JSON.stringify(schema, null, 2))}</pre></details>`,
    )
    .join("");
}

function escaped(text: string): string {
  const names: Readonly<Record<string, string>> = {
    "&": "amp",
    "<": "lt",
    ">": "gt",
    '"': "quot",
    "'": "#39",
  };
  return text.replace(/[&<>"']/g, (sign) => `&${names[sign]};`);
}
