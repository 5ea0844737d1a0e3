// What no server can undo in a site that keeps sessions of its own: said to whoever begins (docs/decisions/0020).

/** Of a Django site. */
export const DJANGO_NOTICE: readonly string[] = [
  'The address works once: open it yourself, best in a private window, and send it to nobody. A chat that looks at it first uses it up.',
  'The site lets in only whom it knows: the user must have signed in there before, and for this company.',
  'The site has a session of its own, which we can not end: sign out there when you are done. After the end it still shows what it has stored, and is told nothing more through it.',
  "The site keeps our token in place of the user's own until the user signs in there again: until then what the user does there is for this company alone, and refused after the end.",
  'The site adds what the user may do for this company to what it had stored of another one. Choose the company there once more before anything else, if the user works for several.',
]

/** Where we know of no page that takes the one-time token. */
export const HAND_OVER_NOTICE: readonly string[] = [
  'No address of this application is known that takes the one-time token: give it to the application where it asks for it. An operator can set "impersonation_url" (or "django_url", of a Django site).',
]

/** Of our page, which hands the one-time token on. */
export const PAGE_NOTICE: readonly string[] = [
  'Open the address and press the button there. What stands after # is the one-time token: send it to nobody.',
]
