package main

import (
	"fmt"
	"strings"

	"github.com/spf13/pflag"

	"rehome/internal/git/object"
	"rehome/internal/git/pack"
	"rehome/internal/source"
)

// limitFlags say how large sources may be, and which of their faults are accepted.
type limitFlags struct {
	repository size
	objects    int64
	refs       int
	faults     faultKinds
}

func newLimitFlags() limitFlags {
	return limitFlags{repository: size(pack.DefaultLimits.PackBytes), objects: pack.DefaultLimits.Objects, refs: source.DefaultLimits.Refs}
}

func (f *limitFlags) add(flags *pflag.FlagSet) {
	f.addSizes(flags)
	flags.Var(&f.faults, "allow-faults", "carry objects with these dangerous faults as they are: "+acceptable())
}

// addSizes registers them without the faults.
func (f *limitFlags) addSizes(flags *pflag.FlagSet) {
	flags.Var(&f.repository, "max-repository", "largest pack a source may send, and most bytes of Git LFS objects")
	flags.Int64Var(&f.objects, "max-objects", f.objects, "most objects a source may send")
	flags.IntVar(&f.refs, "max-refs", f.refs, "most refs a source may have")
}

func (f *limitFlags) check() error {
	switch {
	case f.repository == 0:
		return usagef("Give a limit above zero.", "--max-repository 0 lets nothing in")
	case f.objects < 1:
		return usagef("Give a limit above zero.", "--max-objects %d lets nothing in", f.objects)
	case f.refs < 1:
		return usagef("Give a limit above zero.", "--max-refs %d lets nothing in", f.refs)
	}
	return nil
}

// maxHeld is what a server holds of one delta, or of a file made from one, in bytes: Git makes deltas of no larger files
// (core.bigFileThreshold).
const maxHeld = 512 << 20

// source are the limits of a server.
func (f *limitFlags) source() source.Limits {
	return source.Limits{
		Pack: pack.Limits{PackBytes: int64(f.repository), Objects: f.objects, HeldBytes: maxHeld}, Refs: f.refs,
		LFS: int64(f.repository), Accept: object.Faults(f.faults),
	}
}

// own are the limits of the command line: a user's own machine takes larger deltas, and any number of Git LFS objects unless
// --max-repository says otherwise.
func (f *limitFlags) own() source.Limits {
	l := f.source()
	if l.Pack.PackBytes == pack.DefaultLimits.PackBytes {
		l.LFS = 0
	}
	l.Pack.HeldBytes = 0 // the pack's own
	return l
}

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

// acceptable lists what may be given.
func acceptable() string { return faultList(object.Acceptable) }

func faultList(all object.Faults) string {
	var names []string
	for f := range all.All() {
		names = append(names, f.String())
	}
	return strings.Join(names, ", ")
}
