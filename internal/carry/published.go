package carry

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"runtime"

	"rehome/internal/git/object"
	"rehome/internal/git/repo"
)

// likeness is what a rewrite of authors leaves of a commit: its tree, when it was written and made, and its subject.
type likeness struct {
	tree                       object.ID
	authored, committed, about string
}

func likenessOf(f object.Format, raw []byte) (likeness, bool) {
	c, _ := object.ParseCommit(f, raw)
	if c.Tree.IsZero() || !c.Author.Found() || !c.Committer.Found() || c.Message > len(raw) {
		return likeness{}, false
	}
	line := func(from int) string {
		line, _, _ := bytes.Cut(raw[from:], []byte("\n"))
		return string(line)
	}
	return likeness{c.Tree, line(c.Author.End), line(c.Committer.End), line(c.Message)}, true
}

// published finds local commits that are nobody's own: they are commits of the map under other authors, as a rewrite
// of the same source published them whose map was not given. What is on them would move to the wrong place.
func (l *local) published(ctx context.Context, r *repo.Repo, tips []object.ID) error {
	like := map[likeness][]object.ID{}
	for _, id := range l.order {
		_, raw, err := l.objects.Read(id)
		if err != nil {
			continue // it has a fault
		}
		if key, ok := likenessOf(id.Format(), raw); ok {
			like[key] = append(like[key], id)
		}
	}
	if len(like) == 0 {
		return nil
	}
	graph, err := l.objects.History(ctx, tips, repo.Scratch(os.TempDir()), runtime.GOMAXPROCS(0))
	if err != nil {
		return err
	}
	defer graph.Close()
	for n := range uint32(graph.Len()) {
		if graph.Type(n) != object.Commit {
			continue
		}
		id := graph.ID(n)
		key, ok := likenessOf(r.Format(), graph.Bytes(n))
		if !ok || like[key] == nil || !l.commits.has(id) && !l.commits.isNew(id) {
			continue
		}
		for _, own := range like[key] {
			p := l.places[own]
			p.other = true
			p.fault = fmt.Sprintf("%s is commit %s as another rewrite made it: give the commit map of that rewrite, too, behind the newest one", short(own), short(id))
		}
	}
	return nil
}
