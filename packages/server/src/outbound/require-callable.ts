import { wrong } from '../errors.ts'
import { readTarget } from './target.ts'
import { findWay, type WayOptions } from './way.ts'

const WAIT_MS = 5_000
const NO_ADDRESS = 'names a host that has no address; check how it is written, and its DNS'

/**
 * For an address that is about to be stored: gives it in its one spelling. Tells early what every call checks again. A host that DNS
 * doesn't answer for just now is taken.
 *
 * @throws AppError `invalid_input` with `path` and what to do
 */
export async function requireCallable(address: string, options: WayOptions, path = '/body/url'): Promise<string> {
  const target = readTarget(address)
  if (typeof target === 'string') throw wrong(path, target)
  const way = await findWay(target, options, AbortSignal.timeout(WAIT_MS))
  if (way.kind === 'refused') throw wrong(path, way.fault)
  if (way.kind === 'unknown' && way.reason === 'no_address') throw wrong(path, NO_ADDRESS)
  return target.url.href
}
