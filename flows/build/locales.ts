/** Texts of a node's editor by key; groups nest. */
export type Catalogue = { readonly [key: string]: string | Catalogue };

/** A node's texts over those that all nodes share; the node's own win. */
export function mergeLocales(shared: Catalogue, own: Catalogue): Catalogue {
  const merged: Record<string, string | Catalogue> = { ...shared };
  for (const [key, value] of Object.entries(own)) {
    const known = merged[key];
    merged[key] =
      typeof value === "object" && typeof known === "object" ? mergeLocales(known, value) : value;
  }
  return merged;
}
