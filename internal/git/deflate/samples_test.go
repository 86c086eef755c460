package deflate

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
)

const words = "the of to in a and fix add tests for with when is it not this from that as on be use by git remove update docs release change error " +
	"static const char struct return commit object tree file path name size length buffer int void if else while goto free strbuf argv options"

func sampleText(rng *rand.Rand, n int) string {
	list := strings.Fields(words)
	var b strings.Builder
	for b.Len() < n {
		b.WriteString(list[int(rng.ExpFloat64()*9)%len(list)])
		b.WriteByte(" \n   ,"[rng.IntN(6)])
	}
	return b.String()
}

func sampleNoise(rng *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
	return b
}

func sampleCommit(rng *rand.Rand) []byte {
	who := fmt.Sprintf("Some %c. Body <body%d@example.com> 1%09d +0200", 'A'+rng.IntN(26), rng.IntN(3000), rng.IntN(1e9))
	return fmt.Appendf(nil, "tree %x\nparent %x\nauthor %s\ncommitter %s\n\n%s\n\nSigned-off-by: %s\n",
		sampleNoise(rng, 20), sampleNoise(rng, 20), who, who, sampleText(rng, 50+rng.IntN(900)), who[:30])
}

func sampleTree(rng *rand.Rand, entries int) []byte {
	var b []byte
	for i := range entries {
		b = fmt.Appendf(b, "100644 %c%02d-%s.c\x00", 'a'+i*26/entries, i, strings.Fields(words)[rng.IntN(30)])
		b = append(b, sampleNoise(rng, 20)...)
	}
	return b
}

func many(rng *rand.Rand, n int, one func(*rand.Rand) []byte) [][]byte {
	all := make([][]byte, n)
	for i := range all {
		all[i] = one(rng)
	}
	return all
}

func someTree(rng *rand.Rand) []byte { return sampleTree(rng, 5+rng.IntN(100)) }

func skewed(rng *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(min(rng.ExpFloat64()*6, 255))
	}
	return b
}

// sources are contents of many shapes: empty, text, repeats of every short period, noise, matches
// from end to end of the window, sizes around those of blocks.
func sources() map[string][]byte {
	rng := rand.New(rand.NewPCG(1, 2))
	all := map[string][]byte{
		"empty": {}, "one": {'x'}, "high": {0xff}, "four": []byte("abcd"), "eight": []byte("abcdabcd"),
		"commit": sampleCommit(rng), "tree": sampleTree(rng, 60), "not ASCII": []byte(sampleText(rng, 400) + "Ærøskøbing, 東京"),
		"text": []byte(sampleText(rng, 5000)), "large text": []byte(sampleText(rng, 300_000)),
		"noise": sampleNoise(rng, 3000), "large noise": sampleNoise(rng, 200_000), "skewed": skewed(rng, 40_000),
		"zeros": make([]byte, 200_000), "text again and again": bytes.Repeat(sampleCommit(rng), 300),
		"text behind noise": append(sampleNoise(rng, blockSize), sampleText(rng, 1000)...),
		"noise behind text": append([]byte(sampleText(rng, blockSize)), sampleNoise(rng, 1000)...),
	}
	for period := 1; period <= 20; period++ {
		all[fmt.Sprintf("period %d", period)] = bytes.Repeat(sampleNoise(rng, period), 700/period)
	}
	for _, back := range []int{window - 1, window, window + 1} {
		all[fmt.Sprintf("again after %d", back)] = bytes.Repeat(sampleNoise(rng, back), 3)
	}
	for _, n := range []int{blockSize - 1, blockSize, blockSize + 1, blockSize + 2, 2 * blockSize} {
		all[fmt.Sprintf("%d of noise", n)] = sampleNoise(rng, n)
		all[fmt.Sprintf("%d of text", n)] = []byte(sampleText(rng, n+10))[:n]
	}
	for n := range 30 {
		all[fmt.Sprintf("text of %d", n)] = []byte("the the quick quick brown fox fox")[:n]
	}
	return all
}

// tables are codes trained on samples like and unlike those sources.
func tables() map[string]*Table {
	rng := rand.New(rand.NewPCG(3, 4))
	return map[string]*Table{
		"none":        nil,
		"no samples":  Train(nil),
		"empty":       Train([][]byte{nil, {}}),
		"commits":     Train(many(rng, 200, sampleCommit)),
		"trees":       Train(many(rng, 100, someTree)),
		"both":        Train(append(many(rng, 20, sampleCommit), many(rng, 20, someTree)...)),
		"zeros":       Train([][]byte{make([]byte, 1_000_000)}),
		"noise":       Train([][]byte{sampleNoise(rng, 100_000)}),
		"one byte":    Train([][]byte{{7}}),
		"skewed":      Train([][]byte{skewed(rng, 100_000)}),
		"long matter": Train([][]byte{bytes.Repeat(sampleNoise(rng, window), 30)}),
	}
}
