package rehome

// Shape is what a history looks like from afar: who committed when, and where its bytes are. It is for pictures, so it is
// bounded: whoever and whatever is small is summed up.
type Shape struct {
	Authors []AuthorMonths // who has most commits first; at most ShapeAuthors
	Rest    MonthsOfMany   // everybody else, and of vast histories some months of authors for which there was no room
	Undated int64          // commits without a date that a calendar of four digits holds; they are in no month
	Folders []FolderBytes  // the one that holds most first; at most ShapeFolders
}

// Bounds of a Shape.
const (
	ShapeAuthors = 500
	ShapeFolders = 500
)

// AuthorMonths is when one identity, as the source has it, authored commits.
type AuthorMonths struct {
	Identity
	Becomes Identity // by the author map; the same where nobody mapped it
	Months  []MonthCommits
}

// MonthsOfMany is when several identities together authored commits.
type MonthsOfMany struct {
	Identities int64 // after syncs, whoever came with several may be counted as often
	Months     []MonthCommits
}

// MonthCommits is how many commits have an author date in a month, in order of months. There is none for a month without.
type MonthCommits struct {
	Month   int32 // since January 1970, in UTC
	Commits int64
}

// FolderBytes is how much of the repository the files right in a folder, or anywhere below it, take in all of history: bytes
// as stored, compressed. What lies in a FolderBytes of its own is not counted by those above it. A version of a file that stood in several
// places is counted at one of them.
type FolderBytes struct {
	Path  string // without a slash at either end, exactly as in Git; "" for the top
	Bytes int64
	Files int64 // versions of files
}
