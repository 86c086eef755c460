package main

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/spf13/pflag"

	"rehome/internal/bucket"
	"rehome/internal/disk"
	"rehome/internal/importer"
)

// keepingFlags say how long what imports leave is kept, and how much room has to be left on the disk.
type keepingFlags struct {
	raw     duration
	minFree size
}

func (f *keepingFlags) add(flags *pflag.FlagSet) {
	f.raw, f.minFree = duration(30*day), 1<<30
	flags.Var(&f.raw, "keep-raw", "how long what an import fetched is kept after its last use; a later change fetches it again (0: until the import is deleted)")
	flags.Var(&f.minFree, "min-free", "room on the data folder's disk below which no new work is taken (0: no limit)")
}

// keeping is what the importer is told of it.
func (f *keepingFlags) keeping(dir data, in bucket.Bucket) importer.Keeping {
	return importer.Keeping{Raw: time.Duration(f.raw), Floor: f.floor(dir), Bucket: in}
}

// floor is how much room is left on the data folder's disk.
func (f *keepingFlags) floor(dir data) disk.Floor {
	return disk.Floor{Dir: string(dir), Least: int64(f.minFree)}
}

// keepTidy removes what nothing needs any more until the parts are closed.
func (p *parts) keepTidy() {
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { p.importer.KeepTidy(ctx) })
	p.later(func() {
		stop()
		running.Wait()
	})
}

const day = 24 * time.Hour

// duration is a time as a flag: "30d", "12h", "1d12h", "0".
type duration time.Duration

// Set fills pflag.Value.
func (s *duration) Set(text string) error {
	days, rest, found := strings.Cut(text, "d")
	if !found {
		days, rest = "0", text
	}
	n, err := strconv.ParseInt(days, 10, 64)
	var d time.Duration
	if err == nil && rest != "" {
		d, err = time.ParseDuration(rest)
	}
	if most := int64(math.MaxInt64 / 2 / day); err != nil || text == "" || n < 0 || n > most || d < 0 || d > math.MaxInt64/4 {
		return fmt.Errorf("%q is not a time such as 30d or 12h", text)
	}
	*s = duration(time.Duration(n)*day + d)
	return nil
}

func (s *duration) String() string {
	d := time.Duration(*s)
	if d != 0 && d%day == 0 {
		return strconv.FormatInt(int64(d/day), 10) + "d"
	}
	return d.String()
}

// Type fills pflag.Value.
func (*duration) Type() string { return "TIME" }
