package rewrite

import (
	"errors"
	"slices"
	"strings"

	"rehome/internal/git/object"
)

// write writes a folder with everything below it that changed, and returns its id. While nothing
// is written the id of what changed is not known: it is the zero id.
func (t *notes) write(f *folder) (object.ID, error) {
	if f.clean {
		return f.id, nil
	}
	if t.sink == nil {
		return t.graph.Format().Zero(), nil
	}
	lines, err := t.lines(f)
	if err == nil {
		err = t.work(len(lines))
	}
	if err != nil {
		return object.ID{}, err
	}
	t.buf = t.buf[:0]
	for _, l := range lines {
		t.buf = append(append(append(t.buf, l.mode...), ' '), l.name...)
		t.buf = append(append(t.buf, 0), l.id...)
	}
	id, err := t.hasher.Sum(object.Tree, t.buf)
	if err != nil {
		return object.ID{}, err
	}
	f.id, f.clean = id, true
	if t.known[string(id.Bytes())] {
		return id, nil
	}
	t.known[string(id.Bytes())] = true
	return id, errors.Join(t.hold(knownSize), t.sink.add(object.Tree, id, t.buf))
}

// line is an entry of a tree to be written.
type line struct {
	key            string // what entries are sorted by: the name, with a slash after those of folders
	mode, name, id string
}

// lines returns the entries of a folder in Git's order. Empty folders are left out.
func (t *notes) lines(f *folder) ([]line, error) {
	lines := make([]line, 0, len(f.folders)+len(f.entries))
	for name, sub := range f.folders {
		if sub.empty() {
			delete(f.folders, name)
			continue
		}
		id, err := t.write(sub)
		if err != nil {
			return nil, err
		}
		lines = append(lines, line{name + "/", "40000", name, string(id.Bytes())})
	}
	for name, list := range f.entries {
		key := name
		if strings.TrimLeft(list[0].mode, "0") == "40000" {
			key += "/"
		}
		lines = append(lines, line{key, list[0].mode, name, list[0].id})
	}
	slices.SortFunc(lines, func(a, b line) int { return strings.Compare(a.key, b.key) })
	return lines, nil
}

// empty reports whether there is nothing in the folder or below it.
func (f *folder) empty() bool {
	if len(f.entries) > 0 {
		return false
	}
	for _, sub := range f.folders {
		if !sub.empty() {
			return false
		}
	}
	return true
}
