package rehome

import "time"

// Inspection is what a source holds and what a move would change of it. docs/formats.md
// describes its JSON; fields may be added to it, never changed.
type Inspection struct {
	Source     ReceiptSource    `json:"source"`
	Refs       RefCounts        `json:"refs"`
	Skipped    []SkippedRef     `json:"skipped_refs"` // what a move would leave behind
	Commits    int64            `json:"commits"`
	Authors    []Contributor    `json:"authors"` // most commits first
	Bytes      int64            `json:"bytes"`   // of the pack the source sent
	LargeFiles []InspectedFile  `json:"large_files"`
	LFS        InspectedLFS     `json:"lfs"`
	Submodules []Submodule      `json:"submodules"` // of the default branch
	Faults     []Warning        `json:"faults"`
	Warnings   []Warning        `json:"warnings"` // about the choice of refs
	Plan       InspectedChanges `json:"plan"`
}

// RefCounts counts the refs a move would carry.
type RefCounts struct {
	Branches int `json:"branches"`
	Tags     int `json:"tags"`
	Other    int `json:"other"`
}

// Contributor is an identity of a history, in whatever role. Name and Email may not be
// UTF-8; the fields with their bytes are set only then.
type Contributor struct {
	Name       string     `json:"name"`
	NameBytes  []byte     `json:"name_bytes,omitempty"`
	Email      string     `json:"email"`
	EmailBytes []byte     `json:"email_bytes,omitempty"`
	Commits    int64      `json:"commits"` // as the author
	First      *time.Time `json:"first"`   // when it first wrote or made something, nil without a date that can be read
	Last       *time.Time `json:"last"`
}

// NewContributor lists an identity by its exact bytes.
func NewContributor(is Identity) Contributor {
	var c Contributor
	c.Name, c.NameBytes = lossless(is.Name)
	c.Email, c.EmailBytes = lossless(is.Mail)
	return c
}

// Identity returns the exact bytes.
func (c Contributor) Identity() Identity {
	is := Identity{c.Name, c.Email}
	if c.NameBytes != nil {
		is.Name = string(c.NameBytes)
	}
	if c.EmailBytes != nil {
		is.Mail = string(c.EmailBytes)
	}
	return is
}

// InspectedFile is a large file. Ref and Path may not be UTF-8; the fields with their bytes are set only then.
type InspectedFile struct {
	Ref       string   `json:"ref_name"`
	RefBytes  []byte   `json:"ref_name_bytes,omitempty"`
	Path      string   `json:"path"`
	PathBytes []byte   `json:"path_bytes,omitempty"`
	OID       ObjectID `json:"oid"`
	Size      int64    `json:"size"`
}

// NewInspectedFile lists a large file by its exact ref and path.
func NewInspectedFile(f LargeFile) InspectedFile {
	one := InspectedFile{OID: f.OID, Size: f.Size}
	one.Ref, one.RefBytes = lossless(f.Ref)
	one.Path, one.PathBytes = lossless(string(f.Path))
	return one
}

// InspectedLFS counts Git LFS pointers.
type InspectedLFS struct {
	Pointers int64 `json:"pointers"`
}

// Submodule is what .gitmodules names. Path and URL may not be UTF-8; the fields with their bytes are set only then.
type Submodule struct {
	Path      string `json:"path"`
	PathBytes []byte `json:"path_bytes,omitempty"`
	URL       string `json:"url"`
	URLBytes  []byte `json:"url_bytes,omitempty"`
}

// NewSubmodule lists a submodule by its exact path and URL.
func NewSubmodule(path, url string) Submodule {
	var s Submodule
	s.Path, s.PathBytes = lossless(path)
	s.URL, s.URLBytes = lossless(url)
	return s
}

// InspectedChanges is what a move would change.
type InspectedChanges struct {
	CommitsChanged    int64     `json:"commits_changed"`
	TagsChanged       int64     `json:"tags_changed"`
	SignaturesDropped int64     `json:"signatures_dropped"`
	AuthorsMapped     int64     `json:"authors_mapped"`
	Refused           []Refusal `json:"refused_by_destination"`

	Authors []InspectedAuthor `json:"authors"` // who becomes somebody else, most commits first

	LargeFiles *InspectedLarge `json:"large_files,omitempty"` // nil when they stay
}

// InspectedLarge is what a move would do to large files.
type InspectedLarge struct {
	Choice       LFSChoice    `json:"choice"`
	Files        int64        `json:"files"` // distinct ones that would be converted or removed
	Bytes        int64        `json:"bytes"` // of them
	RemovedPaths              // with opt_out
	Skipped      []SkippedRef `json:"skipped_refs"` // that would not be published, as what they name is removed
	Tips         []TipFile    `json:"at_tips"`      // with opt_out, those that branches still end with
}

// TipFile is a file that branches end with. Path may not be UTF-8; PathBytes is set only then. ExactBranches is
// as Exact of RemovedPaths.
type TipFile struct {
	Path          string   `json:"path"`
	PathBytes     []byte   `json:"path_bytes,omitempty"`
	Branches      []string `json:"branches"` // short names
	ExactBranches [][]byte `json:"branches_bytes,omitempty"`
}

// NewTipFile lists a file by its exact path, which may hold any bytes, as branches may.
func NewTipFile(path string, branches []string) TipFile {
	var f TipFile
	f.Path, f.PathBytes = lossless(path)
	f.Branches, f.ExactBranches = losslessList(branches)
	return f
}

// InspectedAuthor is an identity and what it becomes. Names and mails may not be UTF-8;
// the fields with their bytes are set only then.
type InspectedAuthor struct {
	Name         string `json:"name"`
	NameBytes    []byte `json:"name_bytes,omitempty"`
	Email        string `json:"email"`
	EmailBytes   []byte `json:"email_bytes,omitempty"`
	ToName       string `json:"to_name"`
	ToNameBytes  []byte `json:"to_name_bytes,omitempty"`
	ToEmail      string `json:"to_email"`
	ToEmailBytes []byte `json:"to_email_bytes,omitempty"`
	Commits      int64  `json:"commits"` // as the author
}

// NewInspectedAuthor lists what somebody becomes, by the exact bytes.
func NewInspectedAuthor(who Contributor, becomes Identity) InspectedAuthor {
	to := NewContributor(becomes)
	return InspectedAuthor{
		Name: who.Name, NameBytes: who.NameBytes, Email: who.Email, EmailBytes: who.EmailBytes, Commits: who.Commits,
		ToName: to.Name, ToNameBytes: to.NameBytes, ToEmail: to.Email, ToEmailBytes: to.EmailBytes,
	}
}

// Refusal is something the destination would not take.
type Refusal struct {
	Kind string `json:"kind"`
	Path string `json:"path"`
}
