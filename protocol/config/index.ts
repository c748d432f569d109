/** Configuration files: YAML by a schema, with messages that name the line. */
export { type ConfigKey, describeConfig } from "./describe.ts";
export { ConfigError, type ConfigProblem, parseConfig } from "./load-yaml.ts";
