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
	kinds map[string]warning
}

// warning is how many objects there are of a kind, and the first of them.
type warning struct {
	text  string
	count int64
	first object.ID
	pos   uint32 // of the first, in its pack
}

func (w *warnings) add(o *pack.Object, faults object.Faults) {
	for f := range faults.All() {
		w.note(o, f.String(), "kept as it is")
	}
}

// note counts one object of a kind.
func (w *warnings) note(o *pack.Object, kind, text string) {
	w.merge(kind, warning{text: text, count: 1, first: o.ID, pos: o.Pos})
}

// merge adds more objects of a kind.
func (w *warnings) merge(kind string, more warning) {
	if w.kinds == nil {
		w.kinds = map[string]warning{}
	}
	have, ok := w.kinds[kind]
	if ok && (have.pos < more.pos || have.pos == more.pos && have.first.Compare(more.first) < 0) {
		more.first, more.pos = have.first, have.pos
	}
	more.count += have.count
	w.kinds[kind] = more
}

// warnings returns what all workers found, by kind.
func (s *Survey) warnings() []rehome.Warning {
	var sum warnings
	for _, w := range s.workers.all() {
		for kind, more := range w.warnings.kinds {
			sum.merge(kind, more)
		}
	}
	var list []rehome.Warning
	for kind, w := range sum.kinds {
		list = append(list, rehome.Warning{Kind: kind, Object: rehome.ObjectID(w.first.String()), Count: w.count, Text: w.text})
	}
	slices.SortFunc(list, func(a, b rehome.Warning) int { return strings.Compare(a.Kind, b.Kind) })
	return list
}
