package web

import (
	"cmp"
	"errors"
	"math"
	"strconv"
	"strings"
	"time"

	"rehome"
	"rehome/internal/importer"
)

// optionForm are the options of an import, as a form has them.
type optionForm struct {
	Hold, Prune, MapTrailers, MapHashes, AllowMissingLFS bool
	Refs, ExcludeRefs, DefaultBranch                     string
	Sync, Minutes                                        string // Sync: seconds, or ownTime for as many minutes as Minutes says
	Verify                                               string
}

// ownTime has Minutes say how often an import is synced.
const ownTime = "own"

// optionsFrom reads a form.
func optionsFrom(get func(string) string) optionForm {
	return optionForm{
		Hold: get("hold") != "", Prune: get("prune") != "", MapTrailers: get("map_trailers") != "", MapHashes: get("map_hashes") != "",
		AllowMissingLFS: get("allow_missing_lfs") != "", Refs: get("refs"), ExcludeRefs: get("exclude_refs"), DefaultBranch: get("default_branch"),
		Sync: get("sync_interval"), Minutes: get("sync_minutes"), Verify: get("verify"),
	}
}

// optionsOf are those that an import has.
func optionsOf(o rehome.Options) optionForm {
	f := optionForm{
		Hold: o.Hold, Prune: o.Prune, MapTrailers: o.MapTrailers, MapHashes: o.MapHashes, AllowMissingLFS: o.AllowMissingLFS,
		Refs: strings.ReplaceAll(o.Refs, "\n", " "), ExcludeRefs: strings.ReplaceAll(o.ExcludeRefs, "\n", " "), DefaultBranch: o.DefaultBranch,
		Sync: strconv.FormatInt(int64(o.SyncEvery/time.Second), 10), Verify: string(o.Verify),
	}
	if !known(syncChoices, f.Sync) {
		f.Sync, f.Minutes = ownTime, strconv.FormatFloat(o.SyncEvery.Minutes(), 'f', -1, 64)
	}
	return f
}

// choices are the options as the importer takes them.
func (o optionForm) choices() (importer.Choices, error) {
	refs, exclude, verify := strings.Fields(o.Refs), strings.Fields(o.ExcludeRefs), rehome.Depth(o.Verify)
	every, err := o.every()
	return importer.Choices{
		Hold: &o.Hold, Prune: &o.Prune, MapTrailers: &o.MapTrailers, MapHashes: &o.MapHashes, AllowMissingLFS: &o.AllowMissingLFS,
		Refs: &refs, ExcludeRefs: &exclude, DefaultBranch: &o.DefaultBranch, SyncEvery: &every, Verify: &verify,
	}, err
}

// longest is more minutes than any interval may have.
const longest = 1e6

// every is how often an import is to be synced; 0 for not by a clock.
func (o optionForm) every() (time.Duration, error) {
	unit, text := time.Second, cmp.Or(o.Sync, "0")
	if text == ownTime {
		unit, text = time.Minute, o.Minutes
	}
	n, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(n) {
		return 0, &rehome.Error{Code: rehome.Invalid, Field: "sync_interval", Message: "The time between two syncs is no number of minutes."}
	}
	return time.Duration(max(-1, min(n, longest)) * float64(unit)).Round(time.Second), nil
}

// interval says how often an import is synced.
func (o optionForm) interval() string {
	if o.Sync == ownTime && o.Minutes == "1" {
		return "every minute"
	}
	if o.Sync == ownTime {
		return "every " + o.Minutes + " minutes"
	}
	for _, c := range syncChoices {
		if c.Value == o.Sync {
			return c.Label
		}
	}
	return ""
}

// optionField is one of them on a page: shown to be changed, or to be read.
type optionField struct {
	Name, Label  string
	Does, Counts string // what it does, and from when a change of it counts; the latter is "" for an import that begins
	Kind         string // check, text, one (of several), minutes, password or secret
	Value, Empty string // Empty: what holds where nothing is given
	On           bool
	Of           []optionChoice
	Err          string
}

// optionChoice is one of several.
type optionChoice struct{ Value, Label string }

func known(of []optionChoice, value string) bool {
	for _, c := range of {
		if c.Value == value {
			return true
		}
	}
	return false
}

// Shown is what holds, for whoever cannot change it.
func (f optionField) Shown() string {
	switch {
	case f.Kind == "check" && f.On:
		return "yes"
	case f.Kind == "check":
		return "no"
	}
	for _, c := range f.Of {
		if c.Value == f.Value {
			return c.Label
		}
	}
	return cmp.Or(f.Value, f.Empty)
}

var (
	syncChoices   = []optionChoice{{"0", "only when asked"}, {"3600", "every hour"}, {"21600", "every 6 hours"}, {"86400", "every day"}, {ownTime, "after as many minutes as below"}}
	verifyChoices = []optionChoice{{"", "every ref has its id"}, {"objects", "every object is there, too"}, {"bytes", "every object is read and hashed, too"}}
)

// From when changes count.
const (
	atOnce   = "Counts at once: what was rewritten is rewritten again, and what was pushed is pushed again."
	nextSync = "Counts from the next sync on."
	nextPush = "Counts from the next push on."
)

