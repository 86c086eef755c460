package hostile

import (
	"fmt"
	"strings"

	"rehome/internal/git/pack"
)

// trees are the cases with odd trees.
func trees() []Case {
	var all []Case
	for _, c := range []struct {
		name, why string
		entries   []string
		want      Outcome
	}{
		{"tree: .git as a folder", dotgit, []string{folder(".git")}, unsafe(`".git"`, "has_dotgit")},
		{"tree: .git as a file", dotgit, []string{file(".git")}, unsafe(`".git"`, "has_dotgit")},
		{"tree: .GIT", dotgit, []string{folder(".GIT")}, unsafe(`".GIT"`, "has_dotgit")},
		{"tree: .git with a dot behind", dotgit, []string{folder(".git.")}, unsafe(`".git."`, "has_dotgit")},
		{"tree: .git with a space behind", dotgit, []string{folder(".git ")}, unsafe(`".git"`, "has_dotgit")},
		{"tree: .git with dots and spaces behind", dotgit, []string{folder(".Git. . ")}, unsafe(`".Git. ."`, "has_dotgit")},
		{"tree: short name of .git on NTFS", dotgit, []string{folder("git~1")}, unsafe(`"git~1"`, "has_dotgit")},
		{"tree: short name of .git on NTFS, other case", dotgit, []string{folder("GiT~1")}, unsafe(`"GiT~1"`, "has_dotgit")},
		{"tree: .git with what HFS+ ignores", dotgit, []string{folder(".g\u200cit")}, unsafe("has_dotgit")},
		{"tree: .git with a direction mark before it", dotgit, []string{folder("\u200e.git")}, unsafe("has_dotgit")},
		{"tree: .git with a byte order mark in it", dotgit, []string{folder(".gi\ufefft")}, unsafe("has_dotgit")},
		{"tree: stream of .git on NTFS", "CVE-2019-1352", []string{folder(".git::$INDEX_ALLOCATION")}, unsafe("has_dotgit")},
		{"tree: named stream of .git on NTFS", "CVE-2019-1352", []string{file(".git:hooks")}, unsafe("has_dotgit")},
		{"tree: .git behind a backslash", "CVE-2019-1354", []string{file(`a\.git\hooks\post-checkout`)}, unsafe("has_dotgit")},
		{"tree: .git before a backslash", "CVE-2019-1354", []string{file(`.git\config`)}, unsafe("has_dotgit")},
		{"tree: .. before a backslash", "CVE-2019-1354", []string{file(`..\x`)}, unsafe("has_dotdot")},
		{"tree: .. behind a backslash", "CVE-2019-1354", []string{file(`a\..\x`)}, unsafe("has_dotdot")},
		{"tree: ..", outside, []string{folder("..")}, unsafe(`".."`, "has_dotdot")},
		{"tree: .", outside, []string{folder(".")}, unsafe(`"."`, "has_dot")},
		{"tree: slash in a name", outside, []string{file("a/b")}, unsafe(`"a/b"`, "full_pathname")},
		{"tree: absolute name", outside, []string{file("/etc/passwd")}, unsafe("full_pathname")},
		{"tree: .git as a submodule", dotgit, []string{entry("160000", ".git", absent)}, unsafe("has_dotgit")},
		{"tree: .git as a link", dotgit, []string{link(".git")}, unsafe("has_dotgit")},
		{"tree: names that only look like .git", "P10: nothing harmless is refused", []string{file(".git-x"), file(".gitx"), file("git~2"), file("x.git")}, complete},

		{"tree: .gitmodules as a link", "CVE-2018-11235", []string{link(".gitmodules")}, unsafe("gitmodules_symlink")},
		{"tree: .GITMODULES as a link", "CVE-2018-11235", []string{link(".GITMODULES")}, unsafe("gitmodules_symlink")},
		{"tree: short name of .gitmodules as a link", "CVE-2018-11235", []string{link("GITMOD~1")}, unsafe("gitmodules_symlink")},
		{"tree: hashed short name of .gitmodules as a link", "CVE-2018-11235", []string{link("gi7eba~1")}, unsafe("gitmodules_symlink")},
		{"tree: .gitmodules with what HFS+ ignores as a link", "CVE-2018-11235", []string{link(".git\u200dmodules")}, unsafe("gitmodules_symlink")},
		{"tree: .gitattributes as a link", "git reads it no more since 2.32", []string{link(".gitattributes")}, complete},

		{"tree: empty name", broken, []string{file("")}, corrupt("bad_tree")},
		{"tree: NUL in a name", broken, []string{file("a\x00b")}, corrupt("bad_tree")},
		{"tree: cut short", broken, []string{file("a"), file("b")[:20]}, corrupt("bad_tree")},
		{"tree: no mode", broken, []string{file("a"), "\x00" + rawID(aBlob)}, corrupt("bad_tree")},
		{"tree: mode that is no number", broken, []string{entry("10064x", "a", aBlob)}, corrupt("bad_tree")},
		{"tree: an entry twice", duplicates, []string{file("a"), file("a")}, corrupt("duplicate_entries")},
		{"tree: a file and a folder of one name", duplicates, []string{file("a"), folder("a")}, corrupt("duplicate_entries")},
		{"tree: a file and a folder of one name, others between", duplicates, []string{file("a"), file("a-b"), file("a.c"), folder("a")}, corrupt("duplicate_entries")},
		{"tree: a folder and a submodule of one name", duplicates, []string{entry("160000", "a", absent), folder("a")}, corrupt("duplicate_entries")},
		{"tree: not sorted", broken, []string{file("b"), file("a")}, corrupt("tree_not_sorted")},
		{"tree: a folder sorted as a file", broken, []string{folder("a"), file("a.b")}, corrupt("tree_not_sorted")},

		{"tree: mode with a zero before it", "P10: harmless", []string{entry("040000", "a", aTree)}, warned("zero_padded_filemode")},
		{"tree: file's mode with zeros before it", "P10: harmless", []string{entry("00100644", "a", aBlob)}, warned("zero_padded_filemode")},
		{"tree: unknown permissions", "P10: harmless", []string{entry("100600", "a", aBlob)}, warned("bad_filemode")},
		{"tree: mode of early Git", "P10: harmless", []string{entry("100664", "a", aBlob)}, complete},
		{"tree: mode 0", "readers that differ", []string{entry("0", "a", absent)}, warned("bad_filemode zero_padded_filemode")},
		{"tree: mode of a device", "readers that differ", []string{entry("60000", "a", absent)}, warned("bad_filemode")},
		{"tree: mode over 32 bits that wraps to a file's", "readers that differ", []string{entry("40000100644", "a", aBlob)}, warned("bad_filemode")},
		{"tree: mode over 64 bits that wraps to a folder's", "readers that differ", []string{entry("1"+strings.Repeat("0", 32)+"40000", "a", aTree)}, warned("bad_filemode")},

		{"tree: a file with the null id", broken, []string{entry("100644", "a", strings.Repeat("0", 40))}, corrupt(strings.Repeat("0", 40), "missing")},
		{"tree: a submodule with the null id", "P10: harmless", []string{entry("160000", "a", strings.Repeat("0", 40))}, warned("null_sha1")},
		{"tree: a submodule at a blob that is here", "types that are no one's business", []string{file("a"), entry("160000", "b", aBlob)}, complete},
		{"tree: a file that is missing", missing, []string{entry("100644", "a", absent)}, corrupt(absent, "missing")},
		{"tree: a folder that is missing", missing, []string{entry("40000", "a", absent)}, corrupt(absent, "missing")},
		{"tree: a folder that is a file", mistaken, []string{entry("40000", "a", aBlob)}, corrupt(aBlob, "is a blob")},
		{"tree: a file that is a folder", mistaken, []string{entry("100644", "a", aTree)}, corrupt(aTree, "is a tree")},
		{"tree: a link that is a folder", mistaken, []string{entry("120000", "a", aTree)}, corrupt(aTree, "is a tree")},
		{"tree: one id as a file and as a folder", mistaken, []string{file("a"), entry("40000", "b", aBlob)}, corrupt(aBlob, "is a blob")},

		{"tree: terminal escapes in a name", "CVE-2024-52005", []string{file("\x1b]0;x\x07\x1b[2J")}, complete},
		{"tree: terminal escapes in a dangerous name", "CVE-2024-52005", []string{file("\x1b[2J\r\n\u202e/x")}, unsafe("full_pathname")},
		{"tree: a name that is not UTF-8", "bytes are kept", []string{file("\xff\xfe\x80")}, complete},
		{"tree: a line feed in a name", "names that spoil lists", []string{file("a\nb\r")}, complete},
		{"tree: an option for a name", "CVE-2017-1000117", []string{file("--upload-pack=x")}, complete},
		{"tree: names of devices", "names that some systems do not take", []string{file("CON"), file("NUL.txt"), file("aux ")}, complete},
		{"tree: names that differ in case only", "CVE-2021-21300", []string{folder("A"), link("a")}, complete},
		{"tree: a name of 5,000 bytes", "no file system has room for it", []string{file(strings.Repeat("n", 5000))}, limited("a name of 5000 bytes", "4096")},
		{"tree: a name of 4,096 bytes", "as long as a path may be", []string{file(strings.Repeat("n", 4096))}, complete},
	} {
		all = append(all, made(c.name, c.why, func(r *repository) {
			r.trunk(r.commit(r.named(r.tree(c.entries...))))
		}, c.want))
	}
	return append(append(all, largeTrees()...), submodules()...)
}

