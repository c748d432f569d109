/**
 * Why the broker turned a client, a packet or a connection away: code → the rule that was broken.
 * A code is never renamed; logs, counters and CONNACK decisions go by it.
 */
export const brokerCodes = {
  "broker.certificate": "the certificate or key file for TLS cannot be used",
  "broker.closed": "the broker has stopped and publishes nothing more",
  "broker.listen": "the address to listen on cannot be used",
  "broker.port-forbidden": "the operating system does not let this user listen on the port",
  "broker.port-taken": "another program listens on the port",
  "guard.client-error":
    "a connection ended by an error: bad packet, keep-alive missed, broken link",
  "guard.connections-full": "more connections at once than the broker holds",
  "guard.malformed": "the bytes are no MQTT packet",
  "guard.not-connect": "the first packet of a connection must be CONNECT",
  "guard.packet-too-large": "a packet announced more bytes than the broker takes",
  "guard.slow-reader": "a client left too many bytes unread",
  "guard.tls": "the TLS handshake failed",
  "guard.too-fast": "one address opened connections faster than its allowance",
  "login.broker": "the token was made for another broker",
  "login.client": "the token was made for another client id",
  "login.client-id": "the client id must be the identity's id, or that id, a colon and a label",
  "login.duplicate-client":
    "connections with one client id replaced each other again and again: two units use one id",
  "login.expired": "the token's time is over",
  "login.identity": "the token speaks for another identity than the user name",
  "login.key-replaced": "the ledger replaced the key with which the connection logged in",
  "login.kind": "the password is a signed message, but no login token",
  "login.malformed": "the password is no login token",
  "login.missing": "user name and password are required",
  "login.not-yet": "the token's time has not begun",
  "login.replaced": "the same client id logged in again; the older connection was closed",
  "login.replayed": "the token was used before",
  "login.signature": "the token is not signed by the identity for this chain",
  "login.too-long": "the token is valid for longer than a token may be",
  "login.too-many-connections": "the identity holds as many connections as it may",
  "login.unknown-identity": "the ledger knows no identity of this name",
  "login.viewer-owner": "a viewer looks on for somebody who is no owner on the ledger",
  "login.viewer-password": "not the password of this viewer",
  "login.will": "a last will may only go to the device's own state topic",
  "login.wrong-key": "the token names another key than the identity's",
  "rights.publish": "the identity may not publish on this topic",
  "rights.subscribe": "the identity may not subscribe to this filter",
  "rights.too-many-filters": "the connection subscribed to more filters than one may hold",
} as const;

export type BrokerCode = keyof typeof brokerCodes;
