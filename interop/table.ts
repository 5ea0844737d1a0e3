// works    does what the call is for
// blank    comes back, but keeps and shows nothing of what it was told (1.4.1)
// crashes  the release's own code fails, whatever the server says: 0.2.0 looks in what it was told for a key that it doesn't
//          know, 1.0.0 and 1.1.0 send nothing, 1.3.0 can't read `auth_token`, and from 1.0.0 up to 1.3.1 none can read `pin`,
//          which only an application with `exposes_pin` is told
// lacks    the release has no such call; nor has a flat dialect a `pin`
export const releases = `
  release  dialect   sign-in  profile  pin      permissions  company  impersonation
  0.1.0    flat-0.1  works    works    lacks    works        lacks    lacks
  0.2.0    flat-0.2  crashes  works    lacks    works        lacks    lacks
  0.2.1    flat-0.2  works    works    lacks    works        lacks    lacks
  1.0.0    v1        works    works    crashes  crashes      lacks    lacks
  1.1.0    v1        works    works    crashes  crashes      works    lacks
  1.2.0    v1        works    works    crashes  works        works    lacks
  1.3.0    v1        works    works    crashes  works        works    crashes
  1.3.1    v1        works    works    crashes  works        works    works
  1.4.0    v1        works    works    works    works        works    works
  1.4.1    v1        blank    blank    blank    blank        blank    blank
  1.4.2    v1        works    works    works    works        works    works
  1.4.3    v1        works    works    works    works        works    works`
