import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { rename, rm } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'
import { CommandError } from './errors.ts'
import type { Out } from './output/out.ts'

/**
 * Writes lines as they come, to a file that only its owner may read, and which has its name only when it is whole; or, for `-`, to
 * standard output.
 */
export async function writeFileWhole(out: Out, file: string, lines: AsyncIterable<string>): Promise<void> {
  if (file === '-') {
    for await (const line of lines) if (!process.stdout.write(`${line}\n`)) await once(process.stdout, 'drain')
    return
  }
  const partial = `${file}.partial`
  let count = 0
  const counted = async function* () {
    for await (const line of lines) {
      yield `${line}\n`
      count++
    }
  }
  try {
    await pipeline(counted, createWriteStream(partial, { mode: 0o600 }))
    await rename(partial, file)
  } catch (error) {
    await rm(partial, { force: true })
    const { code, syscall } = error as NodeJS.ErrnoException // As node:fs throws.
    throw syscall === 'write' ? new CommandError(`${file} can't be written (${code}).`) : error
  }
  out.answer({ file, lines: count }, () => [`${file} is whole: ${count} lines, the last of which says so.`])
}
