package hostile

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"rehome"
)

const spec = "version https://git-lfs.github.com/spec/v1\n"

// pointers are the cases with odd Git LFS pointers. OID stands for the id of a file that the source has, of five bytes.
func pointers() []Case {
	var all []Case
	const largest = "9223372036854775807"
	for _, c := range []struct {
		name, why, text string
		want            Outcome
	}{
		{"pointer: honest", "the others are this one, spoilt", spec + "oid sha256:OID\nsize 5\n", complete},
		{"pointer: to a file that is missing", "P3", spec + "oid sha256:" + strings.Repeat("a", 64) + "\nsize 5\n", Outcome{Code: rehome.LFSMissing, Says: []string{"pointer.bin"}}},
		{"pointer: of the pre-releases", harmless, "version https://hawser.github.com/spec/v1\noid sha256:OID\nsize 5\n", complete},
		{"pointer: with carriage returns", harmless, strings.ReplaceAll(spec+"oid sha256:OID\nsize 5\n", "\n", "\r\n"), complete},
		{"pointer: with extensions", harmless, spec + "ext-0-x sha256:OID\noid sha256:OID\nsize 5\n", complete},
		{"pointer: another version", harmless, "version https://example.com/v9\noid sha256:OID\nsize 5\n", complete},
		{"pointer: a path for an id", "oid path traversal", spec + "oid sha256:../../../../../../../../etc/passwd" + strings.Repeat("0", 30) + "\nsize 5\n", complete},
		{"pointer: a URL for an id", "oid path traversal", spec + "oid http://127.0.0.1/" + strings.Repeat("0", 50) + "\nsize 5\n", complete},
		{"pointer: upper case in an id", broken, spec + "oid sha256:" + strings.Repeat("A", 64) + "\nsize 5\n", complete},
		{"pointer: a short id", broken, spec + "oid sha256:" + strings.Repeat("a", 40) + "\nsize 5\n", complete},
		{"pointer: another hash", broken, spec + "oid md5:" + strings.Repeat("a", 32) + "\nsize 5\n", complete},
		{"pointer: NUL in it", broken, spec + "oid sha256:" + strings.Repeat("a", 64) + "\x00\nsize 5\n", complete},
		{"pointer: size below zero", broken, spec + "oid sha256:" + strings.Repeat("a", 64) + "\nsize -5\n", complete},
		{"pointer: size 2^63", broken, spec + "oid sha256:" + strings.Repeat("a", 64) + "\nsize 9223372036854775808\n", complete},
		{"pointer: size in hex", broken, spec + "oid sha256:" + strings.Repeat("a", 64) + "\nsize 0x5\n", complete},
		{"pointer: size 2^63-1", exhaustion, spec + "oid sha256:OID\nsize " + largest + "\n", lfsFails},
		{"pointer: more bytes than the file has", "P2", spec + "oid sha256:OID\nsize 6\n", lfsFails},
		{"pointer: fewer bytes than the file has", "P2", spec + "oid sha256:OID\nsize 4\n", lfsFails},
		{"pointer: to a file with other bytes", "P2", spec + "oid sha256:" + strings.Repeat("b", 64) + "\nsize 5\n", lfsFails},
		{"pointer: over 1 KiB", harmless, spec + "oid sha256:" + strings.Repeat("a", 64) + "\nsize 5\n" + strings.Repeat("\n", 1024), complete},
		{"pointer: twice in one", broken, strings.Repeat(spec+"oid sha256:"+strings.Repeat("a", 64)+"\nsize 5\n", 2), complete},
		{"pointer: lines in another order", broken, spec + "size 5\noid sha256:" + strings.Repeat("a", 64) + "\n", complete},
		{"pointer: terminal escapes", "CVE-2024-52005", spec + "ext-0-\x1b[2J sha256:OID\noid sha256:OID\nsize 5\n", complete},
	} {
		all = append(all, made(c.name, c.why, func(r *repository) {
			sum := sha256.Sum256([]byte("12345"))
			oid := hex.EncodeToString(sum[:])
			r.files[oid], r.files[strings.Repeat("b", 64)] = "12345", "12345"
			blob := r.blob(strings.ReplaceAll(c.text, "OID", oid))
			r.trunk(r.commit(r.tree(entry("100644", "pointer.bin", blob))))
		}, c.want))
	}
	return append(all, disagreeing())
}

// lfsFails is for a file that is not what a pointer says.
var lfsFails = Outcome{Code: rehome.LFSMissing, Says: []string{"pointer.bin"}}

// disagreeing has pointers that say different sizes of one file: what most say counts.
func disagreeing() Case {
	return made("pointer: 100 that disagree on a size", "P2", func(r *repository) {
		var entries []string
		sum := sha256.Sum256([]byte("12345"))
		oid := hex.EncodeToString(sum[:])
		r.files[oid] = "12345"
		for n := range 100 {
			size := 5
			if n%3 == 0 {
				size = n
			}
			blob := r.blob(fmt.Sprintf("%soid sha256:%s\nsize %d\n%s", spec, oid, size, strings.Repeat("\n", n)))
			entries = append(entries, entry("100644", fmt.Sprintf("%03d", n), blob))
		}
		r.trunk(r.commit(r.tree(entries...)))
	}, complete)
}
