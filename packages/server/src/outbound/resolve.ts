import { Resolver } from 'node:dns/promises'
import { readFile } from 'node:fs/promises'

/** The addresses of a host, none when it has none. Rejects when nobody could say. */
export type Resolve = (host: string, signal: AbortSignal) => Promise<string[]>

type ResolveOptions = {
  /** Instead of the system's DNS servers. */
  servers?: readonly string[]
  hostsFile?: string
  /** For the first try; the second has twice that. */
  tryMs?: number
}

const HAS_NONE = new Set<unknown>(['ENOTFOUND', 'ENODATA', 'EBADNAME'])

/**
 * The hosts file first, then DNS. Not the system's own resolution: that holds a thread for as long as a dead DNS server lets it, and
 * passwords are hashed on the same threads.
 */
export function makeResolve({ servers, hostsFile = '/etc/hosts', tryMs = 2_000 }: ResolveOptions = {}): Resolve {
  return async (host, signal) => {
    const named = listNamed(await readFile(hostsFile, 'utf8').catch(() => ''), host)
    if (named.length > 0) return named
    signal.throwIfAborted()
    const resolver = new Resolver({ timeout: tryMs, tries: 2 })
    if (servers) resolver.setServers(servers)
    const cancel = () => resolver.cancel()
    signal.addEventListener('abort', cancel)
    try {
      const [four, six] = await Promise.allSettled([resolver.resolve4(host), resolver.resolve6(host)])
      const found = [four, six].flatMap((each) => (each.status === 'fulfilled' ? each.value : []))
      if (found.length > 0) return found
      for (const each of [four, six]) {
        if (each.status === 'rejected' && !HAS_NONE.has(each.reason.code)) throw each.reason
      }
      return []
    } finally {
      signal.removeEventListener('abort', cancel)
    }
  }
}

function listNamed(hostsFile: string, host: string): string[] {
  return hostsFile.split('\n').flatMap((line) => {
    const [address = '', ...names] = line.replace(/#.*/, '').trim().split(/\s+/)
    return names.some((name) => name.toLowerCase() === host) ? [address] : []
  })
}
