//go:build !linux

package bucket

import "os"

// syncAll is for Linux.
func (g *group) syncAll() bool { return false }

// move gives a file another name on its disk, fs.ErrExist when there is a file of that name.
func move(file, path string) error { return link(file, path) }

// forget is for Linux.
func forget(*os.File) {}
