package hostile

import (
	"fmt"
	"strings"

	"rehome"
)

// refs are the cases with odd refs. In names and lines COMMIT stands for the id of an honest commit, which trunk is at.
func refs() []Case {
	return append(oddRefs(), manyRefs()...)
}

func oddRefs() []Case {
	var all []Case
	for _, c := range []struct {
		name, why string
		lines     []string
		want      Outcome
	}{
		{"ref: .. in its name", nameless, []string{"COMMIT refs/heads/../../hooks/post-update"}, left("refs/heads/../../hooks/post-update")},
		{"ref: @{ in its name", nameless, []string{"COMMIT refs/heads/a@{1}"}, left("refs/heads/a@{1}")},
		{"ref: ~ in its name", nameless, []string{"COMMIT refs/heads/a~1"}, left("refs/heads/a~1")},
		{"ref: ^ in its name", nameless, []string{"COMMIT refs/tags/a^{}"}, left("refs/tags/a^{}")},
		{"ref: colon in its name", "a refspec where a name should be", []string{"COMMIT refs/heads/a:refs/heads/trunk"}, left("refs/heads/a:refs/heads/trunk")},
		{"ref: star in its name", "a refspec where a name should be", []string{"COMMIT refs/heads/*"}, left("refs/heads/*")},
		{"ref: backslash in its name", outside, []string{`COMMIT refs/heads/a\b`}, left(`refs/heads/a\b`)},
		{"ref: ends in .lock", nameless, []string{"COMMIT refs/heads/trunk.lock"}, left("refs/heads/trunk.lock")},
		{"ref: a folder that ends in .lock", nameless, []string{"COMMIT refs/heads/a.lock/b"}, left("refs/heads/a.lock/b")},
		{"ref: ends in a dot", nameless, []string{"COMMIT refs/heads/a."}, left("refs/heads/a.")},
		{"ref: ends in a slash", nameless, []string{"COMMIT refs/heads/a/"}, left("refs/heads/a/")},
		{"ref: two slashes", nameless, []string{"COMMIT refs/heads//a"}, left("refs/heads//a")},
		{"ref: a folder that starts with a dot", nameless, []string{"COMMIT refs/heads/.git/a"}, left("refs/heads/.git/a")},
		{"ref: control characters in its name", "CVE-2024-52005", []string{"COMMIT refs/heads/\x1b[2J\x07"}, left("refs/heads/\x1b[2J\x07")},
		{"ref: CR in its name", "CVE-2024-52006", []string{"COMMIT refs/heads/a\r"}, left("refs/heads/a\r")},
		{"ref: NUL in its name", nameless, []string{"COMMIT refs/heads/a\x00b"}, Outcome{Code: rehome.NotARepository}},
		{"ref: no folder", outside, []string{"COMMIT config"}, left("config")},
		{"ref: another folder", outside, []string{"COMMIT hooks/post-update"}, left("hooks/post-update")},
		{"ref: absolute", outside, []string{"COMMIT /etc/passwd"}, left("/etc/passwd")},
		{"ref: FETCH_HEAD", outside, []string{"COMMIT FETCH_HEAD"}, left("FETCH_HEAD")},
		{"ref: a name of 5,000 bytes", exhaustion, []string{"COMMIT refs/heads/" + strings.Repeat("n", 5000)}, left("refs/heads/" + strings.Repeat("n", 5000))},
		{"ref: a name that no file system has room for", harmless, []string{"COMMIT refs/heads/" + strings.Repeat("n", 300)}, complete},
		{"ref: 1,500 folders", exhaustion, []string{"COMMIT refs/heads" + strings.Repeat("/d", 1500)}, complete},
		{"ref: an option for a name", "CVE-2017-1000117, CVE-2018-17456", []string{"COMMIT refs/heads/-x", "COMMIT refs/heads/--upload-pack=touch"}, complete},
		{"ref: a branch called HEAD", "names that mean another", []string{"COMMIT refs/heads/HEAD"}, complete},
		{"ref: a branch called as an object", "40-hex branch names", []string{"COMMIT refs/heads/" + absent, "COMMIT refs/heads/COMMIT"}, complete},
		{"ref: a name that is not UTF-8", harmless, []string{"COMMIT refs/heads/\xff\xfe"}, complete},
		{"ref: direction marks in its name", "P14: text that reads as another", []string{"COMMIT refs/heads/\u202etxt.exe\u2066"}, complete},
		{"ref: markup in its name", "P14: pages run no foreign script", []string{"COMMIT refs/heads/<script>alert(1)</script>"}, complete},
		{"ref: commands for a shell in its name", "P7", []string{"COMMIT refs/heads/$(touch${IFS}marker)", "COMMIT refs/heads/`id`;id|id&&id"}, complete},
		{"ref: names that differ in case only", "file systems that take them for one", []string{"COMMIT refs/heads/TRUNK", "COMMIT refs/heads/Trunk"}, complete},
		{"ref: names that differ in their normal form", "file systems that take them for one", []string{"COMMIT refs/heads/\u00e9", "COMMIT refs/heads/e\u0301"}, complete},
		{"ref: below another", "P3", []string{"COMMIT refs/heads/a", "COMMIT refs/heads/a/b", "COMMIT refs/heads/a-b"}, left("refs/heads/a/b")},
		{"ref: below another that comes later", "P3", []string{"COMMIT refs/heads/trunk/b"}, left("refs/heads/trunk/b")},
		{"ref: one of ours", "names that we use", []string{"COMMIT refs/rehome/old/1"}, left("refs/rehome/old/1")},
		{"ref: replaces an object", "history that reads as another", []string{"COMMIT refs/replace/" + aTree}, left("refs/replace/" + aTree)},
		{"ref: twice", harmless, []string{"COMMIT refs/heads/a", "COMMIT refs/heads/a"}, complete},
		{"ref: twice at different objects", "finding 2 and its like", []string{"COMMIT refs/heads/a", aTree + " refs/heads/a"}, corrupt("refs/heads/a", "twice")},
		{"ref: at nothing", "P3", []string{strings.Repeat("0", 40) + " refs/heads/a"}, left("refs/heads/a")},
		{"ref: at an object that is missing", missing, []string{absent + " refs/heads/a"}, corrupt(absent, "refs/heads/a")},
		{"ref: an id that is none", broken, []string{"abc refs/heads/a"}, Outcome{Code: rehome.NotARepository}},
		{"ref: an id of another format", broken, []string{absent + absent[:24] + " refs/heads/a"}, Outcome{Code: rehome.NotARepository}},
		{"ref: a branch at a blob", mistaken, []string{aBlob + " refs/heads/a"}, left("refs/heads/a")},
		{"ref: a branch at a tree", mistaken, []string{aTree + " refs/heads/a"}, left("refs/heads/a")},
		{"ref: a branch at a tag", mistaken, []string{"TAG refs/heads/a"}, left("refs/heads/a")},
		{"ref: tags at a blob and at a tree", harmless, []string{aBlob + " refs/tags/a", aTree + " refs/tags/b"}, complete},
		{"ref: peels to what it does not name", "an answer that lies", []string{"TAG refs/tags/v peeled:" + aTree}, complete},
		{"ref: peels to what is missing", "an answer that lies", []string{"TAG refs/tags/v peeled:" + absent}, complete},
		{"ref: peels though it is a commit", "an answer that lies", []string{"COMMIT refs/heads/a peeled:" + absent}, complete},

		{"HEAD: missing", harmless, []string{"HEAD " + noHead}, complete},
		{"HEAD: detached", harmless, []string{"HEAD COMMIT HEAD"}, complete},
		{"HEAD: detached at what is missing", "P3", []string{"HEAD " + absent + " HEAD"}, left("HEAD")},
		{"HEAD: at a branch that is not there", harmless, []string{"HEAD COMMIT HEAD symref-target:refs/heads/gone"}, complete},
		{"HEAD: at a branch that was never born", harmless, []string{"HEAD unborn HEAD symref-target:refs/heads/gone"}, complete},
		{"HEAD: at a tag", harmless, []string{"HEAD COMMIT HEAD symref-target:refs/tags/v", "COMMIT refs/tags/v"}, complete},
		{"HEAD: at itself", "finding 2 and its like", []string{"HEAD COMMIT HEAD symref-target:HEAD"}, complete},
		{"HEAD: at a path", outside, []string{"HEAD COMMIT HEAD symref-target:refs/heads/../../config"}, complete},
		{"HEAD: at an option", "CVE-2018-17456", []string{"HEAD COMMIT HEAD symref-target:--upload-pack=x"}, complete},
		{"HEAD: at two branches", "finding 2", []string{"HEAD COMMIT HEAD symref-target:" + trunk + " symref-target:refs/heads/b"}, complete},
		{"HEAD: at a branch that is at a blob", mistaken, []string{"HEAD " + aBlob + " HEAD symref-target:refs/heads/a", aBlob + " refs/heads/a"}, left("refs/heads/a")},
		{"HEAD: twice", "finding 2 and its like", []string{"COMMIT HEAD", aTree + " HEAD"}, corrupt("HEAD", "twice")},
	} {
		all = append(all, made(c.name, c.why, func(r *repository) { r.lines(c.lines) }, c.want))
	}
	return all
}

