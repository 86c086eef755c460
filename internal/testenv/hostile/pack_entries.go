package hostile

import (
	"bytes"
	"compress/zlib"
	"math/rand/v2"
	"strings"

	"rehome/internal/git/pack"
)

// entries are the cases with single entries of a pack that are wrong, or many that make much of little.
func entries() []Case {
	var all []Case
	for _, c := range []struct {
		name, why string
		add       func(r *repository)
		want      Outcome
	}{
		{"entry: type 0", broken, func(r *repository) { r.pack.add(0, "", "x") }, damaged("type 0")},
		{"entry: type 5", broken, func(r *repository) { r.pack.add(5, "", "x") }, damaged("type 5")},
		{"entry: a size over 64 bits", broken, func(r *repository) { r.raw(strings.Repeat("\xff", 12) + "\x01") }, damaged("64 bits")},
		{"entry: says fewer bytes than it holds", broken, sized(4, "12345"), damaged()},
		{"entry: says more bytes than it holds", broken, sized(6, "12345"), damaged()},
		{"entry: says none and holds some", broken, sized(0, "12345"), damaged()},
		{"entry: says 1 TiB", "finding 6", sized(1<<40, "12345"), limited("1099511627776")},
		{"entry: says 2^63 bytes", "finding 6", sized(1<<63, "12345"), damaged("64 bits")},
		{"entry: a commit that says 1 GiB", "finding 6", func(r *repository) { r.pack.raw(typeCommit, 1<<30, "", deflated("x")) }, limited("bytes in a commit")},
		{"entry: a tree that says 1 GiB", "finding 6", func(r *repository) { r.pack.raw(typeTree, 1<<30, "", deflated("x")) }, limited("bytes in a tree")},
		{"entry: no stream", broken, func(r *repository) { r.pack.raw(typeBlob, 5, "", nil) }, damaged()},
		{"entry: a stream that is none", broken, func(r *repository) { r.pack.raw(typeBlob, 5, "", []byte("not deflated at all")) }, damaged()},
		{"entry: a stream with a dictionary", broken, func(r *repository) { r.pack.raw(typeBlob, 5, "", withDictionary("12345")) }, damaged()},
		{"entry: a wrong checksum in a stream", broken, func(r *repository) { r.pack.raw(typeBlob, 5, "", spoilt(deflated("12345"), -1)) }, damaged()},
		{"entry: a stream with bytes behind it", broken, func(r *repository) { r.pack.raw(typeBlob, 5, "", append(deflated("12345"), 0, 0)) }, damaged()},
		{"entry: a large stream with a wrong checksum", broken, func(r *repository) { r.pack.raw(typeBlob, 1<<20, "", spoilt(deflated(strings.Repeat("x", 1<<20)), -1)) }, damaged()},
		{"entry: a large stream that says too little", broken, func(r *repository) { r.pack.raw(typeBlob, 1<<20, "", deflated(strings.Repeat("x", 2<<20))) }, damaged()},
		{"entry: a bomb that says 100 bytes", "finding 6", func(r *repository) { r.pack.raw(typeBlob, 100, "", deflated(strings.Repeat("\x00", 16<<20))) }, damaged()},
		{"entry: a bomb that says what it is", "finding 6", func(r *repository) { r.pack.add(typeBlob, "", strings.Repeat("\x00", 8<<20)) }, limited("8388608", "4194304")},
		{"entry: many blobs that nothing names", harmless, func(r *repository) { many(1000, func(n int) { r.blob(random(10, n)) }) }, complete},
		{"entry: one object 1,000 times", harmless, func(r *repository) { many(1000, func(int) { r.blob("content\n") }) }, complete},
		{"entry: one commit 100 times", harmless, func(r *repository) { many(100, func(int) { r.commit(aTree) }) }, complete},
		{"entry: an odd commit that nothing names", harmless, func(r *repository) { r.named(r.object(typeCommit, "tree "+aTree+"\n\n")) }, warned("missing_author missing_committer")},
		{"entry: a dangerous tree that nothing names", dotgit, func(r *repository) { r.named(r.tree(folder(".git"))) }, unsafe("has_dotgit")},

		{"delta: offset before the start", broken, func(r *repository) { r.pack.add(typeOffset, back(r.pack.next()+1), delta(8, 8, copied(8))) }, damaged("no entry")},
		{"delta: offset into the header of the pack", broken, func(r *repository) { r.pack.add(typeOffset, back(r.pack.next()-4), delta(8, 8, copied(8))) }, damaged("no entry")},
		{"delta: offset into the middle of an entry", broken, func(r *repository) { r.pack.add(typeOffset, back(r.pack.next()-13), delta(8, 8, copied(8))) }, damaged("no entry")},
		{"delta: offset 0", broken, func(r *repository) { r.pack.add(typeOffset, "\x00", delta(8, 8, copied(8))) }, damaged("own base")},
		{"delta: offset over 64 bits", broken, func(r *repository) { r.raw("\x61" + strings.Repeat("\xff", 12) + "\x01" + string(deflated("x"))) }, damaged("64 bits")},
		{"delta: base that is missing", "a thin pack that cannot be completed", func(r *repository) { r.pack.add(typeRef, rawID(absent), delta(8, 8, copied(8))) }, damaged("base")},
		{"delta: two that wait for one that is missing", "a thin pack that cannot be completed", func(r *repository) {
			at := r.pack.add(typeRef, rawID(absent), delta(8, 8, copied(8)))
			r.pack.add(typeOffset, back(r.pack.next()-at), delta(8, 8, copied(8)))
		}, damaged("base")},
		{"delta: base that comes later", harmless, func(r *repository) {
			r.pack.add(typeRef, rawID(idOf(typeBlob, "comes later\n")), delta(12, 13, copied(12), inserted("!")))
			r.blob("comes later\n")
		}, complete},
		{"delta: makes what is there whole", harmless, func(r *repository) { r.pack.add(typeRef, rawID(aBlob), delta(8, 8, copied(8))) }, complete},
		{"delta: makes a tree that is cut short", broken, func(r *repository) {
			r.pack.add(typeRef, rawID(aTree), delta(uint64(len(file("README"))), 33, copied(33)))
		}, corrupt("bad_tree")},
		{"delta: makes a dangerous tree", dotgit, func(r *repository) {
			r.pack.add(typeRef, rawID(aTree), delta(uint64(len(file("README"))), 66, inserted(file(".git")), copied(34)))
		}, unsafe(`".git"`, "has_dotgit")},
		{"delta: base of another size", broken, onBlob(delta(9, 8, copied(8))), damaged()},
		{"delta: makes less than it says", broken, onBlob(delta(8, 9, copied(8))), damaged()},
		{"delta: makes more than it says", broken, onBlob(delta(8, 7, copied(8))), damaged()},
		{"delta: copies from behind the base", broken, onBlob(delta(8, 16, copied(16))), damaged()},
		{"delta: copies from far behind the base", broken, onBlob(delta(8, 8, "\xff\xff\xff\xff\xff\x08\x00\x00")), damaged()},
		{"delta: reserved instruction", broken, onBlob(delta(8, 8, "\x00", copied(8))), damaged()},
		{"delta: ends in an instruction", broken, onBlob(delta(8, 8, "\x08con")), damaged()},
		{"delta: empty", broken, onBlob(""), damaged()},
		{"delta: sizes over 64 bits", broken, onBlob(strings.Repeat("\xff", 11)), damaged()},
		{"delta: says 1 TiB", "finding 6", onBlob(delta(8, 1<<40, copied(8))), limited("1099511627776")},
		{"delta: makes nothing", harmless, onBlob(delta(8, 0)), complete},
		{"delta: 10,000 on one another", exhaustion, chain(10_000), complete},
		{"delta: 20,000 on one another", exhaustion, chain(20_000), limited("deltas on one another", "16384")},
		{"delta: a bomb of 16 KiB", "finding 6", bomb, limited("limit of 4194304")},
	} {
		one := made(c.name, c.why, func(r *repository) {
			r.trunk(r.commit(aTree))
			c.add(r)
		}, c.want)
		one.Limits.Pack = pack.Limits{ObjectBytes: 4 << 20, HeldBytes: 4 << 20}
		all = append(all, one)
	}
	return all
}

