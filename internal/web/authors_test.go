package web

import (
	"fmt"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"rehome"
	"rehome/internal/auth"
	"rehome/internal/testenv"
)

var (
	authorRows = regexp.MustCompile(`(?s)<tr id="author-\d+".*?</tr>`)
	rowParts   = regexp.MustCompile(`(?s)<td><bdi>(.*?)</bdi>.*?<td(?: data-is="Commits")? class="num">(.*?)</td>`)
)

// rowsOn is who is on a page of authors, with their commits.
func rowsOn(t *testing.T, page string) (all []string) {
	t.Helper()
	for _, row := range authorRows.FindAllString(page, -1) {
		parts := rowParts.FindStringSubmatch(row)
		if parts == nil {
			t.Fatalf("a row without a number of commits: %s", row)
		}
		all = append(all, strings.TrimSpace(parts[1]+" "+parts[2]))
	}
	return all
}

// crowdOf is a history of so many people with a commit each, p000 first, and then of three with more, the last of whom is called what is not UTF-8.
// Git, and so an import, sees the last of them first.
func crowdOf(t testing.TB, people int) (url string) {
	t.Helper()
	var b strings.Builder
	commit := func(name string) {
		fmt.Fprintf(&b, "commit refs/heads/main\nauthor %s <%[1]s@old.example> 1400000000 +0000\ncommitter Only Commits <c@old.example> 1400000000 +0000\ndata 1\nx\n", name)
	}
	for n := range people {
		commit(fmt.Sprintf("p%03d", n))
	}
	for _, name := range slices.Concat(slices.Repeat([]string{"Some"}, 3), slices.Repeat([]string{"Most"}, 1234), slices.Repeat([]string{"Z\xff"}, 4)) {
		commit(name)
	}
	root := t.TempDir()
	testenv.FromStream(t, filepath.Join(root, "old.git"), "sha1", b.String())
	return testenv.ServeGit(t, root, testenv.Options{}) + "/old.git"
}

// TestMostCommitsFirst pages through more people than the shape of a history names: who has most commits comes first, and nobody twice.
func TestMostCommitsFirst(t *testing.T) {
	const people = 530
	x := newWorld(t)
	b := x.signedIn(t, auth.Grant{User: "octocat"})
	r := x.repository(t, "octocat", "crowd", crowdOf(t, people), true)
	at := "/octocat/crowd/import/authors"
	if page := b.get(t, at).want(t, 200).body; strings.Contains(page, "most commits first") {
		t.Errorf("before anything is known: %s", page)
	}
	x.work(t)
	var all []string
	for n := 1; len(all) < 2*people; n++ {
		page := rowsOn(t, b.get(t, at+"?page="+itoa(int64(n))).want(t, 200).body)
		if len(page) == 0 {
			break
		}
		all = append(all, page...)
	}
	want := []string{"Most 1,234", "Z\ufffd 4", "Some 3"}
	for n := range rehome.ShapeAuthors - 3 {
		want = append(want, fmt.Sprintf("p%03d 1", n))
	}
	want = append(want, seenAfter(t, x, r, want)...)
	if !slices.Equal(all, want) {
		t.Errorf("%d authors on all pages: %q\nwant %d: %q", len(all), all, len(want), want)
	}

	some := b.get(t, at).want(t, 200).body
	if !strings.Contains(some, "534 identities, who has most commits first") {
		t.Errorf("the page does not say the order: %.3000s", some)
	}
	mapped := "New <n@new.example> <p529@old.example>\nNew <n@new.example> <p003@old.example>\nNew <n@new.example> <Most@old.example>\n"
	b.post(t, at, url.Values{"map": {mapped}, "take": {"1"}}).want(t, 303)
	for query, want := range map[string][]string{
		"?mapped=1": {"Most 1,234", "p003 1", "p529"},
		"?q=p52":    {"p529", "p528", "p527", "p526", "p525", "p524", "p523", "p522", "p521", "p520"}, // as first seen
		"?q=o":      {"Most 1,234", "Z\ufffd 4", "Some 3"},                                            // of old.example
	} {
		if got := rowsOn(t, b.get(t, at+query).want(t, 200).body); !slices.Equal(got[:min(len(got), len(want))], want) || len(got) != len(want) && query != "?q=o" {
			t.Errorf("%s lists %q, want %q", query, got, want)
		}
	}
}

// seenAfter are those of an import, as first seen, who are not among some.
func seenAfter(t *testing.T, x *world, r rehome.Repository, some []string) (rest []string) {
	t.Helper()
	authors, err := x.web.Importer.Authors(t.Context(), r.ID, 0, 0)
	must(t, err)
	for _, a := range authors {
		name := rehome.Clean(string(a.RemoteName), maxShown)
		if !slices.ContainsFunc(some, func(s string) bool { return strings.HasPrefix(s, name+" ") }) {
			rest = append(rest, name)
		}
	}
	return rest
}

// TestSavedRowKeepsItsCommits: a row that is saved where it stands says what it said, also when what was typed is refused.
func TestSavedRowKeepsItsCommits(t *testing.T) {
	x := newWorld(t)
	b := x.signedIn(t, auth.Grant{User: "octocat"})
	r := x.repository(t, "octocat", "crowd", crowdOf(t, 2), true)
	x.work(t)
	at := "/octocat/crowd/import/authors"
	row := authorRows.FindString(b.get(t, at).want(t, 200).body)
	if got := rowsOn(t, row); !slices.Equal(got, []string{"Most 1,234"}) {
		t.Fatalf("the first row is of %q", got)
	}
	form := url.Values{}
	for _, field := range regexp.MustCompile(`name="(\w+)" value="([^"]*)"`).FindAllStringSubmatch(row, -1) {
		form.Set(field[1], field[2])
	}
	path := regexp.MustCompile(`hx-post="([^"]+)"`).FindStringSubmatch(row)[1][len(x.URL):]
	for _, name := range []string{"Grace <", "Grace"} {
		form.Set("name", name)
		saved := b.post(t, path, form, "HX-Request", "true").want(t, 200).body
		if got := rowsOn(t, saved); !slices.Equal(got, []string{"Most 1,234"}) {
			t.Errorf("with the name %q the row is of %q: %s", name, got, saved)
		}
	}
	authors, err := x.web.Importer.Authors(t.Context(), r.ID, 0, 1)
	must(t, err)
	if string(authors[0].RemoteName) == "Most" {
		t.Error("those of an import are not listed as first seen any more")
	}
}