const nameless = "finding 4: a name that git drops without a word"

// left is an import that goes on without a ref and lists it.
func left(name string) Outcome { return Outcome{Skipped: name} }

// lines adds what ls-refs says besides trunk, and instead of HEAD.
func (r *repository) lines(all []string) {
	commit := r.commit(aTree)
	ids := strings.NewReplacer("COMMIT", commit, "TAG", r.tag("commit", commit, "v"))
	r.trunk(commit)
	for _, l := range all {
		if head, ok := strings.CutPrefix(l, "HEAD"); ok {
			r.head = ids.Replace(strings.TrimSpace(head))
			continue
		}
		r.refs = append(r.refs, ids.Replace(l))
	}
}

func manyRefs() []Case {
	one := made("ref: one more than a limit", exhaustion, func(r *repository) {
		commit := r.commit(aTree)
		r.trunk(commit)
		for n := range 100 {
			r.ref(fmt.Sprintf("refs/heads/%d", n), commit)
		}
	}, limited("101"))
	one.Limits.Refs = 101 // and HEAD
	skipped := made("ref: far more than a limit, all left out", exhaustion, func(r *repository) {
		commit := r.commit(aTree)
		r.trunk(commit)
		for n := range 50_000 {
			r.ref(fmt.Sprintf("refs/pull/%d/head", n), commit)
		}
	}, limited("1000"))
	skipped.Limits.Refs = 1000
	return []Case{one, skipped, made("ref: 20,000 at one commit", exhaustion, func(r *repository) {
		commit := r.commit(aTree)
		r.trunk(commit)
		for n := range 20_000 {
			r.ref(fmt.Sprintf("refs/builds/%d/%d", n%100, n), commit)
		}
	}, complete)}
}
