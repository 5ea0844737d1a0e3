import { isIP } from 'node:net'
import ipaddr from 'ipaddr.js'

/**
 * An IP address in the one form that is compared and stored: IPv4 also where it came as `::ffff:…`; of IPv6 the /64, which
 * one machine has to itself. Undefined for what is no address.
 */
export function canonicalAddress(text: string): string | undefined {
  // A zone belongs to one machine's wires.
  if (isIP(text) === 0 || text.includes('%')) return undefined
  const address = ipaddr.process(text)
  if (address instanceof ipaddr.IPv4) return address.toString()
  return `${new ipaddr.IPv6([...address.parts.slice(0, 4), 0, 0, 0, 0]).toRFC5952String()}/64`
}

/** Whether a text names a network, `10.0.0.0/8` or `2001:db8::/32`, or a single address. */
export function isNetwork(text: string): boolean {
  const [address = '', bits, ...rest] = text.split('/')
  const version = isIP(address)
  if (version === 0 || address.includes('%') || rest.length > 0 || isMapped(address)) return false
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (version === 4 ? 32 : 128))
}

/** Whether an address lies in one of the networks; an IPv4 address never in one of IPv6, nor the other way round. */
export function isInNetworks(address: string, networks: readonly string[]): boolean {
  const plain = address.replace(/%.*$/, '')
  if (isIP(plain) === 0) return false
  const found = ipaddr.process(plain)
  return networks.some((network) => {
    const [base = '', bits] = network.split('/')
    const net = ipaddr.parse(base)
    return (
      net.kind() === found.kind() && found.match(net, bits === undefined ? net.toByteArray().length * 8 : Number(bits))
    )
  })
}

/** IPv4 written as IPv6: to be written as IPv4. */
function isMapped(address: string): boolean {
  const found = ipaddr.parse(address)
  return found instanceof ipaddr.IPv6 && found.isIPv4MappedAddress()
}
