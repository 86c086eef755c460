package repo

import (
	"slices"
	"strings"
)

// checkConflicts refuses changes after which one ref's name would be a folder of another's.
func (s refState) checkConflicts(changes []Update) error {
	names := s.namesAfter(changes)
	for _, u := range changes {
		if u.New.IsZero() {
			continue
		}
		below, _ := slices.BinarySearch(names, u.Name+"/")
		if below < len(names) && strings.HasPrefix(names[below], u.Name+"/") {
			return &ConflictError{Name: u.Name, Other: names[below]}
		}
		for i := len("refs/"); i < len(u.Name); i++ {
			if u.Name[i] != '/' {
				continue
			}
			if _, ok := slices.BinarySearch(names, u.Name[:i]); ok {
				return &ConflictError{Name: u.Name, Other: u.Name[:i]}
			}
		}
	}
	return nil
}

// namesAfter returns the sorted names of all refs there will be.
func (s refState) namesAfter(changes []Update) []string {
	gone := map[string]bool{}
	names := make([]string, 0, len(s.packed)+len(s.loose)+len(changes))
	for _, u := range changes {
		if u.New.IsZero() {
			gone[u.Name] = true
		} else {
			names = append(names, u.Name)
		}
	}
	for _, p := range s.packed {
		if !gone[p.Name] {
			names = append(names, p.Name)
		}
	}
	for name := range s.loose {
		if !gone[name] {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}
