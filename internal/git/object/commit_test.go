package object

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

const (
	someID  = "5b31da4c48e5198d31c1572301d7159b36759c36"
	otherID = "bb141dad3c994e38bb67810457bc10cc5c0f7b28"
)

// commitWith is a commit with the rest of the author line as given.
func commitWith(author string) string {
	return "tree " + someID + "\nauthor " + author + "\ncommitter C <c@x> 1 +0000\n\nm\n"
}

var identCases = []struct{ line, name, mail, kept string }{
	{"A U Thor <a@x> 1 +0000", "A U Thor", "a@x", " 1 +0000"},
	{"A U Thor <a@x> 1 +051800", "A U Thor", "a@x", " 1 +051800"},
	{"A U Thor <a@x> 1 -7349423", "A U Thor", "a@x", " 1 -7349423"},
	{"A U Thor <a@x> -1 +0000", "A U Thor", "a@x", " -1 +0000"},
	{"A U Thor <a@x> 18446744073709551616 +0000", "A U Thor", "a@x", " 18446744073709551616 +0000"},
	{"A U Thor <a@x> 9223372036854775808 +0000", "A U Thor", "a@x", " 9223372036854775808 +0000"},
	{"A U Thor <a@x> 01 +0000", "A U Thor", "a@x", " 01 +0000"},
	{"A U Thor <a@x> 0 +0000", "A U Thor", "a@x", " 0 +0000"},
	{"A U Thor <a@x>", "A U Thor", "a@x", ""},
	{"A U Thor <a@x> ", "A U Thor", "a@x", " "},
	{"A U Thor <a@x>1 +0000", "A U Thor", "a@x", "1 +0000"},
	{"A U Thor <a@x> 1", "A U Thor", "a@x", " 1"},
	{"A U Thor <a@x> 1 ", "A U Thor", "a@x", " 1 "},
	{"A U Thor <a@x> x +0000", "A U Thor", "a@x", " x +0000"},
	{"A U Thor <a@x> 1x +0000", "A U Thor", "a@x", " 1x +0000"},
	{"<a@x> 1 +0000", "", "a@x", " 1 +0000"},
	{" <a@x> 1 +0000", "", "a@x", " 1 +0000"},
	{"A U Thor<a@x> 1 +0000", "A U Thor", "a@x", " 1 +0000"},
	{"A U Thor <> 1 +0000", "A U Thor", "", " 1 +0000"},
	{"A U Thor < a@x > 1 +0000", "A U Thor", " a@x ", " 1 +0000"},
	{"A U Thor <a@x> <b@x> 1 +0000", "A U Thor", "a@x", " <b@x> 1 +0000"},
	{"A U Thor <a<b@x> 1 +0000", "A U Thor", "a<b@x", " 1 +0000"},
	{"A U > Thor <a@x> 1 +0000", "A U > Thor", "a@x", " 1 +0000"},
	{"A U Thor 1 +0000", "A U Thor", "", " 1 +0000"},
	{"A U Thor <a@x 1 +0000", "A U Thor <a@x", "", " 1 +0000"},
	{"A U Thor", "A U Thor", "", ""},
	{"A U Thor\r <a@x> 1 +0000", "A U Thor", "a@x", " 1 +0000"},
	{"\xc4 U Thor <a\xff@x> 1 +0000", "\xc4 U Thor", "a\xff@x", " 1 +0000"},
	{"", "", "", ""},
}

func TestIdent(t *testing.T) {
	for _, c := range identCases {
		raw := commitWith(c.line)
		got, _ := ParseCommit(SHA1, []byte(raw))
		i := got.Author
		kept := strings.SplitN(raw[i.End:], "\n", 2)[0]
		if string(i.Name) != c.name || string(i.Mail) != c.mail || kept != c.kept {
			t.Errorf("%q: name %q, mail %q, kept %q; want %q, %q, %q", c.line, i.Name, i.Mail, kept, c.name, c.mail, c.kept)
		}
		if !strings.HasSuffix(raw[:i.Start], "\nauthor ") {
			t.Errorf("%q starts at %q", c.line, raw[i.Start:])
		}
	}
}

// TestIdentLikeGit compares names and mails with git log's, where the line has a mail.
func TestIdentLikeGit(t *testing.T) {
	dir := t.TempDir()
	git(t, dir, "", "init", "-q", "--bare")
	tree, _ := git(t, dir, "", "mktree")
	for _, c := range identCases {
		if !strings.Contains(c.line, ">") || !strings.Contains(c.line, "<") || strings.Contains(c.line, "U >") {
			continue
		}
		raw := strings.Replace(commitWith(c.line), someID, strings.TrimSpace(tree), 1)
		id, _ := git(t, dir, raw, "hash-object", "-w", "--literally", "-t", "commit", "--stdin")
		got, _ := git(t, dir, "", "-c", "i18n.logOutputEncoding=binary", "log", "--no-walk", "--encoding=", "--format=%an%x00%ae", strings.TrimSpace(id))
		if want := c.name + "\x00" + c.mail + "\n"; got != want {
			t.Errorf("%q: git reads %q, we %q", c.line, got, want)
		}
	}
}