// raw adds an entry that is just bytes.
func (r *repository) raw(b string) {
	r.pack.body.WriteString(b)
	r.pack.count++
}

// sized adds a blob that says it has so many bytes.
func sized(size uint64, content string) func(*repository) {
	return func(r *repository) { r.pack.raw(typeBlob, size, "", deflated(content)) }
}

// onBlob adds a delta with aBlob for its base, which has 8 bytes.
func onBlob(delta string) func(*repository) {
	return func(r *repository) { r.pack.add(typeRef, rawID(aBlob), delta) }
}

// chain has so many deltas, each on the last.
func chain(n int) func(*repository) {
	return func(r *repository) {
		at := r.pack.add(typeBlob, "", "0123456789")
		many(n, func(i int) {
			text := string([]byte{'a' + byte(i%26), 'a' + byte(i/26%26), 'a' + byte(i/676%26)})
			at = r.pack.add(typeOffset, back(r.pack.next()-at), delta(10, 10, copied(7), inserted(text)))
		})
	}
}

// bomb makes 1 GiB of 16 MiB less one, by copying them again and again.
func bomb(r *repository) {
	const base = 4<<20 - 1
	at := r.pack.add(typeBlob, "", strings.Repeat("\x00", base))
	r.pack.add(typeOffset, back(r.pack.next()-at), delta(base, 256*base, strings.Repeat(copied(base), 256)))
}

func many(n int, f func(int)) {
	for i := range n {
		f(i)
	}
}

// random is n bytes that do not compress.
func random(n, seed int) string {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8)}).Read(b)
	return string(b)
}

// spoilt flips a bit of the byte at at, below zero from the end.
func spoilt(b []byte, at int) []byte {
	b[len(b)+at] ^= 1
	return b
}

func withDictionary(content string) []byte {
	var b bytes.Buffer
	z, err := zlib.NewWriterLevelDict(&b, zlib.DefaultCompression, []byte("12345"))
	if err != nil {
		panic(err) // the level is a constant
	}
	z.Write([]byte(content))
	z.Close()
	return b.Bytes()
}
