import { networkInterfaces } from 'node:os'
import { reachOf } from '../domain/outside.ts'
import { makeResolve, type Resolve } from './resolve.ts'
import type { Target } from './target.ts'

export type WayOptions = {
  /** LICENSE_ALLOWED_NETWORKS: what is the operator's own, and yet may be called. */
  allowedNetworks: readonly string[]
  /** The address is a setting of the operator's, who may call what is the operator's own; in the clear only where it is opened. */
  isOperators?: boolean | undefined
  /** Another way to find a host's addresses. */
  resolve?: Resolve | undefined
}

/** Where a call may go; or what is wrong with where it leads; or that nobody could say where. */
export type Way =
  | { kind: 'open'; addresses: string[] }
  | { kind: 'refused'; fault: string }
  | { kind: 'unknown'; reason: 'no_address' | 'dns' }

/** One host may have a thousand addresses that all hang. */
const MAX_ADDRESSES = 4

const NOT_OUTSIDE =
  'leads to this server or to a network that is not public; whoever runs the server can open the network by LICENSE_ALLOWED_NETWORKS'
const NOT_ENCRYPTED = 'must begin with https://; plain http goes to networks alone that LICENSE_ALLOWED_NETWORKS opens'

/** Finds a target's addresses and judges every one: a single one that leads inside closes the way. */
export async function findWay(target: Target, options: WayOptions, signal: AbortSignal): Promise<Way> {
  const { allowedNetworks, isOperators = false, resolve = makeResolve() } = options
  let addresses: string[]
  try {
    addresses = target.isLiteral ? [target.host] : await resolve(target.host, signal)
  } catch {
    return { kind: 'unknown', reason: 'dns' }
  }
  if (addresses.length === 0) return { kind: 'unknown', reason: 'no_address' }
  const own = ownAddresses()
  const reaches = addresses.map((address) => reachOf(address, allowedNetworks, own))
  if (!isOperators && reaches.includes('closed')) return { kind: 'refused', fault: NOT_OUTSIDE }
  if (target.url.protocol === 'http:' && !reaches.every((reach) => reach === 'opened'))
    return { kind: 'refused', fault: NOT_ENCRYPTED }
  return { kind: 'open', addresses: addresses.slice(0, MAX_ADDRESSES) }
}

function ownAddresses(): string[] {
  return Object.values(networkInterfaces()).flatMap((each = []) =>
    each.map(({ address }) => address.replace(/%.*/, '')),
  )
}
