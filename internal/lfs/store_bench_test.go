package lfs_test

import (
	"encoding/binary"
	"fmt"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// BenchmarkKeepMany keeps new objects, as many at a time as rewrites and downloads do.
func BenchmarkKeepMany(b *testing.B) {
	for _, size := range []int{200, 2 << 20} {
		b.Run(fmt.Sprintf("%dB", size), func(b *testing.B) {
			s, _ := open(b)
			b.SetBytes(int64(size))
			b.ReportAllocs()
			before := cpuTime(b)
			var n atomic.Int64
			var wg sync.WaitGroup
			for range 128 {
				wg.Go(func() {
					content := make([]byte, size)
					for {
						i := n.Add(1)
						if i > int64(b.N) {
							return
						}
						binary.LittleEndian.PutUint64(content, uint64(i))
						w, err := s.Create()
						if err != nil {
							b.Error(err)
							return
						}
						w.Write(content) //nolint:errcheck // Keep tells
						if _, err := w.Keep(b.Context()); err != nil {
							b.Error(err)
						}
						w.Close() //nolint:errcheck // kept
					}
				})
			}
			wg.Wait()
			b.ReportMetric(float64(cpuTime(b)-before)/float64(b.N), "cpu-ns/op")
		})
	}
}

// cpuTime is what the process and the kernel have used for it.
func cpuTime(b *testing.B) time.Duration {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
