package survey

import (
	"slices"
	"strings"

	"rehome"
	"rehome/internal/git/object"
	"rehome/internal/git/pack"
)

// warnings counts harmless faults by kind.
type warnings struct {
	kinds map[object.Fault]warning
}

// warning is how many objects have a fault, and the first of them.
type warning struct {
	count int64
	first object.ID
	pos   uint32 // of the first, in its pack
}

func (w *warnings) add(o *pack.Object, faults object.Faults) {
	for f := range faults.All() {
		w.merge(f, warning{count: 1, first: o.ID, pos: o.Pos})
	}
}

// merge adds more objects with the fault.
func (w *warnings) merge(f object.Fault, more warning) {
	if w.kinds == nil {
		w.kinds = map[object.Fault]warning{}
	}
	have, ok := w.kinds[f]
	if ok && (have.pos < more.pos || have.pos == more.pos && have.first.Compare(more.first) < 0) {
		more.first, more.pos = have.first, have.pos
	}
	more.count += have.count
	w.kinds[f] = more
}

// warnings returns what all workers found, by kind.
func (s *Survey) warnings() []rehome.Warning {
	var sum warnings
	for _, w := range s.workers.all() {
		for f, more := range w.warnings.kinds {
			sum.merge(f, more)
		}
	}
	var list []rehome.Warning
	for f, w := range sum.kinds {
		list = append(list, rehome.Warning{Kind: f.String(), Object: rehome.ObjectID(w.first.String()), Count: w.count, Text: "kept as it is"})
	}
	slices.SortFunc(list, func(a, b rehome.Warning) int { return strings.Compare(a.Kind, b.Kind) })
	return list
}
