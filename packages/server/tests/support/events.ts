import { announceSome } from '../../src/access/announce.ts'
import { wantEvents } from '../../src/outbox/wanting.ts'
import type { TestServer } from './server.ts'

type Place = Pick<TestServer, 'ctx'>

/** Works off all that is due, as the job does by and by. */
export async function settle({ ctx }: Place): Promise<void> {
  for (let quiet = 0; quiet < 2; ) quiet = (await announceSome(ctx, { clock: true })) ? 0 : quiet + 1
}

/** Has an application told of events from here on, with all that holds noted. */
export async function want(server: Place, ...applications: string[]): Promise<void> {
  for (const id of applications) await server.ctx.db.transaction((tx) => wantEvents(tx, id, server.ctx.now()))
  await settle(server)
}
