package importer

import (
	"context"
	"fmt"

	"rehome"
	"rehome/internal/git/object"
	"rehome/internal/git/repo"
)

// readBack asks the destination what it has now and compares it ref by ref.
func (w *worker) readBack(ctx context.Context, to end, p *proof) (map[string]object.ID, error) {
	refs, now, err := to.refs(ctx)
	if err != nil {
		return nil, fmt.Errorf("read destination back: %w", err)
	}
	head := p.head()
	if to.about().url != "" {
		head = "" // what can be done about it was done; the receipt warns
	}
	back, err := compare(p.final, head, refs, now)
	if err != nil {
		return nil, err
	}
	return back, p.pruned.prove(back)
}

// compare holds what a destination has against what it should have: each final ref with
// its id, and the default branch unless head is "". Other refs are others' business.
func compare(final []finalRef, head string, have []repo.Ref, haveHead string) (map[string]object.ID, error) {
	back := make(map[string]object.ID, len(final))
	for _, r := range have {
		back[r.Name] = r.ID
	}
	for _, f := range final {
		got, ok := back[f.name]
		switch {
		case !ok:
			return nil, differs(fmt.Sprintf("the ref %q is not there", rehome.Clean(f.name, 200)))
		case got != f.final:
			return nil, differs(fmt.Sprintf("the ref %q is %s there, not %s", rehome.Clean(f.name, 200), got, f.final))
		}
	}
	if head != "" && haveHead != head {
		return nil, differs(fmt.Sprintf("its default branch is %q, not %q", rehome.Clean(haveHead, 200), rehome.Clean(head, 200)))
	}
	return back, nil
}

func differs(how string) error {
	return &rehome.Error{
		Code:    rehome.DestinationMoved,
		Message: "The destination was read back and is not what was pushed: " + how + ".",
		Hint:    "Somebody may have pushed at the same time; start the import again.",
	}
}
