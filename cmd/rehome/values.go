package main

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// size is a number of bytes as a flag: "100MiB", "2GB", "4096".
type size int64

var units = []struct {
	name  string
	bytes float64
}{
	{"TiB", 1 << 40},
	{"GiB", 1 << 30},
	{"MiB", 1 << 20},
	{"KiB", 1 << 10},
	{"TB", 1e12},
	{"GB", 1e9},
	{"MB", 1e6},
	{"KB", 1e3},
	{"kB", 1e3},
	{"B", 1},
	{"", 1},
}

func (s *size) Set(text string) error {
	for _, u := range units {
		number, ok := strings.CutSuffix(text, u.name)
		if !ok {
			continue
		}
		n, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
		if err != nil || n < 0 || math.IsNaN(n) || n*u.bytes > math.MaxInt64/2 {
			break
		}
		*s = size(n * u.bytes)
		return nil
	}
	return fmt.Errorf("%q is not a size such as 100MiB", text)
}

func (s *size) String() string {
	for _, u := range units[:4] {
		if n := float64(*s) / u.bytes; n >= 1 && n == math.Trunc(n) {
			return strconv.FormatFloat(n, 'f', -1, 64) + u.name
		}
	}
	return strconv.FormatInt(int64(*s), 10)
}

func (*size) Type() string { return "SIZE" }

// rate is a number of requests in an hour, as a flag: "5000/h".
type rate int

func (r *rate) Set(text string) error {
	n, err := strconv.Atoi(strings.TrimSuffix(text, "/h"))
	if err != nil || n < 1 {
		return fmt.Errorf("%q is not a rate such as 5000/h", text)
	}
	*r = rate(n)
	return nil
}

func (r *rate) String() string { return strconv.Itoa(int(*r)) + "/h" }

func (*rate) Type() string { return "N/h" }
