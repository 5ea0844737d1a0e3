import type { Tree } from '../domain/tree.ts'
import type { Given } from './given.ts'

/** Of one tree: over either all are forgotten, since most come again at once. */
const MAX_LISTS = 1_000
const MAX_SLUGS = 50_000
/** What is longer is rare, and would push out many others. */
const MAX_TEXT = 2_000
const MAX_LIST = 2_000

type Lists = { byText: Map<string, readonly string[]>; slugs: number }

/**
 * Permission lists that were judged, by all that they depend on: the tree, whose version is that of the roles too, and what was given.
 * Many seats of a house are alike. What has times is not kept, and what comes before any grant (`firstRefusal`) is judged each time.
 */
export class JudgedLists {
  readonly #lists = new WeakMap<Tree, Lists>()

  find(tree: Tree, given: Given): readonly string[] | undefined {
    return this.#lists.get(tree)?.byText.get(textOf(given))
  }

  keep(tree: Tree, given: Given, list: readonly string[]): void {
    const text = textOf(given)
    if (text.includes(':') || text.length > MAX_TEXT || list.length > MAX_LIST) return
    let lists = this.#lists.get(tree)
    if (!lists || lists.byText.size >= MAX_LISTS || lists.slugs >= MAX_SLUGS) {
      lists = { byText: new Map(), slugs: 0 }
      this.#lists.set(tree, lists)
    }
    lists.byText.set(text, list)
    lists.slugs += list.length
  }
}

function textOf({ grants, licenseRoles, included }: Given): string {
  return `${grants}|${licenseRoles}|${included ?? 'all'}`
}
