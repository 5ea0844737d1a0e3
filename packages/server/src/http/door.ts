/**
 * Whether the server still takes requests. First it is leaving: it says that it is not ready and serves all the same, until load
 * balancers have noticed; whoever waits for something to happen is answered at once. Then it is closing: whoever comes is told so, by
 * an answer, while others are still served.
 */
export type Door = {
  readonly isLeaving: boolean
  readonly leaving: AbortSignal
  leave(): void
  isClosing: boolean
  underWay: number
}

export function openDoor(): Door {
  const controller = new AbortController()
  return {
    get isLeaving() {
      return controller.signal.aborted
    },
    leaving: controller.signal,
    leave: () => controller.abort(),
    isClosing: false,
    underWay: 0,
  }
}
