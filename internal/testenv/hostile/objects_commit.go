package hostile

import (
	"strings"

	"rehome/internal/git/pack"
)

// commits are the cases with odd commits. TREE and COMMIT stand for the ids of an honest tree and commit.
func commits() []Case {
	var all []Case
	const tree = "tree TREE\n"
	for _, c := range []struct {
		name, why, text string
		want            Outcome
	}{
		{"commit: empty", broken, "", corrupt("missing_tree")},
		{"commit: no tree", broken, author + committer + "\nm\n", corrupt("missing_tree")},
		{"commit: a parent before the tree", broken, "parent COMMIT\n" + tree + author + committer + "\nm\n", corrupt("missing_tree")},
		{"commit: tree that is no id", broken, "tree TREEx\n" + author + committer + "\nm\n", corrupt("bad_tree_sha1")},
		{"commit: tree cut short", broken, "tree " + aTree[:39] + "\n" + author + committer + "\nm\n", corrupt("bad_tree_sha1")},
		{"commit: nothing but half a tree", broken, "tree " + aTree[:20], corrupt("bad_tree_sha1")},
		{"commit: parent that is no id", broken, tree + "parent " + strings.Repeat("z", 40) + "\n" + author + committer + "\nm\n", corrupt("bad_parent_sha1")},
		{"commit: parent by an abbreviation", broken, tree + "parent " + absent[:7] + "\n" + author + committer + "\nm\n", corrupt("bad_parent_sha1")},
		{"commit: tree is missing", missing, "tree " + absent + "\n" + author + committer + "\nm\n", corrupt(absent, "missing")},
		{"commit: tree is a blob", mistaken, "tree " + aBlob + "\n" + author + committer + "\nm\n", corrupt(aBlob, "is a blob")},
		{"commit: tree is a commit", mistaken, "tree COMMIT\n" + author + committer + "\nm\n", corrupt("is a commit")},
		{"commit: parent is missing", missing, tree + "parent " + absent + "\n" + author + committer + "\nm\n", corrupt(absent, "missing")},
		{"commit: parent is the null id", missing, tree + "parent " + strings.Repeat("0", 40) + "\n" + author + committer + "\nm\n", corrupt("missing")},
		{"commit: parent is a tree", mistaken, tree + "parent TREE\n" + author + committer + "\nm\n", corrupt(aTree, "is a tree")},
		{"commit: parent is a blob", mistaken, tree + "parent " + aBlob + "\n" + author + committer + "\nm\n", corrupt(aBlob, "is a blob")},
		{"commit: one parent twice", harmless, tree + "parent COMMIT\nparent COMMIT\n" + author + committer + "\nm\n", complete},
		{"commit: a second tree", harmless, tree + "tree " + absent + "\n" + author + committer + "\nm\n", warned("missing_author missing_committer")},
		{"commit: parent behind the author", harmless, tree + author + "parent " + absent + "\n" + committer + "\nm\n", warned("missing_committer")},

		{"commit: no author", harmless, tree + committer + "\nm\n", warned("missing_author")},
		{"commit: no committer", harmless, tree + author + "\nm\n", warned("missing_committer")},
		{"commit: nothing but a tree", "git reads none that ends there", tree, corrupt("bad_tree_sha1")},
		{"commit: nothing but a tree and an end", harmless, tree + "\n", warned("missing_author missing_committer")},
		{"commit: nothing but a tree and a parent", "git reads none that ends there", tree + "parent COMMIT\n", corrupt("bad_parent_sha1")},
		{"commit: header without an end", harmless, tree + author + strings.TrimSuffix(committer, "\n"), warned("unterminated_header")},
		{"commit: two authors", harmless, tree + author + author + committer + "\nm\n", warned("multiple_authors")},
		{"commit: two committers", harmless, tree + author + committer + committer + "\nm\n", complete},
		{"commit: no message", harmless, tree + author + committer, complete},
		{"commit: mergetag of junk", harmless, tree + author + committer + "mergetag object junk\n type junk\n \x01\n\nm\n", complete},
		{"commit: signature of junk", harmless, tree + author + committer + "gpgsig -----BEGIN JUNK\n\n x\nm\n", complete},
		{"commit: signature that goes on at once", harmless, tree + author + committer + " goes on\n on\ngpgsig\n\nm\n", complete},
		{"commit: header of another tool", harmless, tree + author + committer + "HG:extra x\n\x02\xff: y\n\nm\n", complete},

		{"commit: time zone of six digits", harmless, by("A U Thor <a@example.com> 1700000000 +051800"), warned("bad_timezone")},
		{"commit: time zone of one digit", harmless, by("A U Thor <a@example.com> 1700000000 +0"), warned("bad_timezone")},
		{"commit: time zone by name", harmless, by("A U Thor <a@example.com> 1700000000 CEST"), warned("bad_timezone")},
		{"commit: time zone of 99 hours", harmless, by("A U Thor <a@example.com> 1700000000 -9999"), complete},
		{"commit: no time zone", harmless, by("A U Thor <a@example.com> 1700000000"), warned("bad_date")},
		{"commit: no date", harmless, by("A U Thor <a@example.com>"), warned("missing_space_before_date")},
		{"commit: empty date", harmless, by("A U Thor <a@example.com> "), warned("bad_date")},
		{"commit: date in words", harmless, by("A U Thor <a@example.com> Tue Nov 14 22:13:20 2023 +0000"), warned("bad_date")},
		{"commit: date before 1970", harmless, by("A U Thor <a@example.com> -1 +0000"), warned("bad_date")},
		{"commit: date 0", harmless, by("A U Thor <a@example.com> 0 +0000"), complete},
		{"commit: date with a zero before it", harmless, by("A U Thor <a@example.com> 01700000000 +0000"), warned("zero_padded_date")},
		{"commit: the last date that 64 bits hold", harmless, by("A U Thor <a@example.com> 9223372036854775807 +0000"), complete},
		{"commit: date over 63 bits", harmless, by("A U Thor <a@example.com> 9223372036854775808 +0000"), warned("bad_date_overflow")},
		{"commit: date over 64 bits", harmless, by("A U Thor <a@example.com> 18446744073709551617 +0000"), warned("bad_date_overflow")},
		{"commit: date of 1,000 digits", harmless, by("A U Thor <a@example.com> " + strings.Repeat("9", 1000) + " +0000"), warned("bad_date_overflow")},

		{"commit: no mail", harmless, by("A U Thor 1700000000 +0000"), warned("missing_email")},
		{"commit: no name", harmless, by("<a@example.com> 1700000000 +0000"), warned("missing_name_before_email")},
		{"commit: nobody at all", harmless, by(""), warned("missing_email")},
		{"commit: empty mail", harmless, by("A U Thor <> 1700000000 +0000"), complete},
		{"commit: no space before the mail", harmless, by("A U Thor<a@example.com> 1700000000 +0000"), warned("missing_space_before_email")},
		{"commit: > in a name", harmless, by("A > Thor <a@example.com> 1700000000 +0000"), warned("bad_name")},
		{"commit: < in a mail", harmless, by("A U Thor <a<@example.com> 1700000000 +0000"), warned("bad_email")},
		{"commit: two mails", harmless, by("A U Thor <a@example.com> <b@example.com> 1700000000 +0000"), warned("bad_date")},
		{"commit: mail without an end", harmless, by("A U Thor <a@example.com 1700000000 +0000"), warned("bad_email")},
		{"commit: CR in a name", "names that spoil lists and credentials (CVE-2024-52006)", by("A\rU\rThor\r <a@example.com\r> 1700000000 +0000\r"), warned("bad_timezone")},
		{"commit: terminal escapes in a name", "CVE-2024-52005", by("\x1b]0;x\x07\x1b[2J <a\x1b[31m@example.com> 1700000000 +0000"), complete},
		{"commit: terminal escapes in a message", "CVE-2024-52005", tree + author + committer + "\n\x1b]0;x\x07\x1b[2J\x08\n", complete},
		{"commit: direction marks in a name", "P14: text that reads as another", by("\u202eA U Thor\u2066 <a@example.com> 1700000000 +0000"), complete},
		{"commit: a name that is not UTF-8", harmless, by("J\xf6rg\xff <\xfe@example.com> 1700000000 +0000"), complete},
		{"commit: a name that is not UTF-8, in an encoding", harmless, tree + strings.Replace(author, "Thor", "Th\xf6r", 1) + committer + "encoding ISO-8859-1\n\n\xe4\n", complete},
		{"commit: an encoding of junk", harmless, tree + author + committer + "encoding \x1b[31m\x00../../x\n\n\xe4\n", warned("nul_in_header")},
		{"commit: two encodings", harmless, tree + author + committer + "encoding latin1\nencoding UTF-7\n\n+AOQ-\n", complete},
		{"commit: markup in a name", "P14: pages run no foreign script", by("<script>alert(1)</script> <a@example.com> 1700000000 +0000"), warned("missing_name_before_email")},

		{"commit: NUL in the message", harmless, tree + author + committer + "\nm\x00m\n", warned("nul_in_commit")},
		{"commit: NUL in a header", harmless, tree + author + committer + "x\x00y\n\nm\n", warned("nul_in_header")},
		{"commit: NUL in a name", harmless, by("A\x00Thor <a@example.com> 1700000000 +0000"), warned("nul_in_header")},
		{"commit: author's line of 1 MiB", exhaustion, by(strings.Repeat("A", 1<<20) + " <a@example.com> 1700000000 +0000"), complete},
		{"commit: 100,000 headers", exhaustion, tree + author + committer + strings.Repeat("x y\n", 100_000) + "\nm\n", complete},
		{"commit: 10,000 parents", exhaustion, tree + strings.Repeat("parent COMMIT\n", 10_000) + author + committer + "\nm\n", complete},
	} {
		all = append(all, made(c.name, c.why, func(r *repository) {
			parent := r.commit(aTree)
			text := strings.NewReplacer("TREE", aTree, "COMMIT", parent).Replace(c.text)
			r.trunk(r.named(r.object(typeCommit, text)))
		}, c.want))
	}
	return append(all, largeCommit())
}

const harmless = "P10: harmless old damage does not stop anybody"

// by is a commit whose author's line is that.
func by(who string) string { return "tree TREE\nauthor " + who + "\n" + committer + "\nm\n" }

func largeCommit() Case {
	c := made("commit: larger than a limit", exhaustion, func(r *repository) {
		r.trunk(r.object(typeCommit, "tree "+aTree+"\n"+author+committer+"\n"+strings.Repeat("m", 1<<20)))
	}, limited("bytes in a commit", "1048576"))
	c.Limits.Pack = pack.Limits{CommitBytes: 1 << 20}
	c.Want.Says = []string{"bytes in a commit", "limit of 1048576"}
	return c
}
