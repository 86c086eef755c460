package repo

import (
	"context"
	"fmt"
	"io"

	"golang.org/x/sys/unix"

	"rehome/internal/disk"
	"rehome/internal/git/pack"
)

// ReceiveOptions say how a pack is received. Zero fields take pack's defaults.
type ReceiveOptions struct {
	Limits   pack.Limits
	Visit    pack.Visit
	Progress func(pack.Progress)
	Workers  int
}

// Received is what a pack held and where it went.
type Received struct {
	pack.Summary
	HistoryName string // base name as "pack-<hex>", "" when the pack would have been empty
	ContentName string
}

// Objects returns how many objects the pack held.
func (r Received) Objects() int64 { return r.Commits + r.Tags + r.Trees + r.Blobs }

// Receive reads one whole pack from in and adds it to r as a history pack (commits,
// tags) and a content pack (trees, blobs), each with its index. Both are there, synced,
// when it returns; after an error neither is, nor anything else.
func (r *Repo) Receive(ctx context.Context, in io.Reader, o ReceiveOptions) (got Received, err error) {
	err = r.incoming(func(dir string) error {
		got, err = r.receive(ctx, in, o, dir)
		return err
	})
	if err != nil {
		return Received{}, err
	}
	return got, nil
}

// receive is Receive with dir to work in.
func (r *Repo) receive(ctx context.Context, in io.Reader, o ReceiveOptions, dir string) (got Received, err error) {
	files, err := createAll(dir, "history.pack", "history.idx", "content.pack", "content.idx", "pending")
	if err != nil {
		return Received{}, err
	}
	defer closeAll(files)
	got.Summary, err = pack.Receive(ctx, in, pack.Options{
		Format: r.format, Limits: o.Limits, Visit: o.Visit, Progress: o.Progress, Workers: o.Workers,
		Storage: pack.Storage{
			History: files[0], HistoryIndex: files[1],
			Content: files[2], ContentIndex: files[3],
			Pending: files[4],
			Map: func(f pack.File, size int64) ([]byte, func(), error) {
				return mapFile(f.(*disk.File).File, size, unix.PROT_READ)
			},
			Scratch: Scratch(dir),
		},
	})
	if err != nil {
		return Received{}, err
	}
	got.HistoryName, got.ContentName = packName(got.History), packName(got.Content)
	if err := r.install(map[string][]*disk.File{got.HistoryName: files[0:2], got.ContentName: files[2:4]}); err != nil {
		return Received{}, fmt.Errorf("install packs: %w", err)
	}
	return got, nil
}
