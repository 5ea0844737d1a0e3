// One Python process in which a release of the published package lives; drive.py describes the lines that are exchanged.
import { fileURLToPath } from 'node:url'
import { startPython } from './python-process.ts'

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
  /** From now on it asks another server, with fresh API objects. */
  turnTo(baseUrl: string): Promise<void>
}

const driver = fileURLToPath(new URL('./drive.py', import.meta.url))

/** Starts a release with nothing but its base URL changed. It ends with `await using`, and after five minutes in any case. */
export async function startPythonClient(python: string, baseUrl: string): Promise<PythonClient> {
  const client = startPython(python, [driver], { timeoutMs: 300_000 })

  async function exchange(message: unknown): Promise<unknown> {
    client.write(JSON.stringify(message))
    const line = await client.readLine()
    if (line !== undefined) return JSON.parse(line)
    await client.exited
    throw new Error(`The Python process ended without an answer.\n${client.complaints()}`)
  }

  // drive.py's documented first answer.
  const { release } = (await exchange({ base_url: baseUrl })) as { release: string }
  return {
    release,
    // drive.py's documented answers.
    perform: async (step) => (await exchange(step)) as Answer,
    turnTo: async (url) => void (await exchange({ base_url: url })),
    [Symbol.asyncDispose]: () => client.end(),
  }
}
