package main

import (
	"fmt"
	"strings"

	"rehome/internal/git/object"
	"rehome/internal/source"
)

// faultKinds are dangerous faults that are accepted, as a flag: "has_dotgit,duplicate_entries".
type faultKinds object.Faults

func (k *faultKinds) Set(text string) error {
	var all object.Faults
	for _, name := range strings.Split(text, ",") {
		f, ok := object.ParseFault(strings.TrimSpace(name))
		switch {
		case !ok || !f.Dangerous():
			return fmt.Errorf("%q is none of %s", name, acceptable())
		case !object.Acceptable.Has(f):
			return fmt.Errorf("%s cannot be accepted: such an object cannot be read; %s can", f, acceptable())
		}
		all.Add(f)
	}
	*k |= faultKinds(all)
	return nil
}

func (k *faultKinds) String() string { return faultList(object.Faults(*k)) }

func (*faultKinds) Type() string { return "KIND,…" }

// limits are a source's defaults with these faults accepted.
func (k faultKinds) limits() source.Limits { return source.Limits{Accept: object.Faults(k)} }

// acceptable lists what may be given.
func acceptable() string { return faultList(object.Acceptable) }

func faultList(all object.Faults) string {
	var names []string
	for f := range all.All() {
		names = append(names, f.String())
	}
	return strings.Join(names, ", ")
}
