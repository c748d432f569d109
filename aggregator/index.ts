/** The aggregator has no library face: it is run as `busbar-aggregator`. */
export {};
