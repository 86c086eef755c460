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
	peak := watchMemory(cmd.Process.Pid)
	err := cmd.Wait()
	wall := time.Since(start).Seconds()
	memory := peak()
	if err != nil {
		return cost{}, fmt.Errorf("%s %s: %w: %s", filepath.Base(name), args[0], err, strings.TrimSpace(said.String()))
	}
	state := cmd.ProcessState // its times hold the children it waited for
	return cost{(state.UserTime() + state.SystemTime()).Seconds(), wall, memory}, nil
}

// memoryEvery is how often the anonymous memory is looked at.
const memoryEvery = 10 * time.Millisecond

// watchMemory follows a process and its children until the function it returns is called, which gives the peak.
func watchMemory(pid int) (peak func() int64) {
	stop, done := make(chan struct{}), make(chan int64)
	go func() {
		var highest int64
		tick := time.NewTicker(memoryEvery)
		defer tick.Stop()
		for {
			highest = max(highest, anonymous(pid))
			select {
			case <-stop:
				done <- highest
				return
			case <-tick.C:
			}
		}
	}()
	return func() int64 {
		close(stop)
		return <-done
	}
}

// anonymous returns RssAnon of a process and all below it, in bytes; 0 once it is gone.
func anonymous(pid int) int64 {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	var sum int64
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "RssAnon:"); ok {
			kib, _ := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			sum = kib << 10
		}
	}
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, task := range tasks {
		children, _ := os.ReadFile(task)
		for _, child := range strings.Fields(string(children)) {
			if n, err := strconv.Atoi(child); err == nil {
				sum += anonymous(n)
			}
		}
	}
	return sum
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
