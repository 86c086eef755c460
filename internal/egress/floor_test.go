package egress

import (
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"
)

// What crawls ends; what is slow, or has a busy reader, or takes a day, does not.
func TestFloor(t *testing.T) {
	for name, c := range map[string]struct {
		first, each time.Duration // before the first bytes, between the others
		bytes       int           // at a time
		busy        time.Duration // of the reader, after each
		ends        time.Duration // 0 for not in a day
	}{
		"a byte a minute":                {0, time.Minute, 1, 0, 2 * FloorWindow},
		"too slow":                       {0, time.Second, 1000, 0, 2 * FloorWindow},
		"fast enough":                    {0, time.Second, 1100, 0, 0},
		"large pieces, seldom":           {0, 5 * time.Minute, FloorBytes, 0, 0},
		"a busy reader":                  {0, time.Second, 100, time.Minute, 0},
		"counting for most of an hour":   {55 * time.Minute, time.Second, 4096, 0, 0},
		"counting for ever":              {100 * time.Hour, time.Second, 4096, 0, floorBegin * FloorWindow},
		"counting, and then a byte each": {15 * time.Minute, time.Minute, 1, 0, 3 * FloorWindow},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r, w := io.Pipe()
				f := NewFloor(func() { r.CloseWithError(errors.New("dropped")) })
				start := time.Now()
				go func() {
					time.Sleep(c.first)
					for time.Since(start) < 24*time.Hour {
						if _, err := w.Write(make([]byte, c.bytes)); err != nil {
							return
						}
						time.Sleep(c.each)
					}
					w.Close()
				}()
				in, buf := f.Reader(r), make([]byte, FloorBytes)
				var err error
				for err == nil {
					_, err = in.Read(buf)
					time.Sleep(c.busy)
				}
				took := time.Since(start)
				f.Stop()
				if c.ends == 0 {
					if err != io.EOF || f.Explain(nil) != nil {
						t.Errorf("ended after %v: %v", took, err)
					}
					return
				}
				if !errors.Is(f.Explain(err), ErrIdle) || took != c.ends {
					t.Errorf("ended after %v: %v; want %v", took, err, c.ends)
				}
				time.Sleep(200 * time.Hour) // for the writer to notice
			})
		})
	}
}

// What is stopped ends nothing.
func TestStoppedFloor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := NewFloor(func() { t.Error("it ended something") })
		r, w := io.Pipe()
		go func() {
			f.Writer(w).Write([]byte("x"))
		}()
		f.Stop()
		time.Sleep(24 * time.Hour)
		r.Close()
	})
}
