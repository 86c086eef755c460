package verify

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"rehome"
	"rehome/internal/git/object"
	"rehome/internal/git/repo"
	"rehome/internal/source"
)

// expected is what a ref of the destination has to be.
type expected struct {
	id     object.ID
	peeled bool   // id is that of the commit that the ref leads to: a tag above it has another id, which is not known
	why    string // the ref cannot be judged: what is wrong, or why it did not come
	kind   string // of the difference that why is; "" when it was left out
}

// refs are what is known of them from all sides.
type refs struct {
	v       *verification
	there   map[string]repo.Ref // at the destination
	receipt map[string]rehome.ReceiptRef
	skipped map[string]rehome.SkippedRef // by the receipt
	seen    map[string]bool              // that were to be at the destination, or stay behind
}

// compareRefs holds every ref against what it has to be.
func (v *verification) compareRefs(b both) {
	r := &refs{v: v, there: map[string]repo.Ref{}, receipt: map[string]rehome.ReceiptRef{}, skipped: map[string]rehome.SkippedRef{}, seen: map[string]bool{}}
	for _, ref := range b.to.Refs {
		r.there[ref.Name] = ref
	}
	if v.Receipt != nil {
		for _, ref := range v.Receipt.Refs.Refs {
			r.receipt[exact(ref.Name, ref.NameBytes)] = ref
		}
		for _, ref := range v.Receipt.Refs.Skipped {
			r.skipped[exact(ref.Name, ref.NameBytes)] = ref
		}
	}
	for _, ref := range b.from.Refs {
		r.compare(ref)
	}
	r.goneAtSource()
	r.leftOut(b.from.Result)
	r.head(b)
	for _, ref := range b.to.Refs {
		if !r.seen[ref.Name] && !v.full(len(v.result.Extra)) {
			v.result.Extra = append(v.result.Extra, rehome.Clean(ref.Name, 400))
		}
	}
}

func exact(name string, bytes []byte) string {
	if bytes != nil {
		return string(bytes)
	}
	return name
}

// renamed is the name that a ref of the source has at the destination: only a default branch may have another.
func (r *refs) renamed(name string) string {
	receipt := r.v.Receipt
	if receipt == nil {
		return name
	}
	from, to := receipt.Head.Source.DefaultBranch, receipt.Head.Destination.DefaultBranch
	_, carried := r.receipt[name]
	if from == "" || to == "" || carried || name != "refs/heads/"+from {
		return name
	}
	if _, there := r.receipt["refs/heads/"+to]; !there {
		return name
	}
	return "refs/heads/" + to
}

func (r *refs) compare(ref repo.Ref) {
	name := r.renamed(ref.Name)
	r.seen[name] = true
	want := r.expect(name, ref)
	have, there := r.there[name]
	shown := rehome.Clean(name, 400)
	switch {
	case want.why != "" && want.kind == "":
		r.v.leaves(rehome.NewSkippedRef(ref.Name, rehome.ObjectID(ref.ID.String()), want.why))
	case want.why != "":
		r.v.differs(Difference{Kind: want.kind, Name: shown, Text: want.why})
	case !there:
		r.v.differs(Difference{Kind: "missing", Name: shown, Want: idText(want.id), Text: "is not at the destination"})
	case want.id != have.ID && (!want.peeled || want.id != leadsTo(have)):
		d := Difference{Kind: "different", Name: shown, Want: idText(want.id), Have: idText(have.ID)}
		if d.Text = fmt.Sprintf("is %s at the destination, not %s", have.ID, want.id); want.peeled {
			d.Have, d.Text = idText(leadsTo(have)), fmt.Sprintf("leads to %s at the destination, not to %s", leadsTo(have), want.id)
		}
		r.v.differs(d)
	default:
		r.v.result.Refs++
		if ref.ID != have.ID {
			r.v.pairs = append(r.v.pairs, pair{ref.ID, have.ID, strings.HasPrefix(name, "refs/notes/")})
		}
	}
}

