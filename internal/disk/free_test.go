package disk_test

import (
	"errors"
	"testing"

	"rehome/internal/disk"
)

func TestFree(t *testing.T) {
	if n, err := disk.Free(t.TempDir()); err != nil || n <= 0 {
		t.Errorf("%d bytes are free: %v", n, err)
	}
	if _, err := disk.Free("/no/such/folder"); err == nil {
		t.Error("a folder that is not there has room")
	}
}

func TestSize(t *testing.T) {
	dir := t.TempDir()
	free, err := disk.Free(dir)
	if all, errAll := disk.Size(dir); err != nil || errAll != nil || all < free {
		t.Errorf("%d of %d bytes are free: %v, %v", free, all, err, errAll)
	}
	if _, err := disk.Size("/no/such/folder"); err == nil {
		t.Error("a folder that is not there has a size")
	}
}

func TestFloor(t *testing.T) {
	has := int64(0)
	disk.FreeBy(func(string) (int64, error) { return has, nil })
	t.Cleanup(func() { disk.FreeBy(nil) })
	for _, c := range []struct {
		has, least     int64
		begins, goesOn bool
	}{
		{0, 0, true, true},
		{0, 100, false, false},
		{49, 100, false, false},
		{50, 100, false, true},
		{99, 100, false, true},
		{100, 100, true, true},
	} {
		has = c.has
		f := disk.Floor{Least: c.least}
		var low *disk.LowError
		if err := f.Check(); (err == nil) != c.begins || err != nil && (!errors.As(err, &low) || low.Free != c.has || low.Least != c.least) {
			t.Errorf("%+v: new work: %v", c, err)
		}
		if err := f.CheckRunning(); (err == nil) != c.goesOn {
			t.Errorf("%+v: what runs: %v", c, err)
		}
	}
}