// fields are the options for a page, one after the other.
func (o optionForm) fields() []optionField {
	return []optionField{
		{Name: "hold", Label: "Stop before the first push, until I approve", Kind: "check", On: o.Hold, Does: "You see what would be pushed before anybody else does.", Counts: "Counts until the first push has begun. Unticked while the import is held, it pushes."},
		{Name: "sync_interval", Label: "Bring what is new at the source", Kind: "one", Value: o.Sync, Of: syncChoices, Does: "Until you finish the import, it asks the source again.", Counts: "Counts at once: the next sync comes that long from now."},
		{Name: "sync_minutes", Label: "Minutes between two syncs", Kind: "minutes", Value: o.Minutes, Does: "From 1 to 43,200 (30 days), where the choice above is as many minutes as here."},
		{Name: "verify", Label: "How deep the destination is compared", Kind: "one", Value: o.Verify, Of: verifyChoices, Does: "After each push. Deeper takes longer, and reads the destination.", Counts: nextPush},
		{Name: "prune", Label: "Follow forced and deleted refs", Kind: "check", On: o.Prune, Does: "A ref that was forced or deleted at the source is so at the destination; old tips stay below refs/rehome/kept/.", Counts: nextSync},
		{Name: "refs", Label: "Refs to bring", Kind: "text", Value: o.Refs, Empty: "all", Does: "Patterns with spaces between, as in: main release/* refs/tags/v1.*", Counts: nextSync},
		{Name: "exclude_refs", Label: "Refs to leave behind", Kind: "text", Value: o.ExcludeRefs, Empty: "none", Does: "Patterns as above.", Counts: nextSync},
		{Name: "default_branch", Label: "Name of the default branch", Kind: "text", Value: o.DefaultBranch, Empty: "as at the source", Does: "The source's default branch gets this name where there is no such branch.", Counts: atOnce},
		{Name: "map_trailers", Label: "Map authors in trailers of messages, too", Kind: "check", On: o.MapTrailers, Does: "As in Co-authored-by: Ada King <ada@new.example>.", Counts: atOnce},
		{Name: "map_hashes", Label: "Write the new hashes of commits into messages", Kind: "check", On: o.MapHashes, Does: "Where a message names a commit that gets another id.", Counts: atOnce},
		{Name: "allow_missing_lfs", Label: "Go on without missing Git LFS objects", Kind: "check", On: o.AllowMissingLFS, Does: "Those that the source lacks are in the receipt.", Counts: "Counts at once for an import that failed for them, else from the next sync on."},
	}
}

// keyFields are about the key that signs in over SSH. A private one is never shown again.
func keyFields(prefix, public, at string) []optionField {
	of := []optionChoice{{"", "no key"}, {"make", "make one"}}
	if public != "" {
		of = []optionChoice{{"", "keep the one there is"}, {"forget", "forget it"}}
	}
	return []optionField{
		{Name: prefix + "ssh_key", Label: "SSH key", Kind: "one", Of: of, Does: "For ssh:// addresses and USER@HOST:PATH. Of one that is made here you see the public half, which " + at + " has to let in."},
		{Name: prefix + "private_key", Label: "Or a private key of your own", Kind: "secret", Does: "As OpenSSH writes it, without a passphrase. It is kept sealed and never shown."},
	}
}

// keyFrom is what a form says is to become of a key; nil for nothing.
func keyFrom(prefix string, get func(string) string) *importer.SSHKey {
	switch private := get(prefix + "private_key"); {
	case private != "":
		return &importer.SSHKey{Private: rehome.Secret(strings.ReplaceAll(private, "\r", "") + "\n")}
	case get(prefix+"ssh_key") == "make":
		return &importer.SSHKey{Make: true}
	case get(prefix+"ssh_key") == "forget":
		return &importer.SSHKey{}
	}
	return nil
}

// holds is what a field has once a browser shows it.
func (f optionField) holds() string {
	switch {
	case f.Kind == "check":
		return strconv.FormatBool(f.On)
	case f.Kind == "one" && !known(f.Of, f.Value):
		return f.Of[0].Value
	}
	return f.Value
}

// differ reports whether one of some fields holds something else than before.
func differ(now, before []optionField) bool {
	for n := range now {
		if now[n].holds() != before[n].holds() {
			return true
		}
	}
	return false
}

// blame puts an error at the field that it is about, and reports whether one of these is it.
func blame(fields []optionField, err error) bool {
	if err == nil {
		return false
	}
	e := rehome.AsError(err)
	for n := range fields {
		if e.Field == "" || fields[n].Name != e.Field {
			continue
		}
		text := e.Message
		if rest, ok := strings.CutPrefix(text, e.Field+" "); ok { // in the API's words
			text = "This " + rest
		}
		fields[n].Err = strings.TrimSpace(strings.TrimSuffix(text, ".") + ". " + hint(e.Hint))
		return true
	}
	return false
}

// renamed gives the field of an error the name that it has in a form.
func renamed(err error, names map[string]string) error {
	var known *rehome.Error
	if !errors.As(err, &known) || names[known.Field] == "" {
		return err
	}
	e := *known
	e.Field = names[known.Field]
	e.Err = err
	e.Message = strings.Replace(e.Message, known.Field+" ", e.Field+" ", 1)
	return &e
}
