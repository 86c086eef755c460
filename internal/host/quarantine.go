package host

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"rehome"
	"rehome/internal/disk"
)

// pause is the time between looks at a quarantine. A look is short: a push has a hundred files there, or one pack.
const pause = time.Second

// watch returns a context that ends when what pushes have brought takes more room than it may. Git puts all of it into folders
// beside the objects, until it is checked; a small pack may become loose objects of many times its size there. end stops
// the watch and says why it ended the context, nil if it did not.
func (x *exchange) watch(ctx context.Context) (_ context.Context, end func() error) {
	x.entry.pushing(1)
	ctx, stop := context.WithCancelCause(ctx)
	var watch sync.WaitGroup
	var why error
	watch.Go(func() {
		tick := time.NewTicker(x.host.pause)
		defer tick.Stop()
		for why == nil {
			select {
			case <-tick.C:
				why = x.tooMuch()
			case <-ctx.Done():
				return
			}
		}
		stop(why)
	})
	return ctx, func() error {
		stop(nil)
		watch.Wait()
		x.entry.pushing(-1)
		return why
	}
}

// tooMuch looks at the disk. What a push has there does not say which it is, so that all of a repository have their sum together.
func (x *exchange) tooMuch() error {
	var low *disk.LowError
	if err := x.host.o.Floor.CheckRunning(); errors.As(err, &low) {
		return &rehome.Error{Code: rehome.DiskFull, Message: "The server's disk is nearly full. Push again later.", Err: low}
	}
	if size, most := quarantined(x.repo.Dir()), int64(x.entry.pushing(0))*x.host.o.MaxPush; size > most {
		return fmt.Errorf("a push of %d bytes on the disk: %w", size, errTooLarge)
	}
	return nil
}

// quarantined returns how many bytes pushes have in quarantine. Files come and go meanwhile.
func quarantined(dir string) (size int64) {
	objects := filepath.Join(dir, "objects")
	entries, _ := os.ReadDir(objects)
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), "tmp_objdir-") {
			size += sizeOf(filepath.Join(objects, e.Name()))
		}
	}
	return size
}

func sizeOf(folder string) (size int64) {
	filepath.WalkDir(folder, func(_ string, d fs.DirEntry, err error) error {
		if err != nil {
			return nil
		}
		if st, err := d.Info(); err == nil && st.Mode().IsRegular() {
			size += st.Size()
		}
		return nil
	})
	return size
}
