import { Failure } from "@busbar/protocol";
import { createTransport, type Transporter } from "nodemailer";
import type { Channel } from "../channel.ts";
import type { Told } from "../told.ts";
import type { Reader } from "../words/words.ts";
import { htmlText } from "./html.ts";
import { plainText } from "./plain-text.ts";

/** The SMTP server that a member sends mail through (`notices.email` of its configuration). */
export type MailServer = {
  readonly host: string;
  readonly port: number;
  /** `tls`: from the first byte. `starttls`: insisted on. `none`: in clear, for a server on this machine. */
  readonly security: "tls" | "starttls" | "none";
  readonly user?: string | undefined;
  readonly password?: string | undefined;
  readonly from: string;
};

/** A step that takes longer than this has failed. */
const stepMsMax = 15_000;

/** Sends mail; opened once for all owners. */
export type Mailer = Pick<Transporter, "sendMail" | "verify">;

export function openMailer({ host, port, security, user, password = "" }: MailServer): Mailer {
  return createTransport({
    host,
    port,
    secure: security === "tls",
    requireTLS: security === "starttls",
    ignoreTLS: security === "none",
    ...(user === undefined ? {} : { auth: { user, pass: password } }),
    connectionTimeout: stepMsMax,
    greetingTimeout: stepMsMax,
    socketTimeout: stepMsMax,
    // Nothing is read from disk or fetched because a text names it.
    disableFileAccess: true,
    disableUrlAccess: true,
  });
}

/**
 * Mails notices as text and as HTML. The message id is made of the notice's, the same each time, so that a
 * mailbox may know one that comes again.
 */
export function emailChannel(
  { to, reader }: { readonly to: string; readonly reader: Reader },
  { mailer, from }: { readonly mailer: Mailer; readonly from: string },
): Channel {
  return {
    name: "email",
    async deliver(told: Told): Promise<void> {
      try {
        await mailer.sendMail({
          from,
          to: { name: told.owner, address: to },
          subject: told.title,
          text: plainText(told, reader),
          html: htmlText(told, reader),
          messageId: `<${told.id}@busbar.invalid>`,
          headers: { "auto-submitted": "auto-generated", "x-busbar-notice": told.id },
        });
      } catch (error) {
        throw asFailure(error);
      }
    },
  };
}

/**
 * A server's word on the mailbox or the message is final (RFC 5321 §4.2.1: 5yz); all else may get better,
 * or go through the server of another member.
 */
function asFailure(error: unknown): Failure {
  const { responseCode, message, ...rest } = error as Partial<Record<string, unknown>>;
  const final = typeof responseCode === "number" && responseCode >= 500 && isOfReceiver(rest);
  // The server's own words may hold the address; the number says enough.
  const why = typeof responseCode === "number" ? `answered ${responseCode}` : String(message);
  return new Failure("notice.mail", `the mail server ${why}`, {
    retry: final ? "never" : "later",
    cause: error,
  });
}

/**
 * A refused sign-in or sender address is the member's configuration, and so is what a server will not do
 * for it (530, and RFC 3463's 5.7.z: "relay access denied").
 */
function isOfReceiver({ command, response }: { command?: unknown; response?: unknown }): boolean {
  if (!["RCPT TO", "DATA"].includes(String(command))) return false;
  return !/^530|^5\d\d[ -]5\.7\./.test(String(response));
}
