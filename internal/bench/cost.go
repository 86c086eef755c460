package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"rehome/internal/testenv"
)

// cost is what a run took.
type cost struct {
	cpu    float64 // user and system seconds, with children
	wall   float64 // seconds
	memory int64   // peak anonymous bytes of the process and its children together
}

func (c cost) plus(d cost) cost {
	return cost{c.cpu + d.cpu, c.wall + d.wall, max(c.memory, d.memory)}
}

// timed runs a program to its end. out takes its standard output and may be nil.
func timed(ctx context.Context, out io.Writer, env []string, name string, args ...string) (cost, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = env
	cmd.Stdout = out
	var said strings.Builder
	cmd.Stderr = &said
	start := time.Now()
	if err := cmd.Start(); err != nil {
		return cost{}, err
	}
	peak := testenv.WatchMemory(cmd.Process.Pid)
	err := cmd.Wait()
	wall := time.Since(start).Seconds()
	memory := peak()
	if err != nil {
		return cost{}, fmt.Errorf("%s %s: %w: %s", filepath.Base(name), args[0], err, strings.TrimSpace(said.String()))
	}
	state := cmd.ProcessState // its times hold the children it waited for
	return cost{(state.UserTime() + state.SystemTime()).Seconds(), wall, memory}, nil
}

// clockTick is the unit of /proc/PID/stat: Linux shows a hundredth of a second everywhere.
const clockTick = 0.01

// processorTime returns the seconds a running process and the children it waited for have used.
func processorTime(pid int) (float64, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	fields := strings.Fields(rest) // from state, the third field of proc(5)
	var ticks int64
	for _, n := range []int{11, 12, 13, 14} { // utime, stime, cutime, cstime
		value, err := strconv.ParseInt(fields[n], 10, 64)
		if err != nil {
			return 0, err
		}
		ticks += value
	}
	return float64(ticks) * clockTick, nil
}
