package rewrite

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"sort"

	"rehome"
	"rehome/internal/git/object"
	"rehome/internal/git/repo"
)

// Before is an earlier rewrite of the same history, or of a part of it: what comes out the
// same again is copied from there. It changes no id.
//
//	one line of JSON: savedHead
//	old id, new id: of each commit and tag that changed, sorted by the old ones
//	what covered says of the history that was gone through
//	pairs as above of each tree of a commit, and of what else content changed
//	SHA-256 of all that, for a wrong pair would make another history
type Before struct {
	repo    *repo.Repo
	commits string   // the commit map, a file
	packs   []string // of history; none when that is not to be taken up
	authors map[rehome.Identity]rehome.Identity
	pairs   pairs
	covered *covered      // nil when it is not known what was gone through
	content *savedContent // nil when content stayed
	trees   pairs
}

// pairs are old ids, each with the new one, sorted.
type pairs []byte

// savedForm is that of the file; others are of no use.
const savedForm = 2

// savedHead says what a saved rewrite was made with.
type savedHead struct {
	Form    int         `json:"form"`
	Engine  int         `json:"engine"`
	Format  string      `json:"object_format"`
	Packs   []string    `json:"packs"`   // base names
	Authors [][4][]byte `json:"authors"` // name, mail, new name, new mail

	Pairs   int           `json:"pairs"`
	Covered *savedCovered `json:"covered,omitempty"`
	Content *savedContent `json:"content,omitempty"`
}

// Save writes what a later rewrite needs to know as Options.Before; of history nothing when messages
// were rewritten, too, for then an object does not tell what it depended on.
func (r *Result) Save(w io.Writer) error {
	head := savedHead{Form: savedForm, Engine: rehome.Engine, Format: r.graph.Format().String(), Content: r.savedContent()}
	history := r.plan.Trailers == nil && !r.plan.Hashes && len(r.History()) > 0
	if !history && head.Content == nil {
		return nil
	}
	if history {
		head.Packs, head.Pairs, head.Covered = r.History(), r.countPairs(), r.covered.saved()
		for who, becomes := range r.plan.Authors {
			head.Authors = append(head.Authors, [4][]byte{[]byte(who.Name), []byte(who.Mail), []byte(becomes.Name), []byte(becomes.Mail)})
		}
	}
	slices.SortFunc(head.Authors, func(a, b [4][]byte) int { return slices.CompareFunc(a[:], b[:], bytes.Compare) })
	sum := sha256.New()
	out := bufio.NewWriterSize(io.MultiWriter(w, sum), 64<<10)
	if err := json.NewEncoder(out).Encode(head); err != nil {
		return fmt.Errorf("save rewrite: %w", err)
	}
	if history {
		r.savePairs(out)
		r.covered.write(out)
	}
	if head.Content != nil {
		r.saveTrees(out)
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("save rewrite: %w", err)
	}
	if _, err := w.Write(sum.Sum(nil)); err != nil {
		return fmt.Errorf("save rewrite: %w", err)
	}
	return nil
}

// becameOther yields the commits and tags of the graph that became others. One that went has no new id.
func (r *Result) becameOther(yield func(n uint32) bool) {
	for n := range uint32(r.graph.Len()) {
		if r.changed.Has(n) && !r.noted.Has(n) && !r.ids.at(n).IsZero() && !yield(n) {
			return
		}
	}
}

func (r *Result) countPairs() (n int) {
	if r.known != nil {
		n = r.known.pairs.len(r.graph.Format())
	}
	for range r.becameOther {
		n++
	}
	return n
}

// savePairs writes the pairs of commits and tags: those from before, and among them those of the graph.
func (r *Result) savePairs(out *bufio.Writer) {
	var before pairs
	if r.known != nil {
		before = r.known.pairs
	}
	from, size := 0, 2*r.graph.Format().Size()
	for n := range r.becameOther {
		old := r.graph.IDBytes(n)
		to := size * before.search(old)
		out.Write(before[from:to])
		from = to
		out.Write(old)
		out.Write(r.ids.bytes(n))
	}
	out.Write(before[from:])
}

// OpenBefore reads what Save wrote of a rewrite into r. commits is the file that WriteMap made of it; where that
// is gone, later rewrites go through all of history. It is nil, without an error, when
// what was saved is of no use: nothing, or by another engine. Damage is an error.
func OpenBefore(r *repo.Repo, saved []byte, commits string) (*Before, error) {
	if len(saved) == 0 {
		return nil, nil
	}
	end := max(0, len(saved)-sha256.Size)
	if sum := sha256.Sum256(saved[:end]); !bytes.Equal(sum[:], saved[end:]) {
		return nil, errors.New("read saved rewrite: its checksum is another")
	}
	line, rest, _ := bytes.Cut(saved[:end], []byte{'\n'})
	var head savedHead
	if err := json.Unmarshal(line, &head); err != nil {
		return nil, fmt.Errorf("read saved rewrite: %w", err)
	}
	format, err := object.ParseFormat(head.Format)
	if err != nil {
		return nil, fmt.Errorf("read saved rewrite: %w", err)
	}
	if head.Form != savedForm || head.Engine != rehome.Engine || format != r.Format() {
		return nil, nil
	}
	b := &Before{repo: r, commits: commits, packs: head.Packs, authors: map[rehome.Identity]rehome.Identity{}, content: head.Content}
	if !b.read(&head, format, rest) {
		return nil, errors.New("read saved rewrite: it is cut short")
	}
	for _, a := range head.Authors {
		b.authors[rehome.Identity{Name: string(a[0]), Mail: string(a[1])}] = rehome.Identity{Name: string(a[2]), Mail: string(a[3])}
	}
	return b, nil
}

// read reads what follows the head; false when that is not as long as the head says.
func (b *Before) read(head *savedHead, f object.Format, rest []byte) bool {
	whole := true
	take := func(count, size int) (part []byte) {
		if count < 0 || count > len(rest)/size {
			whole = false
			return nil
		}
		part, rest = rest[:count*size:count*size], rest[count*size:]
		return part
	}
	b.pairs = take(head.Pairs, 2*f.Size())
	if head.Covered != nil {
		b.covered = head.Covered.open(f, take)
	}
	if head.Content != nil {
		b.trees = take(head.Content.Trees, 2*f.Size())
	}
	return whole && len(rest) == 0
}

// len returns how many there are.
func (p pairs) len(f object.Format) int { return len(p) / (2 * f.Size()) }

// search returns how many have an old id before that one.
func (p pairs) search(old []byte) int {
	size := len(old)
	return sort.Search(len(p)/(2*size), func(i int) bool { return bytes.Compare(p[2*size*i:2*size*i+size], old) >= 0 })
}

// find returns what the object became, nil when it stayed.
func (p pairs) find(old []byte) []byte {
	size, i := len(old), p.search(old)
	if 2*size*i == len(p) || !bytes.Equal(p[2*size*i:2*size*i+size], old) {
		return nil
	}
	return p[2*size*i+size : 2*size*i+2*size]
}
