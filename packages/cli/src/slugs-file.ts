import { clean } from './output/clean.ts'

export type KnownPermission = {
  slug: string
  name: string
  description: string
  needs: string | null
  operator_only: boolean
  deprecated?: boolean
}

/**
 * The application's permissions as a declaration file, so that `LicenseClient<Slugs>` makes a mistyped slug fail to compile. The same
 * tree gives the same text: a check in CI compares it byte by byte.
 */
export function slugsFile(application: { id: string; name: string }, permissions: readonly KnownPermission[]): string {
  const sorted = [...permissions].sort((a, b) => (a.slug < b.slug ? -1 : 1))
  const deprecated = sorted.filter((permission) => permission.deprecated)
  return [
    `// Made by: cloudspot-license types ${application.id}. Make it anew when the permissions change; don't edit it.`,
    '',
    `/** What a user may do in ${comment(application.name)}, by slug. */`,
    'export interface Permissions {',
    ...sorted.flatMap((permission) => [`  /** ${told(permission)} */`, `  ${JSON.stringify(permission.slug)}: true`]),
    '}',
    '',
    '/**',
    ' * The slugs, for the compiler to find a mistyped one.',
    ' *',
    ' * @example',
    ' * ```ts',
    ` * const license = new LicenseClient<Slugs>(${JSON.stringify(application.id)}, { baseUrl })`,
    ' * ```',
    ' */',
    'export type Slugs = keyof Permissions',
    '',
    '/** Still effective where they were given, but on their way out. `LicenseClient<Exclude<Slugs, Deprecated>>` refuses them. */',
    `export type Deprecated = ${deprecated.map(({ slug }) => JSON.stringify(slug)).join(' | ') || 'never'}`,
    '',
  ].join('\n')
}

function told({ slug, name, description, needs, operator_only, deprecated }: KnownPermission): string {
  const sentences = [
    name === '' || name === slug ? '' : ended(name),
    description === '' ? '' : ended(description),
    needs === null || needs === 'use_app' ? '' : `Needs ${needs}.`,
    operator_only ? 'Only operators give it.' : '',
    deprecated ? '@deprecated' : '',
  ]
  return comment(sentences.filter((sentence) => sentence !== '').join(' ') || slug)
}

function ended(text: string): string {
  return /[.!?]$/.test(text) ? text : `${text}.`
}

/** On one line, and with nothing in it that would end the comment or begin a tag. */
function comment(text: string): string {
  return clean(text).replaceAll('*/', '*\\/')
}
