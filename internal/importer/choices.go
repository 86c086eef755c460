package importer

import (
	"context"
	"fmt"
	"strings"
	"time"

	"rehome"
	"rehome/internal/git/object"
	"rehome/internal/source"
	"rehome/internal/store"
)

// Choices are what a request says of an import's options; nil leaves one as it is. Prune, patterns and Verify
// count from the next fetch or push on and start nothing by themselves.
type Choices struct {
	Hold            *bool // stop before the first push until Approve; true is Invalid once that has begun
	MapTrailers     *bool // map identities in trailers of messages, too
	MapHashes       *bool // rewrite hashes of commits in messages, too
	AllowMissingLFS *bool // go on without Git LFS objects that the source lacks; an import that failed for them is tried again

	Prune         *bool          // refs that were forced or deleted at the source are so at the destination, too
	Refs          *[]string      // patterns of the refs that come; empty for all
	ExcludeRefs   *[]string      // patterns of refs that stay behind
	DefaultBranch *string        // short name that the source's default branch gets; "" for its own
	SyncEvery     *time.Duration // how long after one sync the next begins; 0 for none by a clock
	Verify        *rehome.Depth
}

// Bounds of SyncEvery: a source is not asked all the time, and what is forgotten does not go on for ever unseen.
const (
	minSync = time.Minute
	maxSync = 30 * 24 * time.Hour
)

// check refuses what can never be, with Invalid and the field in the API's words.
func (c Choices) check() error {
	bad := func(field, message, hint string) error {
		return &rehome.Error{Code: rehome.Invalid, Field: field, Message: message, Hint: hint}
	}
	if c.SyncEvery != nil && *c.SyncEvery != 0 && (*c.SyncEvery < minSync || *c.SyncEvery > maxSync) {
		return bad("sync_interval", fmt.Sprintf("sync_interval is not 0 or a number of seconds from %d to %d", minSync/time.Second, maxSync/time.Second), "")
	}
	if c.DefaultBranch != nil {
		if err := CheckBranch("default_branch", *c.DefaultBranch); err != nil {
			return err
		}
	}
	if c.Verify != nil {
		if _, ok := rehome.ParseDepth(string(*c.Verify)); !ok && *c.Verify != "" {
			return bad("verify", "verify is not refs, objects or bytes", "")
		}
	}
	if err := checkPatterns("refs", c.Refs); err != nil {
		return err
	}
	return checkPatterns("exclude_refs", c.ExcludeRefs)
}

// maxBranch bounds a branch's name in bytes, as forges do: it becomes the name of a file there.
const maxBranch = 244

// CheckBranch refuses what cannot be the short name of a branch, with Invalid and field, what the caller calls it; "" is none.
func CheckBranch(field, name string) error {
	if name == "" {
		return nil
	}
	why := branchFault(name)
	if why == "" {
		return nil
	}
	return &rehome.Error{Code: rehome.Invalid, Field: field, Message: field + " " + why, Hint: "Give the short name of a branch, such as main."}
}

// branchFault says what keeps name from being the short name of a branch, "" for nothing.
func branchFault(name string) string {
	switch {
	case len(name) > maxBranch:
		return fmt.Sprintf("is longer than %d bytes", maxBranch)
	case name == "HEAD" || name[0] == '-' || object.CheckRefName("refs/heads/"+name) != nil:
		return "is no name that Git takes for a branch"
	case strings.HasPrefix(name, "refs/"):
		return "is the full name of a ref"
	}
	return ""
}

func checkPatterns(field string, patterns *[]string) error {
	if patterns == nil {
		return nil
	}
	_, err := source.CheckRefPatterns(field, *patterns)
	return err
}

// applyTo changes options as chosen.
func (c Choices) applyTo(o *rehome.Options) {
	take(&o.Hold, c.Hold)
	take(&o.MapTrailers, c.MapTrailers)
	take(&o.MapHashes, c.MapHashes)
	take(&o.AllowMissingLFS, c.AllowMissingLFS)
	take(&o.Prune, c.Prune)
	takeLines(&o.Refs, c.Refs)
	takeLines(&o.ExcludeRefs, c.ExcludeRefs)
	take(&o.DefaultBranch, c.DefaultBranch)
	take(&o.SyncEvery, c.SyncEvery)
	take(&o.Verify, c.Verify)
	if o.Verify == rehome.VerifyRefs {
		o.Verify = "" // one spelling for what is so without being asked for
	}
}

func take[T any](option, chosen *T) {
	if chosen != nil {
		*option = *chosen
	}
}

// takeLines keeps patterns that passed check, one a line and each once.
func takeLines(option *string, chosen *[]string) {
	if chosen == nil {
		return
	}
	if good, err := source.CheckRefPatterns("", *chosen); err == nil {
		*option = strings.Join(good, "\n")
	}
}

// replans reports whether what is chosen may change what is rewritten or how a ref is called.
func (c Choices) replans() bool {
	return c.MapTrailers != nil || c.MapHashes != nil || c.DefaultBranch != nil
}

// refuseChoices refuses options as refuseMoved does.
func (m *Importer) refuseChoices(ctx context.Context, repositoryID int64, c Choices) error {
	if !c.replans() {
		return nil
	}
	return m.refuseMoved(ctx, repositoryID, func(p *planned) { c.applyTo(&p.options) })
}

// choose changes the options of an import that is there, and what follows from them:
// another plan, the push of one that is not held any more, another try, or another time for the next sync. false when
// it is all as it was. Invalid for a hold that comes too late.
func (m *Importer) choose(i *store.Import, c Choices, now time.Time) (bool, error) {
	if c.Hold != nil && *c.Hold {
		if err := tooLate(i); err != nil {
			return false, err
		}
	}
	was := i.Options
	c.applyTo(&i.Options)
	o := i.Options
	if o.MapTrailers != was.MapTrailers || o.MapHashes != was.MapHashes || o.DefaultBranch != was.DefaultBranch {
		m.replan(i, now)
	}
	if i.State.Status == rehome.WaitingToPush && !o.Hold {
		letPush(i, now)
	}
	if i.State.Err != nil && i.State.Err.Code == rehome.LFSMissing && o.AllowMissingLFS && !was.AllowMissingLFS {
		tryAgain(i, now)
	}
	if o.SyncEvery != was.SyncEvery {
		setNextSync(i, now)
	}
	return o != was, nil
}

// setNextSync counts the import's interval from now. What has not completed yet gets its next time when it does.
func setNextSync(i *store.Import, now time.Time) {
	i.NextSyncAt = time.Time{}
	if i.Options.SyncEvery > 0 && !i.CompletedAt.IsZero() {
		i.NextSyncAt = now.Add(i.Options.SyncEvery)
	}
}

// tooLate refuses to hold an import whose first push was made or let go.
func tooLate(i *store.Import) error {
	e := &rehome.Error{
		Code: rehome.Invalid, Field: "hold",
		Hint: "Leave hold out. To see what a change would do before it is pushed, hold an import into another repository.",
	}
	switch {
	case !i.CompletedAt.IsZero():
		e.Message = "The first push was made already, and hold stops only that one."
	case i.State.Status == rehome.Pushing:
		e.Message = "The first push is under way already, and hold stops only what has not begun."
	case i.Approved && i.State.Status == rehome.Mapping:
		e.Message = "The first push was approved already, and follows the rewrite that runs."
	default:
		return nil
	}
	return e
}
