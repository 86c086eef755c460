package rehome

import (
	"strings"
	"time"
)

// Engine is the version of the rewrite: same input, same plan and same engine give
// the same ids. It is pinned in an import when it starts.
const Engine = 1

// Receipt is the proof of a finished move. docs/formats.md describes its JSON;
// fields may be added to it, never changed.
type Receipt struct {
	Head ReceiptHead
	Refs ReceiptRefs
	Body ReceiptBody
}

// ReceiptHead says which move it was and how it ended. Its keys, then those of
// ReceiptRefs and of ReceiptBody, stand in a receipt in this order.
type ReceiptHead struct {
	Format      int                `json:"receipt"`
	Import      string             `json:"import"`
	Status      Status             `json:"status"`
	Version     string             `json:"rehome"`
	Engine      int                `json:"engine"`
	Verified    string             `json:"verified"` // how deep the destination was compared: refs, objects or bytes
	Source      ReceiptSource      `json:"source"`
	Destination ReceiptDestination `json:"destination"`
	StartedAt   time.Time          `json:"started_at"`
	CompletedAt time.Time          `json:"completed_at"`
	Commits     int64              `json:"commits"`
	Carried     int64              `json:"commits_carried"` // of them, those that refs lead to which were carried
	Changed     int64              `json:"commits_changed"`
	TagsChanged int64              `json:"tags_changed"`
	Objects     int64              `json:"objects"`
}

// ReceiptSource is the end the move began at.
type ReceiptSource struct {
	VCS           VCS    `json:"vcs"`
	URL           string `json:"url"`
	ObjectFormat  string `json:"object_format"`
	DefaultBranch string `json:"default_branch"` // short name, "" when it is not known
	BranchBytes   []byte `json:"default_branch_bytes,omitempty"`
}

// Named has a source name its default branch exactly, which may hold any bytes.
func (s ReceiptSource) Named(branch string) ReceiptSource {
	s.DefaultBranch, s.BranchBytes = lossless(branch)
	return s
}

// ReceiptDestination is the end the move arrived at.
type ReceiptDestination struct {
	URL           string `json:"url"`
	DefaultBranch string `json:"default_branch"` // short name
	BranchBytes   []byte `json:"default_branch_bytes,omitempty"`
}

// Named has a destination name its default branch exactly, which may hold any bytes.
func (d ReceiptDestination) Named(branch string) ReceiptDestination {
	d.DefaultBranch, d.BranchBytes = lossless(branch)
	return d
}

// ReceiptRefs accounts for every ref the source advertised.
type ReceiptRefs struct {
	Refs     []ReceiptRef  `json:"refs"`
	Skipped  []SkippedRef  `json:"skipped_refs"`
	Replaced []ReplacedRef `json:"replaced_refs"`
}

// ReplacedRef is a ref of the destination that was deleted, or moved to what does not lead on from where it was.
type ReplacedRef struct {
	Name      string   `json:"name"`
	NameBytes []byte   `json:"name_bytes,omitempty"`
	ID        ObjectID `json:"id"`     // what it was
	Became    ObjectID `json:"became"` // "" for one that was deleted
	Kept      string   `json:"kept"`   // the ref that keeps what it was; "" where the history that was pushed has that anyway
	KeptBytes []byte   `json:"kept_bytes,omitempty"`
	Reason    string   `json:"reason"`
}

// NewReplacedRef lists a ref by its exact name, and that of the one that keeps what it was, which may hold any bytes.
func NewReplacedRef(name string, id, became ObjectID, kept, reason string) ReplacedRef {
	r := ReplacedRef{ID: id, Became: became, Reason: reason}
	r.Name, r.NameBytes = lossless(name)
	r.Kept, r.KeptBytes = lossless(kept)
	return r
}

// ReceiptRef is a ref that was carried. Name may not be UTF-8; NameBytes is set only then.
type ReceiptRef struct {
	Name        string   `json:"name"`
	NameBytes   []byte   `json:"name_bytes,omitempty"`
	Source      ObjectID `json:"source"`
	Final       ObjectID `json:"final"`
	Destination ObjectID `json:"destination"`
}

// SkippedRef is a ref that was left behind, with the reason.
type SkippedRef struct {
	Name      string   `json:"name"`
	NameBytes []byte   `json:"name_bytes,omitempty"`
	ID        ObjectID `json:"id"`
	Reason    string   `json:"reason"`
}

