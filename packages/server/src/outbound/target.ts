import { isIP } from 'node:net'

/** An address that somebody typed, taken apart. */
export type Target = {
  url: URL
  /** A name without a full stop at its end, or an IP address in its one spelling, without brackets. */
  host: string
  isLiteral: boolean
}

const MAX_LENGTH = 2_000

/** The target, or what is wrong with the address, to follow its name in a sentence. */
export function readTarget(address: string): Target | string {
  if (address.length > MAX_LENGTH) return `is longer than ${MAX_LENGTH} characters`
  // The URL standard drops or turns these, so that a person reads another address than the one that is called.
  // biome-ignore lint/suspicious/noControlCharactersInRegex: those are meant
  const isPlain = !/[\u0000-\u0020\u007f\\]/.test(address)
  const url = isPlain ? URL.parse(address) : null
  if (!url || !/^https?:$/.test(url.protocol)) {
    return 'is no web address; write one such as https://site.example/license-events'
  }
  if (url.username !== '' || url.password !== '')
    return 'holds a name or a password; leave out what stands before the @'
  if (address.includes('#')) return 'has a part after #, which is never sent; leave it out'
  // The URL standard has made 127.0.0.1 of 0x7f.1, 2130706433, 0177.1, %3127.1 and digits of other scripts by now.
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1').replace(/\.$/, '')
  if (host === '') return 'names no host'
  return { url, host, isLiteral: isIP(host) !== 0 }
}
