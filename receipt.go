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
}

// ReceiptDestination is the end the move arrived at.
type ReceiptDestination struct {
	URL           string `json:"url"`
	DefaultBranch string `json:"default_branch"` // short name
}

// ReceiptRefs accounts for every ref the source advertised.
type ReceiptRefs struct {
	Refs    []ReceiptRef `json:"refs"`
	Skipped []SkippedRef `json:"skipped_refs"`
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
	s := SkippedRef{Name: strings.ToValidUTF8(name, "\uFFFD"), ID: id, Reason: reason}
	if s.Name != name {
		s.NameBytes = []byte(name)
	}
	return s
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
	Removed []string  `json:"removed_paths"`
}

// ReceiptLFS counts the Git LFS objects carried along and lists those the source lacked.
type ReceiptLFS struct {
	Carried int64        `json:"carried"`
	Bytes   int64        `json:"bytes"`
	Missing []MissingLFS `json:"missing"`
}

// MissingLFS is a Git LFS object a pointer names and the source does not have.
type MissingLFS struct {
	OID  string `json:"oid"` // SHA-256, hex
	Size int64  `json:"size"`
	Path string `json:"path"`
	Ref  string `json:"ref"`
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
