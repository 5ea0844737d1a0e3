// A reporter for node:test that names the skipped tests, one a line, each with its file and reason.
import { relative } from 'node:path'
import type { TestEvent } from 'node:test/reporters'
import { root } from './setup.mjs'

// biome-ignore lint/style/noDefaultExport: node:test takes a reporter by its default export
export default async function* skipped(events: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  for await (const { type, data } of events) {
    if (type !== 'test:pass' || data.skip === undefined || data.skip === false) continue
    const reason = typeof data.skip === 'string' && data.skip ? `: ${data.skip}` : ''
    yield `${data.name} (${data.file ? relative(root, data.file) : 'unknown file'})${reason}\n`
  }
}
