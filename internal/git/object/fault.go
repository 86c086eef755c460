package object

import (
	"iter"
	"math/bits"
	"slices"
)

// Fault is a kind of fault in an object, modelled on the message ids of git-fsck(1).
type Fault uint8

// The faults. Up to Harmless they are damage of old tools: such bytes are read leniently and kept.
// What follows is refused: Git cannot read it, or a checkout of it writes where it must not.
const (
	NoFault Fault = iota
	BadDate
	BadDateOverflow
	BadEmail
	BadFilemode
	BadName
	BadTagName
	BadTimezone
	MissingAuthor
	MissingCommitter
	MissingEmail
	MissingNameBeforeEmail
	MissingSpaceBeforeDate
	MissingSpaceBeforeEmail
	MissingTaggerEntry
	MultipleAuthors
	NulInCommit
	NulInHeader
	NullSHA1
	UnterminatedHeader
	ZeroPaddedDate
	ZeroPaddedFilemode
	Harmless = ZeroPaddedFilemode
)

// The dangerous faults.
const (
	BadObjectSHA1 = Harmless + 1 + iota
	BadParentSHA1
	BadTree
	BadTreeSHA1
	BadType
	DuplicateEntries
	MissingObject
	MissingTag
	MissingTagEntry
	MissingTree
	MissingTypeEntry
	TreeNotSorted
	FullPathname
	GitmodulesSymlink
	HasDot
	HasDotdot
	HasDotgit
	faults
)

var faultNames = [faults]string{
	BadDate:                 "bad_date",
	BadDateOverflow:         "bad_date_overflow",
	BadEmail:                "bad_email",
	BadFilemode:             "bad_filemode",
	BadName:                 "bad_name",
	BadTagName:              "bad_tag_name",
	BadTimezone:             "bad_timezone",
	MissingAuthor:           "missing_author",
	MissingCommitter:        "missing_committer",
	MissingEmail:            "missing_email",
	MissingNameBeforeEmail:  "missing_name_before_email",
	MissingSpaceBeforeDate:  "missing_space_before_date",
	MissingSpaceBeforeEmail: "missing_space_before_email",
	MissingTaggerEntry:      "missing_tagger_entry",
	MultipleAuthors:         "multiple_authors",
	NulInCommit:             "nul_in_commit",
	NulInHeader:             "nul_in_header",
	NullSHA1:                "null_sha1",
	UnterminatedHeader:      "unterminated_header",
	ZeroPaddedDate:          "zero_padded_date",
	ZeroPaddedFilemode:      "zero_padded_filemode",
	BadObjectSHA1:           "bad_object_sha1",
	BadParentSHA1:           "bad_parent_sha1",
	BadTree:                 "bad_tree",
	BadTreeSHA1:             "bad_tree_sha1",
	BadType:                 "bad_type",
	DuplicateEntries:        "duplicate_entries",
	MissingObject:           "missing_object",
	MissingTag:              "missing_tag",
	MissingTagEntry:         "missing_tag_entry",
	MissingTree:             "missing_tree",
	MissingTypeEntry:        "missing_type_entry",
	TreeNotSorted:           "tree_not_sorted",
	FullPathname:            "full_pathname",
	GitmodulesSymlink:       "gitmodules_symlink",
	HasDot:                  "has_dot",
	HasDotdot:               "has_dotdot",
	HasDotgit:               "has_dotgit",
}

// Acceptable are the dangerous faults with which an object can still be read, and moved as it is: names that some file systems
// take for something else, and the order of entries. Who knows what they are there for may accept them.
const Acceptable Faults = 1<<DuplicateEntries | 1<<TreeNotSorted | 1<<FullPathname | 1<<GitmodulesSymlink | 1<<HasDot | 1<<HasDotdot | 1<<HasDotgit

// ParseFault returns the fault that String calls name.
func ParseFault(name string) (Fault, bool) {
	i := slices.Index(faultNames[:], name)
	return Fault(max(i, 0)), i > 0
}

// String returns Git's name for the fault in snake case, as "zero_padded_filemode".
func (f Fault) String() string { return faultNames[f] }

// Dangerous reports whether an object with the fault is refused.
func (f Fault) Dangerous() bool { return f > Harmless }

// UnsafePath reports whether the fault is a name that may lead out of where it is checked out to.
func (f Fault) UnsafePath() bool { return f >= FullPathname }

// Faults is a set of faults.
type Faults uint64

// Add puts f into the set; NoFault is nothing.
func (s *Faults) Add(f Fault) {
	if f != NoFault {
		*s |= 1 << f
	}
}

// Has reports whether f is in the set.
func (s Faults) Has(f Fault) bool { return s&(1<<f) != 0 }

// Dangerous returns the worst fault that has the object refused, NoFault when there is none.
func (s Faults) Dangerous() Fault {
	if f := Fault(bits.Len64(uint64(s >> (Harmless + 1)))); f > 0 {
		return f + Harmless
	}
	return NoFault
}

// All returns the faults in the set.
func (s Faults) All() iter.Seq[Fault] {
	return func(yield func(Fault) bool) {
		for rest := uint64(s); rest != 0; rest &= rest - 1 {
			if !yield(Fault(bits.TrailingZeros64(rest))) {
				return
			}
		}
	}
}
