// biome-ignore-all lint/correctness/noUnusedVariables: a fragment that each editor page begins with.
// What an environment variable holds is checked when the flow starts.
const variable = /^\$\{[^}]+\}$/;
const matches = (pattern) => (value) => pattern.test(value ?? "") || variable.test(value ?? "");
const id = /^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$/;
const obis = /^\d{1,3}-\d{1,3}:\d{1,3}\.\d{1,3}\.\d{1,3}(\*\d{1,3})?$/;
const optional = (pattern) => (value) => !value || matches(pattern)(value);
const site = { value: "", type: "busbar-site", required: true };
/** What all nodes of the palette look like; `named` says what stands on a node without a name. */
const look = (icon, named = () => "") => ({
  category: "busbar",
  color: "#9FD5B5",
  icon,
  label() {
    return this.name || named.call(this) || this._("busbar.palette");
  },
  labelStyle() {
    return this.name ? "node_label_italic" : "";
  },
  paletteLabel() {
    return this._("busbar.palette");
  },
});
/** Makes a property one that may come from the message: its types, the usual ones behind. */
const typed = (property, types, usual = ["msg", "flow", "global", "env"]) =>
  $(`#node-input-${property}`).typedInput({
    typeField: `#node-input-${property}Type`,
    types: [...types, ...usual],
  });
/** Which part of a reading becomes the payload. */
const outputs = (node) => {
  const fixed = (value) => ({ value, label: node._(`busbar.output.${value}`), hasValue: false });
  const types = [
    ...["reading", "power", "import", "export"].map(fixed),
    { value: "obis", label: node._("busbar.output.obis"), validate: obis },
    { value: "quantity", label: node._("busbar.output.quantity"), validate: /\S/ },
  ];
  typed("output", types, []);
};
/** Asks the runtime something; rejects with its words where it refuses. */
const ask = (path, body) =>
  new Promise((resolve, reject) =>
    $.ajax({
      url: `busbar/${path}`,
      method: "POST",
      contentType: "application/json",
      data: JSON.stringify(body),
    })
      .done(resolve)
      .fail(({ responseJSON, status }) =>
        reject(new Error(responseJSON?.message ?? `HTTP ${status}`)),
      ),
  );
