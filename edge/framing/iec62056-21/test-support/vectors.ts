/** Characters as they are on the wire: lines end in CR LF. */
const wire = (text: string): Uint8Array =>
  Uint8Array.from(Buffer.from(text.replaceAll("\n", "\r\n"), "latin1"));

/**
 * A Logarex LK13, DE: the whole mode C dialog. Source: identification and readout with its block
 * check 67 from test_iec_62056_21_messages.py of a Python reader on GitHub.
 */
export const logarex = {
  request: wire("/?!\n"),
  identification: wire("/LOG5LK123\n"),
  acknowledgement: wire("\x06050\n"),
  readout: wire(`\x021-0:96.1.0*255(001LOG0065282495)
1-0:1.8.0*255(015882.6927*kWh)
1-0:2.8.0*255(000219.4882*kWh)
1-0:16.7.0*255(000028*W)
1-0:32.7.0*255(235.2*V)
1-0:52.7.0*255(235.8*V)
1-0:72.7.0*255(237.1*V)
1-0:31.7.0*255(000.90*A)
1-0:51.7.0*255(002.28*A)
1-0:71.7.0*255(001.85*A)
1-0:81.7.1*255(117*deg)
1-0:81.7.2*255(242*deg)
1-0:81.7.4*255(032*deg)
1-0:81.7.15*255(051*deg)
1-0:81.7.26*255(073*deg)
1-0:14.7.0*255(49.9*Hz)
1-0:1.8.0*96(00019.3*kWh)
1-0:1.8.0*97(00158.7*kWh)
1-0:1.8.0*98(01074.7*kWh)
1-0:1.8.0*99(09027.4*kWh)
1-0:1.8.0*100(15882.6*kWh)
1-0:0.2.0*255(ver.03,432F,20170504)
1-0:96.90.2*255(0F66)
1-0:97.97.0*255(00000000)
!
\x03\x67`),
};

/** The characters and a block check of its own behind them. */
const behind = (text: string, check: number): Uint8Array => Uint8Array.of(...wire(text), check);

const months = (line: string, count: number): string => `${line}\n`.repeat(count);

/** Energy, last month's and the empty months before. */
const landisEnergy = (code: string, now: string, last: string): string =>
  `1-1:${code}(${now})\n1-1:${code}*01(${last})\n${months(`1-1:${code}*00(0000000.0)`, 14)}`;

/** Demand with its times, and the empty months before. */
const landisDemand = (code: string, now: string, last: string): string =>
  `1-1:${code}(${now})\n1-1:${code}*01(${last})\n${months(`1-1:${code}*00(00.000)(0000000000)`, 14)}`;

/**
 * A Landis+Gyr ZMD310, DE: some 6 kB with fifteen months, whose block check happens to be a line
 * feed. Source: the same file as `logarex`.
 */
export const landis = {
  identification: wire("/LGZ5\\2ZMD3104107.B40\n"),
  readout: behind(
    `\x021-1:F.F(00000000)
1-1:0.0.0(001LGZ0056859504)
1-1:0.9.1(185532)
1-1:0.9.2(210410)
1-1:0.1.0(01)
1-1:0.1.2*01(2104010000)
${months("1-1:0.1.2*00(0000000000)", 14)}1-1:1.5.0(00.030*kW)
${landisDemand("1.6.0", "10.102*kW)(2104070015", "06.130)(2101281415")}${landisEnergy("1.8.0", "0000094.5*kWh", "0000010.2")}1-1:2.5.0(00.000*kW)
${landisDemand("2.6.0", "09.293*kW)(2104021300", "09.301)(2103301415")}${landisEnergy("2.8.0", "0000293.9*kWh", "0000106.8")}${landisEnergy("5.8.0", "0000001.1*kvarh", "0000001.1")}${landisEnergy("6.8.0", "0000000.3*kvarh", "0000000.3")}${landisEnergy("7.8.0", "0000036.8*kvarh", "0000008.8")}${landisEnergy("8.8.0", "0000158.8*kvarh", "0000029.5")}1-1:C.5(0000E0F0)
1-1:C.7.0(00000008)
1-1:C.7.1(00000009)
1-1:C.7.2(00000010)
1-1:C.7.3(00000010)
1-1:0.2.0(B40)
1-1:0.2.1(017)
1-1:0.2.8(7F42)
1-1:32.7.0(235.2*V)
1-1:52.7.0(235.0*V)
1-1:72.7.0(237.6*V)
1-1:31.7.0(003.54*A)
1-1:51.7.0(007.63*A)
1-1:71.7.0(003.81*A)
1-1:36.7.0(-000.82*kW)
1-1:56.7.0( 001.67*kW)
1-1:76.7.0(-000.81*kW)
1-1:16.7.0( 000.03*kW)
1-1:151.7.0(-000.05*kvar)
1-1:171.7.0(-000.51*kvar)
1-1:191.7.0(-000.37*kvar)
1-1:131.7.0(-000.95*kvar)
1-1:0.5.1.2(80.000*kW)
!
\x03`,
    0x0a,
  ),
};

/**
 * An Itron ACE3000: wake-up characters, the echo of the request, and a readout that was damaged
 * when it was recorded (its block check is 46, of these bytes it is 4D). Source:
 * volkszaehler/vzlogger, tests/MeterD0.cpp, which takes 13925.5 from it.
 */
export const damagedAce3000 = Uint8Array.from(
  Buffer.from(
    "7f7f7f7f7f2f3f210d0a2f414345305c336b3236305630312e31390d0a02462e46283030290d0a432e312831313236313230303533333232333533290d0a432e352e30283030290d0a312e382e30283031333932352e352a29590202010021" +
      "0d0a03467f",
    "hex",
  ),
);

/**
 * An EasyMeter Q3D, DE, which pushes (mode D); seven decimals, and what a gateway wrote behind the
 * end. Source: ndokter/dsmr_parser, test/example_telegrams.py.
 */
export const easymeterPush = wire(`/ESY5Q3DB1024 V3.04

1-0:0.0.0*255(0272031312565)
1-0:1.8.0*255(00052185.7825309*kWh)
1-0:2.8.0*255(00019949.3221493*kWh)
1-0:21.7.0*255(000747.85*W)
1-0:41.7.0*255(000737.28*W)
1-0:61.7.0*255(000639.73*W)
1-0:1.7.0*255(002124.86*W)
1-0:96.5.5*255(80)
0-0:96.1.255*255(1ESY1313002565)
!
`);
export const easymeterTail = wire("  25803103\n");
