package api

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"rehome"
	"rehome/internal/source"
	"rehome/internal/wire"
)

var (
	testURLs = wire.URLs{Root: "https://new.example", API: "https://new.example/api/v3"}
	testRepo = rehome.Repository{ID: 7, Name: "socm", Owner: rehome.Owner{ID: 3, Login: "octocat", Kind: rehome.User}}
)

// where is what every import ends with.
const where = `"url":"https://new.example/api/v3/repos/octocat/socm/import","html_url":"https://new.example/octocat/socm/import",` +
	`"authors_url":"https://new.example/api/v3/repos/octocat/socm/import/authors","repository_url":"https://new.example/api/v3/repos/octocat/socm"}`

// TestImportObject holds the answers against the service's own as clients recorded
// them from 2016 to 2019 (start, complete) and against its documentation (the others):
// keys, their order, nulls and absences.
func TestImportObject(t *testing.T) {
	im := func(status rehome.Status, change func(*rehome.Import)) rehome.Import {
		im := rehome.Import{
			Source: rehome.Source{VCS: rehome.Mercurial, URL: "https://old.example/p"}, LFS: rehome.LFSUndecided,
			State: rehome.State{Status: status}, Progress: rehome.Progress{Percent: -1, PushPercent: -1},
		}
		if change != nil {
			change(&im)
		}
		return im
	}
	surveyed := func(i *rehome.Import) {
		i.Found = rehome.Found{Commits: 1042, Authors: 4, LargeFilesKnown: true, LargeFiles: 1, LargeFilesSize: 132331036}
	}
	head := func(vcs string) string {
		return `{"vcs":` + vcs + `,"use_lfs":"undecided","vcs_url":"https://old.example/p",`
	}
	hg := head(`"mercurial"`)
	const approve = " Approve with POST https://new.example/api/v3/repos/octocat/socm/import/approve."
	const large = `"has_large_files":true,"large_files_size":132331036,"large_files_count":1,"authors_count":4,`
	trouble := &rehome.Error{Code: rehome.Unreachable, Message: "old.example does not answer", Hint: "Check the host name."}
	const why = `"error_message":"old.example does not answer. Check the host name.","message":"old.example does not answer. Check the host name.",`

	for _, c := range []struct {
		name string
		im   rehome.Import
		want string
	}{
		{"start", im(rehome.Importing, nil), hg + `"status":"importing","commit_count":null,"status_text":"Importing...","authors_count":0,"import_percent":null,` + where},
		{"importing", im(rehome.Importing, func(i *rehome.Import) {
			i.Progress = rehome.Progress{Percent: 42, Commits: 1042}
			i.Found.Authors = 3
		}), hg + `"status":"importing","commit_count":1042,"status_text":"Importing...","authors_count":3,"import_percent":42,"percent":42,` + where},
		{
			"importing, nothing yet", im(rehome.Importing, func(i *rehome.Import) { i.Progress.Percent = 0 }),
			hg + `"status":"importing","commit_count":null,"status_text":"Importing...","authors_count":0,"import_percent":0,"percent":0,` + where,
		},
		{
			"detecting", im(rehome.Detecting, func(i *rehome.Import) { i.Source.VCS = "" }),
			head("null") + `"status":"detecting","status_text":"Detecting...",` + where,
		},
		{
			"needs auth", im(rehome.DetectionNeedsAuth, func(i *rehome.Import) { i.Source.VCS = ""; i.State.Err = trouble }),
			head("null") + `"status":"detection_needs_auth","status_text":"Authentication needed",` + why + where,
		},
		{"auth failed", im(rehome.AuthFailed, nil), hg + `"status":"auth_failed","status_text":"Authentication failed",` + where},
		{"mapping", im(rehome.Mapping, surveyed), hg + `"status":"mapping","status_text":"Rewriting commits...",` + large + where},
		{
			"pushing", im(rehome.Pushing, func(i *rehome.Import) { surveyed(i); i.Progress.PushPercent = 50 }),
			hg + `"status":"pushing","push_percent":50,"status_text":"Pushing...",` + large + where,
		},
		{
			"pushing, nothing yet", im(rehome.Pushing, surveyed),
			hg + `"status":"pushing","push_percent":null,"status_text":"Pushing...",` + large + where,
		},
		{"waiting", im(rehome.WaitingToPush, func(i *rehome.Import) {
			surveyed(i)
			i.Found.Commits, i.Changes = 85403, rehome.Changes{Commits: 74504, Tags: 855, Signatures: 41}
		}), hg + `"status":"waiting_to_push","status_text":"Waiting to push: 74,504 of 85,403 commits and 855 tags change, 41 signatures are dropped.` + approve + `",` + large + where},
		{"waiting, a little changes", im(rehome.WaitingToPush, func(i *rehome.Import) {
			surveyed(i)
			i.Changes = rehome.Changes{Commits: 1, Tags: 1, Signatures: 1}
		}), hg + `"status":"waiting_to_push","status_text":"Waiting to push: 1 of 1,042 commits and 1 tag change, 1 signature is dropped.` + approve + `",` + large + where},
		{"waiting, files change", im(rehome.WaitingToPush, func(i *rehome.Import) {
			surveyed(i)
			i.LFS = rehome.LFSOptIn
			i.Changes = rehome.Changes{Commits: 7, Files: 2, FileBytes: 3 << 20}
		}), strings.Replace(hg, "undecided", "opt_in", 1) + `"status":"waiting_to_push","status_text":"Waiting to push: 7 of 1,042 commits change, 2 files of 3,145,728 bytes become Git LFS objects.` + approve + `",` + large + where},
		{"waiting, a file goes", im(rehome.WaitingToPush, func(i *rehome.Import) {
			surveyed(i)
			i.LFS = rehome.LFSOptOut
			i.Changes = rehome.Changes{Commits: 7, Files: 1, FileBytes: 1}
		}), strings.Replace(hg, "undecided", "opt_out", 1) + `"status":"waiting_to_push","status_text":"Waiting to push: 7 of 1,042 commits change, 1 file of 1 byte leaves history.` + approve + `",` + large + where},
		{"waiting, nothing changes", im(rehome.WaitingToPush, surveyed), hg + `"status":"waiting_to_push","status_text":"Waiting to push: nothing changes.` + approve + `",` + large + where},
		{"complete", im(rehome.Complete, surveyed), hg + `"status":"complete","status_text":"Done",` + large + where},
		{"options that are on", im(rehome.Complete, func(i *rehome.Import) {
			surveyed(i)
			i.Options = rehome.Options{Hold: true, MapTrailers: true, MapHashes: true, Engine: 1}
		}), hg + `"status":"complete","status_text":"Done",` + large + `"hold":true,"map_trailers":true,"map_hashes":true,` + where},
		{"options for large files", im(rehome.Complete, func(i *rehome.Import) {
			surveyed(i)
			i.Options = rehome.Options{AllowMissingLFS: true, LargeMatch: "*.psd\n/a b/"}
		}), hg + `"status":"complete","status_text":"Done",` + large + `"allow_missing_lfs":true,"match":["*.psd","/a b/"],` + where},
		{"options of the way", im(rehome.Complete, func(i *rehome.Import) {
			surveyed(i)
			i.Options = rehome.Options{
				Prune: true, Refs: "main\nv*", ExcludeRefs: "wip/*", DefaultBranch: "trunk", SyncEvery: time.Hour, Verify: rehome.VerifyBytes,
			}
			i.NextSyncAt, i.ClosedAt = time.Unix(1700000000, 0), time.Unix(1700000001, 0)
			i.Source.SSHPublicKey = "ssh-ed25519 AAAA"
			i.Destination = rehome.Destination{URL: "git@new.example:a/b.git", Create: true, SSHPublicKey: "ssh-ed25519 BBBB"}
		}), hg + `"status":"complete","status_text":"Done.` + closedText + `",` + large + `"prune":true,"refs":["main","v*"],"exclude_refs":["wip/*"],"default_branch":"trunk",` +
			`"verify":"bytes","sync_interval":3600,"next_sync_at":"2023-11-14T22:13:20Z","closed_at":"2023-11-14T22:13:21Z","ssh_public_key":"ssh-ed25519 AAAA",` +
			`"destination":{"url":"git@new.example:a/b.git","on_divergence":"stop","create":true,"visibility":"private","ssh_public_key":"ssh-ed25519 BBBB"},` + where},
		{"no sync while it waits for credentials", im(rehome.AuthFailed, func(i *rehome.Import) {
			i.Options.SyncEvery, i.NextSyncAt = time.Hour, time.Unix(1700000000, 0)
		}), hg + `"status":"auth_failed","status_text":"Authentication failed","sync_interval":3600,` + where},
		{"an option that is on", im(rehome.Mapping, func(i *rehome.Import) {
			surveyed(i)
			i.Options.MapHashes = true
		}), hg + `"status":"mapping","status_text":"Rewriting commits...",` + large + `"map_hashes":true,` + where},
		{"complete and empty", im(rehome.Complete, func(i *rehome.Import) {
			i.State.Note = "The source is empty."
			i.Found.LargeFilesKnown = true
		}), hg + `"status":"complete","status_text":"The source is empty.","has_large_files":false,"large_files_size":0,"large_files_count":0,"authors_count":0,` + where},
		{"error", im(rehome.Failed, func(i *rehome.Import) {
			i.State.FailedStep, i.State.Err = rehome.StepRaw, trouble
			i.Found.Authors = 4
		}), hg + `"status":"error","status_text":"Error","failed_step":"raw",` + why + `"authors_count":4,` + where},
		{
			"tfvc", im(rehome.AuthFailed, func(i *rehome.Import) { i.Source.TFVCProject = "project1" }),
			hg + `"tfvc_project":"project1","status":"auth_failed","status_text":"Authentication failed",` + where,
		},
	} {
		got, err := wire.Encode(importObject(testURLs, testRepo, c.im))
		if err != nil || string(got) != c.want {
			t.Errorf("%s: %v\n got %s\nwant %s", c.name, err, got, c.want)
		}
	}
}

