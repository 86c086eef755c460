package git

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"rehome/internal/git/object"
	"rehome/internal/git/protocol"
	"rehome/internal/source"
)

const (
	hexA = "1111111111111111111111111111111111111111"
	hexB = "2222222222222222222222222222222222222222"
)

func id(hex string) object.ID {
	id, err := object.ParseID(hex)
	if err != nil {
		panic(err)
	}
	return id
}

func TestChoose(t *testing.T) {
	refs := []protocol.Ref{{Name: "refs/heads/none", ID: object.SHA1.Zero()}}
	long := "refs/heads/" + strings.Repeat("x", maxRefName)
	refs = append(refs, protocol.Ref{Name: "HEAD", ID: id(hexA), Target: "refs/heads/z"}, protocol.Ref{Name: "refs/heads/z", ID: id(hexA)}, protocol.Ref{Name: "refs/heads/z", ID: id(hexA)})
	for _, name := range []string{
		"refs/heads/a", "refs/heads/a/b", "refs/heads/a-b", "refs/heads/a/b/c", "refs/notes/commits", "refs/stash", "refs/pull", "refs/pullx/1",
		"refs/pull/1/head", "refs/pull-requests/2/from", "refs/merge-requests/3/head", "refs/changes/04/4/1", "refs/keep-around/x", "refs/replace/" + hexA, "refs/rehome/kept/x",
		"refs/heads/../../evil", "refs/heads/x.lock", "refs/heads/-ok", "refs/heads/a\x01", "refs/heads/caf\xe9", "refs/pull/caf\xe9/head", "evil", "../../etc/passwd", "/etc/passwd", long, "refs/heads/" + hexA,
	} {
		refs = append(refs, protocol.Ref{Name: name, ID: id(hexB)})
	}
	p, err := choose(t.Context(), refs, source.RefChoice{}, protocol.Advertisement{Version: 2})
	if err != nil {
		t.Fatal(err)
	}
	var carried []string
	for _, ref := range p.carried {
		carried = append(carried, ref.Name)
	}
	want := []string{
		"refs/heads/-ok", "refs/heads/" + hexA, "refs/heads/a", "refs/heads/a-b", "refs/heads/caf\xe9", "refs/heads/z",
		"refs/notes/commits", "refs/pull", "refs/pullx/1", "refs/stash",
	}
	if diff := cmp.Diff(carried, want); diff != "" {
		t.Errorf("carried (-got +want):\n%s", diff)
	}
	reasons := map[string]string{}
	for _, s := range p.skipped {
		reasons[s.Name] = s.Reason
		if s.Name == "refs/pull/caf\uFFFD/head" && string(s.NameBytes) != "refs/pull/caf\xe9/head" {
			t.Errorf("the bytes of a name are lost: %q", s.NameBytes)
		}
	}
	if diff := cmp.Diff(reasons, map[string]string{
		"refs/heads/a/b": "below another ref's name", "refs/heads/a/b/c": "below another ref's name",
		"refs/pull/1/head": leftOut[0].reason, "refs/pull-requests/2/from": leftOut[1].reason, "refs/merge-requests/3/head": leftOut[2].reason,
		"refs/changes/04/4/1": leftOut[3].reason, "refs/keep-around/x": leftOut[4].reason, "refs/replace/" + hexA: leftOut[5].reason, "refs/rehome/kept/x": leftOut[6].reason,
		"refs/heads/none":          "points at no object",
		"refs/pull/caf\uFFFD/head": leftOut[0].reason, "refs/heads/../../evil": "not a name Git accepts", "refs/heads/x.lock": "not a name Git accepts", "refs/heads/a\x01": "not a name Git accepts",
		"evil": "not below refs/", "../../etc/passwd": "not below refs/", "/etc/passwd": "not below refs/", long: "name too long",
	}); diff != "" {
		t.Errorf("skipped (-got +want):\n%s", diff)
	}
	if p.head != "refs/heads/z" || len(p.wants(have{})) != 2 {
		t.Errorf("head %q, %d wants", p.head, len(p.wants(have{})))
	}
}

func TestChooseRefusesContradictions(t *testing.T) {
	_, err := choose(t.Context(), []protocol.Ref{{Name: "refs/heads/a", ID: id(hexA)}, {Name: "refs/heads/a", ID: id(hexB)}}, source.RefChoice{}, protocol.Advertisement{})
	if !errors.Is(err, errAmbiguous) {
		t.Errorf("%v", err)
	}
}

