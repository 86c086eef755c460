package importer

import (
	"rehome"
	"rehome/internal/store"
)

// reasonRemoved stands in the receipt beside a ref that is not published.
const reasonRemoved = "the file it names was removed"

// apart separates refs that are not published since what they name left history.
func apart(final []finalRef) (published, removed []finalRef) {
	for _, f := range final {
		if f.removed {
			removed = append(removed, f)
		} else {
			published = append(published, f)
		}
	}
	return published, removed
}

func skipRemoved(removed []finalRef) (skipped []rehome.SkippedRef) {
	for _, f := range removed {
		skipped = append(skipped, rehome.NewSkippedRef(f.name, id(f.source), reasonRemoved))
	}
	return skipped
}

// removing reports whether a push was about to remove the ref: what it wrote is the zero id.
func removing(w store.WrittenRef) bool { return w.MayBe("") }

// unwritten is what is kept of refs that were ours and are removed: nothing, so that they may
// be published again, and one that somebody makes meanwhile is theirs.
func unwritten(removed []finalRef, wrote map[string]store.WrittenRef) (all []store.WrittenRef) {
	for _, f := range removed {
		if _, ours := wrote[f.name]; ours {
			all = append(all, store.WrittenRef{Name: f.name})
		}
	}
	return all
}
