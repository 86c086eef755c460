package git

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"rehome"
	"rehome/internal/git/object"
	"rehome/internal/git/protocol"
	"rehome/internal/git/repo"
	"rehome/internal/source"
)

// leftOut names the refs that belong to the old forge or to git itself, and why they stay.
var leftOut = []struct {
	prefix, reason string
	always         bool // they stay behind even where a choice of refs names them
}{
	{"refs/pull/", "pull request ref of the old forge", false},
	{"refs/pull-requests/", "pull request ref of the old forge", false},
	{"refs/merge-requests/", "merge request ref of the old forge", false},
	{"refs/changes/", "change ref of the old forge", false},
	{"refs/keep-around/", "kept by the old forge for its own use", false},
	{"refs/replace/", "replace ref, which would hide other objects", true},
	{"refs/rehome/", "where Rehome keeps refs of its own, which are not published", true},
}

// maxRefName bounds a ref's name, in bytes; a longer one does not fit into a path.
const maxRefName = 4096

// plan says what becomes of the refs of a source.
type plan struct {
	carried  []repo.Ref // sorted by name
	skipped  []rehome.SkippedRef
	head     string    // full name of the default branch, "" when there is none
	headLeft string    // full name of the default branch that the choice leaves behind; "" when it does not
	detached object.ID // what HEAD is at when it names no branch; zero otherwise
	choice   source.RefChoice
}

// choose accounts for every ref of a source: each is carried or skipped with a reason.
func choose(ctx context.Context, refs []protocol.Ref, choice source.RefChoice, ad protocol.Advertisement) (plan, error) {
	p := plan{choice: choice}
	var head protocol.Ref
	seen := make(map[string]object.ID, len(refs))
	for _, ref := range refs {
		id, twice := seen[ref.Name]
		switch {
		case twice && id != ref.ID:
			return plan{}, fmt.Errorf("%w: ref %q comes twice", errAmbiguous, ref.Name)
		case twice:
			continue
		case ref.Name == "HEAD":
			head = ref
		}
		seen[ref.Name] = ref.ID
		if ref.Name != "HEAD" {
			p.sort(ref)
		}
		if ctx.Err() != nil { // patterns may take a while
			return plan{}, ctx.Err()
		}
	}
	slices.SortFunc(p.carried, func(a, b repo.Ref) int { return strings.Compare(a.Name, b.Name) })
	p.dropConflicts()
	p.setHead(head, ad)
	return p, nil
}

// sort puts one ref where it belongs.
func (p *plan) sort(ref protocol.Ref) {
	reason := p.whySkip(ref.Name)
	if reason == "" && ref.ID.IsZero() {
		reason = "points at no object"
	}
	if reason != "" {
		p.skip(ref.Name, ref.ID, reason)
		return
	}
	p.carried = append(p.carried, repo.Ref{Name: ref.Name, ID: ref.ID, Peeled: ref.Peeled})
}

func (p *plan) whySkip(name string) string {
	switch {
	case !strings.HasPrefix(name, "refs/"):
		return "not below refs/"
	case len(name) > maxRefName:
		return "name too long"
	case object.CheckRefName(name) != nil:
		return "not a name Git accepts"
	}
	for _, rule := range leftOut {
		if strings.HasPrefix(name, rule.prefix) && (rule.always || !p.choice.Names(name, rule.prefix)) {
			return rule.reason
		}
	}
	return p.choice.Reason(name)
}

func (p *plan) skip(name string, id object.ID, reason string) {
	p.skipped = append(p.skipped, rehome.NewSkippedRef(name, rehome.ObjectID(id.String()), reason))
}

// dropConflicts skips refs below another ref (refs/heads/a/b beside refs/heads/a), which
// no file system holds.
func (p *plan) dropConflicts() {
	names := make(map[string]bool, len(p.carried))
	kept := p.carried[:0]
	for _, ref := range p.carried {
		if above := refAbove(ref.Name, names); above {
			p.skip(ref.Name, ref.ID, "below another ref's name")
			continue
		}
		names[ref.Name] = true
		kept = append(kept, ref)
	}
	p.carried = kept
}

// refAbove reports whether a folder of name is itself in names. Sorted order brings it first.
func refAbove(name string, names map[string]bool) bool {
	for i := range len(name) {
		if name[i] == '/' && names[name[:i]] {
			return true
		}
	}
	return false
}

// setHead finds the default branch.
func (p *plan) setHead(head protocol.Ref, ad protocol.Advertisement) {
	target := head.Target
	if target == "" && saysNoSymref(ad) {
		target = p.guessHead(head.ID)
	}
	if !strings.HasPrefix(target, "refs/heads/") {
		p.detached = head.ID
		return
	}
	switch reason := p.whySkip(target); {
	case reason == "":
		p.head = target
	case source.LeftByChoice(reason):
		p.headLeft = target // it is listed, and there is no default branch
	default:
		p.detached = head.ID
	}
}

