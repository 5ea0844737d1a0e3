/** An address of an application's in the one spelling that is stored, or what is wrong with it, to follow its name in a sentence. */
export type SiteAddress = { url: string; fault?: undefined } | { url?: undefined; fault: string }

const LOOPBACK = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/

/** Below which a site has addresses: without a slash at its end. */
export function readSiteBase(text: string): SiteAddress {
  const url = readUrl(text, 'https://site.example/auth')
  if (typeof url === 'string') return { fault: url }
  if (url.search !== '') return { fault: 'has a part after ?; leave it out' }
  return { url: `${url.origin}${url.pathname.replace(/\/+$/, '')}` }
}

/** Where a browser sends a secret by a form. */
export function readFormAddress(text: string): SiteAddress {
  const url = readUrl(text, 'https://site.example/impersonation')
  if (typeof url === 'string') return { fault: url }
  if (url.protocol === 'http:' && !LOOPBACK.test(url.hostname))
    return { fault: 'must begin with https://: a one-time token is sent there' }
  return { url: url.href }
}

function readUrl(text: string, example: string): URL | string {
  // The URL standard drops or turns these, so that a person reads another address than the one that is meant.
  // biome-ignore lint/suspicious/noControlCharactersInRegex: those are meant
  const url = /[\u0000-\u0020\u007f\\]/.test(text) ? null : URL.parse(text)
  if (!url || !/^https?:$/.test(url.protocol)) return `is no web address; write one such as ${example}`
  if (url.username !== '' || url.password !== '')
    return 'holds a name or a password; leave out what stands before the @'
  if (text.includes('#')) return 'has a part after #; leave it out'
  return url
}
