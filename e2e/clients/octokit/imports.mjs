// Starts an import, polls it, lists and maps its authors, chooses what becomes of large files and cancels it, as users of @octokit/rest do.
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { Octokit } from "@octokit/rest";

const { BASE, TOKEN, NAME, SOURCE } = process.env;
const quiet = { debug() {}, info() {}, warn() {}, error: console.error };
const octokit = new Octokit({ auth: TOKEN, baseUrl: BASE, log: quiet });

const { data: user } = await octokit.rest.users.getAuthenticated();
const repo = `octokit-${NAME}`;
await octokit.rest.repos.createForAuthenticatedUser({ name: repo });
const where = { owner: user.login, repo };

const started = await octokit.rest.migrations.startImport({ ...where, vcs: "git", vcs_url: SOURCE });
assert.equal(started.status, 201);
assert.equal(started.data.vcs_url, SOURCE);
assert.equal(started.data.url, `${BASE}/repos/${user.login}/${repo}/import`);
assert.equal(started.headers.location, started.data.url);

// Polls as importers do: while history streams, authors are asked for by the highest id seen so far.
const running = ["detecting", "importing", "mapping", "pushing"];
const seen = [];
async function complete(status) {
  for (let n = 0; running.includes(status) && n < 2000; n++) {
    await sleep(20);
    const since = seen.at(-1)?.id;
    const { data } = await octokit.rest.migrations.getCommitAuthors(since ? { ...where, since } : where);
    seen.push(...data);
    status = (await octokit.rest.migrations.getImportStatus(where)).data.status;
  }
  assert.equal(status, "complete");
}
// What becomes of large files is taken whenever it is chosen.
async function prefer(use_lfs) {
  const { status, data } = await octokit.rest.migrations.setLfsPreference({ ...where, use_lfs });
  assert.equal(status, 200);
  assert.equal(data.use_lfs, use_lfs);
  return data.status;
}
await complete(await prefer("opt_in"));
const done = (await octokit.rest.migrations.getImportStatus(where)).data;
assert.equal(done.use_lfs, "opt_in");

const authors = await octokit.rest.migrations.getCommitAuthors(where);
seen.push(...(await octokit.rest.migrations.getCommitAuthors({ ...where, since: seen.at(-1)?.id ?? 0 })).data);
assert.deepEqual(seen, authors.data);

// Maps an author after the push, and once more: each time the import goes through mapping and pushing again.
const ada = authors.data.find((author) => author.remote_id === "ada@example.com");
for (const name of ["Countess of Lovelace", "A. A. Lovelace"]) {
  const mapped = await octokit.rest.migrations.mapCommitAuthor({ ...where, author_id: ada.id, name, email: "ada@engine.example" });
  assert.deepEqual(mapped.data, { ...ada, name, email: "ada@engine.example" });
  const { status } = (await octokit.rest.migrations.getImportStatus(where)).data;
  assert.equal(status, "mapping");
  await complete(status);
}
await assert.rejects(octokit.rest.migrations.mapCommitAuthor({ ...where, author_id: ada.id, email: "<>" }), { status: 422 });

const last = authors.data.at(-1).id;
assert.deepEqual((await octokit.rest.migrations.getCommitAuthors({ ...where, since: last })).data, []);
const files = (await octokit.rest.migrations.getLargeFiles(where)).data;
assert.ok(done.has_large_files && files.length > 0 && files.length === done.large_files_count);
for (const file of files) {
  assert.deepEqual(Object.keys(file), ["ref_name", "path", "oid", "size"]);
  assert.ok(file.size > 1000 && file.oid.length === 40);
}
const preferred = await prefer("opt_out");
assert.equal(preferred, "mapping");
await complete(preferred);
await assert.rejects(octokit.rest.migrations.setLfsPreference({ ...where, use_lfs: "perhaps" }), { status: 422 });
assert.equal((await octokit.rest.migrations.updateImport(where)).status, 200);

assert.equal((await octokit.rest.migrations.cancelImport(where)).status, 204);
await assert.rejects(octokit.rest.migrations.getImportStatus(where), { status: 404 });
console.log(`${authors.data.length} authors`);