// An import that waits says how it is given credentials, or how it is started again.
func TestAdvice(t *testing.T) {
	wanted := &rehome.Error{Code: rehome.CredentialsWanted, Message: "It wants a password.", Hint: source.GiveCredentials}
	refused := &rehome.Error{Code: rehome.CredentialsRefused, Message: "It refuses the password.", Hint: "Check it."}
	again := &rehome.Error{Code: rehome.DestinationMoved, Message: "It moved.", Hint: "Move it back and start the import again."}
	elsewhere := &rehome.Error{Code: rehome.CredentialsWanted, Message: "It leads to another address.", Hint: "Give that address."}
	for _, c := range []struct {
		status rehome.Status
		url    string
		err    *rehome.Error
		want   any
	}{
		{rehome.AuthFailed, "ssh://git@old.example/a", refused, "It refuses the password. Check it. PATCH the import with ssh_key, or with vcs_password."},
		{rehome.AuthFailed, "ssh://git@old.example/a", wanted, "It wants a password. PATCH the import with ssh_key, or with vcs_password."},
		{rehome.AuthFailed, "https://old.example/a", wanted, "It wants a password. PATCH the import with vcs_username and vcs_password."},
		{rehome.DetectionNeedsAuth, "https://old.example/a", wanted, "It wants a password. PATCH the import with vcs_username and vcs_password."},
		{rehome.AuthFailed, "https://old.example/a", refused, "It refuses the password. Check it. PATCH the import with vcs_username and vcs_password."},
		{rehome.DetectionNeedsAuth, "https://old.example/a", refused, "It refuses the password. Check it. PATCH the import with vcs_username and vcs_password."},
		{rehome.AuthFailed, "https://old.example/a", elsewhere, "It leads to another address. Give that address."},
		{rehome.AuthFailed, "https://old.example/a", nil, nil},
		{rehome.Failed, "https://old.example/a", wanted, "It wants a password. " + source.GiveCredentials},
		{rehome.Failed, "https://old.example/a", again, "It moved. Move it back and start the import again. To start it again, PATCH the import."},
	} {
		text, err := wire.Encode(importObject(testURLs, testRepo, rehome.Import{Source: rehome.Source{URL: c.url}, State: rehome.State{Status: c.status, Err: c.err}}))
		if err != nil {
			t.Fatal(err)
		}
		var o map[string]any
		if err := json.Unmarshal(text, &o); err != nil || o["message"] != c.want || o["error_message"] != c.want {
			t.Errorf("%s: %s, %v, want %v", c.status, text, err, c.want)
		}
	}
	if wanted.Hint != source.GiveCredentials || refused.Hint != "Check it." {
		t.Error("the import's own error was changed")
	}
}

