/**
 * Whether the server still takes requests. First it is leaving: it says that it is not ready and serves all the same, until load
 * balancers have noticed. Then it is closing: whoever comes is told so, by an answer, while others are still served.
 */
export type Door = { isLeaving: boolean; isClosing: boolean; underWay: number }

export function openDoor(): Door {
  return { isLeaving: false, isClosing: false, underWay: 0 }
}
