package lfs_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"rehome/internal/lfs"
	"rehome/internal/testenv"
)

const (
	hexA = "4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393"
	hexB = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

	version = "version https://git-lfs.github.com/spec/v1\n"
	oidA    = "oid sha256:" + hexA + "\n"
	size    = "size 12345\n"
	ext0    = "ext-0-foo sha256:" + hexB + "\n"
)

// blobs are pointers, and what nearly is one.
var blobs = map[string]bool{
	version + oidA + size:                                            true,
	version + oidA + "size 12345":                                    true,
	version + oidA + "size 12345   \n":                               true,
	"\n\t " + version + oidA + size + "\n\u00a0\n":                   true,
	strings.ReplaceAll(version+oidA+size, "\n", "\r\n"):              true,
	version + "\n\r\n" + oidA + "\n" + size:                          true,
	"version https://hawser.github.com/spec/v1\n" + oidA + size:      true,
	"version http://git-media.io/v/2\n" + oidA + size:                true,
	version + oidA + "size 0\n":                                      true,
	version + oidA + "size +12\n":                                    true,
	version + oidA + "size 0012\n":                                   true,
	version + oidA + "size 9223372036854775807\n":                    true,
	version + ext0 + "ext-1-bar sha256:" + hexA + "\n" + oidA + size: true,
	version + "ext-9-b.z sha256:" + hexA + "\n" + ext0 + oidA + size: true,
	ext0 + version + oidA + size:                                     true,
	version + oidA + ext0 + size:                                     true,
	version + ext0 + ext0 + oidA + size:                              true,
	version + "ext-0-foo nonsense\n" + ext0 + oidA + size:            true,
	version + "ext-0-a-b-- sha256:" + hexA + "\n" + oidA + size:      true,
	version + "ext-0-__ sha256:" + hexA + "\n" + oidA + size:         true,

	version + ext0 + "ext-0-foo nonsense\n" + oidA + size:            false,
	version + ext0 + "ext-0-bar sha256:" + hexA + "\n" + oidA + size: false,
	version + "ext-00-foo sha256:" + hexA + "\n" + oidA + size:       false,
	version + "ext-10-foo sha256:" + hexA + "\n" + oidA + size:       false,
	version + "ext-0- sha256:" + hexA + "\n" + oidA + size:           false,
	version + "ext-0--a sha256:" + hexA + "\n" + oidA + size:         false,
	version + "ext-x-a sha256:" + hexA + "\n" + oidA + size:          false,
	version + "ext-0-foo\n" + oidA + size:                            false,
	version + "ext-0-foo sha1:" + hexA + "\n" + oidA + size:          false,
	version + oidA + size + ext0:                                     false,
	version + oidA + size + size:                                     false,
	version + oidA + size + "x\n":                                    false,
	version + oidA + "size\n":                                        false,
	version + oidA + "size \n":                                       false,
	version + oidA + "size  1\n":                                     false,
	version + oidA + "size -1\n":                                     false,
	version + oidA + "size 1_000\n":                                  false,
	version + oidA + "size 0x10\n":                                   false,
	version + oidA + "size 1.5\n":                                    false,
	version + oidA + "size 9223372036854775808\n":                    false,
	version + oidA + "size 12\r345\n":                                false,
	version + oidA + "size 12345\r\r\nx":                             false,
	version + oidA:                                                   false,
	version + size:                                                   false,
	oidA + size:                                                      false,
	version + size + oidA:                                            false,
	oidA + version + size:                                            false,
	version + version + oidA + size:                                  false,
	version + "oid " + hexA + "\n" + size:                            false,
	version + "oid sha256:" + strings.ToUpper(hexA) + "\n" + size:    false,
	version + "oid sha256:" + hexA[1:] + "\n" + size:                 false,
	version + "oid sha256:" + hexA + "0\n" + size:                    false,
	version + "oid sha256: " + hexA + "\n" + size:                    false,
	version + "oid sha256:" + hexA + " \n" + size:                    false,
	version + "oid sha512:" + hexA + "\n" + size:                     false,
	version + "oid\tsha256:" + hexA + "\n" + size:                    false,
	version + " " + oidA + size:                                      false,
	"version https://git-lfs.github.com/spec/v2\n" + oidA + size:     false,
	"version https://git-lfs.github.com/spec/v1/\n" + oidA + size:    false,
	"Version https://git-lfs.github.com/spec/v1\n" + oidA + size:     false,
	"\ufeff" + version + oidA + size:                                 false,
	"\x00" + version + oidA + size:                                   false,
	version + oidA + size + "\x00":                                   false,
	"# git-media":                                                    false,
	"git-lfs":                                                        false,
	"version ":                                                       false,
	"ext-0-a":                                                        false,
}

