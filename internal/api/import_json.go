package api

import (
	"cmp"
	"fmt"
	"strings"

	"rehome"
	"rehome/internal/remote"
	"rehome/internal/source"
	"rehome/internal/wire"
)

// importObject is an import as the API's clients know it: the keys, their order, and
// which of them are there at which status, as recorded from the service itself.
func importObject(u wire.URLs, r rehome.Repository, im rehome.Import) *wire.Object {
	o := wire.New("vcs", wire.TextOrNull(string(im.Source.VCS)), "use_lfs", string(im.LFS), "vcs_url", im.Source.URL)
	if im.Source.TFVCProject != "" {
		o.Add("tfvc_project", im.Source.TFVCProject)
	}
	o.Add("status", string(im.State.Status))
	switch im.State.Status {
	case rehome.Importing:
		addImporting(o, im)
	case rehome.Pushing:
		o.Add("push_percent", wire.NumberOrNull(im.Progress.PushPercent))
		addSurveyed(o, im)
	case rehome.WaitingToPush:
		im.State.Note = outlook(im) + ". Approve with POST " + u.Import(r) + "/approve."
		addSurveyed(o, im)
	case rehome.Mapping, rehome.Complete:
		if !im.ClosedAt.IsZero() {
			im.State.Note = cmp.Or(im.State.Note, "Done.") + closedText
		}
		addSurveyed(o, im)
	case rehome.Failed:
		addFailed(o, im)
	case rehome.DetectionFoundMultiple:
		o.Add("status_text", statusText(im.State), "project_choices", im.State.Choices)
	default:
		o.Add("status_text", statusText(im.State))
		addMessage(o, advised(im))
	}
	addOptions(o, im.Options)
	addWay(o, im)
	o.Add("url", u.Import(r), "html_url", u.HTMLImport(r), "authors_url", u.Authors(r), "repository_url", u.Repository(r))
	return o
}

// addImporting adds the raw step's progress. Percent has two names, one for the
// wire and one that clients read; the second is left out while nothing is known.
func addImporting(o *wire.Object, im rehome.Import) {
	commits := im.Found.Commits
	if commits <= 0 {
		commits = im.Progress.Commits
	}
	if commits <= 0 {
		commits = -1
	}
	percent := wire.NumberOrNull(im.Progress.Percent)
	o.Add("commit_count", wire.NumberOrNull(commits), "status_text", statusText(im.State), "authors_count", im.Found.Authors, "import_percent", percent)
	if percent != nil {
		o.Add("percent", percent)
	}
}

// addSurveyed adds what is known once the whole history has been seen.
func addSurveyed(o *wire.Object, im rehome.Import) {
	o.Add("status_text", statusText(im.State))
	addLargeFiles(o, im.Found)
	o.Add("authors_count", im.Found.Authors)
}

func addFailed(o *wire.Object, im rehome.Import) {
	o.Add("status_text", statusText(im.State), "failed_step", wire.TextOrNull(string(im.State.FailedStep)))
	addMessage(o, advised(im))
	addLargeFiles(o, im.Found)
	o.Add("authors_count", im.Found.Authors)
}

func addLargeFiles(o *wire.Object, f rehome.Found) {
	if f.LargeFilesKnown {
		o.Add("has_large_files", f.LargeFiles > 0, "large_files_size", f.LargeFilesSize, "large_files_count", f.LargeFiles)
	}
}

// addMessage gives the reason under both names clients look for.
func addMessage(o *wire.Object, err *rehome.Error) {
	if err == nil {
		return
	}
	text := sentence(err)
	o.Add("error_message", text, "message", text)
}

// What neutral words on credentials and on another try mean here.
const (
	howToSignIn  = "PATCH the import with vcs_username and vcs_password."
	howToSSH     = "PATCH the import with ssh_key, or with vcs_password."
	howToRestart = "To start it again, PATCH the import."
	howToReplace = "Only Git can be read yet. For another address, DELETE the import and PUT it again."
)

// advised is why the import waits, with how that is mended here: how credentials are given to
// it, how it is started again, and how it is given another address. Where a source leads elsewhere credentials would not help,
// and its own hint stays.
func advised(im rehome.Import) *rehome.Error {
	s := im.State
	if s.Err == nil {
		return nil
	}
	e := *s.Err
	signIn := howToSignIn
	if l, err := remote.Parse("vcs_url", im.Source.URL); err == nil && l.SSH() {
		signIn = howToSSH
	}
	waits := s.Status == rehome.AuthFailed || s.Status == rehome.DetectionNeedsAuth
	switch {
	case waits && e.Code == rehome.CredentialsWanted && e.Hint == source.GiveCredentials:
		e.Hint = signIn
	case waits && e.Code == rehome.CredentialsRefused:
		e.Hint = strings.TrimSpace(e.Hint + " " + signIn)
	case s.Status == rehome.DetectionFoundNothing:
		e.Hint = strings.TrimSpace(e.Hint + " " + howToReplace)
	case strings.Contains(e.Hint, "start the import again"), s.Status == rehome.Failed && strings.Contains(e.Hint, "ry again"):
		e.Hint += " " + howToRestart
	}
	return &e
}

// statusTexts are the words people know for a status. The first two are the service's own.
var statusTexts = map[rehome.Status]string{
	rehome.Importing: "Importing...",
	rehome.Complete:  "Done",
	rehome.Mapping:   "Rewriting commits...",
	rehome.Pushing:   "Pushing...",
	rehome.Failed:    "Error",
	rehome.Detecting: "Detecting...",

	rehome.AuthFailed:             "Authentication failed",
	rehome.DetectionNeedsAuth:     "Authentication needed",
	rehome.DetectionFoundNothing:  "No repository found",
	rehome.DetectionFoundMultiple: "Several projects found. PATCH the import with one of project_choices.",
}

// closedText ends the status_text of an import that was finished: what asks it to go on is answered, and does nothing.
const closedText = " The import is finished and closed; PUT and finish do nothing any more. To import what came later, DELETE it and start another one."

func statusText(s rehome.State) any {
	if s.Note != "" {
		return s.Note
	}
	return wire.TextOrNull(statusTexts[s.Status])
}

// outlook says what approval would publish.
func outlook(im rehome.Import) string {
	changed := im.Changes
	if changed == (rehome.Changes{}) {
		return "Waiting to push: nothing changes"
	}
	text := fmt.Sprintf("Waiting to push: %s of %s commits", rehome.Grouped(changed.Commits), rehome.Grouped(im.Found.Commits))
	if changed.Tags > 0 {
		text += " and " + rehome.Counted(changed.Tags, "tag", "tags")
	}
	text += " change"
	if files := becomes(im.LFS, changed); files != "" {
		text += ", " + files
	}
	if changed.Signatures > 0 {
		text += ", " + rehome.Counted(changed.Signatures, "signature is", "signatures are") + " dropped"
	}
	return text
}

// authorObject is one identity of the source and what it is mapped to.
func authorObject(u wire.URLs, r rehome.Repository, author rehome.Author) *wire.Object {
	o := wire.New("id", author.ID)
	lossless(o, "remote_id", author.RemoteMail)
	lossless(o, "remote_name", author.RemoteName)
	o.Add("email", author.Email, "name", author.Name, "url", u.Author(r, author.ID), "import_url", u.Import(r))
	return o
}