// saysNoSymref reports whether ad comes from a server that never says what HEAD points
// at: git itself has said so since 1.8.5, some others do not.
func saysNoSymref(ad protocol.Advertisement) bool {
	return ad.Version < 2 && !ad.Capabilities.Has("symref") && !strings.HasPrefix(ad.Capabilities.Value("agent"), "git/")
}

// guessHead returns a branch at id, as git guesses: main, master, or the first.
func (p *plan) guessHead(id object.ID) string {
	first := ""
	for _, ref := range p.carried {
		if ref.ID != id || !strings.HasPrefix(ref.Name, "refs/heads/") {
			continue
		}
		if ref.Name == "refs/heads/main" || ref.Name == "refs/heads/master" {
			return ref.Name
		}
		if first == "" {
			first = ref.Name
		}
	}
	return first
}

// wants returns the ids to ask for, each once.
func (p *plan) wants(h have) []object.ID {
	seen := make(map[object.ID]bool, len(p.carried))
	var ids []object.ID
	for _, ref := range p.carried {
		if !seen[ref.ID] && (h.lacks == nil || h.lacks(ref.ID)) {
			seen[ref.ID] = true
			ids = append(ids, ref.ID)
		}
	}
	return ids
}

// settle writes the refs and HEAD into r, once it is sure that r has what they point at.
// It lists a detached HEAD that no ref led to as skipped.
func (p *plan) settle(r *repo.Repo, peer string) ([]repo.Ref, error) {
	if err := p.checkPresent(r, peer); err != nil {
		return nil, err
	}
	if p.head != "" {
		if err := r.SetHead(p.head); err != nil {
			return nil, err
		}
	}
	if len(p.carried) == 0 {
		return nil, nil
	}
	updates := make([]repo.Update, 0, len(p.carried))
	for _, ref := range p.carried {
		updates = append(updates, repo.Update{Name: ref.Name, Old: r.Format().Zero(), New: ref.ID})
	}
	if err := r.Update(updates); err != nil {
		return nil, lostTarget(err, peer)
	}
	return r.Refs()
}

// lostTarget says of a tag that what it names did not come, and passes every other error.
func lostTarget(err error, peer string) error {
	var lost *repo.LostTargetError
	if !errors.As(err, &lost) {
		return err
	}
	return &rehome.Error{
		Code: rehome.CorruptObject, Err: err,
		Message: fmt.Sprintf("The %s did not send object %s, which its tag %s names.", peer, lost.Object, lost.Tag),
		Hint:    "Run git fsck on the " + peer + ".",
	}
}

func (p *plan) checkPresent(r *repo.Repo, peer string) error {
	objects, err := r.Objects()
	if err != nil {
		return err
	}
	defer objects.Close()
	for _, ref := range p.carried {
		if !objects.Has(ref.ID) {
			return &rehome.Error{
				Code:    rehome.CorruptObject,
				Message: fmt.Sprintf("The %s did not send object %s, which its ref %s points at.", peer, ref.ID, rehome.Clean(ref.Name, maxText)),
				Hint:    "Run git fsck on the " + peer + ".",
			}
		}
	}
	if !p.detached.IsZero() && !objects.Has(p.detached) {
		p.skip("HEAD", p.detached, "detached, and no ref reaches its commit")
	}
	return p.dropOtherBranches(objects)
}

// dropOtherBranches skips branches that name no commit: git writes none, and whoever clones one cannot check it out.
func (p *plan) dropOtherBranches(objects *repo.Objects) error {
	kept := p.carried[:0]
	for _, ref := range p.carried {
		if !strings.HasPrefix(ref.Name, "refs/heads/") {
			kept = append(kept, ref)
			continue
		}
		t, err := objects.Type(ref.ID)
		if err != nil {
			return err
		}
		if t == object.Commit {
			kept = append(kept, ref)
			continue
		}
		p.skip(ref.Name, ref.ID, fmt.Sprintf("a branch that names a %s, not a commit", t))
		if p.head == ref.Name {
			p.head = ""
		}
	}
	p.carried = kept
	return nil
}

// nothingChosen is the error for patterns that no ref of the source matches.
func nothingChosen(patterns []string, skipped []rehome.SkippedRef) error {
	var names []string
	for _, s := range skipped[:min(len(skipped), 5)] {
		names = append(names, rehome.Clean(s.Name, 100))
	}
	if len(skipped) > len(names) {
		names = append(names, "…")
	}
	return &rehome.Error{
		Code: rehome.Invalid, Field: "refs",
		Message: fmt.Sprintf("No ref of the source matches %s.", rehome.Clean(strings.Join(patterns, ", "), 200)),
		Hint:    "It has " + strings.Join(names, ", ") + ".",
	}
}
