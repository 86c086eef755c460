// The whole diagram of the Source Imports API, as users of any Octokit go through it.
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { told } from "./hooks.mjs";

const { BASE, LIMITED, TOKEN, NAME, SOURCE, HANGING, MISSING, HOOK, SECRET } = process.env;
const quiet = { debug() {}, info() {}, warn() {}, error() {} };
const running = ["detecting", "importing", "mapping", "pushing"];

// diagram runs all of it with the calls that connect(options) returns.
export async function diagram(connect) {
  const calls = connect({ auth: TOKEN, baseUrl: BASE, log: quiet });
  const place = await prepare(calls);
  const done = await start(calls, place);
  const ada = await mapAuthors(calls, place, done);
  await largeFiles(calls, place, done);
  await restart(calls, place, ada);
  await refusals(connect, calls, place, ada);
  await cancel(calls, place);
  await fail(calls, place);
}

// prepare makes the repository and the webhook, which is pinged.
async function prepare(calls) {
  const owner = (await calls.user()).data.login;
  const repository = (await calls.createRepository(NAME)).data;
  const where = { owner, repo: NAME };
  const hook = await calls.createHook(where, {
    config: { url: HOOK, content_type: "json", secret: SECRET },
    events: ["repository_import"],
    active: true,
  });
  assert.equal(hook.status, 201);
  assert.deepEqual(hook.data.events, ["repository_import"]);
  assert.match(hook.data.config.secret, /^\*+$/);
  const ping = await told("ping", 1);
  assert.equal(ping.hook_id, hook.data.id);
  return { where, id: repository.id };
}

// ended waits for the nth webhook of an outcome.
async function ended({ where, id }, outcome, n) {
  const { status, repository, sender } = await told(outcome, n);
  assert.deepEqual([status, repository.id, sender.login], [outcome, id, where.owner]);
  assert.equal(repository.full_name, `${where.owner}/${where.repo}`);
}

// poll asks until the import has the status, and returns it.
async function poll(calls, where, status, each = () => {}) {
  for (let n = 0; n < 3000; n++) {
    await each();
    const { data } = await calls.status(where);
    if (data.status === status) return data;
    assert.ok(running.includes(data.status), `the import rests, want ${status}: ${JSON.stringify(data)}`);
    await sleep(20);
  }
  assert.fail(`the import does not get ${status}`);
}

// start imports. While history streams, authors are asked for by the highest id seen so far, as importers do.
async function start(calls, place) {
  const { where } = place;
  const started = await calls.start(where, { vcs: "git", vcs_url: SOURCE });
  assert.equal(started.status, 201);
  assert.equal(started.data.vcs_url, SOURCE);
  assert.equal(started.data.use_lfs, "undecided");
  assert.equal(started.data.url, `${BASE}/repos/${where.owner}/${where.repo}/import`);
  assert.equal(started.headers.location, started.data.url);
  const seen = [];
  const more = async () => seen.push(...(await calls.authors(where, seen.at(-1)?.id)).data);
  const done = await poll(calls, where, "complete", more);
  await more();
  assert.deepEqual(seen, (await calls.authors(where)).data);
  assert.equal(done.authors_count, seen.length);
  await ended(place, "success", 1);
  return done;
}

// mapAuthors maps one author of a complete import, which goes through mapping and pushing again.
async function mapAuthors(calls, place) {
  const authors = (await calls.authors(place.where)).data;
  assert.deepEqual((await calls.authors(place.where, authors.at(-1).id)).data, []);
  const ada = authors.find((author) => author.remote_id === "ada@example.com");
  const to = { name: "Countess of Lovelace", email: "ada@engine.example" };
  const mapped = await calls.map(place.where, ada.id, to);
  assert.deepEqual(mapped.data, { ...ada, ...to });
  await poll(calls, place.where, "complete");
  await ended(place, "success", 2);
  return mapped.data;
}

// largeFiles lists large files and has them converted.
async function largeFiles(calls, place, done) {
  const files = (await calls.largeFiles(place.where)).data;
  assert.ok(done.has_large_files && files.length > 0 && files.length === done.large_files_count);
  for (const file of files) {
    assert.deepEqual(Object.keys(file), ["ref_name", "path", "oid", "size"]);
    assert.ok(file.size > 1000 && file.oid.length === 40);
  }
  const { data } = await calls.prefer(place.where, "opt_in");
  assert.deepEqual([data.status, data.use_lfs], ["mapping", "opt_in"]);
  assert.equal((await poll(calls, place.where, "complete")).use_lfs, "opt_in");
  await ended(place, "success", 3);
}

// restart sends a PATCH without a body. Authors keep ids and mappings.
async function restart(calls, place, ada) {
  const { status, data } = await calls.restart(place.where);
  assert.equal(status, 200);
  assert.ok(running.includes(data.status));
  assert.equal((await poll(calls, place.where, "complete")).use_lfs, "opt_in");
  await ended(place, "success", 4);
  const authors = (await calls.authors(place.where)).data;
  assert.deepEqual(authors.find((author) => author.id === ada.id), ada);
}

// refused wants an error of Octokit's kind that is about a field, if one is given.
async function refused(call, status, message, field) {
  await assert.rejects(call, (error) => {
    assert.equal(error.status, status);
    const { data } = error.response;
    assert.equal(data.message, message);
    if (field) assert.deepEqual([data.errors[0].field, typeof data.errors[0].code], [field, "string"]);
    return true;
  });
}

async function refusals(connect, calls, { where }, ada) {
  const invalid = (call, field) => refused(call, 422, "Validation Failed", field);
  await invalid(calls.map(where, ada.id, { email: "<>" }), "email");
  await invalid(calls.start(where, { vcs: "git", vcs_url: HANGING }), "vcs_url");
  await invalid(calls.start(where, {}), "vcs_url");
  await invalid(calls.prefer(where, "perhaps"), "use_lfs");
  await invalid(calls.createHook(where, { config: { url: "ftp://127.0.0.1/" } }), "config.url");
  await refused(calls.status({ ...where, repo: "no-such" }), 404, "Not Found");
  await refused(connect({ auth: "rht_nobody", baseUrl: BASE, log: quiet }).status(where), 401, "Bad credentials");
  const limited = connect({ auth: TOKEN, baseUrl: LIMITED, log: quiet });
  await assert.rejects(
    async () => { for (;;) await limited.user(); },
    (error) => error.status === 403 && error.message.startsWith("API rate limit exceeded"),
  );
}

async function gone(calls, where) {
  assert.equal((await calls.cancel(where)).status, 204);
  await refused(calls.status(where), 404, "Not Found");
}

// cancel deletes the complete import, of which nobody is told, and one that runs.
async function cancel(calls, place) {
  await gone(calls, place.where);
  await calls.start(place.where, { vcs: "git", vcs_url: HANGING });
  await poll(calls, place.where, "importing");
  await gone(calls, place.where);
  await ended(place, "cancelled", 1);
}

// fail imports from where nothing is.
async function fail(calls, place) {
  await calls.start(place.where, { vcs: "git", vcs_url: MISSING });
  const failed = await poll(calls, place.where, "error");
  assert.equal(failed.failed_step, "raw");
  assert.ok(failed.message.length > 0);
  assert.equal(failed.error_message, failed.message);
  await ended(place, "failure", 1);
}
