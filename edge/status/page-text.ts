/** Text for an element or a quoted attribute. */
export function textOf(text: string): string {
  return text.toWellFormed().replace(/[&<>"'`]/g, (char) => `&#${char.charCodeAt(0)};`);
}
