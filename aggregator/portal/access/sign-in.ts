import { openSignIn, signInDomain, type Verify, verifyEnvelope } from "@busbar/protocol";
import { AccessError } from "./codes.ts";
import type { People } from "./people.ts";
import type { Person } from "./roles.ts";
import { Secrets } from "./secrets.ts";

/** A challenge is answered at once, by a program. */
const challengeMs = 120_000;
/** Of one site; a link is opened by whoever starts it. */
const linkMs = 24 * 3_600_000;

export type SignInOptions = {
  readonly chain: string;
  readonly people: People;
  readonly verify: Verify;
  /** Whether whoever signed in may make one-time links that sign in another browser. */
  readonly links: boolean;
  /** Wall ms. */
  readonly now: () => number;
};

/** How people prove who they are: with their key, or with a link that such a one made. */
export class SignIn {
  readonly #options: SignInOptions;
  readonly #challenges = new Secrets<null>({ lifeMs: challengeMs, most: 1_000 });
  readonly #links = new Secrets<Person>({ lifeMs: linkMs, most: 100 });

  constructor(options: SignInOptions) {
    this.#options = options;
  }

  /** What to sign, and for which chain. */
  challenge(): { readonly challenge: string; readonly chain: string; readonly until: number } {
    const { chain, now } = this.#options;
    const { secret, until } = this.#challenges.issue(null, now());
    return { challenge: text(secret), chain, until };
  }

  /**
   * Whoever answered a challenge. `origin` is the portal's own address. Throws: `AccessError`, in this
   * order, `access.malformed`, `access.challenge`, `access.origin`, `access.unknown-key`, `access.signature`.
   */
  answer(data: Uint8Array, origin: string): Person {
    const { chain, people, verify, now } = this.#options;
    const opened = openSignIn(data);
    if (!opened.ok) {
      throw new AccessError("access.malformed", `${opened.message} (${opened.code})`);
    }
    const { envelope, signIn } = opened;
    if (this.#challenges.take(signIn.challenge, now()) === undefined) {
      throw new AccessError("access.challenge", "the challenge is too old or was used; try again");
    }
    if (signIn.origin !== origin) {
      const message = `expected an answer for ${origin}, got one for ${signIn.origin}; open the portal at its own address`;
      throw new AccessError("access.origin", message);
    }
    const person = people.byKeyId(envelope.kid);
    if (person === undefined) {
      const message =
        "nobody on this site's ledger has this key; a member admits its owner first, or takes a new key in";
      throw new AccessError("access.unknown-key", message);
    }
    if (!verifyEnvelope(envelope, { chain, kind: signInDomain }, person.key, verify)) {
      const message = `not signed by ${person.id} for chain ${chain}; is this the key file of this site?`;
      throw new AccessError("access.signature", message);
    }
    return person;
  }

  /** A secret that signs in once. Throws: `AccessError` `access.links-off`. */
  link(person: Person): { readonly link: string; readonly until: number } {
    const { links, now } = this.#options;
    if (!links) {
      throw new AccessError(
        "access.links-off",
        "sign-in links are for demonstrations; sign in by key",
      );
    }
    const { secret, until } = this.#links.issue(person, now());
    return { link: text(secret), until };
  }

  /** Throws: `AccessError` `access.link`. */
  followLink(link: string): Person {
    const { people, now } = this.#options;
    const found = this.#links.take(bytes(link), now());
    if (found === undefined || !people.holds(found.value)) {
      throw new AccessError("access.link", "the link was used or is too old; sign in by key");
    }
    return found.value;
  }
}

const text = (secret: Uint8Array) => Buffer.from(secret).toString("base64url");
const bytes = (word: string) => new Uint8Array(Buffer.from(word, "base64url"));
