package mailmap

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"rehome"
	"rehome/internal/testenv"
)

// people asks git what a map makes of identities, through commits that have them for authors.
func people(t *testing.T, text string, ids []rehome.Identity) []rehome.Identity {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "r.git")
	testenv.Empty(t, dir, "sha1")
	must(t, os.WriteFile(filepath.Join(dir, "map"), []byte(text), 0o644))
	var stream strings.Builder
	for _, id := range ids {
		fmt.Fprintf(&stream, "commit refs/heads/x\nauthor %s 1 +0000\ncommitter C <c@x> 1 +0000\ndata 0\n", strings.TrimPrefix(id.String(), " "))
	}
	testenv.GitIn(t, dir, strings.NewReader(stream.String()), "fast-import", "--quiet")
	out := testenv.Git(t, dir, "-c", "mailmap.file=map", "log", "--reverse", "--encoding=none", "--format=%aN%x01%aE", "refs/heads/x")
	return identities(out, "\x01", "")
}

// contacts asks git check-mailmap, which is quicker and takes fewer identities.
func contacts(t *testing.T, text string, ids []rehome.Identity) []rehome.Identity {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "r.git")
	testenv.Empty(t, dir, "sha1") // git 2.39 asks for a repository
	must(t, os.WriteFile(filepath.Join(dir, "map"), []byte(text), 0o644))
	var in strings.Builder
	for _, id := range ids {
		in.WriteString(strings.TrimPrefix(id.String(), " ") + "\n")
	}
	out := testenv.GitIn(t, dir, strings.NewReader(in.String()), "-c", "mailmap.file=map", "check-mailmap", "--stdin")
	return identities(out, "<", ">")
}

func identities(out, between, end string) []rehome.Identity {
	var list []rehome.Identity
	for line := range strings.SplitSeq(out, "\n") {
		name, mail, _ := strings.Cut(line, between)
		if end != "" {
			name = strings.TrimSuffix(name, " ")
		}
		list = append(list, rehome.Identity{Name: name, Mail: strings.TrimSuffix(mail, end)})
	}
	return list
}

func looked(t *testing.T, text string, ids []rehome.Identity) []rehome.Identity {
	t.Helper()
	m, err := Parse([]byte(text))
	must(t, err)
	again, err := Parse([]byte(m.String()))
	must(t, err)
	list := make([]rehome.Identity, len(ids))
	for n, id := range ids {
		list[n], _ = m.Lookup(id)
		if got, _ := again.Lookup(id); got != list[n] {
			t.Errorf("%v: %v by the map, %v by its text\n%s", id, list[n], got, m)
		}
	}
	return list
}

// forms are the maps of gitmailmap's documentation and what it leaves open.
var forms = map[string]string{
	"simple":               "New <a@x>\n",
	"mail":                 "<new@y> <a@x>\n",
	"both":                 "New <new@y> <a@x>\n",
	"with name":            "New <new@y> Ada <a@x>\n",
	"mail with name":       "<new@y> Ada <a@x>\n",
	"case":                 "New <new@y> aDA <A@X>\n",
	"case of mail":         "New <A@X>\n",
	"beyond ASCII":         "New <new@y> JÖRG <j@x>\nNeu <new@y> jörg <j@x>\n",
	"merge":                "New <a@x>\n<new@y> <a@x>\n",
	"merge, other order":   "<new@y> <a@x>\nNew <a@x>\n",
	"later wins":           "One <one@y> <a@x>\nTwo <a@x>\nThree <A@x>\n",
	"later with name wins": "One <one@y> Ada <a@x>\n<two@y> ADA <a@X>\n",
	"name before mail":     "One <one@y> Ada <a@x>\nTwo <two@y> <a@x>\n",
	"name before mail 2":   "Two <two@y> <a@x>\nOne <one@y> Ada <a@x>\n",
	"only other names":     "One <one@y> Bob <a@x>\n",
	"empty old mail":       "New <new@y> <>\nOther <o@y> Ada <>\n",
	"spaces":               "  \t New   Name \t <new@y>\tAda\t <a@x>  \r\n",
	"no spaces":            "New<new@y>Ada<a@x>",
	"spaces in mail":       "New < new@y > < a@x>\nX <x@y> <a@x >\n",
	"comment":              "# New <new@y> <a@x>\n\n  # note\nNew <new@y> <b@x> # note\n",
	"mark in old name":     "New <new@y> #1 <a@x>\n",
	"bracket in old mail":  "New <new@y> <a<b@x>\n",
	"chain":                "B <b@x> <a@x>\nC <c@x> <b@x>\n",
	"self":                 "<a@x> <a@x>\nBob <b@x> Bob <b@x>\n",
	"old bytes":            "New <new@y> J\xf6rg <k@x>\n",
}

