import { byCodePoint } from '../../src/domain/tree.ts'
import { issue } from './house.ts'
import type { TestServer } from './server.ts'

/** What an application is told of each person in each company: `<user> <company>` → slugs. */
export type Lists = Map<string, readonly string[]>

export type PlannedPeople = {
  user: { id: string; email?: string }
  company: { id: string; name?: string }
  permissions: string[]
}

type Plan = {
  changes: { change: string; from?: string | null; to?: string | null }[]
  loses: PlannedPeople[]
  gains: PlannedPeople[]
}

/** As each of these people is answered over the protocol. */
export async function readLists(
  server: TestServer,
  application: string,
  users: readonly { id: string; email: string }[],
): Promise<Lists> {
  const lists: Lists = new Map()
  for (const { id, email } of users) {
    const session = server.license(application).session(await issue(server, email, application))
    const { companies } = await session.getPermissions({ allowEmpty: true })
    for (const company of companies) lists.set(`${id} ${company.id}`, [...company.permissions])
  }
  return lists
}

type Told = { loses: [string, string[]][]; gains: [string, string[]][] }

export function peopleOf({ loses, gains }: Plan): Told {
  const told = (people: PlannedPeople[]) =>
    people
      .map(({ user, company, permissions }): [string, string[]] => [
        `${user.id} ${company.id}`,
        [...permissions].sort(),
      ])
      .sort(([a], [b]) => byCodePoint(a, b))
  return { loses: told(loses), gains: told(gains) }
}

/** What differs between two times of asking; a slug that was renamed is the same. */
export function differenceOf(before: Lists, after: Lists, plan: Plan): Told {
  const renamings = plan.changes.filter(({ change }) => change === 'permission_renamed')
  const newName = new Map(renamings.map(({ from, to }) => [from, to ?? '']))
  const told: Told = { loses: [], gains: [] }
  for (const key of [...new Set([...before.keys(), ...after.keys()])].sort(byCodePoint)) {
    const had = before.get(key) ?? []
    const has = after.get(key) ?? []
    const lost = had.filter((slug) => !has.includes(newName.get(slug) ?? slug))
    const gained = has.filter((slug) => !had.some((each) => (newName.get(each) ?? each) === slug))
    if (lost.length > 0) told.loses.push([key, lost.sort()])
    if (gained.length > 0) told.gains.push([key, gained.sort()])
  }
  return told
}
