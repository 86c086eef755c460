"""PyGithub goes through the whole diagram of the Source Imports API.

It can start, get and update imports and make webhooks; the rest are requests
of one's own, sent the way PyGithub sends its own.
"""

import hashlib
import hmac
import json
import os
import time
import urllib.parse
import urllib.request
from importlib.metadata import version

import github

E = os.environ
RUNNING = ("detecting", "importing", "mapping", "pushing")


def main():
    client = github.Github(E["TOKEN"], base_url=E["BASE"])
    owner = client.get_user()
    assert owner.login
    repo = owner.create_repo(E["NAME"])
    visit = Visit(client, repo)
    visit.prepare()
    visit.start()
    author = visit.map_author()
    visit.large_files()
    visit.restart(author)
    visit.refusals(author)
    visit.cancel()
    visit.fail()
    print("PyGithub", version("PyGithub"))


class Visit:
    def __init__(self, client, repo):
        self.client, self.repo = client, repo

    def request(self, verb, path, parameters=None, body=None):
        """A request below the repository's import, as PyGithub sends its own."""
        return self.repo._requester.requestJsonAndCheck(
            verb, self.repo.url + "/import" + path, parameters=parameters, input=body
        )[1]

    def prepare(self):
        """Makes a webhook, which is pinged. Without content_type it gets forms."""
        config = {"url": E["HOOK"], "secret": E["SECRET"]}
        hook = self.repo.create_hook("web", config, events=["repository_import"], active=True)
        assert hook.events == ["repository_import"] and hook.active, hook
        assert hook.config["content_type"] == "form" and set(hook.config["secret"]) == {"*"}, hook.config
        assert told("ping", 1)["hook_id"] == hook.id
        hook = until(lambda: self.repo.get_hook(hook.id), lambda h: h.last_response.code)
        assert (hook.last_response.code, hook.last_response.message) == (200, "OK"), hook.raw_data
        assert [h.id for h in self.repo.get_hooks()] == [hook.id]

    def ended(self, outcome, n):
        event = told(outcome, n)
        got = event["status"], event["repository"]["id"], event["sender"]["login"]
        assert got == (outcome, self.repo.id, self.repo.owner.login), event

    def poll(self, status):
        """Polls with update(), which asks conditionally and says whether something changed."""
        found = self.repo.get_source_import()

        def has_it(found):
            found.update()
            assert found.status in (status, *RUNNING), f"the import rests, want {status}: {found.raw_data}"
            return found.status == status

        return until(lambda: found, has_it)

    def start(self):
        started = self.repo.create_source_import("git", E["SOURCE"])
        assert started.vcs_url == E["SOURCE"] and started.use_lfs == "undecided", started.raw_data
        assert started.url == self.repo.url + "/import" and started.repository_url == self.repo.url
        done = self.poll("complete")
        assert done.vcs == "git" and done.has_large_files is True and done.status_text == "Done", done.raw_data
        assert done.large_files_size > 1000 and done.large_files_count > 0 and done.authors_count > 0
        assert done.update() is False, "304 says that nothing changed"
        self.ended("success", 1)

    def map_author(self):
        """Maps an author of a complete import, which goes through mapping and pushing again."""
        authors = self.request("GET", "/authors")
        assert self.request("GET", "/authors", {"since": authors[0]["id"]}) == authors[1:]
        (ada,) = [a for a in authors if a["remote_id"] == "ada@example.com"]
        to = {"name": "Countess of Lovelace", "email": "ada@engine.example"}
        mapped = self.request("PATCH", f"/authors/{ada['id']}", body=to)
        assert mapped == {**ada, **to}, mapped
        self.poll("complete")
        self.ended("success", 2)
        return mapped

    def large_files(self):
        files = self.request("GET", "/large_files")
        assert files and all(f["size"] > 1000 and len(f["oid"]) == 40 for f in files), files
        chosen = self.request("PATCH", "/lfs", body={"use_lfs": "opt_in"})
        assert (chosen["status"], chosen["use_lfs"]) == ("mapping", "opt_in"), chosen
        done = self.poll("complete")
        assert done.use_lfs == "opt_in" and done.large_files_count == len(files), done.raw_data
        self.ended("success", 3)

    def restart(self, author):
        assert self.request("PATCH", "")["status"] in RUNNING
        self.poll("complete")
        self.ended("success", 4)
        assert author in self.request("GET", "/authors")

    def refusals(self, author):
        bad = lambda: self.request("PATCH", f"/authors/{author['id']}", body={"email": "<>"})
        refused(github.GithubException, 422, "Validation Failed", bad, "email")
        another = lambda: self.repo.create_source_import("git", E["HANGING"])
        refused(github.GithubException, 422, "Validation Failed", another, "vcs_url")
        hook = lambda: self.repo.create_hook("web", {"url": "ftp://127.0.0.1/"})
        refused(github.GithubException, 422, "Validation Failed", hook, "config.url")
        missing = lambda: self.client.get_repo(self.repo.owner.login + "/no-such")
        refused(github.UnknownObjectException, 404, "Not Found", missing)
        nobody = github.Github("rht_nobody", base_url=E["BASE"])
        refused(github.BadCredentialsException, 401, "Bad credentials", lambda: nobody.get_user().login)
        try:
            while True:
                assert github.Github(E["TOKEN"], base_url=E["LIMITED"]).get_user().login
        except github.RateLimitExceededException as e:
            assert e.status == 403, e

    def gone(self):
        assert self.request("DELETE", "") is None
        refused(github.UnknownObjectException, 404, "Not Found", self.repo.get_source_import)

    def cancel(self):
        """Deletes the complete import, of which nobody is told, and one that runs."""
        self.gone()
        self.repo.create_source_import("git", E["HANGING"])
        self.poll("importing")
        self.gone()
        self.ended("cancelled", 1)

    def fail(self):
        self.repo.create_source_import("git", E["MISSING"])
        failed = self.poll("error").raw_data
        assert failed["failed_step"] == "raw" and failed["message"], failed
        assert failed["error_message"] == failed["message"], failed
        self.ended("failure", 1)


def until(ask, is_it):
    """Asks until the answer is the one."""
    for _ in range(3000):
        got = ask()
        if is_it(got):
            return got
        time.sleep(0.02)
    raise AssertionError(f"waited in vain: {got.raw_data}")


def refused(kind, status, message, call, field=None):
    """Wants PyGithub's own exception, which is about a field if one is given."""
    try:
        got = call()
    except kind as e:
        assert (e.status, e.data["message"]) == (status, message), e
        assert field is None or e.data["errors"][0]["field"] == field, e
        return
    raise AssertionError(f"not refused: {got}")


def told(kind, n):
    """Waits for the nth webhook of a kind, checks its signatures and returns the payload."""
    with urllib.request.urlopen(f"{E['EVENTS']}/{kind}/{n}") as answer:
        event = json.load(answer)
    for header, name in (("x-hub-signature", "sha1"), ("x-hub-signature-256", "sha256")):
        want = hmac.new(E["SECRET"].encode(), event["body"].encode(), getattr(hashlib, name)).hexdigest()
        assert hmac.compare_digest(event["headers"][header], f"{name}={want}"), event
    assert event["headers"]["content-type"] == "application/x-www-form-urlencoded", event
    (payload,) = urllib.parse.parse_qs(event["body"], strict_parsing=True)["payload"]
    return json.loads(payload)


main()
