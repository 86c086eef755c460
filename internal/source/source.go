// Package source says what a source of history is; each version control system fills it in a folder of its own.
package source

import (
	"context"

	"rehome"
	"rehome/internal/git/object"
	"rehome/internal/git/pack"
	"rehome/internal/git/repo"
	"rehome/internal/lfs"
	"rehome/internal/remote"
)

// Source reads one kind of version control system. Implementations are safe for concurrent use.
//
// Errors are *rehome.Error with one of the codes Unreachable, BlockedByPolicy,
// NotARepository, CredentialsWanted, CredentialsRefused, SourceCutOff, SourceShallow,
// CorruptObject, UnsafePath, LimitPassed, DiskFull, Cancelled and Internal.
type Source interface {
	// Detect asks what answers at l, without fetching history.
	Detect(ctx context.Context, l remote.Location) (Found, error)
	// Fetch reads the whole history into r.Dir as a bare repository: packs, refs and
	// HEAD. After an error r.Dir does not exist.
	Fetch(ctx context.Context, r Request) (Result, error)
	// FetchLFS brings the Git LFS objects that r names into its store, each one hashed as it comes. What
	// the source does not have is in the result and is no error; a source without Git LFS has nothing.
	FetchLFS(ctx context.Context, r LFSRequest) (LFSResult, error)
}

// GiveCredentials is the Hint of a CredentialsWanted error that any credentials that may
// read would cure, so that whoever shows it can say how they are given there.
const GiveCredentials = remote.GiveCredentials

// Found is what answers at a location: a repository, or several projects of which one has to be chosen.
type Found struct {
	VCS     rehome.VCS
	Choices []rehome.ProjectChoice // empty for one repository
}

// Request asks for one repository.
type Request struct {
	remote.Location
	Dir     string // missing or empty folder that becomes the raw repository
	Limits  Limits
	Workers int // goroutines that resolve deltas and call what Visit gave; 0 = one for each processor

	// Choose says which refs come, besides the rules of the source's kind.
	Choose RefChoice

	// Have is what an earlier Fetch brought, whole: only what it lacks is fetched, and Dir gets its packs as links.
	// Its refs do not matter but as a hint. One of another object format is passed over. Errors with the
	// codes CorruptObject, LimitPassed and Internal may come of it: without it there may be none.
	Have *repo.Repo

	// HistoryOnly asks for commits and tags alone. A source that cannot leave out the rest sends it, too. The
	// refs are not written: what they lead to is not whole. Have is passed over.
	HistoryOnly bool

	Visit    func(object.Format) pack.Visit // gives the visitor once the object format is known; may be nil
	Refs     func([]repo.Ref)               // told once which refs will be carried, before any object; may be nil
	Progress func(Progress)                 // called now and then from one goroutine; may be nil
}

// Limits bound what a source may send, together with what Have has. Zero fields take the defaults of DefaultLimits and pack.DefaultLimits.
type Limits struct {
	Pack pack.Limits
	Refs int   // refs advertised, skipped ones included
	LFS  int64 // bytes of Git LFS objects, all of them together; no limit by default

	Accept object.Faults // dangerous ones, of object.Acceptable, that are carried all the same; none by default
}

// DefaultLimits is far above any honest repository.
var DefaultLimits = Limits{Refs: 1_000_000}

// Result is what a fetch brought.
type Result struct {
	Repo     *repo.Repo
	Head     string              // the default branch, as refs/heads/main, born or not; "" when detached or unknown
	HeadLeft string              // the default branch that Choose leaves behind, as refs/heads/main; Head is "" then
	Refs     []repo.Ref          // the carried refs, sorted by name
	Skipped  []rehome.SkippedRef // the others the source advertised
	Received repo.Received       // now; empty where nothing was lacking
	Added    bool                // to what Have had, which Repo has, too
}

// Progress is how far a fetch has come.
type Progress struct {
	pack.Progress
	Text string // the source's own last words, fit to show; "" when it said nothing new
}

// LFSRequest asks for the Git LFS objects of a repository that Fetch brought.
type LFSRequest struct {
	remote.Location
	Repo    *repo.Repo   // what was fetched; its .lfsconfig may say where the objects are
	Head    string       // Result.Head
	Objects []lfs.Object // each id once
	Store   *lfs.Store   // where they go
	Workers int          // downloads at a time; 0 = a few

	// AllowMissing makes missing what cannot be had because a server cannot be reached, after all tries.
	AllowMissing bool

	Done  func(lfs.Object) // told of each that is in Store now, from several goroutines; may be nil
	Bytes func(int64)      // told of bytes that came, now and then, also in vain, from several goroutines; may be nil
}

// LFSResult is what a source could not give.
type LFSResult struct {
	Missing []lfs.Object // sorted by id
	Wrong   []lfs.Object // those of them that it has other bytes for, sorted, too
	Why     error        // what the source said of the first one it lacks, fit to show; nil when it said nothing
}
