import { Failure } from "@busbar/protocol";
import { type Entry, file, type Tree } from "../package/tree.ts";

/** What an image with a remote shell has beyond others. */
export const sshPackages = ["openssh-server"] as const;
export const sshUsers = 'u sshd - "Remote shell before sign-in" /run/sshd\n';

const keyLine =
  /^(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(256|384|521)|sk-(ssh-ed25519|ecdsa-sha2-nistp256)@openssh\.com) [A-Za-z0-9+/]{60,}={0,3}( .*)?$/;

/**
 * The public keys of a file as OpenSSH writes them. A private key, or one with options, is refused.
 * Throws: `Failure` `image.ssh`.
 */
export function publicKeysOf(text: string): readonly string[] {
  const lines = text.split(/\r?\n/).filter((line) => line.trim() !== "" && !line.startsWith("#"));
  const wrong = lines.findIndex((line) => !keyLine.test(line));
  if (lines.length > 0 && wrong < 0) return lines;
  const got = lines.length === 0 ? "none" : `something else at key ${wrong + 1}`;
  const message = `--ssh: expected public keys like "ssh-ed25519 AAAA…", one a line, got ${got}; ssh-keygen makes one, its .pub file is meant`;
  throw new Failure("image.ssh", message, { retry: "never" });
}

/** The remote shell for those whose keys are in the image: nobody else, and never by a password. */
export function sshFiles(keys: readonly string[]): Tree {
  return new Map<string, Entry>([
    ["etc/ssh/authorized_keys", file(keys.map((key) => `${key}\n`).join(""))],
    ["etc/ssh/sshd_config", file(config)],
    ["etc/systemd/system/busbar-ssh.service", file(service)],
    [
      "etc/systemd/system/multi-user.target.wants/busbar-ssh.service",
      { kind: "link", target: "/etc/systemd/system/busbar-ssh.service" },
    ],
  ]);
}

const hostKey = "/data/ssh/ssh_host_ed25519_key";

const config = `HostKey ${hostKey}
AuthorizedKeysFile /etc/ssh/authorized_keys
AuthenticationMethods publickey
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
AllowUsers root
UsePAM no
AllowTcpForwarding no
X11Forwarding no
`;

const service = `[Unit]
Description=Remote shell for those whose keys are in the image
After=network.target

[Service]
RuntimeDirectory=sshd
ExecStartPre=/bin/sh -c '[ -s ${hostKey} ] || { mkdir -p -m 0700 /data/ssh && ssh-keygen -q -t ed25519 -N "" -f ${hostKey}; }'
ExecStart=/usr/sbin/sshd -D -e
Restart=always
RestartSec=10
`;
