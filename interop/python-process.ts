import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'

/** A Python program that is told and answers by lines. */
export type PythonProcess = {
  write(line: string): void
  /** Undefined when it has ended. */
  readLine(): Promise<string | undefined>
  /** What it wrote to standard error so far. */
  complaints(): string
  /** Ends it: there is nothing more to be told. */
  end(): Promise<void>
  exited: Promise<void>
}

/** Starts it with nothing of this machine's: a proxy, a .netrc or a locale would change what a package does. It ends after the time in any case. */
export function startPython(
  python: string,
  args: readonly string[],
  { timeoutMs, env = {} }: { timeoutMs: number; env?: Record<string, string> },
): PythonProcess {
  const child = spawn(python, ['-I', ...args], {
    stdio: ['pipe', 'pipe', 'pipe'],
    timeout: timeoutMs,
    // Windows needs its root.
    env: { NO_PROXY: '*', SYSTEMROOT: process.env.SYSTEMROOT, ...env },
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
  return {
    exited,
    write: (line) => void child.stdin.write(`${line}\n`),
    async readLine() {
      const line = await lines.next()
      return line.done ? undefined : line.value
    },
    complaints: () => complaints,
    async end() {
      child.stdin.end()
      await exited
    },
  }
}
