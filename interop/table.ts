// works    does what the call is for
// blank    comes back, but keeps and shows nothing of what it was told (1.4.1)
// crashes  the release's own code fails, whatever the server says: 1.0.0 and 1.1.0 send nothing, 1.3.0 can't read
//          `auth_token`, and up to 1.3.1 none can read `pin`, which only an application with `exposes_pin` is told
// lacks    the release has no such call
export const releases = `
  release  sign-in  profile  pin      permissions  company  impersonation
  1.0.0    works    works    crashes  crashes      lacks    lacks
  1.1.0    works    works    crashes  crashes      works    lacks
  1.2.0    works    works    crashes  works        works    lacks
  1.3.0    works    works    crashes  works        works    crashes
  1.3.1    works    works    crashes  works        works    works
  1.4.0    works    works    works    works        works    works
  1.4.1    blank    blank    blank    blank        blank    blank
  1.4.2    works    works    works    works        works    works
  1.4.3    works    works    works    works        works    works`
