package rehome_test

import (
	"math"
	"testing"

	"rehome"
)

func TestGrouped(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0", 7: "7", 999: "999", 1000: "1,000", 12345: "12,345", 100_000: "100,000", 1_000_000: "1,000,000", -1: "-1", -999: "-999", -1000: "-1,000", -100_000: "-100,000",
		math.MaxInt64: "9,223,372,036,854,775,807", math.MinInt64: "-9,223,372,036,854,775,808",
	} {
		if got := rehome.Grouped(n); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
}
