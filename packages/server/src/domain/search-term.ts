/** How a text is looked up by its beginning, whatever its capitals: stored like this, and asked for like this. */
export function searchTerm(text: string): string {
  return text.normalize('NFKC').toLowerCase().replace(/\s+/g, ' ').trim()
}

/** What a user is found by: the address, and the name from its beginning or from the last name on. */
export function userTerms(user: { email: string; firstName: string; lastName: string }): string[] {
  const names = [`${user.firstName} ${user.lastName}`, user.lastName].map(searchTerm)
  return [...new Set([user.email, ...names])].filter((term) => term !== '')
}

/** The first text after all that begin with this one; undefined where there is none. */
export function afterPrefix(prefix: string): string | undefined {
  // The greatest code point: nothing that is stored begins with it.
  return prefix === '' ? undefined : `${prefix}\u{10FFFF}`
}
