import { Failure } from "@busbar/protocol";

/**
 * Numbers of the users and groups that Debian's base has none for: the same in every image, for what is
 * kept on a card belongs to them and outlives the system that wrote it.
 */
const numbers: Readonly<Record<string, number>> = {
  busbar: 900,
  gpio: 901,
  "systemd-journal": 902,
  "systemd-network": 903,
  "systemd-resolve": 904,
  "systemd-timesync": 905,
  input: 906,
  render: 907,
  kvm: 908,
  sgx: 909,
  messagebus: 910,
  "systemd-coredump": 911,
  sshd: 912,
};

/** A system's users and groups. */
export type Accounts = { readonly passwd: string; readonly group: string };

/**
 * Adds to Debian's base the users and groups that its packages and the unit name in files of sysusers.d.
 * None of them has a password: no file `shadow` is needed, and nobody can sign in.
 * Throws: `Failure` `image.accounts` at a line it does not know, or a name without a number.
 * Source: sysusers.d(5).
 */
export function accountsOf(base: Accounts, sysusers: readonly string[]): Accounts {
  const users = new Map(rows(base.passwd).map((row) => [row[0] ?? "", [...row]]));
  const groups = new Map(rows(base.group).map((row) => [row[0] ?? "", [...row]]));
  const addGroup = (name: string) => {
    if (!groups.has(name)) groups.set(name, [name, "*", String(numberOf(name)), ""]);
  };
  for (const line of sysusers.flatMap((text) => text.split("\n"))) {
    const [kind = "", name = "", ...rest] = wordsOf(line);
    if (kind === "" || kind.startsWith("#")) continue;
    if (kind === "g") addGroup(name);
    else if (kind === "u" && !users.has(name)) {
      addGroup(name);
      const number = String(numberOf(name));
      const [, gecos = "-", home = "-", shell = "-"] = rest;
      const or = (text: string, other: string) => (text === "-" || text === "" ? other : text);
      const nologin = or(shell, "/usr/sbin/nologin");
      users.set(name, [name, "*", number, number, or(gecos, ""), or(home, "/"), nologin]);
    } else if (kind === "m") {
      addGroup(rest[0] ?? "");
      const row = groups.get(rest[0] ?? "") ?? [];
      const members = (row[3] ?? "").split(",").filter((one) => one !== "");
      if (!members.includes(name)) row[3] = [...members, name].join(",");
    } else if (kind !== "u" && kind !== "r") throw refused(`${JSON.stringify(line)} is not known`);
  }
  // "x" sends who signs in to a file of hashes, which there is none of.
  const all = [...users.values()].map((row) => row.with(1, row[1] === "x" ? "*" : (row[1] ?? "")));
  return { passwd: text(all), group: text([...groups.values()]) };
}

/** Users whose password is not shut: none may be left in an image. `shadow`: of a system that has one. */
export function openAccounts(passwd: string, shadow = ""): string[] {
  const isOpen = ([, word = ""]: readonly string[]) => !/^[*!]/.test(word);
  const isNamed = ([name = "", word = ""]: readonly string[]) =>
    isOpen([name, word]) && word !== "x";
  const named = rows(passwd).filter(isNamed);
  return [...named, ...rows(shadow).filter(isOpen)].map(([name = ""]) => name);
}

function numberOf(name: string): number {
  const number = numbers[name];
  if (number === undefined) throw refused(`${name} has no number; give it one in accounts.ts`);
  return number;
}

const rows = (text: string): string[][] =>
  text.split("\n").flatMap((line) => (line.trim() === "" ? [] : [line.split(":")]));

const text = (all: readonly (readonly string[])[]): string =>
  all.map((row) => `${row.join(":")}\n`).join("");

/** Words of a line, those in quotes as one. */
const wordsOf = (line: string): string[] =>
  [...line.matchAll(/"([^"]*)"|(\S+)/g)].map((match) => match[1] ?? match[2] ?? "");

const refused = (message: string): Failure =>
  new Failure("image.accounts", `users of the image: ${message}`, { retry: "never" });
