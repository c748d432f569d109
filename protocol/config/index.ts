/** Configuration files: YAML by a schema, with messages that name the line. */
export { ConfigError, type ConfigProblem, parseConfig } from "./load-yaml.ts";
export { nearest } from "./nearest.ts";
