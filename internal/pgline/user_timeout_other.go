//go:build !linux

package pgline

import "time"

// setUserTimeout leaves it to probes: there is no such setting here.
func setUserTimeout(int, time.Duration) error { return nil }
