// The calls of the diagram, in the two ways users of Octokit make them. Each returns Octokit's response.

// methods are those of an Octokit that has the Source Imports API.
export function methods({ rest: { users, repos, migrations } }) {
  return {
    user: () => users.getAuthenticated(),
    createRepository: (name) => repos.createForAuthenticatedUser({ name }),
    createHook: (where, hook) => repos.createWebhook({ ...where, ...hook }),
    start: (where, source) => migrations.startImport({ ...where, ...source }),
    status: (where) => migrations.getImportStatus(where),
    restart: (where) => migrations.updateImport(where),
    cancel: (where) => migrations.cancelImport(where),
    authors: (where, since) => migrations.getCommitAuthors(since === undefined ? where : { ...where, since }),
    map: (where, author_id, to) => migrations.mapCommitAuthor({ ...where, author_id, ...to }),
    largeFiles: (where) => migrations.getLargeFiles(where),
    prefer: (where, use_lfs) => migrations.setLfsPreference({ ...where, use_lfs }),
  };
}

// requests name method and path themselves.
export function requests(octokit) {
  const at = "/repos/{owner}/{repo}";
  const request = (route, parameters) => octokit.request(route, parameters);
  return {
    user: () => request("GET /user"),
    createRepository: (name) => request("POST /user/repos", { name }),
    createHook: (where, hook) => request(`POST ${at}/hooks`, { ...where, ...hook }),
    start: (where, source) => request(`PUT ${at}/import`, { ...where, ...source }),
    status: (where) => request(`GET ${at}/import`, where),
    restart: (where) => request(`PATCH ${at}/import`, where),
    cancel: (where) => request(`DELETE ${at}/import`, where),
    authors: (where, since) => request(`GET ${at}/import/authors`, since === undefined ? where : { ...where, since }),
    map: (where, author_id, to) => request(`PATCH ${at}/import/authors/{author_id}`, { ...where, author_id, ...to }),
    largeFiles: (where) => request(`GET ${at}/import/large_files`, where),
    prefer: (where, use_lfs) => request(`PATCH ${at}/import/lfs`, { ...where, use_lfs }),
  };
}
