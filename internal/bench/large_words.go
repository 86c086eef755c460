package main

import (
	"math/rand/v2"
	"strconv"
)

// kind is what a made-up file looks like.
type kind int

const (
	code     kind = iota // lines of a program
	minified             // a program on a few long lines
	mappings             // a source map: short groups of base64 letters
	packages             // lines of JSON, as in a lock file
	pixels               // bytes that are compressed already
)

// vocabulary holds the groups of letters that texts are made of, the frequent ones first.
type vocabulary struct {
	rand  *rand.Rand
	words [pixels][]string
}

const (
	vocabularySize = 4096
	base64Letters  = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
)

func newVocabulary(seed uint64) *vocabulary {
	v := &vocabulary{rand: rand.New(rand.NewPCG(seed, 2))}
	for range vocabularySize {
		long, short := v.letters(3+v.rand.IntN(9), 26), v.letters(1+v.rand.IntN(3), 26)
		number := strconv.Itoa(v.rand.IntN(5000))
		one := v.rand.IntN(8)
		v.words[code] = append(v.words[code], [...]string{
			long + " ", long + "(" + short + ") ", "return " + long + ";\n", "const " + long + " = ", "\n  ", "if (" + long + ") {\n", "} ", "'" + long + "', ",
		}[one])
		v.words[minified] = append(v.words[minified], [...]string{
			short + ".", long + "(", short + "," + short + "){", "return " + short + "}", "function(" + short + ")", ";", "\"" + long + "\":", short + "=" + number + ",",
		}[one])
		v.words[mappings] = append(v.words[mappings], v.letters(4+v.rand.IntN(2), 64)+[...]string{",", ",", ",", ",", ",", ",", ";", ","}[one])
		v.words[packages] = append(v.words[packages], [...]string{
			"    \"node_modules/" + long + "\": {\n", "      \"version\": \"" + number + "." + short + "\",\n", "      \"dev\": true\n", "    },\n",
			"      \"integrity\": \"sha512-" + v.letters(86, 64) + "==\",\n", "      \"" + long + "\": \"^" + number + "\",\n", "      \"engines\": {\n", "      },\n",
		}[one])
	}
	return v
}

// letters makes n letters, of the first of the alphabet's 64.
func (v *vocabulary) letters(n, of int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = base64Letters[(v.rand.IntN(of)+26)%64]
	}
	return string(b)
}

// fill returns size bytes of a kind.
func (v *vocabulary) fill(k kind, size int) []byte {
	if k == pixels {
		return v.noise(size)
	}
	b := make([]byte, 0, size+256)
	for len(b) < size {
		// The smaller of two numbers: words with low ones come more often.
		r := v.rand.Uint64()
		b = append(b, v.words[k][min(r%vocabularySize, r>>12%vocabularySize)]...)
		b = append(b, v.words[k][min(r>>24%vocabularySize, r>>36%vocabularySize)]...)
	}
	return b[:size]
}

// noise begins as a PNG does.
func (v *vocabulary) noise(size int) []byte {
	b := append(make([]byte, 0, size+8), "\x89PNG\r\n\x1a\n"...)
	for len(b) < size {
		r := v.rand.Uint64()
		b = append(b, byte(r), byte(r>>8), byte(r>>16), byte(r>>24), byte(r>>32), byte(r>>40), byte(r>>48), byte(r>>56))
	}
	return b[:size]
}

// older returns what a file may have been before: some places were others, and it had about size bytes.
func (v *vocabulary) older(k kind, now []byte, size int) []byte {
	edits := 12 + v.rand.IntN(30)
	grow := (size - len(now)) / edits
	b := make([]byte, 0, size+len(now)/8)
	for n := range edits {
		from, to := len(now)*n/edits, len(now)*(n+1)/edits
		at := from + v.rand.IntN(to-from)
		cut := min(v.rand.IntN(1200)+max(0, -grow), to-at)
		b = append(b, now[from:at]...)
		b = append(b, v.fill(k, max(0, cut+grow))...)
		b = append(b, now[at+cut:to]...)
	}
	return b
}
