package importer

import (
	"fmt"
	"slices"
	"strings"

	"rehome"
	"rehome/internal/git/object"
	"rehome/internal/git/repo"
	"rehome/internal/store"
)

// keptRefs is where old tips of refs stay that were forced or deleted at the source.
const keptRefs = "refs/rehome/kept/"

// pruned is what a sync takes away at the destination because it is gone at the source.
type pruned struct {
	updates []repo.Update // refs that go, and refs that keep old tips
	names   []string      // of those that go, or went already

	replaced []rehome.ReplacedRef // those that go or are forced, sorted by name
}

// Why refs of the destination were deleted or forced, in the receipt.
const (
	replacedDeleted = "deleted at the source"
	replacedForced  = "forced at the source"
	replacedRenamed = "the default branch has another name now"
	replacedTheirs  = "made or moved by somebody else at the destination, and overwritten"
)

// replace keeps what is at r now, and lists what becomes of it: the zero id for nothing.
func (p *pruned) replace(there map[string]repo.Ref, r repo.Ref, becomes object.ID, reason string) {
	p.list(r.Name, r.ID.String(), becomes, p.keep(there, r), reason)
}

// replacedBefore lists a ref that an earlier try has taken from where it was last, as what keeps that shows.
func (p *pruned) replacedBefore(there map[string]repo.Ref, name, was string, becomes object.ID, reason string) {
	if kept := keptName(name, was); kept != "" && there[kept].ID.String() == was {
		p.list(name, was, becomes, kept, reason)
	}
}

func (p *pruned) list(name, was string, becomes object.ID, kept, reason string) {
	became := rehome.ObjectID("")
	if !becomes.IsZero() {
		became = id(becomes)
	}
	p.replaced = append(p.replaced, rehome.NewReplacedRef(name, rehome.ObjectID(was), became, kept, reason))
}

// prune finds the refs we wrote that the source has no more, and keeps the tips of those and of refs that were forced.
func (w *worker) prune(done *finished, at situation, p *proof, forced []finalRef) error {
	there := byName(at.have)
	ours, gone := goneAtSource(done.refs, p.facts, at.wrote)
	var goes []string
	for _, name := range gone {
		reason := replacedDeleted
		if name == p.former {
			ours, reason = ours-1, replacedRenamed
		}
		now, exists := there[name]
		switch {
		case !exists:
			p.pruned.names = append(p.pruned.names, name) // it went in an earlier try, or somebody deleted it
			p.pruned.replacedBefore(there, name, at.wrote[name].Wrote, object.ID{}, reason)
		case isOurs(now, at.wrote[name]):
			if name != p.former {
				goes = append(goes, name)
			}
			p.pruned.drop(there, now, reason)
		default:
			p.stays = append(p.stays, rehome.NewSkippedRef(name, id(now.ID), reason+", and moved by somebody else at the destination: it stays"))
		}
	}
	if 2*len(goes) > ours {
		return tooManyGone(goes, ours)
	}
	for _, f := range forced {
		now, exists := there[f.name]
		switch last := at.wrote[f.name]; {
		case exists && now.ID == f.final:
			p.pruned.replacedBefore(there, f.name, last.Wrote, f.final, replacedForced)
		case exists && isOurs(now, last):
			p.pruned.replace(there, now, f.final, replacedForced)
		}
	}
	return nil
}

// drop takes a ref away.
func (p *pruned) drop(there map[string]repo.Ref, r repo.Ref, reason string) {
	p.names = append(p.names, r.Name)
	p.updates = append(p.updates, repo.Update{Name: r.Name, Old: r.ID, New: r.ID.Format().Zero()})
	p.replace(there, r, object.ID{}, reason)
}

// reasonGone stands in the receipt beside a ref that the source has no more.
const reasonGone = "deleted at the source since the last import: it stays here, for nothing is taken away without being asked; --prune (prune) has it go"

// stillThere lists the refs we wrote that the source has no more and that stay.
func stillThere(done *finished, at situation, p *proof) (stays []rehome.SkippedRef) {
	there := byName(at.have)
	_, gone := goneAtSource(done.refs, p.facts, at.wrote)
	for _, name := range gone {
		if now, exists := there[name]; exists && name != p.former {
			stays = append(stays, rehome.NewSkippedRef(name, id(now.ID), reasonGone))
		}
	}
	return stays
}

// goneAtSource returns how many refs that came from the source are ours, and which of them it has no more. What it
// still has and is left out now stays.
func goneAtSource(final []finalRef, known facts, wrote map[string]store.WrittenRef) (ours int, gone []string) {
	has := make(map[string]bool, len(final)+len(known.Skipped))
	for _, f := range final {
		has[f.name] = true
	}
	for _, s := range known.Skipped {
		has[s.Name] = true
	}
	for name, last := range wrote {
		if last.Wrote == "" || last.Source == "" {
			continue
		}
		if ours++; !has[name] {
			gone = append(gone, name)
		}
	}
	slices.Sort(gone)
	return ours, gone
}

// keep adds a ref that keeps what is at r now, unless there is one, and returns its name. Where somebody made one of that
// name for something else, it has the whole id in its name.
func (p *pruned) keep(there map[string]repo.Ref, r repo.Ref) string {
	name := keptName(r.Name, r.ID.String())
	if taken, exists := there[name]; exists && taken.ID != r.ID {
		name += r.ID.String()[12:]
	}
	if there[name].ID != r.ID {
		p.updates = append(p.updates, repo.Update{Name: name, Old: r.ID.Format().Zero(), New: r.ID})
	}
	return name
}

// keepAll lists refs of others that are overwritten, and adds refs that keep what is there now, but for what this history
// has anyway.
func (p *pruned) keepAll(from *repo.Repo, have []repo.Ref, refs []overwritten) error {
	if len(refs) == 0 {
		return nil
	}
	objects, err := from.Objects()
	if err != nil {
		return fmt.Errorf("open what is to be pushed: %w", err)
	}
	defer objects.Close()
	there := byName(have)
	for _, r := range refs {
		if objects.Has(r.ID) {
			p.list(r.Name, r.ID.String(), r.becomes, "", replacedTheirs)
			continue
		}
		p.replace(there, r.Ref, r.becomes, replacedTheirs)
	}
	return nil
}

// keptName is the ref that keeps what another one was, "" where that is not known.
func keptName(name, was string) string {
	if len(was) < 12 {
		return ""
	}
	return keptRefs + strings.TrimPrefix(name, "refs/") + "/" + was[:12]
}

func tooManyGone(goes []string, ours int) error {
	return &rehome.Error{
		Code:    rehome.LimitPassed,
		Message: fmt.Sprintf("The source lacks %d of the %d refs that were moved from it: %s. A sync that would remove more than half of them stops.", len(goes), ours, named(goes)),
		Hint:    "If the source is as it should be, delete those refs at the destination by hand, and start the import again.",
	}
}

// prove is an error when a ref that was to go is still there.
func (p *pruned) prove(back map[string]object.ID) error {
	for _, name := range p.names {
		if _, still := back[name]; still {
			return differs(fmt.Sprintf("the ref %q is still there", rehome.Clean(name, 200)))
		}
	}
	return nil
}
