package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"rehome/internal/disk"
	"rehome/internal/fault"
)

// faultIn names the variable that makes this test binary rehome itself: it runs the command line that it is given and
// meets the fault that the variable has, none when that is empty. What is released knows of no such thing.
//
//	kill POINT N          kills itself when it passes the point for the Nth time
//	stop POINT N          stops there, until somebody has it go on
//	kill-change N         kills itself in front of the Nth change of the disk
//	hang-change N         never comes back from the Nth change of the disk
//	ENOSPC N TIMES        fails that many changes of the disk from the Nth on; EIO the same
//
// Spaces in the name of a point are underscores.
const faultIn = "REHOME_TEST_FAULT"

func TestMain(m *testing.M) {
	if wanted, ok := os.LookupEnv(faultIn); ok {
		if err := meet(strings.Fields(wanted)); err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", faultIn, err)
			os.Exit(2)
		}
		main()
	}
	os.Exit(m.Run())
}

// meet has this process meet a fault.
func meet(words []string) error {
	if len(words) == 0 {
		return nil
	}
	numbers := make([]int64, 0, 2)
	for _, word := range words[1:] {
		if n, err := strconv.ParseInt(word, 10, 64); err == nil {
			numbers = append(numbers, n)
		}
	}
	kinds := map[string]struct {
		numbers int
		meet    func()
	}{
		"kill":        {1, func() { at(words[1], numbers[0], syscall.SIGKILL) }},
		"stop":        {1, func() { at(words[1], numbers[0], syscall.SIGSTOP) }},
		"kill-change": {1, func() { changes(numbers[0], 1, 0) }},
		"hang-change": {1, func() { hang(numbers[0]) }},
		"ENOSPC":      {2, func() { changes(numbers[0], numbers[1], syscall.ENOSPC) }},
		"EIO":         {2, func() { changes(numbers[0], numbers[1], syscall.EIO) }},
	}
	kind, known := kinds[words[0]]
	if !known || kind.numbers != len(numbers) {
		return fmt.Errorf("unknown %q", words)
	}
	kind.meet()
	return nil
}

// at sends this process a signal when it passes a point for the nth time.
func at(point string, nth int64, signal syscall.Signal) {
	var passed atomic.Int64
	fault.Set(func(name string) {
		if strings.ReplaceAll(name, " ", "_") == point && passed.Add(1) == nth {
			send(signal)
		}
	})
}

// changes has changes of the disk fail, from the nth on; 0 for an error kills this process instead.
func changes(nth, times int64, with syscall.Errno) {
	var passed atomic.Int64
	disk.Fail(func(disk.Op, string) error {
		switch n := passed.Add(1); {
		case n < nth || n >= nth+times:
			return nil
		case with == 0:
			send(syscall.SIGKILL)
		}
		fmt.Fprintf(os.Stderr, "fault met: %v\n", with)
		return with
	})
}

// hang has the nth change of the disk take for ever.
func hang(nth int64) {
	var passed atomic.Int64
	disk.Fail(func(disk.Op, string) error {
		if passed.Add(1) == nth {
			fmt.Fprintln(os.Stderr, "fault met: hangs")
			select {}
		}
		return nil
	})
}

// send does not return before the signal is there, nor after SIGKILL.
func send(signal syscall.Signal) {
	fmt.Fprintf(os.Stderr, "fault met: %v\n", signal)
	syscall.Kill(os.Getpid(), signal)
	if signal == syscall.SIGKILL {
		select {}
	}
}
