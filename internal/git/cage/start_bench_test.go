package cage

import (
	"bytes"
	"path/filepath"
	"testing"

	"rehome/internal/testenv"
)

// BenchmarkStart is what a request costs before git does anything for it: start, one advertisement, end.
func BenchmarkStart(b *testing.B) {
	dir := filepath.Join(b.TempDir(), "small.git")
	testenv.Synthetic(b, dir, "sha1", testenv.Size{Commits: 3, Files: 1, Lines: 1})
	for b.Loop() {
		var out bytes.Buffer
		k, err := Start(b.Context(), Command{Program: UploadPack, Mode: Advertise, Dir: dir, Protocol: "version=2", Stdout: &out})
		if err != nil {
			b.Fatal(err)
		}
		if _, err := k.Wait(); err != nil || out.Len() == 0 {
			b.Fatal(err, k.Said())
		}
	}
}
