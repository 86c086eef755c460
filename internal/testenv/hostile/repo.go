package hostile

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"rehome"
	"rehome/internal/git/protocol"
)

// Repositories are the cases whose server is honest and whose repository is not.
func Repositories() []Case {
	return slices.Concat(trees(), commits(), tags(), packs(), entries(), refs(), pointers(), places())
}

// repository is a source made object by object, whatever the objects hold. Its server speaks version 2 of the protocol,
// and the batch API of Git LFS.
type repository struct {
	t     testing.TB
	at    Ground
	pack  packer
	whole []byte            // the pack that is sent; nil for what pack has
	refs  []string          // lines as ls-refs has them
	head  string            // such a line, or noHead; "" for trunk
	names []string          // of objects that are to be named
	files map[string]string // Git LFS objects by what their id is said to be
}

// Each repository has a blob and a tree with a file in it.
var (
	aBlob = idOf(typeBlob, "content\n")
	aTree = idOf(typeTree, file("README"))
)

const noHead = "none"

const (
	author    = "author A U Thor <author@example.com> 1700000000 +0000\n"
	committer = "committer C O Mitter <committer@example.com> 1700000000 +0000\n"
	trunk     = "refs/heads/trunk"
)

// absent is no object's id.
var absent = strings.Repeat("ab", 20)

func newRepository(t testing.TB, at Ground) *repository {
	r := &repository{t: t, at: at, files: map[string]string{}}
	r.blob("content\n")
	r.tree(file("README"))
	return r
}

// made is a case with a repository that a function makes.
func made(name, why string, make func(r *repository), want Outcome) Case {
	return Case{Name: name, Why: why, Want: want, Open: func(t testing.TB, at Ground) Source {
		r := newRepository(t, at)
		make(r)
		return Source{Handler: r, Names: r.names}
	}}
}

// complete, warned, unsafe, corrupt and limited are how an import can end. A refusal holds all of the words.
var complete = Outcome{}

func warned(kind string) Outcome { return Outcome{Warned: kind} }

func unsafe(words ...string) Outcome { return Outcome{Code: rehome.UnsafePath, Says: words} }

func corrupt(words ...string) Outcome { return Outcome{Code: rehome.CorruptObject, Says: words} }

func limited(words ...string) Outcome { return Outcome{Code: rehome.LimitPassed, Says: words} }

// object adds one and returns its id in hex.
func (r *repository) object(typ int, data string) string {
	r.pack.add(typ, "", data)
	return idOf(typ, data)
}

func (r *repository) blob(data string) string { return r.object(typeBlob, data) }

func (r *repository) tree(entries ...string) string {
	return r.object(typeTree, strings.Join(entries, ""))
}

// named notes that an object is to be named.
func (r *repository) named(id string) string {
	r.names = append(r.names, id)
	return id
}

// commit adds an honest commit.
func (r *repository) commit(tree string, parents ...string) string {
	text := "tree " + tree + "\n"
	for _, p := range parents {
		text += "parent " + p + "\n"
	}
	return r.object(typeCommit, text+author+committer+"\nA message.\n")
}

// tag adds an honest tag.
func (r *repository) tag(typ, id, name string) string {
	return r.object(typeTag, "object "+id+"\ntype "+typ+"\ntag "+name+"\ntagger T Agger <tagger@example.com> 1700000000 +0000\n\nA message.\n")
}

// ref adds what ls-refs says of one, attributes and all.
func (r *repository) ref(name, id string) { r.refs = append(r.refs, id+" "+name) }

// trunk has the default branch at a commit.
func (r *repository) trunk(commit string) { r.ref(trunk, commit) }

// entry is one of a tree.
func entry(mode, name, id string) string { return mode + " " + name + "\x00" + rawID(id) }

func file(name string) string { return entry("100644", name, aBlob) }

func folder(name string) string { return entry("40000", name, aTree) }

func link(name string) string { return entry("120000", name, aBlob) }

// ServeHTTP is the server.
func (r *repository) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	body, _ := io.ReadAll(q.Body)
	switch rest := strings.TrimPrefix(q.URL.Path, "/r.git/"); {
	case rest == "info/refs":
		w.Header().Set("Content-Type", "application/x-git-upload-pack-advertisement")
		io.WriteString(w, "001e# service=git-upload-pack\n0000"+lines("version 2", "ls-refs=unborn", "fetch")+"0000")
	case rest == "git-upload-pack":
		w.Header().Set("Content-Type", "application/x-git-upload-pack-result")
		r.upload(w, strings.Contains(string(body), "command=ls-refs"))
	case rest == "info/lfs/objects/batch":
		w.Header().Set("Content-Type", "application/vnd.git-lfs+json")
		r.batch(w, "http://"+q.Host+"/r.git/lfs/", body)
	case strings.HasPrefix(rest, "lfs/"):
		io.WriteString(w, r.files[strings.TrimPrefix(rest, "lfs/")])
	default:
		http.NotFound(w, q)
	}
}

func (r *repository) upload(w io.Writer, list bool) {
	if list {
		io.WriteString(w, lines(r.advertised()...)+"0000")
		return
	}
	whole := r.whole
	if whole == nil {
		whole = r.pack.bytes()
	}
	io.WriteString(w, lines("packfile"))
	out := protocol.NewWriter(w)
	for piece := range slices.Chunk(whole, 60_000) {
		out.Data(append([]byte{1}, piece...))
	}
	out.Flush()
}

// advertised is what ls-refs says.
func (r *repository) advertised() []string {
	switch r.head {
	case noHead:
		return r.refs
	case "":
	default:
		return append([]string{r.head}, r.refs...)
	}
	for _, line := range r.refs {
		if id, name, _ := strings.Cut(line, " "); name == trunk {
			return append([]string{id + " HEAD symref-target:" + trunk}, r.refs...)
		}
	}
	return r.refs
}

// batch answers as the Git LFS batch API does: what files has can be had.
func (r *repository) batch(w io.Writer, base string, body []byte) {
	type object struct {
		OID     string         `json:"oid"`
		Size    int64          `json:"size"`
		Actions map[string]any `json:"actions,omitempty"`
		Error   map[string]any `json:"error,omitempty"`
	}
	var asked struct {
		Objects []object `json:"objects"`
	}
	if err := json.Unmarshal(body, &asked); err != nil {
		r.t.Errorf("a batch of Git LFS objects was asked for with %q", body)
	}
	for i := range asked.Objects {
		o := &asked.Objects[i]
		if _, ok := r.files[o.OID]; ok {
			o.Actions = map[string]any{"download": map[string]any{"href": base + o.OID}}
		} else {
			o.Error = map[string]any{"code": 404, "message": "there is none"}
		}
	}
	json.NewEncoder(w).Encode(map[string]any{"transfer": "basic", "objects": asked.Objects})
}

// lines are pkt-lines, one for each text.
func lines(all ...string) string {
	var b strings.Builder
	for _, l := range all {
		fmt.Fprintf(&b, "%04x%s\n", len(l)+5, l)
	}
	return b.String()
}
