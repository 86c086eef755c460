//go:build !linux

package cage

// probe is for what only Linux can forbid.
func probe() {}
