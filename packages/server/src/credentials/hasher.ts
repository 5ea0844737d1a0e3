import { AppError } from '../errors.ts'
import { hashPassword, type StoredPassword, verifyPassword } from './password-hash.ts'

export type HasherOptions = { concurrency: number; queue: number }

/** Of a random password that nobody has, with today's parameters (tests/sign-in/hashing-gate.test.ts). */
export const DECOY: StoredPassword = {
  hash: '$argon2id$v=19$m=19456,t=2,p=1$kxMypZxphwbXKfXYbFjfMQ$A9gYDnql3hb/8Hhm9XYCkXf4ldI72o/y//1/Nc/eJ7w',
  isForeign: false,
}

/** All password hashing of this process goes through one gate: so many at once, so many waiting, the rest is refused. */
export class Hasher {
  readonly #options: HasherOptions
  readonly #waiting: (() => void)[] = []
  #running = 0

  constructor(options: HasherOptions) {
    this.#options = options
  }

  get running(): number {
    return this.#running
  }

  get waiting(): number {
    return this.#waiting.length
  }

  hash(password: string): Promise<string> {
    return this.#inTurn(() => hashPassword(password))
  }

  /** Whether the password is the stored one. Without a stored one the same work is done for nothing, and it is not. */
  async verify(password: string, stored: StoredPassword | undefined): Promise<boolean> {
    return this.#inTurn(async () => {
      const isRight = await verifyPassword(password, stored ?? DECOY)
      return isRight && stored !== undefined
    })
  }

  async #inTurn<T>(act: () => Promise<T>): Promise<T> {
    await this.#enter()
    try {
      return await act()
    } finally {
      this.#leave()
    }
  }

  async #enter(): Promise<void> {
    if (this.#running < this.#options.concurrency) {
      this.#running++
      return
    }
    if (this.#waiting.length >= this.#options.queue) {
      throw new AppError('busy', {
        detail: 'Too many people are signing in just now. Try again in a moment.',
        retryAfter: 2,
      })
    }
    // Whoever leaves hands its place over, so that nobody slips in between.
    await new Promise<void>((resolve) => this.#waiting.push(resolve))
  }

  #leave(): void {
    const next = this.#waiting.shift()
    if (next) next()
    else this.#running--
  }
}
