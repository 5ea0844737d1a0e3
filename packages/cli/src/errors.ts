/** What was asked can't be done: the sentences go to standard error, without a trace. */
export class CommandError extends Error {
  readonly lines: readonly string[]
  /** 1: refused or failed; 2: wrong use or settings. */
  readonly exitCode: 1 | 2

  constructor(lines: string | readonly string[], exitCode: 1 | 2 = 1) {
    super([lines].flat().join('\n'))
    this.name = 'CommandError'
    this.lines = [lines].flat()
    this.exitCode = exitCode
  }
}

/** The exit code of a command that was asked to check, and found "no", or something to do. */
export const CHECK_FAILED = 3
