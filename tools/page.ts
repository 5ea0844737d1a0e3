// A page of docs/ that a test follows word by word: its files, what is typed into a shell, and what is seen.
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './setup.mjs'

/** `kind`: what stands after the fence, such as `json house.json`. */
export type Block = { kind: string; text: string; heading: string }
export type Step = { command: string; expected: string }

/** Every fenced block, with the `## ` heading that it stands under. */
export function readBlocks(page: string): Block[] {
  let heading = ''
  const text = readFileSync(join(root, page), 'utf8')
  return [...text.matchAll(/^## (.*)$|^```(.*)\n([\s\S]*?)^```$/gm)].flatMap(([, title, kind, text]) => {
    heading = title ?? heading
    return title === undefined ? [{ kind: kind ?? '', text: text ?? '', heading }] : []
  })
}

/** What is typed, after `$`, and what stands below it. */
export function stepsOf(text: string): Step[] {
  return text
    .split(/^\$ /m)
    .slice(1)
    .map((part) => {
      const [command = '', ...expected] = part.trimEnd().split('\n')
      return { command, expected: expected.join('\n') }
    })
}

/** `…` stands for what is different each time, within a line. */
export function matches(printed: string, expected: string): boolean {
  const pattern = expected
    .split('…')
    .map((part) => part.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&'))
    .join('[^\\n]*')
  return new RegExp(`^${pattern}$`).test(printed.trimEnd())
}

/** One shell, to which commands are typed one after the other. */
export class Shell {
  readonly #shell: ChildProcessWithoutNullStreams
  #printed = ''
  #heard = () => {}

  constructor(folder: string, env: NodeJS.ProcessEnv) {
    // A process group of its own, so that a server that was left running ends with it.
    this.#shell = spawn('sh', { cwd: folder, env, detached: true })
    this.#shell.stdin.write('exec 2>&1\n')
    this.#shell.stdout.setEncoding('utf8').on('data', (text: string) => {
      this.#printed += text
      this.#heard()
    })
  }

  /** Resolves with what it printed, when it has ended. */
  async type(command: string): Promise<string> {
    const end = `--- typed ${command.length} ---\n`
    this.#shell.stdin.write(`{ ${command}\n} < /dev/null\nprintf '%s\\n' '${end.trim()}'\n`)
    await this.#until(`"${command}" does not end`, () => this.#printed.endsWith(end))
    const printed = this.#printed.slice(0, -end.length)
    this.#printed = ''
    return printed
  }

  /** Resolves when it has printed so much, while it runs on. */
  async start(command: string, expected: string): Promise<void> {
    this.#shell.stdin.write(`${command} < /dev/null\n`)
    await this.#until(`"${command}" does not print "${expected}"`, () => matches(this.#printed, expected))
  }

  async #until(fault: string, is: () => boolean): Promise<void> {
    const deadline = AbortSignal.timeout(60_000)
    while (!is()) {
      if (deadline.aborted) throw new Error(`${fault}: ${this.#printed}`)
      await new Promise<void>((resolve) => {
        this.#heard = resolve
        deadline.addEventListener('abort', () => resolve(), { once: true })
      })
    }
  }

  [Symbol.dispose](): void {
    try {
      if (this.#shell.pid !== undefined) process.kill(-this.#shell.pid, 'SIGKILL')
    } catch {
      // It has ended already, with all that it started.
    }
  }
}
