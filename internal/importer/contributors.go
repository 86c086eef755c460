package importer

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"rehome"
	"rehome/internal/git/history"
	"rehome/internal/git/object"
	"rehome/internal/git/repo"
	"rehome/internal/source"
)

// Contributors lists everybody that a source's refs lead to, the one with most commits
// first. Of a URL only the history is fetched, as far as its server can tell it apart,
// into a temporary folder; a repository on this machine is read where it is. left says
// which refs an import leaves behind.
func Contributors(ctx context.Context, from source.Source, l source.Location, left func(ref string) bool) ([]rehome.Contributor, error) {
	if l.Path != "" {
		return localContributors(ctx, l.Path, left)
	}
	work, err := os.MkdirTemp("", "rehome-authors-*")
	if err != nil {
		return nil, fmt.Errorf("make a folder to work in: %w", err)
	}
	defer os.RemoveAll(work)
	got, err := from.Fetch(ctx, source.Request{Location: l, Dir: filepath.Join(work, "repository"), HistoryOnly: true})
	if err != nil {
		return nil, err
	}
	return contributorsOf(ctx, got.Repo, got.Refs)
}

func localContributors(ctx context.Context, path string, left func(string) bool) ([]rehome.Contributor, error) {
	r, err := repo.OpenClone(path)
	if err != nil {
		return nil, &rehome.Error{Code: rehome.NotARepository, Message: fmt.Sprintf("There is no Git repository that can be read in this folder: %q.", path), Hint: "Check the path.", Err: err}
	}
	if st, err := os.Stat(filepath.Join(r.Dir(), "shallow")); err == nil && st.Size() > 0 {
		return nil, &rehome.Error{Code: rehome.SourceShallow, Message: "The source's history is cut off: it is a shallow clone.", Hint: "Run git fetch --unshallow there first."}
	}
	refs, err := r.Refs()
	if err != nil {
		return nil, fmt.Errorf("read refs: %w", err)
	}
	return contributorsOf(ctx, r, slices.DeleteFunc(refs, func(ref repo.Ref) bool { return left(ref.Name) }))
}

// contributorsOf reads the history that refs of r reach.
func contributorsOf(ctx context.Context, r *repo.Repo, refs []repo.Ref) ([]rehome.Contributor, error) {
	if len(refs) == 0 {
		return nil, nil
	}
	objects, err := r.Objects()
	if err != nil {
		return nil, fmt.Errorf("open source: %w", err)
	}
	defer objects.Close()
	var tips []object.ID
	for _, ref := range refs {
		tips = append(tips, ref.ID)
	}
	graph, err := objects.History(ctx, tips, repo.Scratch(os.TempDir()), runtime.GOMAXPROCS(0))
	if err != nil {
		return nil, err
	}
	defer graph.Close()
	return count(graph, graph.Reach(tips)), nil
}

// deeds is what an identity did in a history. Times are Unix seconds, valid once any is there.
type deeds struct {
	seen, dated bool
	commits     int64
	first, last int64
}

func (d *deeds) add(raw []byte, i object.Ident) {
	d.seen = true
	at, ok := dateOf(raw[i.End:])
	switch {
	case !ok:
	case !d.dated:
		d.dated, d.first, d.last = true, at, at
	default:
		d.first, d.last = min(d.first, at), max(d.last, at)
	}
}

// dateOf reads the Unix time at the start of what follows `Name <mail>`. One that no
// calendar of four digits holds is none.
func dateOf(rest []byte) (int64, bool) {
	line, _, _ := bytes.Cut(rest, []byte{'\n'})
	number, _, _ := strings.Cut(strings.TrimLeft(string(line[:min(len(line), 40)]), " "), " ")
	at, err := strconv.ParseInt(number, 10, 64)
	return at, err == nil && at >= 0 && at < 253402300800
}

// count lists who did what in the members of a graph.
func count(g *history.Graph, members history.Set) []rehome.Contributor {
	all := make([]deeds, len(g.Identities()))
	for n := range uint32(g.Len()) {
		if !members.Has(n) {
			continue
		}
		author, committer, raw := g.Author(n), g.Committer(n), g.Bytes(n)
		if g.Type(n) == object.Tag {
			if tag, _ := object.ParseTag(g.Format(), raw); committer != history.None {
				all[committer].add(raw, tag.Tagger)
			}
			continue
		}
		commit, _ := object.ParseCommit(g.Format(), raw)
		if author != history.None {
			all[author].commits++
			all[author].add(raw, commit.Author)
		}
		if committer != history.None {
			all[committer].add(raw, commit.Committer)
		}
	}
	var list []rehome.Contributor
	for n, d := range all {
		if d.seen {
			list = append(list, contributor(g.Identities()[n], d))
		}
	}
	slices.SortFunc(list, func(a, b rehome.Contributor) int {
		return cmp.Or(cmp.Compare(b.Commits, a.Commits), strings.Compare(a.Name, b.Name), strings.Compare(a.Email, b.Email))
	})
	return list
}

func contributor(is rehome.Identity, d deeds) rehome.Contributor {
	c := rehome.NewContributor(is)
	c.Commits = d.commits
	if d.dated {
		first, last := time.Unix(d.first, 0).UTC(), time.Unix(d.last, 0).UTC()
		c.First, c.Last = &first, &last
	}
	return c
}
