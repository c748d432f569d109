/** Standard Webhooks asks for 24 to 64 bytes. */
export const keyBytesMin = 24;

/** Whether a text is a webhook's signing key: `whsec_` or not, and enough bytes in base64. */
export function isSigningKey(secret: string): boolean {
  const text = keyText(secret);
  const isBase64 = /^[A-Za-z0-9+/_-]+={0,2}$/.test(text);
  return isBase64 && Buffer.from(text, "base64").length >= keyBytesMin;
}

/** The key without the mark that it begins with. */
export const keyText = (secret: string): string => secret.replace(/^whsec_/, "");