// submodules have a .gitmodules that a careless clone would follow. Nothing here does.
func submodules() []Case {
	var all []Case
	for _, c := range []struct{ name, why, text string }{
		{"submodule: a path for a name", "CVE-2018-11235", "[submodule \"../../hooks\"]\n\tpath = sub\n\turl = CANARY/x.git\n"},
		{"submodule: an option for a URL", "CVE-2018-17456", "[submodule \"sub\"]\n\tpath = sub\n\turl = -u./payload\n"},
		{"submodule: an option for a path", "CVE-2018-17456", "[submodule \"sub\"]\n\tpath = -sub\n\turl = CANARY/x.git\n"},
		{"submodule: a program for a URL", "P7", "[submodule \"sub\"]\n\tpath = sub\n\turl = ext::touch% MARKER\n"},
		{"submodule: a program for an update", "CVE-2019-19604", "[submodule \"sub\"]\n\tpath = sub\n\turl = CANARY/x.git\n\tupdate = !touch MARKER\n"},
		{"submodule: CR behind a path", "CVE-2025-48384", "[submodule \"sub\"]\n\tpath = \"sub\r\"\n\turl = CANARY/x.git\n"},
		{"submodule: a name below another", "CVE-2019-1387", "[submodule \"a\"]\n\tpath = sub\n\turl = CANARY/x.git\n[submodule \"a/modules/b\"]\n\tpath = b\n\turl = CANARY/y.git\n"},
		{"submodule: LF in a URL", "CVE-2020-11008", "[submodule \"sub\"]\n\tpath = sub\n\turl = \"CANARY\\nhost=example.com/x.git\"\n"},
		{"submodule: a file that cannot be read", broken, "[submodule \"sub\n\x00[[\n"},
	} {
		all = append(all, made(c.name, c.why, func(r *repository) {
			text := strings.NewReplacer("MARKER", r.at.Marker, "CANARY", r.at.Canary).Replace(c.text)
			r.trunk(r.commit(r.tree(entry("100644", ".gitmodules", r.blob(text)), entry("160000", "sub", absent))))
		}, complete))
	}
	return all
}

