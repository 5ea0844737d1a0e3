import type { FastifyRequest } from 'fastify'
import type { Context } from '../context.ts'
import { isInNetworks } from '../domain/address.ts'

const FORWARDED = ['forwarded', 'x-forwarded-for', 'x-forwarded-host', 'x-forwarded-proto', 'x-real-ip']

/**
 * Looks for a proxy that nobody named: every request then seems to come from it. Said once, at the first forwarded header;
 * the log names the address to add.
 */
export function forwardedWatch({ config, log }: Context): (request: FastifyRequest) => void {
  let isSaid = false
  return (request) => {
    if (isSaid) return
    const header = FORWARDED.find((name) => request.headers[name] !== undefined)
    const peer = request.raw.socket.remoteAddress
    if (header === undefined || peer === undefined || isInNetworks(peer, config.trustedProxies)) return
    isSaid = true
    log.warn(
      { peer, header },
      `a request came with a forwarded header from an address that is not in LICENSE_TRUSTED_PROXIES: the header is ignored. If ${peer} is your proxy, add it there; if it is not, somebody makes headers up`,
    )
  }
}
