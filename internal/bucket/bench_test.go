package bucket_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"rehome/internal/bucket"
	"rehome/internal/testenv"
)

// The sizes of a commit map, an ordinary LFS object and a pack.
var benchSizes = []int{4 << 10, 1 << 20, 64 << 20}

func BenchmarkFolder(b *testing.B) {
	for _, size := range benchSizes {
		dir := b.TempDir()
		f, err := bucket.NewFolder(filepath.Join(dir, "files"))
		if err != nil {
			b.Fatal(err)
		}
		content := make([]byte, size)
		file := filepath.Join(dir, "file")
		keep := func(b *testing.B, keep func(key string) error) {
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				b.StopTimer()
				os.Remove(file) //nolint:errcheck // it may have been taken
				if err := os.WriteFile(file, content, 0o600); err != nil {
					b.Fatal(err)
				}
				if err := f.Remove(b.Context(), "a/key"); err != nil {
					b.Fatal(err)
				}
				b.StartTimer()
				if err := keep("a/key"); err != nil {
					b.Fatal(err)
				}
			}
		}
		b.Run(fmt.Sprintf("Take/%d", size), func(b *testing.B) {
			keep(b, func(key string) error { return bucket.Take(b.Context(), f, key, file) })
		})
		b.Run(fmt.Sprintf("Put/%d", size), func(b *testing.B) {
			keep(b, func(key string) error { return f.Put(b.Context(), key, file) })
		})
		b.Run(fmt.Sprintf("Get/%d", size), func(b *testing.B) { get(b, f, "a/key", size) })
	}
}

func BenchmarkS3(b *testing.B) {
	v := testenv.NewVersity(b, "files")
	s := openS3(b, v, v.URL, "")
	for _, size := range benchSizes {
		file := random(b, size)
		key := fmt.Sprintf("key-%d", size)
		b.Run(fmt.Sprintf("Put/%d", size), func(b *testing.B) {
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				if err := s.Put(b.Context(), key, file); err != nil {
					b.Fatal(err)
				}
				b.StopTimer()
				if err := s.Remove(b.Context(), key); err != nil {
					b.Fatal(err)
				}
				b.StartTimer()
			}
		})
		if err := s.Put(b.Context(), key, file); err != nil {
			b.Fatal(err)
		}
		b.Run(fmt.Sprintf("Get/%d", size), func(b *testing.B) { get(b, s, key, size) })
	}
}

func get(b *testing.B, from bucket.Bucket, key string, size int) {
	file := filepath.Join(b.TempDir(), "got")
	b.SetBytes(int64(size))
	b.ReportAllocs()
	for b.Loop() {
		if err := bucket.Get(b.Context(), from, key, file); err != nil {
			b.Fatal(err)
		}
	}
}
