import { LicenseServerUnavailable } from './errors.ts'

/** What every call takes besides its own arguments. */
export interface CallOptions {
  /** Ends the call; it rejects with the signal's reason. */
  signal?: AbortSignal | undefined
  /** Milliseconds for the whole call: repeats, waits and reading the answer included. */
  timeout?: number | undefined
}

/** What a sign-in takes besides. */
export interface SignInOptions extends CallOptions {
  /**
   * The end user's IP address, as your proxy tells it. A server believes it of an application that has a secret: then somebody who
   * guesses the user's password from elsewhere can't keep the user out.
   */
  userAddress?: string | undefined
}

/** The end of one call, by time or by the caller's signal, whichever comes first. */
export interface Deadline {
  /** Aborted with what the call is to reject with. */
  readonly signal: AbortSignal
  left(): number
  /** The work's outcome, or the rejection at the deadline, also when the work ignores the signal. */
  race<T>(work: Promise<T>): Promise<T>
  sleep(milliseconds: number): Promise<void>
  /** Takes timer and listener away. */
  end(): void
}

const LONGEST = 2_147_483_647 // what setTimeout can take

/** @throws TypeError when it is no positive number of milliseconds */
export function checkTimeout(timeout: number): number {
  if (typeof timeout === 'number' && timeout > 0 && timeout <= LONGEST) return timeout
  throw new TypeError(`timeout must be a number of milliseconds, more than 0 and at most ${LONGEST}`)
}

export function startDeadline(timeout: number, callerSignal: AbortSignal | undefined): Deadline {
  callerSignal?.throwIfAborted()
  const controller = new AbortController()
  const { signal } = controller
  // By hand: AbortSignal.any is younger than the oldest Node that this package runs on.
  const pass = () => controller.abort(callerSignal?.reason)
  callerSignal?.addEventListener('abort', pass, { once: true })
  const late = () =>
    new LicenseServerUnavailable(`The License server did not answer within ${timeout} ms`, { code: 'timeout' })
  const timer = setTimeout(() => controller.abort(late()), timeout)
  const ends = performance.now() + timeout

  const race = <T>(work: Promise<T>): Promise<T> =>
    new Promise<T>((resolve, reject) => {
      const stop = () => reject(signal.reason)
      if (signal.aborted) stop()
      signal.addEventListener('abort', stop, { once: true })
      work.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop))
    })

  return {
    signal,
    race,
    left: () => ends - performance.now(),
    async sleep(milliseconds) {
      let wake: ReturnType<typeof setTimeout> | undefined
      try {
        await race(
          new Promise<void>((resolve) => {
            wake = setTimeout(resolve, milliseconds)
          }),
        )
      } finally {
        clearTimeout(wake)
      }
    },
    end() {
      clearTimeout(timer)
      callerSignal?.removeEventListener('abort', pass)
    },
  }
}

/** Options that give several requests one timeout together. */
export function sharedDeadline(options: CallOptions, timeout: number): CallOptions {
  const ends = performance.now() + checkTimeout(options.timeout ?? timeout)
  return {
    signal: options.signal,
    get timeout() {
      return Math.max(1, Math.ceil(ends - performance.now()))
    },
  }
}