func TestAuthorObject(t *testing.T) {
	author := rehome.Author{ID: 3031110, RemoteMail: []byte("spraints@gmail.com"), RemoteName: []byte("Matt <&> Burke"), Email: "hubot@github.com", Name: "Hubot the Robot"}
	const links = `"url":"https://new.example/api/v3/repos/octocat/socm/import/authors/3031110","import_url":"https://new.example/api/v3/repos/octocat/socm/import"}`
	want := `{"id":3031110,"remote_id":"spraints@gmail.com","remote_name":"Matt <&> Burke","email":"hubot@github.com","name":"Hubot the Robot",` + links
	if got, err := wire.Encode(authorObject(testURLs, testRepo, author)); err != nil || string(got) != want {
		t.Errorf("%v\n got %s\nwant %s", err, got, want)
	}
	author.RemoteName = []byte("J\xf6rg")
	want = `{"id":3031110,"remote_id":"spraints@gmail.com","remote_name":"J` + "\uFFFD" + `rg","remote_name_bytes":"SvZyZw==","email":"hubot@github.com","name":"Hubot the Robot",` + links
	if got, err := wire.Encode(authorObject(testURLs, testRepo, author)); err != nil || string(got) != want {
		t.Errorf("not UTF-8: %v\n got %s\nwant %s", err, got, want)
	}
}

func TestLargeFileObject(t *testing.T) {
	file := rehome.LargeFile{Ref: "refs/heads/master", Path: []byte("foo/bar/1"), OID: "d3d9446802a44259755d38e6d163e820d3d94468", Size: 10485760}
	want := `{"ref_name":"refs/heads/master","path":"foo/bar/1","oid":"d3d9446802a44259755d38e6d163e820d3d94468","size":10485760}`
	if got, err := wire.Encode(largeFileObject(file)); err != nil || string(got) != want {
		t.Errorf("%v\n got %s\nwant %s", err, got, want)
	}
}

func TestStamp(t *testing.T) {
	if got := wire.Stamp(time.Date(2026, 1, 2, 3, 4, 5, 678, time.FixedZone("", 3600))); got != "2026-01-02T02:04:05Z" {
		t.Errorf("got %v", got)
	}
	if got := wire.Stamp(time.Time{}); got != nil {
		t.Errorf("the zero time: got %v, want null", got)
	}
}
