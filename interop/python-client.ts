// One Python process in which a release of the published package lives; drive.py describes the lines that are exchanged.
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

export interface Step {
  /** As an application would name itself; null sends no `X-LICENSE-MODULE`. */
  application: string | null
  call: string
  arguments: unknown[]
  /** The token that the API object is made with. */
  token?: string
  /** The name of an API object that is kept from call to call; without it each call has a fresh one. */
  on?: string
}

export interface Answer {
  returned?: unknown
  raised?: string
  crashed?: string
  lacking?: string
  message?: string
  /** What the API object stores after the call. */
  holds?: { token: string | null; permissions: unknown; user: unknown }
  /** Method, path and status of each request that the call made. */
  requests: [method: string, path: string, status: number][]
}

export interface PythonClient extends AsyncDisposable {
  release: string
  perform(step: Step): Promise<Answer>
}

const driver = fileURLToPath(new URL('./drive.py', import.meta.url))

/** Starts a release with nothing but its base URL changed. It ends with `await using`, and after two minutes in any case. */
export async function startPythonClient(python: string, baseUrl: string): Promise<PythonClient> {
  const child = spawn(python, ['-I', driver], {
    stdio: ['pipe', 'pipe', 'pipe'],
    timeout: 120_000,
    // Nothing of this machine's: a proxy, a .netrc or a locale would change what the package does. Windows needs its root.
    env: { NO_PROXY: '*', SYSTEMROOT: process.env.SYSTEMROOT },
  })
  const exited = new Promise<void>((resolve) => {
    child.on('exit', () => resolve())
    child.on('error', () => resolve())
  })
  let complaints = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    complaints += text
  })
  // A process that is gone is reported where its answer is missing.
  child.stdin.on('error', () => {})
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()

  async function exchange(message: unknown): Promise<unknown> {
    child.stdin.write(`${JSON.stringify(message)}\n`)
    const line = await lines.next()
    if (!line.done) return JSON.parse(line.value)
    await exited
    throw new Error(`The Python process ended without an answer.\n${complaints}`)
  }

  // drive.py's documented first answer.
  const { release } = (await exchange({ base_url: baseUrl })) as { release: string }
  return {
    release,
    // drive.py's documented answers.
    perform: async (step) => (await exchange(step)) as Answer,
    async [Symbol.asyncDispose]() {
      child.stdin.end()
      await exited
    },
  }
}
