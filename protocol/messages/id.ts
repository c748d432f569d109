import { text } from "../schema/codec.ts";

/**
 * Names of sites, members, owners, devices and meters. They stand in MQTT topics, so: lower case,
 * digits and inner hyphens only (no "." for RabbitMQ, no "/", "+", "#").
 */
export const idPattern = /^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$/;

/** 1 … 32 characters of `idPattern`. */
export const id = text(32, idPattern);

export function isId(value: string): boolean {
  return idPattern.test(value);
}
