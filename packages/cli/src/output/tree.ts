type Node = {
  slug: string
  name: string
  needs: string | null
  operator_only?: boolean
  deprecated?: boolean
}

const ROOT = 'use_app'

/** Each permission below the one that it needs, with its name beside it. */
export function treeLines(permissions: readonly Node[]): string[] {
  // What needs nothing else needs the seat, which is `use_app`; `is_superuser` needs nothing at all.
  const parentOf = ({ slug, needs }: Node) => (slug === ROOT || slug === 'is_superuser' ? null : (needs ?? ROOT))
  const below = Map.groupBy(permissions, parentOf)
  const drawn: { line: string; told: string }[] = []
  const draw = (node: Node, before: string, branch: string) => {
    drawn.push({ line: before + branch + node.slug, told: toldOf(node) })
    const children = below.get(node.slug) ?? []
    const rest = before + (branch === '' ? '' : branch === '├ ' ? '│ ' : '  ')
    for (const [index, child] of children.entries()) draw(child, rest, index === children.length - 1 ? '└ ' : '├ ')
  }
  const roots = below.get(null) ?? []
  for (const root of roots.sort((a, b) => Number(b.slug === ROOT) - Number(a.slug === ROOT))) draw(root, '', '')
  const width = Math.max(0, ...drawn.map(({ line }) => line.length))
  return drawn.map(({ line, told }) => `${line.padEnd(width)}  ${told}`.trimEnd())
}

function toldOf({ slug, name, operator_only, deprecated }: Node): string {
  const notes = [operator_only ? 'operators only' : '', deprecated ? 'deprecated' : ''].filter(Boolean).join(', ')
  const own = name === slug ? '' : name
  return notes === '' ? own : `${own} (${notes})`.trim()
}
