// Package rehome holds the words of the trade: what an import is, where it stands and how it may move.
//
// Sizes are bytes and times are UTC throughout. The package does no I/O.
package rehome

import (
	"fmt"
	"strings"
	"time"
)

// VCS names a version control system as the API does.
type VCS string

// The version control systems the API knows. Git is the one with a reader so far.
const (
	Git        VCS = "git"
	Subversion VCS = "subversion"
	Mercurial  VCS = "mercurial"
	TFVC       VCS = "tfvc"
)

// ParseVCS returns the system for a name or one of its aliases ("hg", "svn"), false for any other.
func ParseVCS(name string) (VCS, bool) {
	switch name {
	case "git", "subversion", "mercurial", "tfvc":
		return VCS(name), true
	case "hg":
		return Mercurial, true
	case "svn":
		return Subversion, true
	}
	return "", false
}

// Import is one move of a repository: what is wanted, what is done, and where it stands.
type Import struct {
	ID           int64
	RepositoryID int64
	Source       Source
	Wanted       Generations
	Done         Generations
	State        State
	Progress     Progress
	Found        Found
	LFS          LFSChoice
	Options      Options
	Changes      Changes     // what the last rewrite changed
	Destination  Destination // the repository's; it stays when the import is deleted
	Times
}

// Times say when things happened to an import, or will.
type Times struct {
	CreatedAt    time.Time
	UpdatedAt    time.Time
	CompletedAt  time.Time // zero until it first completes
	RawExpiresAt time.Time // zero while there is no raw repository
	NextSyncAt   time.Time // when what is new at the source is taken up; zero for not by a clock
	ClosedAt     time.Time // when it was finished for good; zero until then
}

// Source is where an import comes from. What signs in there is kept apart, sealed.
type Source struct {
	VCS         VCS    // empty until detected
	VCSGiven    bool   // the user named it, so nothing is detected
	URL         string // never holds credentials
	TFVCProject string

	SSHPublicKey string // what the source's owner has to let in, a line as in authorized_keys; "" without a key
}

// Generations count changes of what is wanted, step by step. A step is due while
// its wanted generation is ahead of the one that is done.
type Generations struct {
	Raw  int64 // counts fetches: one for the start, one more for each restart
	Plan int64 // counts plans (author map, large-file choice); each is rewritten and pushed
}

// State is where an import stands, as people see it.
type State struct {
	Status     Status
	FailedStep Step            // with Failed
	Err        *Error          // with Failed, AuthFailed and the detection_ statuses; Err.Err is not kept
	Note       string          // more than the status says ("the source is empty"); shown as status_text
	Choices    []ProjectChoice // with DetectionFoundMultiple
}

// ProjectChoice is one of several projects that a source has. Its JSON is the API's.
type ProjectChoice struct {
	VCS         VCS    `json:"vcs"`
	TFVCProject string `json:"tfvc_project,omitempty"`
	HumanName   string `json:"human_name"` // for people: "project1 (tfs)"
}

// Progress is how far the running step has come. Negative numbers are unknown.
type Progress struct {
	Percent     int // raw step, 0 to 100
	PushPercent int // push step, 0 to 100
	Commits     int64
	Bytes       int64 // received so far
	LFS         int64 // Git LFS objects that are there; it and the next are not stored
	LFSTotal    int64 // of so many
}

// Found is what the survey of the raw repository found.
type Found struct {
	Commits         int64
	Authors         int64
	LargeFilesKnown bool
	LargeFiles      int64
	LargeFilesSize  int64 // bytes of all large files together
}

// Options are what the user asked of an import besides source and maps.
type Options struct {
	Hold        bool // stop before the first push until approved
	MapTrailers bool // map identities in trailers of messages, too
	MapHashes   bool // rewrite hashes of commits in messages, too
	Engine      int  // version of the rewrite the import began with; see Engine

	LargeMatch      string // patterns as in .gitattributes, one a line: files they match count as large, too
	AllowMissingLFS bool   // go on without Git LFS objects that the source lacks

	Prune         bool          // refs that were forced or deleted at the source are so at the destination, too
	Refs          string        // patterns of the refs that come, one a line; "" for all
	ExcludeRefs   string        // patterns of refs that stay behind, one a line
	DefaultBranch string        // short name that the source's default branch gets; "" keeps its own
	SyncEvery     time.Duration // how long after one sync the next begins; 0 for none by a clock
	Verify        Depth         // of the comparison after a push; "" is VerifyRefs
}

