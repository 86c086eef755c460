// Package submodule finds submodules again whose repositories were moved.
package submodule

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"sync"

	"rehome/internal/git/object"
	"rehome/internal/remote"
)

// Repository is one that was moved.
type Repository struct {
	Source, Destination string // URLs or paths
	Map                 string // file of its commit map
}

// Changes are what following submodules changed of a history.
type Changes struct {
	Commits int64 `json:"commits"` // distinct ones that submodules were at, and that are others now
	Unknown int64 `json:"unknown"` // distinct ones that are in no repository that was moved: they stay
	Files   int64 `json:"files"`   // distinct .gitmodules files
}

// Moved is what a repository has to know of others that were moved. Safe for concurrent use.
type Moved struct {
	source, destination string // of the repository that has the submodules
	exact, loose        map[string]string
	commits             []commitMap
	key                 [sha256.Size]byte

	mu    sync.Mutex        // guards what follows
	asked map[string]string // where the repositories of URLs are now, "" for those that stay; at most maxAsked
}

// maxAsked bounds the URLs that are remembered: nearly the same stand in every version of a .gitmodules.
const maxAsked = 1 << 14

// Open reads the commit maps of repositories that were moved, for one with submodules that moves from source to
// destination. Maps are held in memory: two ids a commit. Where several repositories have one source, the first counts.
func Open(source, destination string, all []Repository) (*Moved, error) {
	m := &Moved{source: source, exact: map[string]string{}, loose: map[string]string{}}
	var err error
	if m.destination, err = written(destination); err != nil {
		return nil, fmt.Errorf("read the destination: %w", err)
	}
	sum := sha256.New()
	fmt.Fprintf(sum, "%q %q\n", remote.Key(source), m.destination)
	for _, r := range all {
		c, err := readMap(r.Map)
		if err != nil {
			return nil, fmt.Errorf("read the commit map of a submodule's repository: %w", err)
		}
		to, err := written(r.Destination)
		if err != nil {
			return nil, fmt.Errorf("read where a submodule's repository is now: %w", err)
		}
		key := remote.Key(r.Source)
		if m.exact[key] == "" {
			m.exact[key] = to
		}
		if m.loose[remote.Bare(key)] == "" {
			m.loose[remote.Bare(key)] = to
		}
		fmt.Fprintf(sum, "%q %q %x\n", key, to, sha256.Sum256(c.pairs))
		m.commits = append(m.commits, c)
	}
	sum.Sum(m.key[:0])
	return m, nil
}

// written is an address as it can stand in .gitmodules: absolute, without credentials.
func written(address string) (string, error) {
	if remote.Local(address) {
		return filepath.Abs(address)
	}
	l, err := remote.Parse("the address", address)
	return l.String(), err
}

// Key is another for a Moved that may give other answers. It is "" for nil.
func (m *Moved) Key() string {
	if m == nil {
		return ""
	}
	return fmt.Sprintf("%x", m.key)
}

// Commit returns what became of a submodule's commit; known is false for one that no map has. The error says that it
// became nothing, or two things.
func (m *Moved) Commit(old object.ID) (now object.ID, known bool, err error) {
	for _, c := range m.commits {
		one, ok := c.find(old)
		switch {
		case !ok:
		case one.IsZero():
			return now, true, errors.New("left history when its repository was moved")
		case known && one != now:
			return now, true, fmt.Errorf("became %s in one repository and %s in another", now, one)
		default:
			now, known = one, true
		}
	}
	return now, known, nil
}

// URL returns where the repository of a submodule is now, given its URL in .gitmodules; ok is false when the URL stays.
// A relative one stays relative if it leads there from the destination, as it is or with as many steps up.
func (m *Moved) URL(old string) (now string, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now, asked := m.asked[old]
	if asked {
		return now, now != ""
	}
	now, ok = m.find(old)
	if m.asked == nil || len(m.asked) == maxAsked {
		m.asked = map[string]string{}
	}
	m.asked[old] = now
	return now, ok
}

func (m *Moved) find(old string) (now string, ok bool) {
	if old == "" || strings.ContainsAny(old, "\r\n") {
		return "", false
	}
	key := remote.Key(remote.Resolve(m.source, old))
	to, ok := m.exact[key]
	if !ok {
		if to, ok = m.loose[remote.Bare(key)]; !ok {
			return "", false
		}
	}
	if isSame(remote.Resolve(m.destination, old), to) {
		return "", false
	}
	if remote.Relative(old) {
		if short, ok := m.relative(to); ok && stepsUp(short) == stepsUp(old) && isSame(remote.Resolve(m.destination, short), to) {
			return short, true
		}
	}
	return to, true
}

// isSame reports whether git finds one repository by two addresses.
func isSame(a, b string) bool { return remote.Bare(remote.Key(a)) == remote.Bare(remote.Key(b)) }

// relative returns the way from the destination to another address on the same server, or on this machine.
func (m *Moved) relative(to string) (string, bool) {
	base, target := m.destination, to
	if remote.Local(base) != remote.Local(to) {
		return "", false
	}
	if !remote.Local(to) {
		a, err := remote.Parse("", base)
		if err != nil {
			return "", false
		}
		b, err := remote.Parse("", to)
		if err != nil || a.Home != b.Home || server(a.URL) != server(b.URL) {
			return "", false
		}
		base, target = a.URL.Path, b.URL.Path
		if strings.ContainsAny(target, "%?#") || b.URL.EscapedPath() != target {
			return "", false
		}
	}
	short, err := filepath.Rel(base, target)
	return filepath.ToSlash(short), err == nil && remote.Relative(short)
}

func server(u *url.URL) string {
	return u.Scheme + "://" + u.User.String() + "@" + strings.ToLower(u.Host)
}

func stepsUp(relative string) (n int) {
	for part := range strings.SplitSeq(relative, "/") {
		switch part {
		case "..":
			n++
		case ".", "":
		default:
			return n
		}
	}
	return n
}

// Edit returns a .gitmodules file with the URLs of repositories that were moved; false when it stays. Every byte that
// is not part of such a URL is kept.
func (m *Moved) Edit(text []byte) (edited []byte, changed bool) {
	from := 0
	for v := range urls(text) {
		now, ok := m.URL(v.text)
		if !ok {
			continue
		}
		edited = append(edited, text[from:v.start]...)
		edited = appendValue(edited, now, isQuoted(text[v.start:v.end]))
		from = v.end
	}
	if edited == nil || !isReadable(text) {
		return nil, false
	}
	return append(edited, text[from:]...), true
}
