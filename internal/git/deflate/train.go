package deflate

import (
	"math"
	"strings"
)

// Train returns codes that fit sources which are like the samples: some hundreds of them do.
// They can send every byte and every match. The same samples always make the same table; without any,
// it suits commits.
func Train(samples [][]byte) *Table {
	if len(samples) == 0 {
		samples = commits()
	}
	var ascii, all tally
	p := new(parser)
	for _, s := range samples {
		if _, plain := checksum(s); plain {
			ascii.add(p, s, 1)
			all.add(p, s, 1)
		} else {
			all.add(p, s, 4) // they are the ones that all is for; the others help where these are few
		}
	}
	if ascii.blocks == 0 {
		ascii = all
	}
	return &Table{ascii: ascii.codes(true), all: all.codes(false)}
}

// tally counts the symbols of some blocks.
type tally struct {
	counts [symbols]int64
	blocks int64
	bytes  int64
}

// add counts the symbols that src is sent as, so many times.
func (t *tally) add(p *parser, src []byte, times int64) {
	p.begin(len(src))
	for from := 0; from < len(src); from += blockSize {
		end := min(len(src), from+blockSize)
		t.block(src[from:end], p.find(src[:end], from), times)
	}
}

func (t *tally) block(src []byte, matches []match, times int64) {
	t.blocks += times
	t.bytes += times * int64(len(src))
	t.counts[endSymbol] += times
	for _, m := range matches {
		for _, b := range src[:m.literals] {
			t.counts[b] += times
		}
		if m.length > 0 {
			t.counts[lengthSymbol+int(lengthSymbols[m.length])] += times
			t.counts[litSymbols+distSymbol(uint32(m.dist))] += times
		}
		src = src[m.literals+m.length:]
	}
}

// rare is how many times less than once a symbol is taken to occur that did not occur at all.
const rare = 16

// codes returns the codes that fit what was counted; bytes that are not ASCII get none if ascii is set.
func (t *tally) codes(ascii bool) *codes {
	var counts [symbols]int64
	for s, n := range t.counts {
		counts[s] = rare*n + 1
	}
	if ascii {
		clear(counts[128:256])
	}
	size := fitted(&counts, max(1, rare*t.blocks))
	d := describe(&size)
	c := newCodes(size[:litSymbols], size[litSymbols:])
	c.kind, c.head = 2, d.runs()
	saved := body(&fixedSizes, &counts) - body(&size, &counts)
	c.least = math.MaxInt
	if saved > 0 {
		c.least = int(int64(d.bits()) * rare * t.bytes / saved)
	}
	return c
}

// commits returns some commits as they are seen everywhere.
func commits() [][]byte {
	var all [][]byte
	for _, c := range strings.SplitAfter(someCommits, "\n\n\n") {
		all = append(all, []byte(c))
	}
	return all
}

const someCommits = `tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904
parent e83c5163316f89bfbde7d9ab23ca2e25604af290
author Jane Doe <jane.doe@example.com> 1112911993 -0700
committer Jane Doe <jane.doe@example.com> 1112911993 -0700

Fix the parser when a line ends with a backslash

The parser took the first byte of the next line for a part of the option, so
that the value was wrong. Look at the end of the buffer before we go on,
and add tests for it.

Signed-off-by: Jane Doe <jane.doe@example.com>


tree 1c9f0d7e35ab8264f1d2c07b96e8530a4fd7b18e
parent 92ab6d0f4c83e571a0be47d93c15f682b8de0937
parent 07f5e4b2d8c6931a5e0c49fd71b86a23f4e09bd5
author A. U. Thor <thor@users.noreply.example.org> 1577836800 +0000
committer C. O. Mitter <committer@example.org> 1583020800 +0100

Merge pull request #1234 from user/feature-branch

Update the documentation and remove unused files


tree d06f1b2a9e47c35808fa6be21d94c7530be8f1a6
parent 5e3a8b9c0d7f124680ebd53197ca24f0866ad9b1
author Max Quick <quick@example.net> 1700000000 +0530
committer Max Quick <quick@example.net> 1700000000 +0530

feat: use JSON in config.go, check for errors

* src/main.c (init_buffer): New function, which allocates the size.
* lib/object.py: Likewise.
`