// TestParsePointerAsGitLFSDoes asks git-lfs about each.
func TestParsePointerAsGitLFSDoes(t *testing.T) {
	file := filepath.Join(t.TempDir(), "blob")
	for blob, want := range blobs {
		if err := os.WriteFile(file, []byte(blob), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := testenv.Run(t.Context(), "", nil, "lfs", "pointer", "--check", "--file="+file)
		if (err == nil) != want {
			t.Errorf("git-lfs on %q: %v, want %t", blob, err, want)
		}
		o, got := lfs.ParsePointer([]byte(blob))
		if got != want {
			t.Errorf("%q: %t, want %t", blob, got, want)
		}
		if got && o.OID.String() != hexA {
			t.Errorf("%q: oid %s", blob, o.OID)
		}
	}
}

func TestParsePointerValues(t *testing.T) {
	for text, want := range map[string]int64{"12345": 12345, "0": 0, "+7": 7, "0007": 7, "9223372036854775807": 1<<63 - 1} {
		o, ok := lfs.ParsePointer([]byte(version + oidA + "size " + text))
		if !ok || o.Size != want {
			t.Errorf("size %q: %d, %t, want %d", text, o.Size, ok, want)
		}
	}
}

// TestPointersAreSmall fills a pointer up to the size of a blob that is none (git-lfs's lfs.BlobSizeCutoff).
func TestPointersAreSmall(t *testing.T) {
	pointer := version + oidA + size
	pad := func(n int) []byte { return fmt.Appendf(nil, "%s%*s", pointer, n-len(pointer), "\n") }
	if _, ok := lfs.ParsePointer(pad(lfs.MaxPointer - 1)); !ok {
		t.Error("one below the limit is none")
	}
	if _, ok := lfs.ParsePointer(pad(lfs.MaxPointer)); ok {
		t.Error("one at the limit is a pointer")
	}
	if _, ok := lfs.ParsePointer(nil); ok {
		t.Error("an empty blob is a pointer")
	}
}

// TestAppendPointer compares with what git-lfs writes.
func TestAppendPointer(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	for _, content := range []string{"", "a", strings.Repeat("content\n", 10_000)} {
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		want := testenv.Git(t, "", "lfs", "pointer", "--file="+file)
		o := objectOf(content)
		got := string(lfs.AppendPointer([]byte("before"), o))
		if strings.TrimSuffix(got, "\n") != "before"+want {
			t.Errorf("got %q, want %q", got, want)
		}
		if content == "" {
			continue
		}
		if back, ok := lfs.ParsePointer([]byte(got[len("before"):])); !ok || back != o {
			t.Errorf("read back %v, %t, want %v", back, ok, o)
		}
	}
}

func TestParsePointerAllocatesNothing(t *testing.T) {
	for _, blob := range []string{version + ext0 + oidA + size, "package lfs\n", version + "oid x\n"} {
		text := []byte(blob)
		if n := testing.AllocsPerRun(100, func() { lfs.ParsePointer(text) }); n > 0 {
			t.Errorf("%q: %v allocations", blob, n)
		}
	}
}

func TestParseOID(t *testing.T) {
	if o, err := lfs.ParseOID(hexA); err != nil || o.String() != hexA {
		t.Errorf("got %s, %v", o, err)
	}
	for _, text := range []string{"", hexA[1:], hexA + "0", strings.ToUpper(hexA), hexA[:63] + "g", hexA[:63] + "\n", hexA[:62] + "\r\n", "../" + hexA[3:], hexA[:32] + "/" + hexA[33:]} {
		if _, err := lfs.ParseOID(text); err == nil {
			t.Errorf("%q was read", text)
		}
	}
}

func BenchmarkParsePointer(b *testing.B) {
	for name, blob := range map[string]string{"pointer": version + oidA + size, "text": strings.Repeat("package lfs\n", 50)} {
		b.Run(name, func(b *testing.B) {
			text := []byte(blob)
			b.ReportAllocs()
			for b.Loop() {
				lfs.ParsePointer(text)
			}
		})
	}
}
