import { Hasher } from '../credentials/hasher.ts'
import { AppError } from '../errors.ts'
import { callOperators, type Outcome, type OutsideCall } from '../outbound/call.ts'
import { Circuit } from './circuit.ts'
import { readProfile, readSignIn, type ToldCompany, type ToldProfile, Unreadable } from './read-answer.ts'

/** What the old server said of a name and a password. */
export type Told = 'refused' | { companies: readonly ToldCompany[]; profile: ToldProfile }

type UpstreamOptions = {
  /** Without `/api/v1`. */
  url: string
  allowedNetworks: readonly string[]
  now(): number
  /** How it failed: no name, no password and nothing of the answer is in it. */
  onFailure(applicationId: string, reason: string): void
  /** For both requests of a sign-in together, the look-up of the name included. */
  timeoutMs?: number
}

/** So that whoever waited for a turn and a hashing is still answered in time. */
const TIMEOUT_MS = 5_000
const CONNECT_MS = 3_000
/** A sign-in's answer has the permissions of all companies. */
const MAX_ANSWER = 1_048_576
const MAX_PROFILE = 65_536
/** Asked at once, and waiting for it: an old server that hangs holds so many sign-ins, and no other. */
const AT_ONCE = 8
const WAITING = 64
const WAIT_MS = 1_500
/** Its words for "no". 404 is what some say of a name that they do not know. */
const REFUSALS = [400, 401, 403, 404]
/** As a proxy says it of a server that is down. */
const GATEWAY = [502, 503, 504]
const RETRY_SECONDS = 5

/** The License server that this one takes over from. It is asked one thing: whether a name's password is right. */
export class Upstream {
  readonly #options: UpstreamOptions
  readonly #gate = new Hasher({ concurrency: AT_ONCE, queue: WAITING, waitMs: WAIT_MS })
  readonly #circuit: Circuit

  constructor(options: UpstreamOptions) {
    this.#options = options
    this.#circuit = new Circuit(options.now)
  }

  /**
   * Whether it lets this user in to the application; then who that is and what it lets the user do.
   * @throws AppError `upstream_unavailable` when it says nothing that can be read as yes or no; `busy` when too many ask
   */
  async ask(applicationId: string, username: string, password: string): Promise<Told> {
    using place = this.#gate.enter(applicationId)
    return await place.run(async () => {
      const wait = this.#circuit.enter()
      if (wait > 0) throw unavailable('given up for a moment', Math.ceil(wait / 1000))
      try {
        const told = await this.#signIn(applicationId, username, password)
        this.#circuit.answered()
        return told
      } catch (error) {
        const { reason, isDown, retryAfter } = error instanceof Failure ? error : new Failure('an error of ours')
        if (isDown) this.#circuit.failed()
        else this.#circuit.answered()
        this.#options.onFailure(applicationId, reason)
        throw error instanceof Failure ? unavailable(reason, retryAfter) : error
      }
    })
  }

  /** Whether something that speaks the protocol answers there: asked without a name, an application or a token. */
  async check(): Promise<string | undefined> {
    const outcome = await this.#call(
      { method: 'GET', url: this.#address('users/profile/') },
      {},
      MAX_PROFILE,
      TIMEOUT_MS,
    )
    if (outcome.kind !== 'answered') return failureOf(outcome).reason
    return outcome.status >= 400 && outcome.status < 500 && isRefusal(outcome) ? undefined : `status ${outcome.status}`
  }

  async #signIn(applicationId: string, username: string, password: string): Promise<Told> {
    const until = performance.now() + (this.#options.timeoutMs ?? TIMEOUT_MS)
    const left = () => Math.max(1, until - performance.now())
    const module = { 'x-license-module': applicationId }
    const body = JSON.stringify({ username, password })
    const call = { method: 'POST', url: this.#address('authenticate/'), body } as const
    const answer = await this.#call(call, module, MAX_ANSWER, left())
    if (answer.kind === 'answered' && REFUSALS.includes(answer.status) && isRefusal(answer)) return 'refused'
    const { token, companies } = read(readSignIn, answer)
    const profile = await this.#call(
      { method: 'GET', url: this.#address('users/profile/') },
      { ...module, 'x-license-token': token },
      MAX_PROFILE,
      left(),
    )
    return { companies, profile: read(readProfile, profile) }
  }

  #call(call: OutsideCall, headers: Record<string, string>, maxBytes: number, timeoutMs: number): Promise<Outcome> {
    const { allowedNetworks } = this.#options
    return callOperators(
      // The content type on GET too, as the protocol has it.
      { ...call, headers: { 'content-type': 'application/json', ...headers } },
      { allowedNetworks, maxBytes, timeoutMs, connectMs: CONNECT_MS },
    )
  }

  #address(path: string): string {
    return `${this.#options.url}/api/v1/auth/${path}`
  }
}

/** It said neither yes nor no. `isDown`: whoever asks next would wait for the same. */
class Failure extends Error {
  readonly reason: string
  readonly isDown: boolean
  readonly retryAfter: number

  constructor(reason: string, { isDown = false, retryAfter = RETRY_SECONDS } = {}) {
    super(reason)
    this.reason = reason
    this.isDown = isDown
    this.retryAfter = retryAfter
  }
}

function read<T>(form: (body: unknown) => T, outcome: Outcome): T {
  if (outcome.kind !== 'answered' || outcome.status !== 200) throw failureOf(outcome)
  const body = outcome.isCut ? undefined : parse(outcome.body)
  try {
    return form(body)
  } catch (error) {
    if (error instanceof Unreadable) throw new Failure(`unreadable: ${error.message}`)
    throw error
  }
}

function failureOf(outcome: Outcome): Failure {
  if (outcome.kind === 'refused_address') return new Failure(`address: it ${outcome.fault}`)
  if (outcome.kind === 'failed')
    return new Failure([outcome.reason, outcome.code].filter(Boolean).join(' '), { isDown: true })
  const { status, headers } = outcome
  const seconds = Number(headers['retry-after'])
  const retryAfter = Number.isInteger(seconds) && seconds > 0 ? Math.min(60, seconds) : RETRY_SECONDS
  return new Failure(`status ${status}`, { isDown: GATEWAY.includes(status), retryAfter })
}

/** The protocol's form of every "no": what has another is a proxy's, or nobody's. */
function isRefusal(answer: { body: Buffer; isCut: boolean }): boolean {
  const body = answer.isCut ? undefined : parse(answer.body)
  return typeof body === 'object' && body !== null && 'message' in body && typeof body.message === 'string'
}

function parse(body: Buffer): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body))
  } catch {
    return undefined
  }
}

/** For whoever signs in: it says nothing of the password. */
function unavailable(reason: string, retryAfter: number): AppError {
  return new AppError('upstream_unavailable', {
    detail:
      'You can not be signed in just now: the server that knows your password does not answer. Try again in a moment.',
    cause: new Error(`the server of LICENSE_UPSTREAM: ${reason}`),
    retryAfter,
  })
}
