// Shows the API's description, which this server has beside the page, and asks this server alone.
const main = document.querySelector('#api')

try {
  const answer = await fetch(new URL('../api/v1/openapi.json', document.baseURI))
  if (!answer.ok) throw new Error(`it was answered with ${answer.status}`)
  const spec = await answer.json()
  // In full, so that what is shown to be copied works; a proxy may have the server below a folder.
  spec.servers = [{ url: new URL('..', document.baseURI).href.replace(/\/$/, '') }]
  globalThis.SwaggerUIBundle({
    spec,
    domNode: main,
    deepLinking: true,
    docExpansion: 'list',
    defaultModelsExpandDepth: 0,
    displayRequestDuration: true,
    filter: true,
    // Neither kept for the next time nor sent to anybody else.
    persistAuthorization: false,
    validatorUrl: null,
  })
} catch (error) {
  const note = document.createElement('p')
  note.className = 'note'
  note.textContent = `The description could not be shown: ${error.message}. Reload the page to try again.`
  main.replaceChildren(note)
}
