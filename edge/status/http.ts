/**
 * `node:http` without an import of it: an import reads every export, one of which loads the whole of
 * Node's fetch, 10 MB that a unit never uses.
 */
export const { createServer } = process.getBuiltinModule("node:http");