// expect says what a ref of the source has to be under its name at the destination.
func (r *refs) expect(name string, ref repo.Ref) expected {
	entry, carried := r.receipt[name]
	skip, left := r.skipped[ref.Name]
	switch {
	case carried && string(entry.Source) == ref.ID.String():
		id, err := object.ParseID(string(entry.Final))
		if err != nil {
			return expected{why: "has no id in the receipt", kind: "unmapped"}
		}
		return expected{id: id}
	case left && !carried:
		return expected{why: skip.Reason}
	case carried && r.v.Map == nil:
		return expected{why: fmt.Sprintf("has moved at the source since the receipt was written: it is %s, and was %s", ref.ID, entry.Source), kind: "moved"}
	case r.v.Map != nil:
		return r.mapped(ref)
	}
	return expected{id: ref.ID}
}

// mapped is what a commit map says. It knows commits: of what a tag became, only the commit below it is known.
func (r *refs) mapped(ref repo.Ref) expected {
	if id, ok := r.v.Map.New(ref.ID); ok {
		return orRemoved(expected{id: id})
	}
	if ref.Peeled.IsZero() {
		if have, there := r.there[ref.Name]; there && have.ID == ref.ID { // a file or folder, or a commit that nothing was said of
			return expected{id: ref.ID}
		}
		return expected{why: fmt.Sprintf("is %s at the source, which the commit map does not know", ref.ID), kind: "unmapped"}
	}
	id, ok := r.v.Map.New(ref.Peeled)
	if !ok {
		id = ref.Peeled // a tag of what is no commit
	}
	return orRemoved(expected{id: id, peeled: true})
}

func orRemoved(e expected) expected {
	if e.id.IsZero() {
		return expected{why: "its commit was removed from history"}
	}
	return e
}

// leadsTo is what a ref stands for in the end.
func leadsTo(ref repo.Ref) object.ID {
	if ref.Peeled.IsZero() {
		return ref.ID
	}
	return ref.Peeled
}

// goneAtSource compares refs that the receipt has and the source has no more.
func (r *refs) goneAtSource() {
	for _, name := range slices.Sorted(maps.Keys(r.receipt)) {
		if r.seen[name] || r.v.Choose.Reason(name) != "" {
			continue
		}
		r.seen[name] = true
		final, _ := object.ParseID(string(r.receipt[name].Final))
		switch have, there := r.there[name]; {
		case !there:
			r.v.differs(Difference{Kind: "missing", Name: rehome.Clean(name, 400), Want: idText(final), Text: "is not at the destination, and no more at the source"})
		case have.ID != final:
			r.v.differs(Difference{Kind: "different", Name: rehome.Clean(name, 400), Want: idText(final), Have: idText(have.ID), Text: fmt.Sprintf("is %s at the destination, not %s", have.ID, final)})
		default:
			r.v.result.Refs++
		}
	}
}

// leftOut lists what the source has and no move carries.
func (r *refs) leftOut(from source.Result) {
	for _, ref := range from.Skipped {
		name := exact(ref.Name, ref.NameBytes)
		r.seen[name] = true
		if said, ok := r.skipped[name]; ok {
			ref.Reason = said.Reason
		}
		r.v.leaves(ref)
	}
}

// leaves lists a ref that did not come, unless a rule or the user's choice says so.
func (v *verification) leaves(ref rehome.SkippedRef) {
	if v.LeftByRule(exact(ref.Name, ref.NameBytes)) || source.LeftByChoice(ref.Reason) || v.full(len(v.result.LeftOut)) {
		return
	}
	v.result.LeftOut = append(v.result.LeftOut, ref)
}

// head compares the default branches. Which one a forge shows is its own setting, so another one is told and no difference.
func (r *refs) head(b both) {
	want := strings.TrimPrefix(r.renamed(b.from.Head), "refs/heads/")
	if r.v.Receipt != nil {
		want = r.v.Receipt.Head.Destination.DefaultBranch
	}
	have := strings.TrimPrefix(b.to.Head, "refs/heads/")
	if want != "" && have != want && len(b.from.Refs) > 0 {
		r.v.result.Lacks = append(r.v.result.Lacks, fmt.Sprintf("the default branch is %q at the destination, not %q", rehome.Clean(have, 200), rehome.Clean(want, 200)))
	}
}

func idText(id object.ID) rehome.ObjectID { return rehome.ObjectID(id.String()) }