// NewSkippedRef lists a ref by its exact name, which may hold any bytes.
func NewSkippedRef(name string, id ObjectID, reason string) SkippedRef {
	s := SkippedRef{ID: id, Reason: reason}
	s.Name, s.NameBytes = lossless(name)
	return s
}

// lossless gives a name of any bytes as JSON has it: with replacement characters, and where there are any, the bytes.
func lossless(name string) (text string, exact []byte) {
	if text = strings.ToValidUTF8(name, "\uFFFD"); text != name {
		exact = []byte(name)
	}
	return text, exact
}

// losslessList is lossless for names. The bytes are nil where a name is UTF-8, and altogether where all are.
func losslessList(names []string) (texts []string, exact [][]byte) {
	for n, name := range names {
		text, b := lossless(name)
		texts = append(texts, text)
		if b != nil && exact == nil {
			exact = make([][]byte, len(names))
		}
		if b != nil {
			exact[n] = b
		}
	}
	return texts, exact
}

// ReceiptBody counts what was found and changed on the way.
type ReceiptBody struct {
	Authors           ReceiptAuthors    `json:"authors"`
	SignaturesDropped int64             `json:"signatures_dropped"`
	LargeFiles        ReceiptLargeFiles `json:"large_files"`
	LFS               ReceiptLFS        `json:"lfs"`
	Warnings          []Warning         `json:"warnings"`
	Timing            ReceiptTiming     `json:"timing"`
}

// ReceiptAuthors counts identities.
type ReceiptAuthors struct {
	Identities int64 `json:"identities"`
	Mapped     int64 `json:"mapped"`
}

// ReceiptLargeFiles counts large files and names what was removed.
type ReceiptLargeFiles struct {
	Over    int64     `json:"over"` // bytes; larger ones count
	Choice  LFSChoice `json:"choice"`
	Objects int64     `json:"objects"`
	Bytes   int64     `json:"bytes"`
	RemovedPaths
}

// RemovedPaths are those of files that leave history. Paths may not be UTF-8: then Exact is as long as Removed and
// has the bytes of such, null for the others.
type RemovedPaths struct {
	Removed []string `json:"removed_paths"`
	Exact   [][]byte `json:"removed_paths_bytes,omitempty"`
}

// NewRemovedPaths lists exact paths, which may hold any bytes.
func NewRemovedPaths(paths []string) (r RemovedPaths) {
	r.Removed, r.Exact = losslessList(paths)
	return r
}

// ReceiptLFS counts the Git LFS objects carried along and lists those the source lacked.
type ReceiptLFS struct {
	Carried int64        `json:"carried"`
	Bytes   int64        `json:"bytes"`
	Missing []MissingLFS `json:"missing"`
}

// MissingLFS is a Git LFS object a pointer names and the source does not have. Path and Ref may not be UTF-8; the
// fields with their bytes are set only then.
type MissingLFS struct {
	OID       string `json:"oid"` // SHA-256, hex
	Size      int64  `json:"size"`
	Path      string `json:"path"`
	PathBytes []byte `json:"path_bytes,omitempty"`
	Ref       string `json:"ref"`
	RefBytes  []byte `json:"ref_bytes,omitempty"`
}

// NewMissingLFS lists an object with the exact path and ref that lead to its pointer, which may hold any bytes.
func NewMissingLFS(oid string, size int64, path, ref string) MissingLFS {
	m := MissingLFS{OID: oid, Size: size}
	m.Path, m.PathBytes = lossless(path)
	m.Ref, m.RefBytes = lossless(ref)
	return m
}

// WarnLFSPointer is the kind of warning for Git LFS pointers that came without their files.
const WarnLFSPointer = "lfs_pointer"

// Warning is a harmless fault of the source's history that was kept as it is.
type Warning struct {
	Kind   string   `json:"kind"`
	Object ObjectID `json:"object"` // the first one seen
	Count  int64    `json:"count"`
	Text   string   `json:"text"`
}

// ReceiptTiming is how long each step took, in seconds.
type ReceiptTiming struct {
	Raw     float64 `json:"raw_s"`
	Rewrite float64 `json:"rewrite_s"`
	Push    float64 `json:"push_s"`
}
