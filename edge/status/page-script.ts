/** Puts what the unit sends into the page; opened lists stay open. It holds no data, so its hash is
 * the same for every unit. */
export const pageScript = `
const main = document.getElementById("main");
const live = document.getElementById("live");
const away = document.getElementById("away");
const stream = new EventSource("/events");
stream.onopen = () => { live.hidden = false; away.hidden = true; };
stream.onerror = () => { live.hidden = true; away.hidden = false; };
stream.onmessage = ({ data }) => {
  if (getSelection()?.toString()) return;
  const open = [...main.querySelectorAll("details[open]")].map(({ id }) => id);
  const focus = document.activeElement?.closest("details")?.id;
  main.innerHTML = JSON.parse(data);
  for (const id of open) document.getElementById(id)?.setAttribute("open", "");
  if (focus) document.getElementById(focus)?.querySelector("summary")?.focus();
};
`;