var folk = []rehome.Identity{
	{Name: "Ada", Mail: "a@x"},
	{Name: "ADA", Mail: "A@X"},
	{Name: "Bob", Mail: "a@x"},
	{Name: "Bob", Mail: "b@x"},
	{Name: "", Mail: "a@x"},
	{Name: "Ada", Mail: ""},
	{Name: "", Mail: ""},
	{Name: "Jörg", Mail: "j@x"},
	{Name: "jÖrg", Mail: "J@x"},
	{Name: "J\xf6rg", Mail: "k@x"},
	{Name: "#1", Mail: "a@x"},
	{Name: "Ad", Mail: "a@x"},
	{Name: "Ada L", Mail: "a@x"},
	{Name: "Ada", Mail: "a@xy"},
	{Name: "Ada", Mail: "a@"},
	{Name: "A = B", Mail: "a@x"},
	{Name: "New", Mail: "new@y"},
}

func TestMatchesAsGitDoes(t *testing.T) {
	for name, text := range forms {
		t.Run(name, func(t *testing.T) {
			got := looked(t, text, folk)
			if want := people(t, text, folk); !slices.Equal(got, want) {
				t.Errorf("log:\ngot  %q\nwant %q", got, want)
			}
			if want := contacts(t, text, folk); !slices.Equal(got, want) {
				t.Errorf("check-mailmap:\ngot  %q\nwant %q", got, want)
			}
		})
	}
}

// Maps of few words, so that rules meet.
func TestMatchesAsGitDoesAtRandom(t *testing.T) {
	for seed := range uint64(40) {
		r := rand.New(rand.NewPCG(seed, 3))
		text := randomMap(r, 1+r.IntN(30))
		var ids []rehome.Identity
		for range 200 {
			ids = append(ids, rehome.Identity{Name: word(r, oldNames), Mail: word(r, oldMails)})
		}
		if got, want := looked(t, text, ids), contacts(t, text, ids); !slices.Equal(got, want) {
			for n := range ids {
				if got[n] != want[n] {
					t.Fatalf("seed %d: %q: got %q, want %q by\n%s", seed, ids[n], got[n], want[n], text)
				}
			}
		}
	}
}

var (
	oldNames = []string{"", "Ada", "ada", "ADA", "Ada L", "Bob", "bób", "x=y", "#1", "a b c"}
	oldMails = []string{"", "a@x", "A@X", "a@x.y", "b@x", "B@x", "é@x", "a"}
	newNames = []string{"", "", "Ada Lovelace", "Ada", "B. Ob"}
	newMails = []string{"a@x", "ada@y", "bob@y"}
	gaps     = []string{"", " ", "  ", "\t"}
)

func word(r *rand.Rand, from []string) string { return from[r.IntN(len(from))] }

func randomMap(r *rand.Rand, lines int) string {
	var b strings.Builder
	for range lines {
		name, mail := word(r, newNames), word(r, newMails)
		first := word(r, gaps) + name + word(r, gaps) + "<" + mail + ">" + word(r, gaps)
		switch r.IntN(8) {
		case 0:
			b.WriteString(word(r, gaps))
		case 1:
			b.WriteString("# " + first)
		case 2, 3:
			if name == "" {
				name = "Eve"
			}
			b.WriteString(name + " <" + word(r, oldMails[1:]) + ">")
		case 4, 5:
			b.WriteString(first + "<" + word(r, oldMails) + ">")
		default:
			b.WriteString(first + word(r, oldNames) + word(r, gaps) + "<" + word(r, oldMails) + ">" + word(r, gaps))
		}
		b.WriteString("\n")
	}
	return b.String()
}