func TestCommit(t *testing.T) {
	raw := "tree " + someID + "\nparent " + otherID + "\nparent " + someID + "\nauthor A <a@x> 1 +0000\ncommitter C <c@x> 2 +0100\n" +
		"gpgsig -----BEGIN\n line\n \n -----END\nencoding ISO-8859-1\nHG:extra x\n\nsubject\n\nencoding no\n"
	c, faults := ParseCommit(SHA1, []byte(raw))
	if faults != 0 {
		t.Errorf("faults: %v", names(faults))
	}
	parents := fmt.Sprint(slices.Collect(c.Parents()))
	if c.Tree.String() != someID || parents != fmt.Sprintf("[%s %s]", otherID, someID) {
		t.Errorf("tree %v, parents %v", c.Tree, parents)
	}
	if string(c.Encoding) != "ISO-8859-1" || !c.Signed || raw[c.Message:] != "subject\n\nencoding no\n" {
		t.Errorf("encoding %q, signed %v, message %q", c.Encoding, c.Signed, raw[c.Message:])
	}
	if raw[c.Author.Start:c.Author.End] != "A <a@x>" || raw[c.Committer.Start:c.Committer.End] != "C <c@x>" {
		t.Errorf("author %v, committer %v", c.Author, c.Committer)
	}
	if !c.Author.Found() || !c.Committer.Found() {
		t.Error("no author or committer found")
	}
}

// oddCommits are commits with one fault or another, and some with none.
func oddCommits() []string {
	tree, who := "tree "+someID+"\n", "author A <a@x> 1 +0000\n"
	by := "committer C <c@x> 1 +0000\n"
	odd := []string{
		tree + who + by + "\nm", tree + who + by + "\n", tree + who + by, tree + who + strings.TrimSpace(by),
		"", "\n", who, "tree \n", "tree 123\n" + who + by + "\n", "tree " + someID, "tree " + someID + " \n" + who + by + "\n", "tree " + strings.ToUpper(someID) + "\n" + who + by + "\n",
		"tree " + someID[:39] + "g\n" + who + by + "\n",
		tree + "parent \n" + who + by + "\n", tree + "parent " + someID + "0\n" + who + by + "\n", tree + "parent " + otherID + "\n" + who + by + "\n",
		tree, tree + "parent " + otherID + "\n", tree + "x", tree + "parent " + otherID + "\nx",
		tree + by + "\n", tree + who + "\n", tree + who + who + by + "\n", tree + by + who + "\n", tree + "\n",
		tree + who + by + "\na\x00b", tree + "author A\x00 <a@x> 1 +0000\n" + by + "\nm", tree + who + by + "x\x00y z\n\nm",
		tree + who + by + "gpgsig a\n b\n\nm", tree + who + by + "mergetag object " + someID + "\n type commit\n\nm",
	}
	for _, c := range identCases {
		odd = append(odd, commitWith(c.line))
	}
	return odd
}

func TestCommitFaultsLikeGit(t *testing.T) {
	odd := oddCommits()
	var objects [][]byte
	for _, s := range odd {
		objects = append(objects, []byte(s))
	}
	for i, verdict := range judge(t, Commit, objects) {
		_, got := ParseCommit(SHA1, objects[i])
		compare(t, fmt.Sprintf("%q", odd[i]), got, verdict)
	}
}

func TestTag(t *testing.T) {
	raw := "object " + someID + "\ntype commit\ntag v1\ntagger T <t@x> 1 +0000\n\nwords\n"
	g, faults := ParseTag(SHA1, []byte(raw))
	if faults != 0 || g.Object.String() != someID || g.Type != Commit || string(g.Name) != "v1" {
		t.Errorf("%v, faults %v", g, names(faults))
	}
	if raw[g.Tagger.Start:g.Tagger.End] != "T <t@x>" || raw[g.Message:] != "words\n" {
		t.Errorf("tagger %q, message %q", raw[g.Tagger.Start:g.Tagger.End], raw[g.Message:])
	}
}

// oddTags are tags with one fault or another, and some with none.
func oddTags() []string {
	object, typ, name, who := "object "+someID+"\n", "type commit\n", "tag v1\n", "tagger T <t@x> 1 +0000\n"
	return []string{
		object + typ + name + who + "\nm", object + typ + name + who, object + typ + name + "\nm", object + typ + name,
		"", typ, "object 12\n" + typ + name + who, "object " + someID, object, object + name + who + "\n", object + "type\n" + name + who + "\n", object + "type x\n" + name + who + "\n",
		object + "type comm", "object " + otherID + "\ntype tree\n" + name + who + "\n", object + typ, object + typ + who + "\n", object + typ + "tag v", object + typ + "tag \n" + who + "\n",
		object + typ + "tag a b\n" + who + "\n", object + typ + "tag a..b\n" + who + "\n", object + typ + "tag -\n" + who + "\n",
		object + typ + name + "tagger T <t@x>\n\nm", object + typ + name + "tagger T t@x 1 +0000\n\nm", object + typ + name + who + "gpgsig-sha256 x\n y\n\nm",
		object + typ + name + who + "\na\x00b", object + typ + name + "tagger T\x00 <t@x> 1 +0000\n\nm",
	}
}

func TestTagFaultsLikeGit(t *testing.T) {
	odd := oddTags()
	var objects [][]byte
	for _, s := range odd {
		objects = append(objects, []byte(s))
	}
	for i, verdict := range judge(t, Tag, objects) {
		_, got := ParseTag(SHA1, objects[i])
		compare(t, fmt.Sprintf("%q", odd[i]), got, verdict)
	}
}

func TestParseCommitAllocatesNothing(t *testing.T) {
	raw := []byte(commitWith("A U Thor <a@x> 1 +0000"))
	if n := testing.AllocsPerRun(100, func() { ParseCommit(SHA1, raw) }); n != 0 {
		t.Errorf("%v allocations a commit", n)
	}
}
