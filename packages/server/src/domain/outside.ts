import { isIP } from 'node:net'
import ipaddr from 'ipaddr.js'
import { isInNetworks } from './address.ts'

/** Out into the world, into a network that the operator opened, or where no call of ours may go. */
export type Reach = 'world' | 'opened' | 'closed'

/** What hands out a machine's credentials lies in closed ranges, but for this one of Azure's. */
const METADATA = '168.63.129.16'
/** All that is given out as public IPv6 so far; what embeds IPv4 in old ways lies outside of it or has a range of its own. */
const GLOBAL_IPV6 = '2000::/3'
/** Names of IPv4 hosts in networks that have IPv6 only (RFC 6052): as good as the address within. */
const NAT64 = '64:ff9b::/96'

/**
 * Judges an address that somebody's name or URL led to; `own` are those of this machine, which its firewall doesn't keep from itself.
 * What is no address is closed.
 */
export function reachOf(text: string, opened: readonly string[], own: readonly string[]): Reach {
  // A zone belongs to one machine's wires.
  if (isIP(text) === 0 || text.includes('%')) return 'closed'
  const address = withoutDots(text)
  if (isInNetworks(address, opened)) return 'opened'
  if (isInNetworks(address, [METADATA]) || own.some((each) => isSame(each, address))) return 'closed'
  const found = ipaddr.process(address)
  if (found instanceof ipaddr.IPv4) return found.range() === 'unicast' ? 'world' : 'closed'
  if (isInNetworks(address, [NAT64])) {
    const within = new ipaddr.IPv4(found.toByteArray().slice(12)).toString()
    return reachOf(within, [], own)
  }
  return found.range() === 'unicast' && isInNetworks(address, [GLOBAL_IPV6]) ? 'world' : 'closed'
}

/** `::127.0.0.1`, as resolvers write it, is read by ipaddr.js as IPv4; it is an address of IPv6 that leads nowhere. */
function withoutDots(address: string): string {
  if (isIP(address) === 4) return address
  return address.replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_all, ...four: string[]) => {
    const [a, b, c, d] = four.map(Number) as [number, number, number, number] // what the pattern has
    return `${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`
  })
}

function isSame(one: string, other: string): boolean {
  return ipaddr.process(one).toNormalizedString() === ipaddr.process(other).toNormalizedString()
}
