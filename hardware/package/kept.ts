/**
 * What a unit needs of the folder of one package in node_modules, by the path in it: code and licences,
 * of its own processor. Of Node only the program itself.
 */
export function keptOfModule(path: string, cpu: string): boolean {
  const name = path.slice(path.lastIndexOf("/") + 1);
  if (/^(licen[cs]e|copying|notice)/i.test(name)) return true;
  const prebuilt = /^prebuilds\/([^/]+)\//.exec(path);
  if (prebuilt !== null) return prebuilt[1] === `linux-${cpu}` && !name.includes("musl");
  // At the top only: yaml keeps code in dist/doc, debug in src.
  if (/^(include|share|tests?|__tests__|docs?|examples?|benchmarks?|\.github)\//.test(path)) {
    return false;
  }
  return !/\.(md|markdown|map|[cm]?ts|flow|h|c|cc|cpp|gypi?|html|ya?ml|png)$/i.test(name);
}

/** What a unit needs of the project's own rooms. */
export function keptOfRoom(path: string): boolean {
  if (/(^|\/)(test-support|node_modules|dist)\//.test(path)) return false;
  return /(^|\/)package\.json$/.test(path) || (/\.ts$/.test(path) && !/\.test\.ts$/.test(path));
}

/** What a unit needs of hardware/meters. */
export const keptOfMeters = (path: string): boolean => /^[^/]+\.(yaml|schema\.json)$/.test(path);