// Changes counts what a rewrite changes.
type Changes struct {
	Commits    int64
	Tags       int64
	Signatures int64 // dropped, since what they signed changed
	Files      int64 // large files that became Git LFS objects or left history: distinct ones
	FileBytes  int64 // of them
}

// LFSChoice is what becomes of large files.
type LFSChoice string

// The choices, in the API's words.
const (
	LFSUndecided LFSChoice = "undecided" // they stay as they are
	LFSOptIn     LFSChoice = "opt_in"    // they become Git LFS objects
	LFSOptOut    LFSChoice = "opt_out"   // they leave history
)

// Author is one identity of the source's history, in any role (author, committer,
// tagger), and what it is mapped to. One per exact name and mail; ids ascend as first seen.
type Author struct {
	ID         int64
	RemoteName []byte // the exact bytes of the source
	RemoteMail []byte
	Name       string // current mapping; starts as the remote identity made valid UTF-8
	Email      string
}

// Identity is a name and mail as history has them: any bytes but line feeds.
type Identity struct {
	Name, Mail string
}

// String returns the identity as objects have it: `Name <mail>`.
func (i Identity) String() string { return i.Name + " <" + i.Mail + ">" }

// Remote returns the identity as the source has it.
func (a Author) Remote() Identity { return Identity{string(a.RemoteName), string(a.RemoteMail)} }

// Mapped returns what the identity becomes, false when it stays what it is.
func (a Author) Mapped() (Identity, bool) {
	stays := a.Name == strings.ToValidUTF8(string(a.RemoteName), "\uFFFD") && a.Email == strings.ToValidUTF8(string(a.RemoteMail), "\uFFFD")
	return Identity{a.Name, a.Email}, !stays
}

// LargeFile is a blob over the limit, with one path and one ref that leads to it.
type LargeFile struct {
	Ref  string
	Path []byte
	OID  ObjectID
	Size int64
}

// ObjectID is an object id as outsiders see it: lower-case hex, 40 or 64 digits.
type ObjectID string

// OwnerKind tells users from organisations.
type OwnerKind string

// The kinds of owner.
const (
	User         OwnerKind = "User"
	Organization OwnerKind = "Organization"
)

// Owner is somebody repositories belong to. Logins compare without case.
type Owner struct {
	ID        int64
	Login     string
	Kind      OwnerKind
	Admin     bool
	CreatedAt time.Time
}

// Repository is a place on the built-in host. Owner and name compare without case;
// the id is stable for its whole life and never used again.
type Repository struct {
	ID            int64
	Owner         Owner
	Name          string
	Description   string
	Private       bool
	DefaultBranch string // short name, "main" until something else arrives
	CreatedAt     time.Time
	UpdatedAt     time.Time
	PushedAt      time.Time // zero until the first push
}

// FullName returns owner/name.
func (r Repository) FullName() string { return r.Owner.Login + "/" + r.Name }

// Token is what a client signs in with. The secret itself is not kept, only its hash.
type Token struct {
	ID        int64
	User      Owner
	Scopes    []string // "repo", "admin:repo_hook", "admin:org_hook"
	Owners    []string // logins the token acts for besides its user
	CreatedAt time.Time
	RevokedAt time.Time // zero while it works
	MadeBy    int64     // the id of the token that it was made with; 0 for none, as on the command line
	Note      string    // what it is for, in words of who made it
	UsedAt    time.Time // when it was used last, to the hour; zero for never
}

// Secret is a password or token in memory. It prints as [redacted] wherever it is
// formatted, except as an unexported field of something that is formatted: fmt does not
// ask those.
type Secret string

const redacted = "[redacted]"

func (Secret) String() string { return redacted }

// Format keeps the secret out of every verb.
func (Secret) Format(f fmt.State, _ rune) { f.Write([]byte(redacted)) } //nolint:errcheck // fmt has no use for it

// MarshalText keeps the secret out of JSON and logs.
func (Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }
