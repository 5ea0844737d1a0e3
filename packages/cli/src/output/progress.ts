import { progress as bar } from '@clack/prompts'
import { clean } from './clean.ts'

export type Progress = {
  /** How many are done so far. */
  readonly done: number
  advance(by: number): void
  end(): void
}

/** A bar on a terminal; elsewhere nothing, so that a log stays readable. */
export function showProgress(name: string, total: number): Progress {
  let done = 0
  const drawn = process.stderr.isTTY
    ? bar({ max: Math.max(1, total), output: process.stderr, indicator: 'timer' })
    : undefined
  drawn?.start(clean(name))
  let isOver = false
  return {
    get done() {
      return done
    },
    advance(by) {
      done += by
      drawn?.advance(by, `${done} of ${total}`)
    },
    end() {
      if (!isOver) drawn?.stop(`${done} of ${total}`)
      isOver = true
    },
  }
}
