package importer

import (
	"cmp"

	"rehome"
	"rehome/internal/git/object"
	"rehome/internal/git/repo"
	"rehome/internal/store"
)

// reasonDeleted stands in the receipt beside a ref that somebody deleted here.
const reasonDeleted = "deleted here since the last push: it stays deleted; push it here to have it follow the source again"

// withoutDeleted takes out the refs that an import which completed before wrote, and that
// are not there any more: somebody did not want them. One that a push was about to make
// for the first time was never there, and one that a push was about to remove is no wish of theirs.
func withoutDeleted(final []finalRef, have []repo.Ref, wrote map[string]store.WrittenRef) (rest []finalRef, skipped []rehome.SkippedRef) {
	there := make(map[string]bool, len(have))
	for _, r := range have {
		there[r.Name] = true
	}
	for _, f := range final {
		if last := wrote[f.name]; f.removed || there[f.name] || last.Wrote == "" || removing(last) {
			rest = append(rest, f)
			continue
		}
		skipped = append(skipped, rehome.NewSkippedRef(f.name, id(f.source), reasonDeleted))
	}
	return rest, skipped
}

// ofOthers is what is kept of refs that earlier imports into the repository wrote and this
// one, which completes for the first time, did not: they are ours to move, but were never
// its own to be deleted.
func ofOthers(final []finalRef, back map[string]object.ID, wrote map[string]store.WrittenRef) []store.WrittenRef {
	own := make(map[string]bool, len(final))
	for _, f := range final {
		own[f.name] = true
	}
	var all []store.WrittenRef
	for name, w := range wrote {
		if own[name] {
			continue
		}
		is := cmp.Or(w.Wrote, w.Writing)
		if at, there := back[name]; there && w.MayBe(at.String()) {
			is = at.String()
		}
		if is == "" {
			continue
		}
		all = append(all, store.WrittenRef{Name: name, Writing: is})
	}
	return all
}
