/**
 * Whether the server still takes requests. First it is leaving: it says that it is not ready and serves all the same, until load
 * balancers have noticed. Closing is said to whoever comes on a connection that is already open.
 */
export type Door = { isLeaving: boolean; isClosing: boolean }
