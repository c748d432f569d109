import { type Entry, file } from "../../package/tree.ts";

/**
 * Radios of an emulated board: two that are nothing but the kernel's code (mac80211_hwsim) and hear each other. The
 * first is the unit's; on the second a network is opened, which the unit's is to join as it would an installer's.
 */
export const network = {
  country: "DE",
  ssid: "Meter room",
  passphrase: "spare-key-17",
} as const;

/** What the console says when the unit has joined, and keeps to the country's rules. */
export const joined = /wlan0: CTRL-EVENT-CONNECTED/;
export const inCountry = new RegExp(`CTRL-EVENT-REGDOM-CHANGE.*alpha2=${network.country}`);

/** Of the rules that hold everywhere: the country is to come from the unit's own file. */
const accessPoint = `network={
\tssid="${network.ssid}"
\tpsk="${network.passphrase}"
\tmode=2
\tfrequency=2412
\tkey_mgmt=WPA-PSK
\tproto=RSN
\tpairwise=CCMP
}
`;

/** Beside the unit's own files: it opens the network once the site's configuration has one to join. */
const accessPointService = `[Unit]
Description=The network that an emulated board's radio joins
ConditionPathExists=/data/etc/wifi.conf
StartLimitIntervalSec=0

[Service]
ExecStart=/sbin/wpa_supplicant -c /run/emulated-access-point.conf -i %i -D nl80211
Restart=always
RestartSec=10
`;

/** Files that appear in /run of the emulated board. */
export const radioFiles: readonly (readonly [string, Entry])[] = [
  ["modules-load.d/emulated.conf", file("mac80211_hwsim\n")],
  ["emulated-access-point.conf", file(accessPoint)],
  ["systemd/system/busbar-wifi@wlan1.service", file(accessPointService)],
  // Said to the console, where the unit's own is not to be seen.
  ["systemd/system/busbar-wifi@.service.d/emulated.conf", file("[Service]\nSyslogLevel=notice\n")],
];
