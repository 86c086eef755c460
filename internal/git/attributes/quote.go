package attributes

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

// MaxLine is the most bytes a line of .gitattributes may have with its line feed; git passes
// over longer ones (attr.h, ATTR_MAX_LINE_LENGTH).
const MaxLine = 2048

// What makes a file one of Git LFS (git-lfs-track). Git takes a tab for a blank; git-lfs does
// not, and finds no filter in gitOnly.
const (
	lfs     = " filter=lfs diff=lfs merge=lfs -text\n"
	gitOnly = " diff=lfs\tfilter=lfs merge=lfs -text\n"
)

// AppendLine appends the line that makes exactly the file at path one of Git LFS, with its
// line feed. The path is relative to the folder of the .gitattributes file. A line longer
// than [MaxLine] says nothing to git.
//
// Git and git-lfs read the line alike, though they read others differently. What is special
// in a pattern has a backslash; what is special in a line stands in quotes. There git-lfs
// makes U+FFFD of bytes that are no UTF-8, so they are written in octal. One thing has no
// spelling: of a file of the root, git-lfs fsck --pointers (3.3) drops the slash that anchors
// it, and wants pointers at all files of that name in deeper folders.
func AppendLine(b, path []byte) []byte {
	return append(appendPattern(b, path), lfs...)
}

// AppendGitLine is AppendLine for Git alone: git-lfs sees no filter in the line. It is for a
// file of the root when a deeper one of that name is not to be a pointer.
func AppendGitLine(b, path []byte) []byte {
	return append(appendPattern(b, path), gitOnly...)
}

// appendPattern appends the pattern for path alone.
func appendPattern(b, path []byte) []byte {
	octal := !utf8.Valid(path)
	quoted := octal || bytes.ContainsFunc(path, func(r rune) bool { return r <= ' ' || r == 0x7f || r == '"' })
	mark := func(c byte) { b = append(b, c) }
	if quoted {
		mark = func(c byte) { b = appendQuoted(b, c, octal) }
		b = append(b, '"')
	}
	mark('/')
	for _, c := range path {
		if strings.IndexByte(special+"]", c) >= 0 {
			mark('\\')
		}
		mark(c)
	}
	if quoted {
		b = append(b, '"')
	}
	return b
}

// appendQuoted appends a byte of a string in quotes.
func appendQuoted(b []byte, c byte, octal bool) []byte {
	switch {
	case c == '\\' || c == '"':
		return append(b, '\\', c)
	case c < ' ' || c == 0x7f || octal && c >= 0x80:
		return append(b, '\\', '0'+c>>6, '0'+c>>3&7, '0'+c&7)
	}
	return append(b, c)
}

// unquote reads the C-style quoted string that text begins with, as git does (quote.c); rest
// is what follows it. It is not ok when it is none.
func unquote(text string) (s, rest string, ok bool) {
	var b []byte
	for i := 1; i < len(text); i++ {
		switch c := text[i]; c {
		case '"':
			return string(b), text[i+1:], true
		case '\\':
			value, n := unescape(text[i+1:])
			if n == 0 {
				return "", "", false
			}
			b = append(b, value)
			i += n
		default:
			b = append(b, c)
		}
	}
	return "", "", false
}

// unescape reads what follows a backslash; n is 0 when that is nothing known.
func unescape(text string) (value byte, n int) {
	if text == "" {
		return 0, 0
	}
	c := text[0]
	if i := strings.IndexByte(`abfnrtv\"`, c); i >= 0 {
		return "\a\b\f\n\r\t\v\\\""[i], 1
	}
	if c < '0' || c > '3' || len(text) < 3 || text[1]&^7 != '0' || text[2]&^7 != '0' {
		return 0, 0
	}
	return (c-'0')<<6 | (text[1]-'0')<<3 | (text[2] - '0'), 3
}
