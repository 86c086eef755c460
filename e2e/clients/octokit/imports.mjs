// Starts an import, polls it, lists its authors and cancels it, as users of @octokit/rest do.
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

const running = ["detecting", "importing", "mapping", "pushing"];
let status = started.data.status;
for (let n = 0; running.includes(status) && n < 2000; n++) {
  await sleep(20);
  const polled = await octokit.rest.migrations.getImportStatus(where);
  status = polled.data.status;
}
assert.equal(status, "complete");

const authors = await octokit.rest.migrations.getCommitAuthors(where);
assert.ok(authors.data.some((author) => author.remote_id === "ada@example.com"));
const last = authors.data.at(-1).id;
assert.deepEqual((await octokit.rest.migrations.getCommitAuthors({ ...where, since: last })).data, []);
assert.deepEqual((await octokit.rest.migrations.getLargeFiles(where)).data, []);
assert.equal((await octokit.rest.migrations.updateImport(where)).status, 200);

assert.equal((await octokit.rest.migrations.cancelImport(where)).status, 204);
await assert.rejects(octokit.rest.migrations.getImportStatus(where), { status: 404 });
console.log(`${authors.data.length} authors`);
