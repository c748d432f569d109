/** Every code with which the portal refuses, what is wrong, and the HTTP status that it comes with. */
export const accessCodes = {
  "access.challenge": [401, "a challenge that is unknown, was used, or is too old"],
  "access.csrf": [
    403,
    "a request that changes something without the session's token, or from another page",
  ],
  "access.denied": [403, "the role that signed in may not do this"],
  "access.host": [403, "a name of the portal that its configuration does not have"],
  "access.link": [401, "a sign-in link that is unknown, was used, or is too old"],
  "access.links-off": [403, "this portal makes no sign-in links"],
  "access.malformed": [400, "no signed answer to a challenge"],
  "access.origin": [401, "an answer signed for another address than the portal's"],
  "access.other-owner": [403, "what belongs to another owner"],
  "access.sign-in": [401, "only for those who signed in"],
  "access.signature": [401, "a signature that does not fit the key"],
  "access.too-many": [429, "too many requests from one address"],
  "access.unknown-key": [401, "a key that nobody here has, or whose member was suspended"],
  "portal.mailbox-full": [
    503,
    "too many requests for admission from one address wait for a member",
  ],
  "portal.sent-lately": [429, "another try of a notice that was tried within the hour"],
} as const satisfies Readonly<Record<string, readonly [status: number, what: string]>>;

export type AccessCode = keyof typeof accessCodes;

/** A request that is refused. */
export class AccessError extends Error {
  readonly code: AccessCode;
  readonly statusCode: number;

  constructor(code: AccessCode, message: string) {
    super(message);
    this.code = code;
    this.statusCode = accessCodes[code][0];
  }
}
