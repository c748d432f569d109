import type { Line, Trace } from "./line.ts";

/** A line that tells every piece it carries. */
export function tracedLine(bus: string, line: Line, trace: Trace): Line {
  const setBaud = line.setBaud?.bind(line);
  return {
    open: ({ data, lost }) =>
      line.open({
        lost,
        data: (bytes) => {
          trace({ bus, direction: "received", bytes });
          data(bytes);
        },
      }),
    write: (bytes) => {
      trace({ bus, direction: "sent", bytes });
      line.write(bytes);
    },
    close: () => line.close(),
    ...(setBaud === undefined ? {} : { setBaud }),
  };
}
