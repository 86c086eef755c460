package survey

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"rehome/internal/git/object"
	"rehome/internal/git/repo"
	"rehome/internal/testenv"
)

// BenchmarkShape receives the repository that BENCH_REPOSITORY names, else one of 5,000 commits in 400 folders, with the
// shape of its history and without, and reports the processors' time.
func BenchmarkShape(b *testing.B) {
	from := os.Getenv("BENCH_REPOSITORY")
	if from == "" {
		from = filepath.Join(b.TempDir(), "from")
		testenv.FromStream(b, from, "sha1", wideStream())
	}
	pack := testenv.GitBytes(b, from, strings.NewReader(""), "pack-objects", "--all", "--stdout", "--delta-base-offset", "-q")
	for _, shape := range []bool{false, true} {
		b.Run(fmt.Sprint(shape), func(b *testing.B) {
			b.SetBytes(int64(len(pack)))
			var spent, finish time.Duration
			for b.Loop() {
				start := processorTime(b)
				finish += receiveOnce(b, pack, Options{Shape: shape})
				spent += processorTime(b) - start
			}
			b.ReportMetric(spent.Seconds()*1000/float64(b.N), "cpu-ms/op")
			b.ReportMetric(finish.Seconds()*1000/float64(b.N), "finish-ms/op")
		})
	}
}

// receiveOnce returns how long the end of the survey took.
func receiveOnce(b *testing.B, pack []byte, o Options) time.Duration {
	b.Helper()
	look := New(o)
	defer look.Close()
	into, err := repo.Init(filepath.Join(b.TempDir(), "raw"), object.SHA1)
	if err != nil {
		b.Fatal(err)
	}
	defer os.RemoveAll(into.Dir())
	if _, err = into.Receive(b.Context(), bytes.NewReader(pack), repo.ReceiveOptions{Visit: look.Visit, Workers: 2}); err != nil {
		b.Fatal(err)
	}
	objects, err := into.Objects()
	if err != nil {
		b.Fatal(err)
	}
	defer objects.Close()
	start := time.Now()
	r, err := look.Finish(b.Context(), objects, nil, "")
	if err != nil || (r.Shape != nil) != o.Shape {
		b.Fatal(err, r.Shape)
	}
	return time.Since(start)
}

func processorTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func wideStream() string {
	var s strings.Builder
	for n := range 5000 {
		fmt.Fprintf(&s, "commit refs/heads/main\nauthor P%d <p@x> %d +0000\ncommitter C <c@x> 1700000000 +0000\ndata 1\nx\n", n%97, n*40000)
		for k := range 3 {
			at := (n*7 + k*131) % 2000
			text := fmt.Sprintf("version %d of %d\n%s", n, at, strings.Repeat("a line\n", at%50))
			fmt.Fprintf(&s, "M 100644 inline d%d/e%d/f%d\ndata %d\n%s\n", at%20, at%400, at, len(text), text)
		}
	}
	return s.String()
}
