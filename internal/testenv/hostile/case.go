// Package hostile makes odd and hostile sources, each with the outcome that must follow when it is imported.
//
// Sources are made by script when a test runs, none is stored. What is harmless has to be carried as it is, with a
// warning; what is dangerous has to be refused, naming the object and the path or the limit; and no more
// than the one import may suffer from it.
package hostile

import (
	"net/http"
	"testing"

	"rehome"
	"rehome/internal/git/pack"
)

// Case is one source and what must become of its import.
type Case struct {
	Name   string
	Why    string // the class of hole, a CVE, or the number of a finding
	Limits Limits
	Open   func(t testing.TB, at Ground) Source // sets the source up until the test ends
	Want   Outcome

	Impatient bool // the server is waited for a moment only
	Away      bool // it names hosts, or addresses that are of this machine in a network of its own only (Alone)
}

// Limits are lowered bounds, so that a case which passes one stays small. Zero fields are the defaults.
type Limits struct {
	Pack pack.Limits
	Refs int // advertised
}

// Ground is what a case may use: a folder of its own, and the traps that no import may step into.
type Ground struct {
	Dir    string // empty, gone when the test ends
	Marker string // a file that is not there: whatever would be run from a source makes it
	Canary string // URL of a listener that nobody may reach

	// For servers.
	Canaries *Canaries
	Names    *Names // what imports find names by
	Stranger string // URL of an honest server of another origin, without a slash: no password may come there
}

// Source is where a case's repository is: one of the first three fields is set.
type Source struct {
	Handler http.Handler // the repository is at /r.git below it, and whoever asks brings a password or not
	URL     string       // of a server that the case runs by itself
	Path    string       // of a repository on this disk
	Names   []string     // ids that a refusal, or the warning that was to come, must name
}

// Outcome is what must become of an import.
type Outcome struct {
	Code    rehome.Code // of the error; "" when the import completes
	Says    []string    // what the error's message or hint must hold
	Warned  string      // the kinds of warning that the receipt must hold and no other, sorted, with a space between
	Skipped string      // the name of a ref that the receipt must list as skipped
}
