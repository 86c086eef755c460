package compute

import (
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// TestLimit: no more than so many compute at once, everybody comes to it, and a long turn is passed on.
func TestLimit(t *testing.T) {
	const most, all = 3, 20
	synctest.Test(t, func(t *testing.T) {
		Limit(most)
		defer Limit(0)
		if Processors() != most {
			t.Errorf("%d processors, want %d", Processors(), most)
		}
		var at, peak, steps atomic.Int32
		var wg sync.WaitGroup
		first := make(chan int, all)
		for n := range all {
			wg.Go(func() {
				turn := Take()
				defer turn.Give()
				first <- n
				for range 10 {
					if now := at.Add(1); now > peak.Load() {
						peak.Store(now)
					}
					time.Sleep(slice) // stands for computing
					at.Add(-1)
					steps.Add(1)
					turn.Pass()
				}
			})
		}
		time.Sleep(slice * all / most * 2)
		synctest.Wait()
		if len(first) != all {
			t.Errorf("after two rounds %d of %d had a turn", len(first), all)
		}
		wg.Wait()
		if peak.Load() != most || steps.Load() != 10*all {
			t.Errorf("%d computed at once, %d steps", peak.Load(), steps.Load())
		}
	})
}

// TestReader: who waits for a source keeps nobody waiting.
func TestReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		Limit(1)
		defer Limit(0)
		in, out := io.Pipe()
		done := make(chan string)
		go func() {
			turn := Take()
			defer turn.Give()
			b, err := io.ReadAll(turn.Reader(in))
			if err != nil {
				t.Error(err)
			}
			done <- string(b)
		}()
		synctest.Wait()
		other := Take() // would wait for ever
		other.Give()
		if _, err := io.Copy(out, strings.NewReader("a pack")); err != nil {
			t.Fatal(err)
		}
		out.Close()
		if got := <-done; got != "a pack" {
			t.Errorf("read %q", got)
		}
	})
}

// TestReaderReadsOn: who has to line up after each read gets much of what came meanwhile, and what there is when nothing more does.
func TestReaderReadsOn(t *testing.T) {
	for _, c := range []struct {
		name    string
		every   time.Duration // a piece comes
		compete bool
		want    int // pieces in a read
	}{
		{"others compute", slice / 8, true, 9},
		{"others compute, a slow source", 10 * slice, true, 2},
		{"nobody else", slice / 8, false, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				Limit(1)
				defer Limit(0)
				var stop atomic.Bool
				var wg sync.WaitGroup
				defer wg.Wait()
				defer stop.Store(true)
				turn := Take()
				defer turn.Give()
				in := turn.Reader(pieces(c.every))
				if c.compete {
					wg.Go(func() {
						other := Take()
						defer other.Give()
						for !stop.Load() {
							time.Sleep(slice)
							other.Pass()
						}
					})
				}
				for range 3 {
					n, err := in.Read(make([]byte, 1000))
					if n != c.want || err != nil {
						t.Errorf("read %d pieces, %v; want %d", n, err, c.want)
					}
				}
			})
		})
	}
}

// pieces is a source of which a byte comes every so often.
type pieces time.Duration

func (p pieces) Read(b []byte) (int, error) {
	time.Sleep(time.Duration(p))
	b[0] = 'x'
	return 1, nil
}

// TestNoLimit: nothing waits.
func TestNoLimit(t *testing.T) {
	for range 100 {
		turn := Take()
		turn.Pass()
		defer turn.Give()
	}
}

func BenchmarkPass(b *testing.B) {
	Limit(1)
	defer Limit(0)
	turn := Take()
	defer turn.Give()
	for b.Loop() {
		turn.Pass()
	}
}
