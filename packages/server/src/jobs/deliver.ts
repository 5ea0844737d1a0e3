import type { Context } from '../context.ts'
import { Delivering } from '../deliveries/delivering.ts'

/** Sends events to where they are wanted, for as long as the server runs. */
export function startDelivering(ctx: Context): { stop(): Promise<void> } {
  return new Delivering(ctx)
}