func TestHeadIsGuessedForServersThatNeverSay(t *testing.T) {
	refs := []protocol.Ref{{Name: "HEAD", ID: id(hexA)}, {Name: "refs/heads/b", ID: id(hexA)}, {Name: "refs/heads/main", ID: id(hexA)}, {Name: "refs/heads/x", ID: id(hexB)}}
	for _, c := range []struct {
		refs []protocol.Ref
		ad   protocol.Advertisement
		want string
	}{
		{refs, protocol.Advertisement{}, "refs/heads/main"},
		{refs[:2], protocol.Advertisement{Capabilities: protocol.Capabilities{"agent=JGit/4"}}, "refs/heads/b"},
		{refs, protocol.Advertisement{Capabilities: protocol.Capabilities{"agent=git/2.39"}}, ""},
		{refs, protocol.Advertisement{Version: 2}, ""},
		{[]protocol.Ref{{Name: "HEAD", ID: id(hexA), Target: "refs/heads/../evil"}}, protocol.Advertisement{}, ""},
		{[]protocol.Ref{{Name: "HEAD", ID: id(hexA), Target: "refs/tags/v1"}}, protocol.Advertisement{}, ""},
	} {
		p, err := choose(t.Context(), c.refs, source.RefChoice{}, c.ad)
		if err != nil || p.head != c.want {
			t.Errorf("%+v: %q, %v; want %q", c.ad, p.head, err, c.want)
		}
	}
}

func TestChooseByPattern(t *testing.T) {
	refs := []protocol.Ref{{Name: "HEAD", ID: id(hexA), Target: "refs/heads/main"}}
	for _, name := range []string{
		"refs/heads/main", "refs/heads/wip/a", "refs/heads/release/1", "refs/tags/release/2", "refs/notes/commits",
		"refs/pull/1/head", "refs/pull/1/merge", "refs/changes/1", "refs/replace/" + hexA, "refs/rehome/kept/x",
	} {
		refs = append(refs, protocol.Ref{Name: name, ID: id(hexA)})
	}
	const no, out = "left out by refs", "left out by exclude_refs"
	for _, c := range []struct {
		choice  source.RefChoice
		carried string // the end of each name, or all of it
		head    string
		reasons map[string]string // some of them
	}{
		{source.RefChoice{}, "heads/main heads/release/1 heads/wip/a notes/commits tags/release/2", "refs/heads/main", nil},
		{
			source.RefChoice{Include: []string{"release/*"}},
			"heads/release/1 tags/release/2", "",
			map[string]string{"refs/heads/main": no, "refs/notes/commits": no, "refs/pull/1/head": leftOut[0].reason},
		},
		{
			source.RefChoice{Exclude: []string{"wip/*", "refs/notes/*"}},
			"heads/main heads/release/1 tags/release/2", "refs/heads/main",
			map[string]string{"refs/heads/wip/a": out, "refs/notes/commits": out, "refs/changes/1": leftOut[3].reason},
		},
		{
			source.RefChoice{Include: []string{"refs/*"}, Exclude: []string{"refs/heads/*"}},
			"notes/commits tags/release/2", "",
			map[string]string{"refs/heads/main": out, "refs/pull/1/head": leftOut[0].reason},
		},
		{
			source.RefChoice{Include: []string{"main", "refs/pull/*/head", "refs/replace/*", "refs/rehome/*"}},
			"heads/main pull/1/head", "refs/heads/main",
			map[string]string{"refs/pull/1/merge": leftOut[0].reason, "refs/replace/" + hexA: leftOut[5].reason, "refs/rehome/kept/x": leftOut[6].reason},
		},
		{source.RefChoice{Include: []string{"refs/pull/*"}, Exclude: []string{"refs/pull/*/merge"}}, "pull/1/head", "", map[string]string{"refs/pull/1/merge": out}},
	} {
		p, err := choose(t.Context(), refs, c.choice, protocol.Advertisement{Version: 2})
		if err != nil {
			t.Fatal(err)
		}
		var carried []string
		for _, ref := range p.carried {
			carried = append(carried, strings.TrimPrefix(ref.Name, "refs/"))
		}
		reasons := map[string]string{}
		for _, s := range p.skipped {
			if reasons[s.Name] = s.Reason; c.reasons[s.Name] != "" && c.reasons[s.Name] != s.Reason {
				t.Errorf("%+v: %s is %q, want %q", c.choice, s.Name, s.Reason, c.reasons[s.Name])
			}
		}
		if got := strings.Join(carried, " "); got != c.carried || p.head != c.head || !p.detached.IsZero() {
			t.Errorf("%+v: %s with the default branch %q, detached %s; want %s with %q", c.choice, got, p.head, p.detached, c.carried, c.head)
		}
		if len(carried)+len(reasons) != len(refs)-1 {
			t.Errorf("%+v: of %d refs, %d are accounted for", c.choice, len(refs)-1, len(carried)+len(reasons))
		}
	}
}