// The classes of holes in trees.
const (
	dotgit     = "CVE-2014-9390, CVE-2019-1349 and others: a checkout writes into .git"
	outside    = "a checkout writes outside of its folder"
	broken     = "readers that differ, or crash"
	duplicates = "P10: readers that differ on what is there"
	missing    = "P2: complete though objects are missing"
	mistaken   = "types that are not what was said"
)

// largeTrees pass limits.
func largeTrees() []Case {
	wide := made("tree: more entries than a limit has room for", exhaustion, func(r *repository) {
		var entries []string
		for i := range 300 {
			entries = append(entries, file(fmt.Sprintf("%04d", i)))
		}
		r.trunk(r.commit(r.tree(entries...)))
	}, limited("bytes in a tree", "9600", "8192"))
	wide.Limits.Pack = pack.Limits{TreeBytes: 8192}
	lacking := made("tree: thousands of entries that are missing", exhaustion, func(r *repository) {
		for n := range 60 {
			var entries []string
			for i := range 100 {
				entries = append(entries, entry("100644", fmt.Sprintf("%04d", i), fmt.Sprintf("%040x", n*100+i+1)))
			}
			r.trunk(r.commit(r.tree(entries...)))
			r.refs = r.refs[len(r.refs)-1:]
		}
	}, corrupt("lacks"))
	return []Case{
		wide, lacking,
		deep("tree: folders 2,048 deep", 2048, complete),
		deep("tree: folders 2,049 deep", 2049, limited("2048 deep")),
		deep("tree: folders 40,000 deep", 40_000, limited("2048 deep")),
	}
}

func deep(name string, depth int, want Outcome) Case {
	return made(name, "finding 7: git crashes where it follows them", func(r *repository) {
		id := r.tree(file("f"))
		for range depth - 1 {
			id = r.tree(entry("40000", "d", id))
		}
		r.trunk(r.commit(id))
	}, want)
}

const exhaustion = "resource exhaustion"
