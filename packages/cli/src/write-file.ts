import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { rename, rm } from 'node:fs/promises'
import type { Out } from './output/out.ts'

/**
 * Writes lines as they come, to a file that only its owner may read, and which has its name only when it is whole; or, for `-`, to
 * standard output.
 */
export async function writeFileWhole(out: Out, file: string, lines: AsyncIterable<string>): Promise<void> {
  if (file === '-') {
    await pass(lines, process.stdout)
    return
  }
  const partial = `${file}.partial`
  const stream = createWriteStream(partial, { mode: 0o600 })
  try {
    await once(stream, 'open')
    const count = await pass(lines, stream)
    stream.end()
    await once(stream, 'finish')
    await rename(partial, file)
    out.answer({ file, lines: count }, () => [`${file} is whole: ${count} lines, the last of which says so.`])
  } catch (error) {
    stream.destroy()
    await rm(partial, { force: true })
    throw error
  }
}

async function pass(lines: AsyncIterable<string>, to: NodeJS.WritableStream): Promise<number> {
  let count = 0
  for await (const line of lines) {
    if (!to.write(`${line}\n`)) await once(to, 'drain')
    count++
  }
  return count
}
